"""The conditional U-Net, its parts and the whole, against diffusers with the same weights; guidance."""

import re

import diffusers
import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.embeddings import get_timestep_embedding
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import nn

from lecture_utils.generative.diffusion import attention_blocks, guidance, resnet_blocks, slim_unet, unet
from lecture_utils.generative.diffusion.condition import LabelTokens
from lecture_utils.hub.diffusers_weights import UNET
from tests.mutants import planted
from tests.parity import assert_parity, liven, parity_gap

pytestmark = pytest.mark.system("S16.2")
PLACE = "lecture_utils.generative.diffusion"
SIZE = {"norm_num_groups": 8, "attention_head_dim": 2, "cross_attention_dim": 12, "layers_per_block": 2}


def their_name(name):
    for ours, theirs in UNET:
        name = re.sub(ours, theirs, name)
    return name


def take(ours, theirs):
    """Copy all weights of diffusers' module into ours; each must be used."""
    state = theirs.state_dict()
    of = "" if isinstance(theirs, diffusers.UNet2DConditionModel) else "part."
    names = {name: their_name(of + name).removeprefix(of) for name in ours.state_dict()}
    assert sorted(names.values()) == sorted(state)
    ours.load_state_dict({name: state[other] for name, other in names.items()})
    return ours.eval()


class Fixed(nn.Module):
    """A module that takes one tensor: the others are held, or what `rest` says."""

    def __init__(self, net, *rest, **more):
        super().__init__()
        self.net, self.rest, self.more = net, rest, more

    def forward(self, x):
        out = self.net(x, *self.rest, **self.more)
        return out if isinstance(out, torch.Tensor) else out.sample


def seeded(seed=0):
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def test_step_codes_are_theirs_and_all_steps_are_told_apart():
    t = torch.arange(1001)
    ours = resnet_blocks.step_encoding(t, 64)
    torch.testing.assert_close(ours, get_timestep_embedding(t, 64, True, 0), rtol=1e-5, atol=1e-4)
    apart = torch.cdist(ours, ours) + 9 * torch.eye(1001)
    assert apart.min() > 0.1
    near = resnet_blocks.step_encoding(torch.tensor([500, 501, 700]), 64)
    assert (near[0] - near[1]).norm() < (near[0] - near[2]).norm()


def their_block(channels, out, scale_shift):
    seeded()
    return ResnetBlock2D(
        in_channels=channels, out_channels=out, temb_channels=24, groups=8, eps=1e-5,
        time_embedding_norm="scale_shift" if scale_shift else "default",
    ).eval()  # fmt: skip


def block_gap(module, channels, out, scale_shift):
    draw = seeded()
    theirs = their_block(channels, out, scale_shift)
    ours = take(module.ResNetBlock(channels, out, 24, scale_shift=scale_shift), theirs)
    x, step = torch.randn(2, channels, 6, 10, generator=draw), torch.randn(2, 24, generator=draw)
    with torch.no_grad():
        return parity_gap(ours(x, step), theirs(x, step))


@pytest.mark.parametrize(("channels", "out"), [(16, 16), (16, 24)])
@pytest.mark.parametrize("scale_shift", [True, False])
def test_residual_blocks_are_theirs(channels, out, scale_shift):
    assert block_gap(resnet_blocks, channels, out, scale_shift) < 1e-5


BLOCK_FAULTS = {
    "scale without the one": ("* (1 + scale) + shift", "* scale + shift"),
    "shift and scale swapped": ("scale, shift = self", "shift, scale = self"),
    "no activation of the step": (
        "self.to_step(F.silu(step))[..., None, None].chunk",
        "self.to_step(step)[..., None, None].chunk",
    ),
    "norm after the convolution": ("self.conv1(F.silu(self.norm1(x)))", "F.silu(self.norm1(self.conv1(x)))"),
    "no shortcut": ("self.shortcut(x) + self.conv2", "self.conv2"),
}


@pytest.mark.parametrize("fault", BLOCK_FAULTS)
def test_a_planted_fault_of_a_residual_block_is_seen(fault):
    assert block_gap(planted(f"{PLACE}.resnet_blocks", BLOCK_FAULTS[fault]), 16, 16, True) > 1e-2


