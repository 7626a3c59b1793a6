"""Deformable convolution against torchvision's, values and gradients, and against the ordinary one."""

import math
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor

from lecture_utils.ops import deformable
from lecture_utils.ops.deformable import deform_conv2d
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.5")
TOLERANCE = 1e-10


def inputs(batch: int, channels: int, height: int, width: int, side: int, spread: float) -> list[Tensor]:
    """A map, offsets of about `spread` cells (many lead outside), a kernel and a bias."""
    made = torch.Generator().manual_seed(height)
    shapes = ((batch, channels, height, width), (batch, 2 * side**2, height, width),
              (4, channels, side, side), (4,))  # fmt: skip
    drawn = [torch.randn(shape, generator=made, dtype=torch.float64) for shape in shapes]
    drawn[1] *= spread
    return [x.requires_grad_() for x in drawn]


CASES = [inputs(2, 3, 6, 9, 3, 2.0), inputs(1, 2, 5, 4, 1, 1.0), inputs(2, 1, 4, 7, 5, 6.0)]


def gap(module: ModuleType) -> float:
    """Largest difference from torchvision's in values and in all four gradients."""
    worst = 0.0
    for x, offsets, weight, bias in CASES:
        ours = module.deform_conv2d(x, offsets, weight, bias)
        theirs = torchvision.ops.deform_conv2d(x, offsets, weight, bias, padding=weight.shape[2] // 2)
        pull = torch.randn(theirs.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        pairs = [(ours, theirs)]
        grads = (torch.autograd.grad((y * pull).sum(), (x, offsets, weight, bias)) for y in (ours, theirs))
        pairs += zip(*grads, strict=True)
        gaps = [float((a - b).detach().abs().max()) for a, b in pairs]
        worst = max(worst, *(g if math.isfinite(g) else math.inf for g in gaps))
    return worst


def test_values_and_gradients_are_torchvisions() -> None:
    assert gap(deformable) < TOLERANCE


@pytest.mark.parametrize(
    "fault",
    [
        ("offsets[:, 0::2] + point", "offsets[:, 1::2] + point"),
        ("point.repeat(side)", "point.repeat_interleave(side)"),
        ('padding_mode="zeros"', 'padding_mode="border"'),
        ("(2 * column + 1) / width", "2 * column / width"),
        ("torch.arange(side).to(x) - side // 2", "torch.arange(side).to(x)"),
    ],
)
def test_a_planted_fault_is_seen(fault: tuple[str, str]) -> None:
    assert gap(planted("lecture_utils.ops.deformable", fault)) > 1000 * TOLERANCE


@pytest.mark.parametrize("case", CASES)
def test_offsets_of_zero_give_the_ordinary_convolution(case: list[Tensor]) -> None:
    x, offsets, weight, bias = case
    want = F.conv2d(x, weight, bias, padding=weight.shape[2] // 2)
    assert torch.allclose(deform_conv2d(x, torch.zeros_like(offsets), weight, bias), want, rtol=0, atol=1e-12)
    without = deform_conv2d(x, torch.zeros_like(offsets), weight)
    assert torch.allclose(without, want - bias[:, None, None], rtol=0, atol=1e-12)


def test_whole_offsets_move_what_is_read() -> None:
    x, offsets, weight, bias = CASES[0]
    one_right = torch.zeros_like(offsets)
    one_right[:, 1::2] = 1
    moved = deform_conv2d(x, one_right, weight, bias)
    plain = deform_conv2d(x, torch.zeros_like(offsets), weight, bias)
    assert torch.allclose(moved[..., :-2], plain[..., 1:-1], rtol=0, atol=1e-12)


def test_bad_input_is_refused() -> None:
    x, offsets, weight, _ = CASES[0]
    with pytest.raises(ValueError, match=r"offsets: got torch\.float64"):
        deform_conv2d(x, offsets[:, :4], weight)
    with pytest.raises(ValueError, match="weight: got a kernel of"):
        deform_conv2d(x, offsets, weight[..., :2, :2])
    with pytest.raises(ValueError, match=r"images: got dtype torch\.float32"):
        deform_conv2d(x.float(), offsets, weight)
    with pytest.raises(ValueError, match="offsets: got NaN"):
        deform_conv2d(x, offsets * math.nan, weight)
