"""Masked convolution: the mask by its definition, the convolution against PyTorch's with masked weights."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.chapters.ch15 import solutions
from lecture_utils.generative.pixel import masked_convolution
from lecture_utils.generative.pixel.masked_convolution import MaskedConv2d, pixel_mask
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.1")
CASES = [
    ("A", 3, 1, 4, 1),
    ("B", 5, 4, 6, 1),
    ("A", 7, 3, 6, 3),
    ("B", 3, 6, 9, 3),
    ("B", 1, 4, 8, 2),
    ("A", 1, 4, 2, 2),
]


def by_the_definition(kind, size, in_channels, out_channels, colours):
    """A weight stays if what it reads comes earlier: rows, then columns, then colours."""
    out = torch.zeros(out_channels, in_channels, size, size, dtype=torch.bool)
    for o, i, y, x in itertools.product(range(out_channels), range(in_channels), range(size), range(size)):
        colour_out, colour_in = o * colours // out_channels, i * colours // in_channels
        read, told = (y, x, colour_in), (size // 2, size // 2, colour_out)
        out[o, i, y, x] = read < told or (kind == "B" and read == told)
    return out


def conv_agrees(module):
    """Whether the layers of a module are the definition's, on a map of odd sides."""
    for kind, size, i, o, colours in CASES:
        torch.manual_seed(0)
        conv = module.MaskedConv2d(kind, i, o, size, colours=colours).double()
        x = torch.randn(2, i, 5, 7, dtype=torch.float64)
        weight = conv.weight * by_the_definition(kind, size, i, o, colours)
        want = F.conv2d(x, weight, conv.bias, padding=size // 2)
        if conv(x).shape != want.shape or (conv(x) - want).abs().max() > 1e-9:
            return False
    return True


@pytest.mark.parametrize("case", CASES)
def test_the_mask_is_reading_order(case):
    assert torch.equal(pixel_mask(*case), by_the_definition(*case))
    assert torch.equal(pixel_mask(*case), solutions.pixel_mask(*case))


def test_the_convolution_is_pytorchs_with_masked_weights():
    assert conv_agrees(masked_convolution)


@pytest.mark.parametrize(
    "fault",
    [
        ("mask[:, :, :centre, :] = True", "mask[:, :, :, :centre] = True"),
        ("mask[:, :, centre, :centre] = True", "mask[:, :, centre, : centre + 2] = True"),
        ("before = group_in < group_out[:, None]", "before = group_in > group_out[:, None]"),
        ('before if kind == "A" else before | same', "before | same"),
        ('before if kind == "A" else before | same', 'before if kind == "A" else same'),
        ("self.weight * self.mask, self.bias", "self.weight, self.bias"),
        ("torch.arange(out_channels) // (out_channels // colours)", "torch.arange(out_channels) % colours"),
    ],
)
def test_a_planted_fault_is_seen(fault):
    assert not conv_agrees(planted("lecture_utils.generative.pixel.masked_convolution", fault))


def test_a_mask_of_your_own_is_used():
    def open_mask(kind, size, in_channels, out_channels, colours):
        return torch.ones(out_channels, in_channels, size, size, dtype=torch.bool)

    conv = MaskedConv2d("A", 2, 4, 3, mask=open_mask)
    x = torch.randn(1, 2, 4, 4)
    torch.testing.assert_close(conv(x), F.conv2d(x, conv.weight, conv.bias, padding=1))


def test_the_masked_weights_take_no_gradient():
    conv = MaskedConv2d("A", 3, 6, 3, colours=3)
    conv(torch.randn(2, 3, 5, 5)).square().sum().backward()
    assert torch.equal(conv.weight.grad != 0, conv.mask)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pixel_mask("C", 3, 1, 1), "kind: got 'C', want 'A' or 'B'"),
        (lambda: pixel_mask("A", 4, 1, 1), "size: got 4, want an odd one"),
        (lambda: pixel_mask("A", 3, 3, 4, 3), "want multiples of 3 colours"),
        (lambda: pixel_mask("A", 0, 3, 4), "size 0"),
        (lambda: MaskedConv2d("A", 1, 2, 3, mask=lambda *a: torch.ones(2, 1)), r"mask: got \(2, 1\)"),
        (lambda: MaskedConv2d("A", 1, 2, 3)(torch.rand(1, 2, 4, 4)), "1"),
        (lambda: MaskedConv2d("A", 1, 2, 3)(torch.zeros(1, 1, 4, 4, dtype=torch.uint8)), "uint8"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