def transformer_gap(module, context):
    draw = seeded()
    theirs = Transformer2DModel(
        2, 8, in_channels=16, norm_num_groups=8, cross_attention_dim=context, attention_bias=False
    ).eval()
    ours = take(module.SpatialTransformer(16, 2, context), theirs)
    x = torch.randn(2, 16, 4, 6, generator=draw)
    words = None if context is None else torch.randn(2, 5, context, generator=draw)
    with torch.no_grad():
        want = theirs(x, encoder_hidden_states=words).sample
        return parity_gap(ours(x, words), want)


@pytest.mark.parametrize("context", [12, None])
def test_spatial_transformers_are_theirs(context):
    assert transformer_gap(attention_blocks, context) < 1e-5


BACK = 'rearrange(tokens, "b (h w) c -> b c h w", h=x.shape[2])'
TRANSFORMER_FAULTS = {
    "the gate is the other half": ("value, gate = self.expand", "gate, value = self.expand"),
    "no norm before the context": ("(self.norm2(x), context)", "(x, context)"),
    "rows and columns swapped": (BACK, BACK.replace("(h w)", "(w h)")),
    "heads interleaved": ("b n (h d) -> b h n d", "b n (d h) -> b h n d"),
    "the identity is forgotten": ("return x + self.leave(y)", "return self.leave(y)"),
}


@pytest.mark.parametrize("fault", TRANSFORMER_FAULTS)
def test_a_planted_fault_of_a_spatial_transformer_is_seen(fault):
    assert transformer_gap(planted(f"{PLACE}.attention_blocks", TRANSFORMER_FAULTS[fault]), 12) > 1e-3


def test_transformer_blocks_are_theirs_and_attention_sums_to_one():
    draw = seeded()
    theirs = BasicTransformerBlock(16, 2, 8, cross_attention_dim=12).eval()
    ours = take(attention_blocks.TransformerBlock(16, 2, 12), theirs)
    words = torch.randn(2, 5, 12, generator=draw)
    liven(Fixed(theirs, encoder_hidden_states=words), *torch.randn(2, 2, 7, 16, generator=draw))
    take(ours, theirs)
    x, other = torch.randn(2, 2, 7, 16, generator=draw)
    assert_parity(lambda x: ours(x, words), lambda x: theirs(x, encoder_hidden_states=words), x, other)
    weights = ours.look_at_context.weights(x, words)
    assert weights.shape == (2, 2, 7, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 7))


def their_unet(scale_shift=True):
    seeded()
    return diffusers.UNet2DConditionModel(
        in_channels=3, out_channels=5, block_out_channels=(16, 24, 32),
        mid_block_type="UNetMidBlock2DCrossAttn",
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        resnet_time_scale_shift="scale_shift" if scale_shift else "default", **SIZE,
    ).eval()  # fmt: skip


def our_unet(module=unet, scale_shift=True):
    return module.ConditionalUNet(
        3, (16, 24, 32), attention=(False, True, True), context=12, blocks=2, heads=2,
        scale_shift=scale_shift, out_channels=5,
    )  # fmt: skip


T, WORDS = torch.tensor([3, 700]), torch.randn(2, 4, 12, generator=torch.Generator().manual_seed(9))


@pytest.fixture(scope="module")
def lively():
    """Diffusers' network under which pictures, steps and words count."""
    theirs = their_unet()
    draw = seeded(1)
    liven(Fixed(theirs, T, WORDS), *torch.randn(2, 2, 3, 8, 12, generator=draw))
    return theirs


def pictures():
    return torch.randn(2, 2, 3, 8, 12, generator=torch.Generator().manual_seed(2)).unbind()


@torch.no_grad()
def test_the_network_is_that_of_stable_diffusion_in_small(lively):
    ours = take(our_unet(), lively)
    x, y = pictures()
    assert_parity(lambda x: ours(x, T, WORDS), lambda x: lively(x, T, WORDS).sample, x, y)
    for t, words in [(T.flip(0), WORDS), (T, WORDS.flip(0))]:  # what else counts
        want = lively(x, t, words).sample
        assert parity_gap(want, lively(x, T, WORDS).sample) > 1e-2
        assert parity_gap(ours(x, t, words), want) < 1e-4


