"""PatchGAN: its field by arithmetic and by gradient, a twin of library layers, faults that turn it red."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.pix2pix import patchgan
from lecture_utils.generative.pix2pix.patchgan import PatchGAN, patch_field, patch_plan, scores_along
from lecture_utils.ops.receptive_field import empirical_receptive_field, gradient_support, layers_of
from lecture_utils.ops.receptive_field import receptive_field as fields
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S15.5")
SIDES = {0: 8, 1: 40, 2: 72, 3: 136}


@pytest.mark.parametrize(("layers", "side"), [(0, 1), (1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_the_field_is_the_papers_by_two_ways_of_counting(layers: int, side: int) -> None:
    assert patch_field(layers) == side
    assert fields(layers_of(PatchGAN(layers=layers, width=1).body))[-1].size == side


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_the_field_is_what_the_gradient_says(layers: int) -> None:
    net, side = PatchGAN(2, layers=layers, width=1, norm="none"), patch_field(layers)
    assert empirical_receptive_field(net.body, (2, SIDES[layers], SIDES[layers])) == (side, side)
    support = gradient_support(net.body, (2, SIDES[layers], SIDES[layers]))
    assert int(support.sum()) == side**2  # a full square


def test_with_batch_norm_a_score_reaches_further_than_its_field() -> None:
    torch.manual_seed(0)
    for norm, reaches in (("none", False), ("batch", True), ("instance", True)):
        net, x = PatchGAN(1, layers=1, width=2, norm=norm), torch.rand(1, 1, 48, 48, requires_grad=True)
        (slope,) = torch.autograd.grad(net(x)[0, 0, 0, 0], x)
        assert bool(slope[0, 0, 30:, 30:].any()) == reaches  # far from the first patch


class Twin(nn.Module):
    """The paper's D of 70 × 70 patches, written out, for any 4 × 4 widths."""

    def __init__(self, channels: int, w: int, norm: str) -> None:
        super().__init__()

        def normed(c: int) -> nn.Module:
            return nn.BatchNorm2d(c) if norm == "batch" else nn.GroupNorm(c, c)

        self.net = nn.Sequential(
            nn.Conv2d(channels, w, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), normed(2 * w), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=False), normed(4 * w), nn.LeakyReLU(0.2),
            nn.Conv2d(4 * w, 8 * w, 4, 1, 1, bias=False), normed(8 * w), nn.LeakyReLU(0.2),
            nn.Conv2d(8 * w, 1, 4, 1, 1),
        )  # fmt: skip

    def forward(self, both: Tensor) -> Tensor:  # input and picture, (B, C, H, W)
        return self.net(both * 2 - 1)


def compare(module: object = patchgan, norm: str = "batch") -> None:
    """Hold a PatchGAN (perhaps a planted one) against the twin, weights copied in order."""
    torch.manual_seed(1)
    twin = Twin(5, 3, norm).train()
    a, b = torch.rand(2, 2, 5, 48, 40)
    liven(twin, a, b)
    ours = module.PatchGAN(3, 2, layers=3, width=3, norm=norm)  # type: ignore[attr-defined]
    weights = [value for key, value in twin.state_dict().items() if "running" not in key and "num" not in key]
    ours.load_state_dict(dict(zip(ours.state_dict(), weights, strict=True)))
    assert_parity(lambda x: ours(x[:, 2:], x[:, :2]), twin.requires_grad_(False), a, b)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_parity_with_the_paper_written_out(norm: str) -> None:
    compare(norm=norm)


@pytest.mark.parametrize(
    "fault",
    [
        ("return self.body(2 * seen - 1)", "return self.body(seen)"),
        ("torch.cat([condition, picture], dim=1)", "torch.cat([picture, condition], dim=1)"),
        ("SLOPE = 0.2", "SLOPE = 0.0"),
        ("[(4, 2)] * layers + [(4, 1)] * 2", "[(4, 2)] * (layers - 1) + [(4, 1)] * 3"),
        ("middle = 0 < i < len(plan) - 1", "middle = 1 < i < len(plan) - 1"),
        ("nn.BatchNorm2d(channels, track_running_stats=False)", "nn.InstanceNorm2d(channels, affine=True)"),
    ],
)
def test_planted_faults_are_seen(fault: tuple[str, str]) -> None:
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        compare(planted("lecture_utils.generative.pix2pix.patchgan", fault))


