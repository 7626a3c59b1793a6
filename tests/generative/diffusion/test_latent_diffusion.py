"""Latent diffusion put together: what it learns from, what it makes, and on what that depends."""

import pytest
import torch
from torch import nn

from lecture_utils.generative.diffusion import latent_diffusion
from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.generative.unclip.decoder import EmbeddingTokens
from tests.mutants import planted

pytestmark = pytest.mark.system("S16.3")
T, SHAPE, SCALE = 20, (4, 3, 2), 0.5
IMAGES = torch.rand(3, 3, 12, 8, generator=torch.Generator().manual_seed(0))


class Telling(nn.Module):
    """A condition: a code (B, 24) is its own only token; nothing told is a code of 0.3."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def forward(self, code, dropped=None):
        self.asked.append(dropped)
        return code[:, None] if dropped is None else torch.where(dropped[:, None, None], 0.3, code[:, None])


class Knowing(nn.Module):
    """The perfect network where the code is told: it reads it off the tokens, and says what is asked for."""

    def __init__(self, schedule, kind):
        super().__init__()
        self.schedule, self.kind = schedule, kind

    def forward(self, x, t, context):
        x0 = context[:, 0].view(-1, *SHAPE)
        alpha_bar = self.schedule.at(t, x)
        epsilon = (x - alpha_bar.sqrt() * x0) / (1 - alpha_bar).sqrt()
        v = alpha_bar.sqrt() * epsilon - (1 - alpha_bar).sqrt() * x0
        return {"epsilon": epsilon, "sample": x0, "v": v}[self.kind]


class Still(nn.Module):
    """Says 0."""

    def forward(self, x, t, context):
        return 0 * x


def autoencoder():
    torch.manual_seed(0)
    model = KLAutoEncoder(3, (8, 16)).eval()
    model.scale.fill_(SCALE)
    return model


def knowing(kind="v", module=latent_diffusion, **more):
    schedule = NoiseSchedule(cosine_betas(T))
    return module.LatentDiffusion(
        autoencoder(), Telling(), Knowing(schedule, kind), schedule, SHAPE, kind=kind, **more
    )


CODES = torch.randn(3, 24, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", ["epsilon", "sample", "v"])
def test_the_perfect_network_makes_the_picture_of_the_code_it_is_told(kind):
    model = knowing(kind)
    made = model.sample(CODES, steps=7, seed=3)
    want = model.autoencoder.decode(CODES.view(3, *SHAPE) / SCALE).clamp(0, 1)
    torch.testing.assert_close(made, want, atol=1e-4, rtol=0)
    assert made.std() > 1e-2, "pictures have content"


@pytest.mark.parametrize("kind", ["epsilon", "sample", "v"])
def test_its_loss_is_zero_for_what_it_knows_and_not_for_another_code(kind):
    model = knowing(kind, drop=0.0)
    latent = CODES.view(3, *SHAPE)
    draw = torch.Generator().manual_seed(0)
    assert float(model.latent_loss(latent, CODES, draw=draw)) < 1e-8
    assert float(model.latent_loss(latent, CODES + 0.5, draw=draw)) > 1e-2


def test_codes_are_drawn_and_scaled():
    model = knowing()
    with torch.no_grad():
        mean, log_var = model.autoencoder.encode(IMAGES)
    draw = torch.Generator().manual_seed(0)
    many = model.to_latent(IMAGES.repeat(400, 1, 1, 1), draw).unflatten(0, (400, 3))
    deviation = (log_var / 2).exp()
    standard = (many.mean(0) - SCALE * mean) / (SCALE * deviation / 20)  # N(0, 1) if so
    assert float(standard.square().mean()) == pytest.approx(1, abs=0.5)  # 72 numbers: deviation 0.17
    assert float((many.std(0) / (SCALE * deviation)).mean()) == pytest.approx(1, abs=0.03)


def test_the_loss_of_pictures_is_that_of_their_codes():
    model = knowing(drop=0.4)
    draws = [torch.Generator().manual_seed(5) for _ in range(2)]
    code = model.to_latent(IMAGES, draws[0])
    assert float(model.loss(IMAGES, CODES, draw=draws[1])) == float(
        model.latent_loss(code, CODES, draw=draws[0])
    )


def test_a_share_of_what_is_told_is_dropped_in_training():
    model = knowing(drop=0.3)
    latent, draw = CODES.view(3, *SHAPE), torch.Generator().manual_seed(0)
    for _ in range(200):
        model.latent_loss(latent, CODES, draw=draw)
    share = torch.stack(model.condition.asked).float().mean()
    assert float(share) == pytest.approx(0.3, abs=4 * (0.21 / 600) ** 0.5)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5])
def test_guidance_mixes_what_is_made_with_and_without_the_condition(scale):
    model = knowing("sample")
    made = model.sample(CODES, steps=1, scale=scale)  # one step: the predicted code is the result
    code = 0.3 + scale * (CODES - 0.3)
    torch.testing.assert_close(made, model.autoencoder.decode(code.view(3, *SHAPE) / SCALE).clamp(0, 1))


def test_noise_and_seed():
    model = LatentDiffusion(
        autoencoder(), EmbeddingTokens(5, 6), *seeing(), SHAPE, kind="v"
    ).eval()  # fmt: skip
    told = torch.randn(2, 5, generator=torch.Generator().manual_seed(2))
    a, b, c = (model.sample(told, steps=2, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(a, b) and not torch.allclose(a, c, atol=1e-3)
    noise = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model.sample(told, steps=2, noise=noise), a)
    kept = []
    model.sample(told, steps=5, keep=kept)
    assert [tuple(x.shape) for x in kept] == [(2, *SHAPE)] * 5


def seeing():
    torch.manual_seed(0)
    net = SlimUNet(4, (8,), fold=1, context=6, heads=2, embedding=8)
    with torch.no_grad():
        for value in net.parameters():
            value.add_(0.3 * torch.randn(value.shape))
    return net, NoiseSchedule(cosine_betas(T))


def test_the_prediction_depends_on_all_that_is_told():
    model = LatentDiffusion(autoencoder(), EmbeddingTokens(5, 6), *seeing(), SHAPE)
    told = torch.randn(2, 5, requires_grad=True)
    model(torch.randn(2, *SHAPE), torch.tensor([3, 9]), told)[0].square().sum().backward()
    assert told.grad is not None
    assert bool((told.grad[0] != 0).all()) and bool((told.grad[1] == 0).all())


def test_only_network_and_condition_learn():
    model = LatentDiffusion(autoencoder(), EmbeddingTokens(5, 6), *seeing(), SHAPE)
    model.loss(IMAGES, torch.randn(3, 5)).backward()
    assert all(p.grad is None for p in model.autoencoder.parameters())
    assert all(p.grad is not None for p in model.net.parameters())
    assert model.condition.project.weight.grad is not None


def test_to_the_noise_and_back_where_codes_are_white():
    """Where codes are N(0, I), v is 0 at every step, and DDIM's step shrinks x by the cosine of its turn."""
    model = knowing()
    model.net, schedule = Still(), model.schedule
    angle = schedule.alpha_bar.sqrt().acos()  # of step t: ᾱ = cos²
    there, back = angle[[1, *range(2, T + 1, 2)]].diff().cos(), angle[[*range(T, -1, -2)]].diff().cos()
    code = model.autoencoder.to_latent(IMAGES).detach()
    noise = model.encode(IMAGES, CODES, steps=T // 2)
    torch.testing.assert_close(noise, (code * there.prod()).float())
    made = model.sample(CODES, noise=noise, steps=T // 2)
    want = model.autoencoder.decode((noise * back.prod()).float() / SCALE).detach().clamp(0, 1)
    torch.testing.assert_close(made, want)
    assert 0.5 < float(there.prod() * back.prod()) < 0.95, "ten steps are not exact"


FAULTS = [
    ("return self.autoencoder.from_latent(signal).clamp(0, 1)",
     "return self.autoencoder.decode(signal).clamp(0, 1)"),
    ("return self.autoencoder.to_latent(images, noise)", "return self.autoencoder.to_latent(images)"),
    ("return self.autoencoder.to_latent(x)", "return self.autoencoder.encode(x)[0]"),
    ("self.latent_loss(self.to_latent(x, draw)", "self.latent_loss(self.to_signal(x)"),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_latent_diffusion_is_seen(fault, monkeypatch):
    wrong = planted(latent_diffusion.__name__, fault)
    monkeypatch.setitem(globals(), "knowing", lambda kind="v", **more: _knowing(kind, wrong, **more))
    checks = [
        lambda: test_the_perfect_network_makes_the_picture_of_the_code_it_is_told("sample"),
        test_codes_are_drawn_and_scaled,
        test_the_loss_of_pictures_is_that_of_their_codes,
        test_to_the_noise_and_back_where_codes_are_white,
    ]
    assert any(_red(check) for check in checks)


_knowing = knowing


def _red(check):
    try:
        check()
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.loss(IMAGES * 255, CODES), "images: got values"),
        (lambda m: m.latent_loss(torch.randn(3, 4, 2, 2), CODES), "latent: got"),
        (lambda m: m.sample(CODES, steps=0), "count"),
        (lambda m: m.sample(CODES, steps=T + 1), "count: got 21"),
        (lambda m: m.sample(CODES, seed=-1), "seed"),
        (lambda m: m.sample(CODES, noise=torch.randn(2, *SHAPE)), "noise: got"),
        (lambda m: m.sample(CODES, scale=float("nan")), "scale: got nan"),
    ],
)
def test_bad_calls_of_latent_diffusion_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(knowing())


def test_codes_of_another_auto_encoder_are_refused():
    with pytest.raises(ValueError, match="want 4, those of the code"):
        LatentDiffusion(autoencoder(), Telling(), nn.Identity(), NoiseSchedule(cosine_betas(T)), (3, 3, 2))
