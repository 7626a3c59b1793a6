"""Prototypes and coefficients: figures 3 and 4, equation 1 by a loop, the crop, what ReLU and tanh do."""

import math

import pytest
import torch
from torch import Tensor

from lecture_utils.detection.anchors import Anchors
from lecture_utils.segmentation import protonet as module
from tests.mutants import planted
from tests.parity import liven

pytestmark = pytest.mark.system("S09.3")


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def test_sizes_are_those_of_figure_3():
    """P3 of a 550 × 550 picture is 69 × 69; its prototypes are 138 × 138."""
    net, seen = module.ProtoNet(256).to("meta"), []
    for layer in (*net.before, net.after, net.last):
        layer.register_forward_hook(lambda m, x, y: seen.append((m.kernel_size[0], *y.shape[1:])))
    assert net(torch.rand(2, 256, 69, 69, device="meta")).shape == (2, 32, 138, 138)
    assert seen == [(3, 256, 69, 69)] * 3 + [(3, 256, 138, 138), (1, 32, 138, 138)]


def test_prototypes_are_not_negative_and_unbounded_above():
    net, x = module.ProtoNet(4, prototypes=6, hidden=8), drawn(2, 4, 5, 7).float()
    low, high = net(x), net(1000 * x)
    assert low.shape == (2, 6, 10, 14)
    assert low.min() == 0 and high.min() == 0 and high.max() > 50 * low.max() > 0


def head(its=module) -> torch.nn.Module:
    torch.manual_seed(0)
    return its.PredictionHead(4, anchors=3, classes=5, prototypes=6).double()


MAPS = [drawn(2, 4, 6, 8), drawn(2, 4, 3, 4)]


def branches_are_the_anchors(its) -> None:
    """Cell by cell: the numbers of anchor a at (i, j) are the a-th group of channels there (figure 4)."""
    net = head(its)
    liven(Said(net), MAPS[0])
    said = net(MAPS)
    anchors = torch.cat(Anchors(((8,), (16,)))(MAPS, (24, 32)))
    assert [tuple(x.shape) for x in said] == [(2, len(anchors), n) for n in (6, 4, 6)]
    for answer, layer, last in zip(said, (net.logits, net.deltas, net.coefficients), range(3), strict=True):
        n = 0
        for x in MAPS:
            out = layer(torch.relu(net.shared(x)))
            if last == 2:
                out = torch.tanh(out)
            for i in range(x.shape[2]):
                for j in range(x.shape[3]):
                    for a in range(3):
                        numbers = answer.shape[2]
                        want = out[:, a * numbers : (a + 1) * numbers, i, j]
                        torch.testing.assert_close(answer[:, n], want)
                        n += 1