def test_the_network_with_added_steps_is_theirs_too():
    theirs = their_unet(scale_shift=False)
    ours = take(our_unet(scale_shift=False), theirs)
    x, _ = pictures()
    with torch.no_grad():
        assert parity_gap(ours(x, T, WORDS), theirs(x, T, WORDS).sample) < 1e-4


MIDDLE = "self.middle(x, step, context)"
UNET_FAULTS = {
    "nothing is handed across": ("handed.pop()], dim=1)", "0 * handed.pop()], dim=1)"),
    "the order of what is stacked": ("[x, handed.pop()], dim=1)", "[handed.pop(), x], dim=1)"),
    "the middle ends early": (f"self.middle_end({MIDDLE}, step)", MIDDLE),
    "no last norm": ("self.leave(F.silu(self.norm(x)))", "self.leave(F.silu(x))"),
    "no context on the way up": ("dim=1), step, context)", "dim=1), step, 0 * context)"),
}


@pytest.mark.parametrize("fault", UNET_FAULTS)
@torch.no_grad()
def test_a_planted_fault_of_the_network_is_seen(fault, lively):
    ours = take(our_unet(planted(f"{PLACE}.unet", UNET_FAULTS[fault])), lively)
    x, _ = pictures()
    assert parity_gap(ours(x, T, WORDS), lively(x, T, WORDS).sample) > 1e-3


def wake(net):
    """Give weights that start at zero other ones."""
    seeded(3)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d) and not layer.weight.any():
            layer.reset_parameters()
    return net


NETS = {
    "unet": lambda context: unet.ConditionalUNet(1, (8, 16), context=context, heads=2),
    "slim": lambda context: slim_unet.SlimUNet(1, (8, 16), context=context, heads=2, embedding=16),
}


@pytest.mark.parametrize("name", NETS)
def test_networks_start_by_saying_nothing(name):
    net = NETS[name](6)
    out = net(torch.randn(2, 1, 8, 12), T, torch.randn(2, 3, 6))
    assert out.shape == (2, 1, 8, 12) and not out.any()


@pytest.mark.parametrize("name", NETS)
def test_every_pixel_is_told_of_every_pixel_of_the_step_and_of_the_context(name):
    net = wake(NETS[name](6)).double()
    x = torch.randn(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    words = torch.randn(1, 3, 6, dtype=torch.float64, requires_grad=True)
    out = net(x, torch.tensor([10]), words)
    for place in [(0, 0), (7, 3)]:
        by_x, by_words = torch.autograd.grad(out[0, 0][place], (x, words), retain_graph=True)
        assert (by_x != 0).all() and (by_words != 0).all()
    assert (net(x, torch.tensor([11]), words) - out).abs().max() > 1e-6


@pytest.mark.parametrize("name", NETS)
def test_pictures_of_a_batch_do_not_meet(name):
    net = wake(NETS[name](6)).double()
    x, words = torch.randn(2, 1, 8, 8).double(), torch.randn(2, 3, 6).double()
    one = net(x[1:], T[1:], words[1:])
    torch.testing.assert_close(net(x, T, words)[1:], one)


@pytest.mark.parametrize("name", NETS)
def test_a_network_without_a_condition_takes_none(name):
    net = NETS[name](None)
    assert net(torch.randn(2, 1, 8, 8), T).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match="got a context, want none"):
        net(torch.randn(2, 1, 8, 8), T, torch.randn(2, 3, 6))
    with pytest.raises(ValueError, match="got no context, want one"):
        NETS[name](6)(torch.randn(2, 1, 8, 8), T)


@pytest.mark.parametrize("name", NETS)
def test_sides_that_cannot_be_halved_are_refused(name):
    net = NETS[name](None)
    with pytest.raises(ValueError, match="want sides that are multiples of"):
        net(torch.randn(1, 1, 8, 9), T[:1])


