"""Boxes against torchvision, values and gradients, on random and degenerate sets; round trips; refusals."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor
from torchvision import ops as tv
from torchvision.models.detection._utils import BoxCoder

from lecture_utils.ops import boxes as ours
from tests.mutants import planted

pytestmark = pytest.mark.system("S07.1")
KINDS = ("spread", "empty", "equal", "no area", "one pixel", "grid", "inside one another", "far away")
TOLERANCE = 1e-6


def draw(kind: str, made: torch.Generator) -> Tensor:
    """A set of up to 8 boxes of this kind, in double precision."""
    n = int(torch.randint(1, 9, (), generator=made))

    def numbers(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=made, dtype=torch.float64)

    corner, sides = numbers(n, 2) * 90 - 10, numbers(n, 2) * 40 + 1
    if kind == "empty":
        return torch.zeros(0, 4, dtype=torch.float64)
    if kind == "equal":
        corner, sides = corner[:1].expand(n, 2), sides[:1].expand(n, 2)
    if kind == "no area":  # points, lines, and a few boxes on whole numbers, some of which hold them
        corner, sides = corner.round(), (sides * (numbers(n, 2) < 0.5)).round()
    if kind == "one pixel":
        corner, sides = (corner / 10).round(), torch.ones(n, 2, dtype=torch.float64)
    if kind == "grid":
        corner, sides = (corner / 10).round(), (sides / 10).ceil()
    if kind == "inside one another":
        step = torch.arange(n, dtype=torch.float64)[:, None].expand(n, 2)
        corner, sides = step, 60 - 2 * step
    if kind == "far away":
        corner = corner + 1e4
    return torch.cat([corner, corner + sides], dim=1)


def pairs(count: int = 1000) -> list[tuple[Tensor, Tensor]]:
    """Sets (N, 4) and (M, 4), every two kinds against each other; now and then the same set twice."""
    made = torch.Generator().manual_seed(0)
    both = [(KINDS[i % len(KINDS)], KINDS[i // len(KINDS) % len(KINDS)]) for i in range(count)]
    drawn = [(draw(first, made), draw(second, made)) for first, second in both]
    return [(a, a.clone()) if i % 10 == 0 else (a, b) for i, (a, b) in enumerate(drawn)]


PAIRS = pairs()


def values_and_gradients(function, *arguments: Tensor) -> list[Tensor]:
    arguments = [x.clone().requires_grad_() for x in arguments]
    got = function(*arguments)
    seed = torch.linspace(0.5, 1.5, got.numel(), dtype=got.dtype).reshape(got.shape)
    return [got.detach(), *torch.autograd.grad((got * seed).sum(), arguments)]


def close(got: Tensor, want: Tensor) -> None:
    """Assert equality to 1e-6; torch's own assert_close takes ten times as long."""
    assert got.shape == want.shape
    gap = (got - want).abs() - TOLERANCE * want.abs()
    assert bool((gap <= TOLERANCE).all()), f"differs by {float(gap.max()):.2g}"


def same(mine, theirs, *arguments: Tensor) -> None:
    wants = values_and_gradients(theirs, *arguments)
    for got, want in zip(values_and_gradients(mine, *arguments), wants, strict=True):
        close(got, want)


def sized(boxes: Tensor) -> Tensor:
    """Those of the boxes that have an area."""
    return boxes[(boxes[:, 2:] > boxes[:, :2]).all(1)]


def overlaps_are_torchvision_s(module) -> None:
    compared = 0
    for i, (a, b) in enumerate(PAIRS):
        for name in ("box_iou", "generalized_box_iou"):
            mine, theirs = getattr(module, name), getattr(tv, name)
            got, want = mine(a, b), theirs(a, b)
            assert got.shape == want.shape == (len(a), len(b))
            known = ~want.isnan()
            close(got[known], want[known])
            assert (got.abs() <= 1).all()
            if i % 3 == 0 and len(a) and len(b) and known.all():
                same(mine, theirs, a, b)
                compared += 1
    assert compared > 300  # with gradients


# The rest treats each box by itself: all sets at once, and an empty one.
TOGETHER = [torch.cat([a for a, _ in PAIRS]), torch.zeros(0, 4, dtype=torch.float64)]


def formats_are_torchvision_s(module) -> None:
    for boxes in TOGETHER:
        for name in ("cxcywh", "xywh"):
            there, back = (getattr(module, f"box_{x}_to_{y}") for x, y in (("xyxy", name), (name, "xyxy")))
            same(there, lambda x, name=name: tv.box_convert(x, "xyxy", name), boxes)
            other = tv.box_convert(boxes, "xyxy", name)
            same(back, lambda x, name=name: tv.box_convert(x, name, "xyxy"), other)
        same(module.box_area, tv.box_area, boxes)