def test_a_patchgan_judges_patches_as_if_each_were_a_picture() -> None:
    torch.manual_seed(0)
    net, x = PatchGAN(3, layers=1, width=4, norm="none").double(), torch.rand(1, 3, 40, 40).double()
    score = net(x)[0, 0, 10, 10]  # its patch begins 16 / 2 - 1 pixels before 2 · 10
    (slope,) = torch.autograd.grad(net(x.requires_grad_())[0, 0, 10, 10], x)
    rows = slope[0].abs().sum(0).sum(1).nonzero().flatten()
    patch = x.detach()[:, :, rows[0] : rows[-1] + 1, rows[0] : rows[-1] + 1]
    assert patch.shape[2:] == (16, 16)
    alone = F.conv2d(patch * 2 - 1, net.body[0].weight, net.body[0].bias, stride=2)
    for part in net.body[1:]:
        alone = (
            F.conv2d(alone, part.weight, part.bias, stride=part.stride)
            if isinstance(part, nn.Conv2d)
            else part(alone)
        )
    assert alone.item() == pytest.approx(score.item(), abs=1e-12)


def test_a_conditional_discriminator_looks_at_both_and_another_at_the_picture_alone() -> None:
    torch.manual_seed(0)
    picture, given = (
        torch.rand(2, 3, 32, 32, requires_grad=True),
        torch.rand(2, 4, 32, 32, requires_grad=True),
    )
    both = PatchGAN(3, 4, layers=1, width=4)
    slopes = torch.autograd.grad(both(picture, given).square().sum(), (picture, given))
    assert all(slope.abs().amax(dim=(0, 2, 3)).min() > 0 for slope in slopes)  # every channel counts
    with pytest.raises(ValueError, match="condition: got none"):
        both(picture)
    alone = PatchGAN(3, layers=1, width=4)
    assert alone(picture).shape == (2, 1, 14, 14)
    with pytest.raises(ValueError, match="want none"):
        alone(picture, given)


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [(31, 45), (64, 64)])
def test_sizes_and_counts_of_scores(layers: int, size: tuple[int, int]) -> None:
    net = PatchGAN(2, layers=layers, width=2, norm="instance").double()
    scores = net(torch.rand(1, 2, *size, dtype=torch.float64))
    assert scores.shape == (1, 1, *(scores_along(side, layers) for side in size))
    assert scores.dtype == torch.float64
    assert scores_along(256, 3) == 30  # the paper's


def test_channels_are_c64_c128_c256_c512_scaled() -> None:
    def widths(layers: int) -> list[int]:
        return [part.out_channels for part in PatchGAN(layers=layers).body if isinstance(part, nn.Conv2d)]

    assert widths(3) == [64, 128, 256, 512, 1]
    assert widths(1) == widths(0) == [64, 128, 1]
    assert widths(5) == [64, 128, 256, 512, 512, 512, 1]
    assert sum(p.numel() for p in PatchGAN(3, 3).parameters()) == 2_768_705  # as in the authors' code
    norms = [type(part).__name__ for part in PatchGAN().body]
    assert norms.count("BatchNorm2d") == 3 and norms.index("BatchNorm2d") > 2  # none after the first
    stds = [p.weight.std().item() for p in PatchGAN().body if isinstance(p, nn.Conv2d)]
    assert all(std == pytest.approx(0.02, rel=0.1) for std in stds)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="want 24 or more for 3 halvings"):
        PatchGAN(width=2)(torch.rand(1, 3, 20, 32))
    with pytest.raises(ValueError, match="condition: got"):
        PatchGAN(3, 2, width=2)(torch.rand(1, 3, 32, 32), torch.rand(2, 2, 32, 32))
    with pytest.raises(ValueError, match="3 channels"):
        PatchGAN(1, layers=1, width=2)(torch.rand(1, 3, 32, 32))
    with pytest.raises(ValueError, match="float"):
        PatchGAN(1, layers=1, width=2)(torch.rand(1, 1, 32, 32).double())
    with pytest.raises(ValueError, match="norm: got"):
        PatchGAN(norm="group")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="layers"):
        patch_plan(-1)