@pytest.mark.parametrize("name", NETS)
def test_one_batch_is_learned_by_its_labels(name):
    """From pure noise of one kind, each label's own picture: only the condition can tell."""
    seeded()
    net, tokens = NETS[name](6), LabelTokens((2,), 6)
    x, want = torch.randn(2, 1, 8, 8), torch.randn(2, 1, 8, 8)
    x[1] = x[0]
    labels = torch.tensor([[0], [1]])
    adam = torch.optim.Adam([*net.parameters(), *tokens.parameters()], 1e-2)
    for _ in range(60):
        adam.zero_grad()
        loss = (net(x, torch.tensor([5, 5]), tokens(labels)) - want).square().mean()
        loss.backward()
        adam.step()
    assert loss < 0.1 * (want[0] - want[1]).square().mean() / 4  # what one answer for both would leave


def test_guidance_goes_from_without_through_with_and_beyond():
    net = wake(NETS["slim"](6)).eval()
    x, words, null = torch.randn(2, 1, 8, 8), torch.randn(2, 3, 6), torch.randn(3, 6)
    with torch.no_grad():
        without, given = net(x, T, null.expand(2, 3, 6)), net(x, T, words)
        said = {w: guidance.guided(net, words, null, w)(x, T) for w in (0.0, 0.5, 1.0, 3.0)}
    torch.testing.assert_close(said[0.0], without)
    torch.testing.assert_close(said[1.0], given)
    torch.testing.assert_close(said[0.5], (without + given) / 2)
    torch.testing.assert_close(said[3.0], 3 * given - 2 * without)  # the paper's (1 + w) ε_c - w ε, w = 2
    assert (without - given).abs().max() > 1e-3


@pytest.mark.parametrize(
    "fault",
    [
        ("without + scale * (given - without)", "given + scale * (given - without)"),
        ("return guide(without_it, with_it, scale)", "return guide(with_it, without_it, scale)"),
        ("context if scale == 1 else without", "context if scale == 0 else without"),
    ],
)
def test_a_planted_fault_of_the_guidance_is_seen(fault):
    bad = planted(f"{PLACE}.guidance", fault)
    model = lambda x, t, context: context.mean((1, 2))[:, None] + 0 * x  # noqa: E731
    x, words, null = torch.zeros(1, 1), torch.full((1, 2, 3), 5.0), torch.full((2, 3), 2.0)
    got = [float(bad.guided(model, words, null, w)(x, T[:1])) for w in (0, 1, 2)]
    assert got != [2.0, 5.0, 8.0]
    assert [float(guidance.guided(model, words, null, w)(x, T[:1])) for w in (0, 1, 2)] == [2.0, 5.0, 8.0]


def test_guided_scores_are_those_of_a_sharpened_distribution():
    """For Gaussians: ε_w belongs to p(x) (p(x | c) / p(x))^w, whose mean is written down."""
    mean, spread, all_mean, all_spread, w = 1.0, 0.8, 0.0, 1.3, 2.0
    score = lambda x, m, s: -(x - m) / s**2  # noqa: E731
    x = torch.linspace(-3, 3, 7)[:, None]
    got = guidance.guide(score(x, all_mean, all_spread), score(x, mean, spread), w)
    precision = w / spread**2 + (1 - w) / all_spread**2
    centre = (w * mean / spread**2 + (1 - w) * all_mean / all_spread**2) / precision
    torch.testing.assert_close(got, -(x - centre) * precision)
    assert precision > 1 / spread**2 and centre > mean  # narrower than the conditional, and past it


def test_conditions_are_dropped_one_by_one_at_the_rate():
    tokens = LabelTokens((3, 2), 4)
    labels = torch.tensor([[0, 1], [2, 0], [1, 1]])
    got = tokens(labels, torch.tensor([True, False, True]))
    assert got.shape == (3, 2, 4)
    assert torch.equal(got[0], tokens.null) and torch.equal(got[2], tokens.null)
    assert torch.equal(got[1], tokens(labels)[1])
    assert torch.equal(
        tokens(labels)[0], torch.stack([tokens.tables[0].weight[0], tokens.tables[1].weight[1]])
    )
    rate = guidance.dropouts(10_000, 0.12, torch.Generator().manual_seed(0)).float().mean()
    assert abs(rate - 0.12) < 4 * (0.12 * 0.88 / 10_000) ** 0.5
    with pytest.raises(ValueError, match="labels, 1: got numbers from 0 to 2, want 0 to 1"):
        tokens(torch.tensor([[0, 2], [0, 0]]))