class Said(torch.nn.Module):
    """All that a head says of one map, in a row, for `liven`."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([part.flatten() for part in self.net([x])])


def by_loops(prototypes: Tensor, coefficients: Tensor) -> Tensor:
    """Equation 1, a pixel at a time."""
    (k, h, w), d = prototypes.shape, len(coefficients)
    out = torch.zeros(d, h, w, dtype=torch.float64)
    for n in range(d):
        for i in range(h):
            for j in range(w):
                total = sum(prototypes[p, i, j].item() * coefficients[n, p].item() for p in range(k))
                out[n, i, j] = 1 / (1 + math.exp(-total))
    return out


def masks_are_equation_1(its) -> None:
    prototypes, coefficients = drawn(4, 5, 7), drawn(3, 4)
    torch.testing.assert_close(its.assemble(prototypes, coefficients), by_loops(prototypes, coefficients))
    assert its.assemble(prototypes, coefficients[:0]).shape == (0, 5, 7)


BOXES = torch.tensor(
    [[1.0, 0.5, 4, 3], [0.4, 0, 2.6, 9], [2.0, 2, 2, 4], [3.6, 1.6, 4.4, 2.4], [-5, -5, 20, 20]]
)


def crops_are_the_loop(its) -> None:
    """A cell stays where its centre lies in the box."""
    masks = drawn(5, 6, 5).abs() + 1
    got = its.crop_masks(masks, BOXES)
    for n, (x1, y1, x2, y2) in enumerate(BOXES.tolist()):
        for i in range(6):
            for j in range(5):
                inside = x1 <= j + 0.5 <= x2 and y1 <= i + 0.5 <= y2
                assert got[n, i, j] == (masks[n, i, j] if inside else 0), (n, i, j)


CHECKS = [branches_are_the_anchors, masks_are_equation_1, crops_are_the_loop]


@pytest.mark.parametrize("check", CHECKS)
def test_against_loops(check):
    check(module)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (0, "x = F.relu(self.shared(x))  # (B, C, h, w)\n            logits", "logits"),
        (0, "self.coefficients(x).tanh()", "self.coefficients(x).sigmoid()"),
        (0, "self.coefficients(x).tanh()", "self.coefficients(x)"),
        (0, "permute(0, 3, 4, 1, 2)", "permute(0, 4, 3, 1, 2)"),
        (0, "(1, (-1, numbers)).permute(0, 3, 4, 1, 2)", "(1, (numbers, -1)).permute(0, 3, 4, 2, 1)"),
        (1, '"khw,dk->dhw", prototypes', '"khw,dk->dhw", prototypes.relu()'),
        (1, "mix(prototypes, coefficients).sigmoid()", "mix(prototypes, coefficients).softmax(0)"),
        (2, "torch.arange(width, device=boxes.device) + 0.5", "torch.arange(width, device=boxes.device)"),
        (2, "down[:, :, None] & across[:, None, :]", "down[:, :, None] | across[:, None, :]"),
        (2, "(y1 <= y) & (y <= y2)", "(x1 <= y) & (y <= y2)"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(check, right, wrong):
    with pytest.raises(AssertionError):
        CHECKS[check](planted("lecture_utils.segmentation.protonet", (right, wrong)))


def test_a_negative_coefficient_takes_away():
    """One prototype shows two objects, another the right one: their difference is the left one."""
    both, right = torch.zeros(4, 8), torch.zeros(4, 8)
    both[1:3, 1:7] = 20
    right[1:3, 4:7] = 20
    left = module.assemble(torch.stack([both, right]), torch.tensor([[1.0, -1]]))[0]
    assert (left[1:3, 1:4] > 0.99).all() and (left[1:3, 4:7] == 0.5).all()


def test_prototypes_move_with_the_picture():
    """Shifting the map by a cell shifts the prototypes by two, away from the border."""
    torch.manual_seed(0)
    net, x = module.ProtoNet(3, prototypes=4, hidden=6, convs=1).double(), drawn(1, 3, 16, 16)
    here, there = net(x[:, :, :, :-1]), net(x[:, :, :, 1:])
    assert here.std() > 1e-3
    torch.testing.assert_close(here[:, :, :, 12:-8], there[:, :, :, 10:-10])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: module.ProtoNet(0), "channels 0, want"),
        (lambda: module.ProtoNet(4)(torch.rand(2, 5, 6, 6)), "got 5 channels"),
        (lambda: module.ProtoNet(4)(torch.rand(4, 6, 6)), "got shape"),
        (lambda: module.PredictionHead(4, 3, 5, 0), "prototypes 0, want"),
        (lambda: head()([]), "features: got 0, want"),
        (lambda: head()([torch.rand(2, 5, 6, 6)]), "got 5 channels"),
        (lambda: module.assemble(torch.rand(3, 4, 4), torch.rand(2, 4)), "coefficients: got"),
        (lambda: module.crop_masks(torch.rand(2, 4, 4), torch.rand(3, 4)), "boxes: got"),
        (lambda: module.crop_masks(torch.rand(1, 4, 4), torch.tensor([[3.0, 0, 1, 2]])), "x2 < x1"),
        (lambda: module.check_raw((), 3), "raw: got tuple, want"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
