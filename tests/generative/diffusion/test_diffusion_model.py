"""Network, condition and schedule together, on points of a plane: what the loss, samples and noise depend on.

Where all points that a condition allows are one point, the best network is known in closed form.
"""

import pytest
import torch
from torch import nn

from lecture_utils.generative.diffusion import model as module
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas
from tests.mutants import planted

pytestmark = pytest.mark.system("S16.2")
T = 40
POINTS = torch.tensor([[2.0, -1.0], [0.5, 3.0], [-4.0, 0.0]])
NOTHING = torch.tensor([0.25, -0.75])


class Telling(nn.Module):
    """A condition: a point (B, 2) is its own only token; nothing told is one point too."""

    def __init__(self):
        super().__init__()
        self.dropped = []

    def forward(self, point, dropped=None):
        if dropped is None:
            return point[:, None]
        self.dropped.append(dropped)
        return torch.where(dropped[:, None, None], NOTHING, point[:, None])


class Knowing(nn.Module):
    """The perfect network: the point is the one that is told. It keeps the steps that it was asked at."""

    def __init__(self, schedule, kind):
        super().__init__()
        self.schedule, self.kind, self.asked = schedule, kind, []

    def forward(self, x, t, context):
        self.asked.append(t)
        x0, alpha_bar = context[:, 0], self.schedule.at(t, x)
        epsilon = (x - alpha_bar.sqrt() * x0) / (1 - alpha_bar).sqrt()
        v = alpha_bar.sqrt() * epsilon - (1 - alpha_bar).sqrt() * x0
        return {"epsilon": epsilon, "sample": x0, "v": v}[self.kind]


def knowing(kind="v", **more):
    schedule = NoiseSchedule(cosine_betas(T))
    return module.Diffusion(Knowing(schedule, kind), Telling(), schedule, (2,), kind=kind, **more)


@pytest.mark.parametrize("kind", ["epsilon", "sample", "v"])
@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_samples_are_what_is_told(kind, sampler):
    made = knowing(kind).sample(POINTS, sampler=sampler, steps=8, seed=3)
    torch.testing.assert_close(made, POINTS, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5])
def test_guidance_mixes_with_what_is_made_of_nothing(scale):
    made = knowing("sample").sample(POINTS, scale=scale, steps=1)
    torch.testing.assert_close(made, NOTHING + scale * (POINTS - NOTHING))


@pytest.mark.parametrize("kind", ["epsilon", "sample", "v"])
def test_the_loss_is_zero_for_what_is_known(kind):
    model, draw = knowing(kind, drop=0.0), torch.Generator().manual_seed(0)
    assert float(model.loss(POINTS, POINTS, draw=draw)) < 1e-8
    assert float(model.loss(POINTS, POINTS.flip(0), draw=draw)) > 1e-2
    assert float(knowing(kind, drop=1.0).loss(POINTS, POINTS, draw=draw)) > 1e-2


def test_steps_are_drawn_from_all_and_a_share_is_dropped():
    model, draw = knowing(drop=0.3), torch.Generator().manual_seed(0)
    for _ in range(300):
        model.loss(POINTS, POINTS, draw=draw)
    asked, dropped = torch.cat(model.net.asked), torch.cat(model.condition.dropped)
    assert asked.unique().tolist() == list(range(1, T + 1))
    assert float(dropped.float().mean()) == pytest.approx(0.3, abs=4 * (0.21 / 900) ** 0.5)


def test_samples_walk_from_the_noisy_end_and_keep_every_step():
    model, kept = knowing(), []
    made = model.sample(POINTS, steps=4, keep=kept)
    assert [int(t[0]) for t in model.net.asked] == [40, 30, 20, 10]
    assert len(kept) == 4 and torch.equal(kept[-1], made)


def test_predictions_are_clipped_only_where_a_model_says_so():
    model = knowing()
    model.clip = 1.0
    for sampler in ("ddim", "ddpm"):
        made = model.sample(POINTS, sampler=sampler, steps=8)
        torch.testing.assert_close(made, POINTS.clamp(-1, 1), atol=1e-3, rtol=1e-3)


