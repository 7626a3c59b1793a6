"""FPN against torchvision's, with copied weights and planted faults; the backbone that it stands on."""

from collections import OrderedDict

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from lecture_utils.backbones.resnet import BasicBlock, ResNet
from lecture_utils.detection import fpn
from lecture_utils.nn.frozen_norm import FrozenBatchNorm2d
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.3")
WIDTHS = (6, 9, 12)


def pyramids(module: object, *, extra: bool) -> tuple[nn.Module, nn.Module]:
    """Ours and torchvision's with the same random weights, biases included."""
    torch.manual_seed(0)
    blocks = LastLevelMaxPool() if extra else None
    theirs = torchvision.ops.FeaturePyramidNetwork(list(WIDTHS), 8, extra_blocks=blocks).double()
    ours = module.FPN(WIDTHS, channels=8, extra=extra).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_()
    names = {"inner_blocks": "lateral", "layer_blocks": "smooth"}
    state = {}
    for name, value in theirs.state_dict().items():
        block, level, _, kind = name.split(".")
        state[f"{names[block]}.{level}.{kind}"] = value
    ours.load_state_dict(state)
    return ours, theirs


def maps(sizes: list[tuple[int, int]]) -> list[Tensor]:
    made = torch.Generator().manual_seed(1)
    return [
        torch.randn(2, width, *size, generator=made, dtype=torch.float64)
        for width, size in zip(WIDTHS, sizes, strict=True)
    ]


EVEN, ODD = [(16, 24), (8, 12), (4, 6)], [(13, 7), (7, 4), (4, 2)]


def compare(module: object, sizes: list[tuple[int, int]], extra: bool) -> None:
    ours, theirs = pyramids(module, extra=extra)
    levels = maps(sizes)
    got, want = ours(levels), theirs(OrderedDict((str(k), x) for k, x in enumerate(levels)))
    assert len(got) == len(want) == 3 + extra
    for mine, other in zip(got, want.values(), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("sizes", [EVEN, ODD])
@pytest.mark.parametrize("extra", [False, True])
def test_it_equals_torchvision(sizes, extra):
    compare(fpn, sizes, extra)


@pytest.mark.parametrize(
    "fault",
    [
        ('mode="nearest"', 'mode="bilinear"'),
        ("self.lateral[level](maps[level]) + coarser", "self.lateral[level](maps[level])"),
        ("pyramid.insert(0, self.smooth[level](merged))", "pyramid.insert(0, merged)"),
        ("[:, :, ::2, ::2]", "[:, :, 1::2, ::2]"),
    ],
)
def test_the_comparison_sees(fault):
    with pytest.raises(AssertionError):
        compare(planted("lecture_utils.detection.fpn", fault), EVEN, extra=True)


def test_what_the_coarse_map_sees_reaches_the_finest():
    """A change of one cell of the coarsest map moves the finest level, and only around that place."""
    ours, _ = pyramids(fpn, extra=False)
    levels = maps(EVEN)
    before = ours(levels)[0]
    levels[2][:, :, 1, 1] += 1
    moved = (ours(levels)[0] - before).abs().amax((0, 1)) > 0  # (16, 24)
    rows, columns = moved.any(1).nonzero()[:, 0], moved.any(0).nonzero()[:, 0]
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (3, 8, 3, 8)  # its 4 × 4 cells and one around


def small_resnet() -> ResNet:
    return ResNet(BasicBlock, (1, 1, 1, 1), width=4, norm=FrozenBatchNorm2d)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (70, 33)])
def test_strides_of_the_backbone_s_levels(height, width):
    model = fpn.ResNetFPN(small_resnet(), channels=8)
    sizes = [tuple(x.shape[1:]) for x in model(torch.rand(1, 3, height, width))]
    strides = (4, 8, 16, 32, 64)
    assert sizes == [(8, -(-height // s), -(-width // s)) for s in strides]
    assert not any("head" in name for name in model.state_dict())


def test_frozen_norm_does_not_move_in_training():
    model = fpn.ResNetFPN(small_resnet(), channels=8).train()
    assert not any("norm" in name or "stem.1" in name for name, _ in model.named_parameters())
    before = {name: value.clone() for name, value in model.named_buffers()}
    model(torch.rand(2, 3, 64, 64))
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fpn.FPN([]), "widths"),
        (lambda: fpn.FPN([4, 8], channels=0), "channels"),
        (lambda: fpn.FPN([4, 8])([torch.rand(1, 4, 8, 8)]), "got 1, want a list of 2"),
        (lambda: fpn.FPN([4, 8])([torch.rand(1, 4, 8, 8)] * 2), "want .*8"),
        (lambda: fpn.ResNetFPN(small_resnet())(torch.rand(1, 1, 64, 64)), "channels"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
