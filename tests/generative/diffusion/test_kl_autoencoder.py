"""The auto-encoder of latent diffusion: its blocks and its distribution are those of diffusers."""

import pytest
import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.resnet import ResnetBlock2D

from lecture_utils.generative.diffusion import kl_autoencoder, resnet_blocks
from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder
from tests.mutants import planted
from tests.parity import parity_gap

pytestmark = pytest.mark.system("S16.3")
PLACE = "lecture_utils.generative.diffusion.kl_autoencoder"


def small(module=kl_autoencoder):
    torch.manual_seed(0)
    model = module.KLAutoEncoder(3, (8, 16), latent=4)
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d) and not layer.weight.any():
            layer.reset_parameters()
    return model.eval()


def numbers(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def copied(ours, theirs, names):
    ours.load_state_dict({a: theirs.state_dict()[b] for a, b in names.items()})
    return ours.eval()


@torch.no_grad()
def attention_gap(module):
    torch.manual_seed(0)
    theirs = Attention(
        16, heads=1, dim_head=16, bias=True, norm_num_groups=8, eps=1e-6, residual_connection=True,
        upcast_softmax=True, _from_deprecated_attn_block=True,
    ).eval()  # fmt: skip
    names = {f"norm.{w}": f"group_norm.{w}" for w in ("weight", "bias")}
    for a, b in [("query", "q"), ("key", "k"), ("value", "v"), ("output", "out.0")]:
        names |= {f"attention.to_{a}.{w}": f"to_{b}.{w}" for w in ("weight", "bias")}
    ours = copied(module.MapAttention(16), theirs, names)
    x = 3 * numbers(2, 16, 4, 6)
    return parity_gap(ours(x), theirs(x))


@torch.no_grad()
def test_its_blocks_are_theirs():
    assert attention_gap(kl_autoencoder) < 1e-5
    theirs = ResnetBlock2D(in_channels=16, out_channels=24, temb_channels=None, groups=8, eps=1e-6).eval()
    ours = resnet_blocks.ResNetBlock(16, 24, None, eps=1e-6)
    names = {name: name.replace("shortcut", "conv_shortcut") for name in ours.state_dict()}
    ours = copied(ours, theirs, names)
    x = numbers(2, 16, 4, 6)
    assert parity_gap(ours(x), theirs(x, None)) < 1e-5
    with pytest.raises(ValueError, match="got a step, want none"):
        ours(x, numbers(2, 5))


@pytest.mark.parametrize(
    "fault",
    [
        ("return x + self.attention", "return self.attention"),
        ("unflatten(2, x.shape[2:])", "unflatten(2, x.shape[:1:-1]).transpose(2, 3)"),
        ("tokens = self.norm(x)", "tokens = x"),
    ],
)
def test_a_planted_fault_of_the_attention_is_seen(fault):
    assert attention_gap(planted(PLACE, fault)) > 1e-3


@torch.no_grad()
def test_codes_are_drawn_and_measured_as_theirs_are():
    model, x = small(), torch.rand(3, 3, 8, 16)
    mean, log_var = model.encode(x)
    theirs = DiagonalGaussianDistribution(model.encoder(2 * x - 1))
    torch.testing.assert_close(mean, theirs.mode())
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))
    want = theirs.sample(torch.Generator().manual_seed(1))
    torch.testing.assert_close(kl_autoencoder.drawn(mean, log_var, noise), want)
    got = kl_autoencoder.losses(model, x, noise, weight=0.5)
    torch.testing.assert_close(got.divergence, theirs.kl().mean() / mean[0].numel())
    torch.testing.assert_close(got.total, got.pixels + 0.5 * got.divergence)
    torch.testing.assert_close(got.pixels, kl_autoencoder.picture_loss(model(x, noise), x))


@torch.no_grad()
def test_scaled_codes_have_deviation_one_and_decode_to_the_same():
    model, x = small(), torch.rand(8, 3, 16, 16)
    noise = numbers(8, 4, 4, 4)
    before = model(x, noise)
    scale = model.measure_scale(x, noise)
    assert abs(scale - 1) > 0.01
    latent = model.to_latent(x, noise)
    torch.testing.assert_close(latent.std(correction=0), torch.ones(()))
    torch.testing.assert_close(model.from_latent(latent), before)
    torch.testing.assert_close(model.to_latent(x), scale * model.encode(x)[0])
    copy = KLAutoEncoder(3, (8, 16), latent=4)
    copy.load_state_dict(model.state_dict())
    assert float(copy.scale) == pytest.approx(scale)  # it is shipped with the weights


@pytest.mark.parametrize(
    "fault",
    [
        ("self.decode(latent / self.scale)", "self.decode(latent)"),
        ("self.scale.copy_(1 / code.std(correction=0))", "self.scale.copy_(1 / code.var(correction=0))"),
        ("(log_var / 2).exp() * noise", "log_var.exp() * noise"),
    ],
)
@torch.no_grad()
def test_a_planted_fault_of_the_code_is_seen(fault):
    model, x, noise = small(planted(PLACE, fault)), torch.rand(8, 3, 16, 16), numbers(8, 4, 4, 4)
    before = small()(x, noise)
    model.measure_scale(x, noise)
    latent = model.to_latent(x, noise)
    same = torch.allclose(model.from_latent(latent), before, atol=1e-4)
    assert not (same and torch.allclose(latent.std(correction=0), torch.ones(())))


def test_sizes_and_one_batch_is_learned():
    torch.manual_seed(0)
    model = KLAutoEncoder(3, (16, 24), latent=4)
    x = torch.rand(2, 3, 1, 1) * torch.ones(2, 3, 16, 24)
    x[:, :, 4:9, 3:17] = torch.rand(2, 3, 1, 1)
    assert model.encode(x)[0].shape == (2, 4, 4, 6)
    adam = torch.optim.Adam(model.parameters(), 5e-3)
    first = last = 0.0
    for _ in range(60):
        loss = kl_autoencoder.losses(model, x, torch.randn(2, 4, 4, 6)).total
        adam.zero_grad()
        loss.backward()
        adam.step()
        first, last = first or loss.item(), loss.item()
    assert last < 0.3 * first
    with pytest.raises(ValueError, match=r"weight: got -0.5"):
        kl_autoencoder.losses(model, x, torch.randn(2, 4, 4, 6), weight=-0.5)
    with pytest.raises(ValueError, match="want sides that are multiples of 4"):
        model.encode(torch.rand(1, 3, 16, 18))


def test_blur_costs_more_than_its_squared_error():
    edge = torch.zeros(1, 1, 8, 8)
    edge[..., 4:] = 1
    blurred, shifted = edge.clone(), edge.clone()
    blurred[..., 3:5] = torch.tensor([0.25, 0.75])
    shifted = edge + (blurred - edge).square().mean().sqrt()  # as large an error, without an edge in it
    torch.testing.assert_close((blurred - edge).square().mean(), (shifted - edge).square().mean())
    assert kl_autoencoder.picture_loss(blurred, edge) > 0.5 * kl_autoencoder.picture_loss(shifted, edge)
    assert (
        float((blurred - edge).diff(dim=3).abs().mean())
        > 0
        == float((shifted - edge).diff(dim=3).abs().sum())
    )