def offsets_are_torchvision_s(module) -> None:
    made = torch.Generator().manual_seed(1)
    for boxes in map(sized, TOGETHER):
        anchors = boxes[torch.randperm(len(boxes), generator=made)]
        deltas = 3 * torch.randn(boxes.shape, generator=made, dtype=torch.float64)  # some beyond the clamp
        for weights in ((1, 1, 1, 1), (10.0, 10.0, 5.0, 5.0), (1.0, 2.0, 3.0, 4.0)):
            encode, decode = (partial(f, weights=weights) for f in (module.encode_boxes, module.decode_boxes))
            same(encode, BoxCoder(weights).encode_single, boxes, anchors)
            same(decode, BoxCoder(weights).decode_single, deltas, anchors)


def cutting_is_torchvision_s(module) -> None:
    for boxes in TOGETHER:
        for size in ((50, 70), (33.5, 20.0)):
            cut = partial(module.clip_boxes, height=size[0], width=size[1])
            same(cut, partial(tv.clip_boxes_to_image, size=size), boxes)
        for least in (0, 1, 3, 20.0):
            assert torch.equal(module.remove_small_boxes(boxes, least), tv.remove_small_boxes(boxes, least))


CHECKS = [
    overlaps_are_torchvision_s,
    formats_are_torchvision_s,
    offsets_are_torchvision_s,
    cutting_is_torchvision_s,
]


@pytest.mark.parametrize("check", CHECKS)
def test_values_and_gradients_are_torchvision_s_on_1000_sets(check):
    check(ours)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (0, "at_least_single(bottom_right - top_left).clamp(min=0)", "bottom_right - top_left"),
        (0, "[None, :] - intersection", "[None, :]"),
        (0, "- empty", "+ empty"),
        (0, "(hull - union)", "(hull - intersection)"),
        (0, "torch.minimum(a[:, None, :2]", "torch.maximum(a[:, None, :2]"),
        (1, "cx + w / 2", "cx + w"),
        (1, "(y1 + y2) / 2, x2 - x1, y2 - y1]", "(y1 + y2) / 2, y2 - y1, x2 - x1]"),
        (1, "[x, y, x + w, y + h]", "[x, y, x + h, y + w]"),
        (1, "return sides[:, 0] * sides[:, 1]", "return (sides[:, 0] + 1) * (sides[:, 1] + 1)"),
        (2, "torch.log(box[:, 2:] / anchor[:, 2:])", "box[:, 2:] / anchor[:, 2:] - 1"),
        (2, "(box[:, :2] - anchor[:, :2]) / anchor[:, 2:]", "(box[:, :2] - anchor[:, :2]) / box[:, 2:]"),
        (2, "* box.new_tensor(weights)", "/ box.new_tensor(weights)"),
        (2, ".clamp(max=LARGEST_GROWTH)", ""),
        (2, "math.log(1000 / 16)", "math.log(1000 / 32)"),
        (2, "deltas / deltas.new_tensor(weights)", "deltas * deltas.new_tensor(weights)"),
        (3, "boxes[:, 0::2].clamp(0, width)", "boxes[:, 0::2].clamp(0, height)"),
        (3, ">= min_size", "> min_size"),
        (3, ".all(1)", ".any(1)"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(check, right, wrong):
    with pytest.raises(AssertionError):
        CHECKS[check](planted("lecture_utils.ops.boxes", (right, wrong)))


def test_where_torchvision_gives_nan_we_give_zero():
    """The one place where we depart: boxes without area. Both sets, and only those."""
    point, line, box = [3.0, 4, 3, 4], [3.0, 4, 3, 9], [0.0, 0, 10, 10]
    boxes = torch.tensor([point, line, box])
    want = tv.box_iou(boxes, boxes)
    assert want.isnan().tolist() == [[True, True, False], [True, True, False], [False] * 3]
    assert torch.equal(ours.box_iou(boxes, boxes), want.nan_to_num(0))
    assert tv.generalized_box_iou(boxes[:1], boxes[:1]).isnan().all()
    assert ours.generalized_box_iou(boxes[:1], boxes[:1]).item() == 0
    apart = torch.tensor([[0.0, 0, 0, 0], [2.0, 2, 2, 2]])  # all of the box around two points is empty
    assert ours.generalized_box_iou(apart[:1], apart[1:]).item() == -1
    for function in (ours.box_iou, ours.generalized_box_iou):
        a = boxes.clone().requires_grad_()
        function(a, boxes).sum().backward()
        assert torch.isfinite(a.grad).all()


def test_by_hand():
    a, b = torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 1, 3, 3], [4, 0, 6, 2]])
    torch.testing.assert_close(ours.box_iou(a, b), torch.tensor([[1 / 7, 0]]))
    torch.testing.assert_close(ours.generalized_box_iou(a, b), torch.tensor([[1 / 7 - 2 / 9, 0 - 4 / 12]]))
    got = ours.encode_boxes(torch.tensor([[1.0, 2, 5, 10]]), torch.tensor([[0.0, 0, 4, 4]]))
    torch.testing.assert_close(got, torch.tensor([[0.25, 1, 0, math.log(2)]]))