def test_eta_adds_noise_on_the_way_and_noise_may_be_given():
    model, noise = knowing(), torch.randn(3, 2, generator=torch.Generator().manual_seed(5))
    paths = {eta: [] for eta in (0.0, 1.0)}
    for eta, path in paths.items():
        model.sample(POINTS, noise=noise, eta=eta, steps=6, keep=path)
    assert not torch.allclose(paths[0.0][2], paths[1.0][2], atol=1e-2)
    again, seeded = [], []
    model.sample(POINTS, seed=5, steps=6, keep=again)
    model.sample(POINTS, noise=noise, steps=6, keep=seeded)
    assert torch.equal(again[0], seeded[0])


def test_to_the_noise_and_back():
    model = knowing()
    noise = model.encode(POINTS, POINTS, steps=T)
    a, b = model.schedule.alpha_bar[1], model.schedule.alpha_bar[T]
    epsilon = (POINTS - a.sqrt() * POINTS) / (
        1 - a
    ).sqrt()  # what the clean point, taken for x_1, seems to hold
    torch.testing.assert_close(noise, (b.sqrt() * POINTS + (1 - b).sqrt() * epsilon).float())
    untold, nothing = model.encode(POINTS, POINTS, scale=0.0, steps=T), NOTHING.expand(3, 2)
    torch.testing.assert_close(untold, model.encode(POINTS, nothing, steps=T))
    assert not torch.allclose(untold, noise, atol=1e-2)


FAULTS = [
    ("return self.net(x, t, self.condition(*told))", "return self.net(x, t + 1, self.condition(*told))"),
    ("torch.randint(1, self.schedule.steps + 1,", "torch.randint(1, self.schedule.steps,"),
    ("dropouts(batch, self.drop, draw)", "dropouts(batch, 0.0, draw)"),
    ("self.schedule, x0, t, noise, kind=self.kind", "self.schedule, x0, t, noise, kind='v'"),
    ("dropped=torch.ones(len(context)", "dropped=torch.zeros(len(context)"),
    ("predict = guided(self.net, context, null, scale)", "predict = guided(self.net, context, null, 1)"),
    ("x = walk(predict, self.schedule, x, times, kind=self.kind",
     "x = walk(predict, self.schedule, x, times, kind='epsilon'"),
    ("clip=self.clip", "clip=None"),
    ("ddpm_sample if sampler == \"ddpm\"", "ddim_sample if sampler == \"ddpm\""),
    ("eta=eta)", "eta=0.0)"),
    ("x = torch.randn(len(context), *self.shape, generator=draw) if noise is None else noise",
     "x = torch.randn(len(context), *self.shape, generator=draw)"),
    ("guided(self.net, *self.contexts(*told), scale)", "guided(self.net, *self.contexts(*told), 1)"),
    ("self.schedule, signal, times, kind=self.kind", "self.schedule, signal, times[1:], kind=self.kind"),
]  # fmt: skip


def test_forward_is_the_network_at_these_steps():
    model, t = knowing("epsilon"), torch.tensor([1, 20, 40])
    x = torch.ones(3, 2)
    alpha_bar = model.schedule.alpha_bar[t][:, None].float()
    torch.testing.assert_close(
        model(x, t, POINTS), (x - alpha_bar.sqrt() * POINTS) / (1 - alpha_bar).sqrt(), atol=1e-4, rtol=1e-4
    )


def test_ddpm_adds_noise_on_the_way():
    paths = {sampler: [] for sampler in ("ddim", "ddpm")}
    for sampler, path in paths.items():
        knowing().sample(POINTS, sampler=sampler, steps=6, seed=1, keep=path)
    assert not torch.allclose(paths["ddim"][2], paths["ddpm"][2], atol=1e-2)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_model_is_seen(fault, monkeypatch):
    monkeypatch.setitem(globals(), "module", planted(module.__name__, fault))
    checks = [
        lambda: test_samples_are_what_is_told("sample", "ddim"),
        lambda: test_guidance_mixes_with_what_is_made_of_nothing(2.5),
        lambda: test_the_loss_is_zero_for_what_is_known("epsilon"),
        test_steps_are_drawn_from_all_and_a_share_is_dropped,
        test_predictions_are_clipped_only_where_a_model_says_so,
        test_eta_adds_noise_on_the_way_and_noise_may_be_given,
        test_to_the_noise_and_back,
        test_forward_is_the_network_at_these_steps,
        test_ddpm_adds_noise_on_the_way,
    ]
    assert any(_red(check) for check in checks)


def _red(check):
    try:
        check()
    except (AssertionError, ValueError):
        return True
    return False