@pytest.mark.parametrize("kind", ["spread", "one pixel", "grid", "far away"])
@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (10, 10, 5, 5)])
def test_round_trips(kind, weights):
    made = torch.Generator().manual_seed(2)
    for _ in range(50):
        a, b = draw(kind, made), draw(kind, made)
        boxes, anchors = a[: len(b)], b[: len(a)]
        deltas = ours.encode_boxes(boxes, anchors, weights=weights)
        torch.testing.assert_close(ours.decode_boxes(deltas, anchors, weights=weights), boxes)
        zero = torch.zeros_like(anchors)
        torch.testing.assert_close(ours.decode_boxes(zero, anchors, weights=weights), anchors)
        for name in ("cxcywh", "xywh"):
            there, back = getattr(ours, f"box_xyxy_to_{name}"), getattr(ours, f"box_{name}_to_xyxy")
            torch.testing.assert_close(back(there(boxes)), boxes)


def test_moving_and_scaling_a_pair_changes_no_overlap_and_no_offset():
    made = torch.Generator().manual_seed(3)
    a, b = draw("spread", made), draw("spread", made)
    a, b = a[: len(b)], b[: len(a)]
    move = torch.tensor([7.0, -3, 7, -3], dtype=torch.float64)
    for function in (ours.box_iou, ours.generalized_box_iou, ours.encode_boxes):
        torch.testing.assert_close(function(3 * a + move, 3 * b + move), function(a, b))


def test_boxes_apart_have_a_slope_in_giou_alone():
    a = torch.tensor([[0.0, 0, 2, 2]], requires_grad=True)
    b = torch.tensor([[5.0, 0, 7, 2]])
    (flat,) = torch.autograd.grad(ours.box_iou(a, b).sum(), a)
    (slope,) = torch.autograd.grad(ours.generalized_box_iou(a, b).sum(), a)
    assert not flat.any()
    assert slope[0, 2] > 0  # its right side should move to the right


def test_half_precision_does_not_overflow():
    boxes = torch.tensor([[0.0, 0, 600, 600]]).half()
    assert ours.box_area(boxes).item() == 360_000
    assert ours.box_iou(boxes, boxes).item() == ours.generalized_box_iou(boxes, boxes).item() == 1


GOOD = torch.tensor([[0.0, 0, 4, 4], [1.0, 2, 3, 5]])
ONE = {
    "cxcywh": ours.box_xyxy_to_cxcywh,
    "xywh": ours.box_xyxy_to_xywh,
    "from cxcywh": ours.box_cxcywh_to_xyxy,
    "from xywh": ours.box_xywh_to_xyxy,
    "area": ours.box_area,
    "iou a": lambda x: ours.box_iou(x, GOOD),
    "iou b": lambda x: ours.box_iou(GOOD, x),
    "giou a": lambda x: ours.generalized_box_iou(x, GOOD),
    "giou b": lambda x: ours.generalized_box_iou(GOOD, x),
    "encode boxes": lambda x: ours.encode_boxes(x, GOOD),
    "encode anchors": lambda x: ours.encode_boxes(GOOD, x),
    "decode": lambda x: ours.decode_boxes(GOOD, x),
    "clip": lambda x: ours.clip_boxes(x, 8, 8),
    "small": lambda x: ours.remove_small_boxes(x, 1),
}


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize(
    "bad",
    [
        GOOD.long(), GOOD.byte(), GOOD[0], GOOD[None], GOOD[:, :3], GOOD.tolist(),
        torch.tensor([[0, 0, math.nan, 4], [1, 2, 3, 5]]), torch.tensor([[0, 0, math.inf, 4], [1, 2, 3, 5]]),
    ],
    ids=["int64", "uint8", "(4,)", "(1, N, 4)", "(N, 3)", "list", "NaN", "infinite"],
)  # fmt: skip
def test_what_is_no_set_of_boxes_is_refused(name, bad):
    with pytest.raises(ValueError, match=r"(boxes|anchors|a|b): got .*, want"):
        ONE[name](bad)


@pytest.mark.parametrize("name", ONE)
def test_corners_in_the_wrong_order_and_negative_sides_are_refused(name):
    bad = torch.tensor([[4.0, 0, -1, 4], [1, 2, 3, 5]])
    with pytest.raises(ValueError, match="want"):
        ONE[name](bad)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ours.encode_boxes(GOOD, GOOD[:1]), r"want floating point \(1, 4\)"),
        (lambda: ours.encode_boxes(GOOD[:, [0, 1, 0, 3]], GOOD), "boxes: got one of width or height 0"),
        (lambda: ours.encode_boxes(GOOD, GOOD[:, [0, 1, 0, 3]]), "anchors: got one of width or height 0"),
        (lambda: ours.encode_boxes(GOOD, GOOD, weights=(1, 1, 1)), "want 4 finite numbers"),
        (lambda: ours.decode_boxes(GOOD, GOOD, weights=(1, 1, 0, 1)), "above 0"),
        (lambda: ours.decode_boxes(GOOD[:1], GOOD), r"deltas: .* want floating point \(2, 4\)"),
        (lambda: ours.decode_boxes(GOOD * math.nan, GOOD), "deltas"),
        (lambda: ours.clip_boxes(GOOD, 0, 4), "height"),
        (lambda: ours.clip_boxes(GOOD, 4, -1), "width"),
        (lambda: ours.remove_small_boxes(GOOD, -1), "min_size"),
    ],
)
def test_settings_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
