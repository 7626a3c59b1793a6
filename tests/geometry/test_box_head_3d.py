"""A 3-D box head: what is coded comes back, the losses of equations 1 and 2, one batch learned."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.geometry import box_head_3d as head_3d
from lecture_utils.ops.boxes_3d import box_corners_3d, paired_iou_3d
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.3")

TEMPLATES = torch.tensor([[1.0, 0.5, 0.4], [0.6, 0.6, 1.2], [2.0, 1.0, 1.0]])


def some_boxes(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    made = torch.Generator().manual_seed(seed)
    size = torch.randint(3, (n,), generator=made)
    sides = TEMPLATES[size] * (0.6 + 0.8 * torch.rand(n, 3, generator=made))
    yaw = (2 * torch.rand(n, 1, generator=made) - 1) * math.pi
    return torch.cat([torch.randn(n, 3, generator=made), sides, yaw], dim=1), size


@pytest.mark.parametrize("bins", [1, 4, 12])
def test_what_is_coded_comes_back(bins: int) -> None:
    boxes, size = some_boxes(200)
    code = head_3d.encode_boxes_3d(boxes, size, TEMPLATES, bins=bins)
    assert code.heading_left.abs().max() <= 1 + 1e-5 and int(code.heading.max()) < bins
    back = head_3d.decode_boxes_3d(code, TEMPLATES, bins=bins)
    torch.testing.assert_close(back[:, :6], boxes[:, :6], rtol=1e-5, atol=1e-5)
    turn = (back[:, 6] - boxes[:, 6] + math.pi) % (2 * math.pi) - math.pi
    assert turn.abs().max() < 1e-5
    doubled = head_3d.encode_boxes_3d(boxes.double(), size, TEMPLATES.double(), bins=bins)
    back = head_3d.decode_boxes_3d(doubled, TEMPLATES.double(), bins=bins)
    torch.testing.assert_close(back[:, :6], boxes[:, :6].double(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("yaw", "bin_", "left"), [(0, 0, 0), (15, 0, 1), (16, 1, -14 / 15), (-30, 11, 0), (179, 6, -1 / 15)]
)
def test_bins_have_their_middle_at_whole_steps(yaw: float, bin_: int, left: float) -> None:
    boxes = torch.tensor([[0.0, 0, 0, 1, 0.5, 0.4, math.radians(yaw)]], dtype=torch.float64)
    code = head_3d.encode_boxes_3d(boxes, torch.tensor([0]), TEMPLATES)
    if yaw == 15:  # the border of two bins: either side of it will do
        assert (int(code.heading), round(float(code.heading_left), 6)) in [(0, 1), (1, -1)]
    else:
        assert int(code.heading) == bin_ and float(code.heading_left) == pytest.approx(left)
    torch.testing.assert_close(code.size_left, torch.zeros(1, 3).double(), atol=1e-7, rtol=0)


FAULTS = {
    "half bins both ways": ("code.heading + code.heading_left / 2", "code.heading + code.heading_left"),
    "rounded down": ("torch.round(boxes[:, 6] / step)", "torch.floor(boxes[:, 6] / step) + 1"),
    "size not as a share": ("boxes[:, 3:6] / template - 1", "boxes[:, 3:6] - template"),
    "yaw not wrapped": ("heading.long() % bins", "heading.long().clamp(min=0)"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_seen_by_the_round_trip(fault: str) -> None:
    module = planted("lecture_utils.geometry.box_head_3d", FAULTS[fault])
    boxes, size = some_boxes(200)
    code = module.encode_boxes_3d(boxes, size, TEMPLATES)
    back = module.decode_boxes_3d(code, TEMPLATES)
    turn = (back[:, 6] - boxes[:, 6] + math.pi) % (2 * math.pi) - math.pi
    off = max(float((back[:, :6] - boxes[:, :6]).abs().max()), float(turn.abs().max()))
    assert off > 1e-3 or code.heading_left.abs().max() > 1.01


def small_head() -> head_3d.BoxHead3D:
    torch.manual_seed(0)
    return head_3d.BoxHead3D(TEMPLATES, width=8)


def exact_scores(boxes: Tensor, size: Tensor, bins: int = 12) -> head_3d.BoxScores:
    """What a head that knows the boxes would say; what it says of other bins and templates is nonsense."""
    code = head_3d.encode_boxes_3d(boxes, size, TEMPLATES, bins=bins)
    rows = torch.arange(len(boxes))
    heading, left = torch.full((len(boxes), bins), -30.0), torch.full((len(boxes), bins), 7.0)
    heading[rows, code.heading], left[rows, code.heading] = 30, code.heading_left
    kind, size_left = torch.full((len(boxes), 3), -30.0), torch.full((len(boxes), 3, 3), 7.0)
    kind[rows, size], size_left[rows, size] = 30, code.size_left
    return head_3d.BoxScores(boxes[:, :3], boxes[:, :3], heading, left, kind, size_left)


def test_exact_scores_give_the_boxes_and_no_loss() -> None:
    boxes, size = some_boxes(20)
    head, scores = small_head(), exact_scores(*some_boxes(20))
    assert paired_iou_3d(head.boxes(scores), boxes).min() > 0.999
    losses = head_3d.box_losses(head, scores, boxes, size)
    assert all(float(value) < 1e-5 for value in losses.values()), losses
    assert set(losses) == {
        "first_centre",
        "centre",
        "heading",
        "heading_left",
        "size",
        "size_left",
        "corners",
    }


def test_losses_are_equations_1_and_2() -> None:
    boxes, size = some_boxes(4)
    head, exact = small_head(), exact_scores(boxes, size)
    moved = exact._replace(centre=exact.centre + torch.tensor([0.1, 0, 0]))
    losses = head_3d.box_losses(head, moved, boxes, size, corner_weight=3.0)
    assert float(losses["centre"]) == pytest.approx(0.5 * 0.01 / 3, rel=1e-4)  # Huber, mean of three axes
    assert float(losses["corners"]) == pytest.approx(3 * 0.1, rel=1e-4)
    assert float(losses["first_centre"]) < 1e-6
    even = exact._replace(heading=torch.zeros(4, 12), size=torch.zeros(4, 3))
    losses = head_3d.box_losses(head, even, boxes, size)
    assert float(losses["heading"]) == pytest.approx(math.log(12)) and float(losses["corners"]) < 1e-5
    assert float(losses["size"]) == pytest.approx(math.log(3))
    wide = exact._replace(size_left=exact.size_left + 0.2)
    losses = head_3d.box_losses(head, wide, boxes, size)
    assert float(losses["size_left"]) == pytest.approx(0.02, rel=1e-4)
    grown = TEMPLATES[size] * 0.2 / 2  # each corner moves by half of what each side grows by
    assert float(losses["corners"]) == pytest.approx(float(grown.norm(dim=1).mean()), rel=1e-4)


def test_a_box_turned_by_half_a_circle_costs_no_corner() -> None:
    boxes, _ = some_boxes(6)
    turned = boxes + torch.tensor([0, 0, 0, 0, 0, 0, math.pi])
    assert float(head_3d.corner_distance(turned, boxes)) < 1e-6
    quarter = boxes + torch.tensor([0, 0, 0, 0, 0, 0, math.pi / 2])
    assert float(head_3d.corner_distance(quarter, boxes)) > 0.1
    plain = (box_corners_3d(boxes + 0.05) - box_corners_3d(boxes)).norm(dim=2).mean()
    assert float(head_3d.corner_distance(boxes + 0.05, boxes)) == pytest.approx(float(plain))


def test_the_box_moves_with_its_points() -> None:
    head = small_head().eval()
    points, kind = torch.randn(3, 40, 3), torch.tensor([0, 1, 2])
    here, there = head(points, kind), head(points + torch.tensor([3.0, -2, 1]), kind)
    torch.testing.assert_close(there.centre - here.centre, torch.tensor([3.0, -2, 1]).expand(3, 3))
    torch.testing.assert_close(there.heading, here.heading, atol=1e-4, rtol=1e-4)
    shuffled = head(points[:, torch.randperm(40)], kind)
    torch.testing.assert_close(shuffled.centre, here.centre)
    assert not torch.allclose(head(points, kind.flip(0)).size, here.size)


def test_one_batch_is_learned() -> None:
    torch.manual_seed(0)
    boxes, size = some_boxes(6)
    unit = torch.rand(6, 60, 3) - 0.5
    local = unit * boxes[:, None, 3:6]
    cos, sin = boxes[:, 6].cos()[:, None], boxes[:, 6].sin()[:, None]
    x, y, z = local.unbind(2)
    points = torch.stack([cos * x - sin * y, sin * x + cos * y, z], dim=2) + boxes[:, None, :3]
    head = head_3d.BoxHead3D(TEMPLATES, width=16)
    optimizer = torch.optim.Adam(head.parameters(), 5e-3)
    for _ in range(100):
        optimizer.zero_grad()
        loss = torch.stack(list(head_3d.box_losses(head, head(points, size), boxes, size).values())).sum()
        loss.backward()
        optimizer.step()
    assert loss < 0.3
    with torch.no_grad():  # with the batch's own statistics, as it was learned
        found = head.boxes(head(points, size))
    assert float(paired_iou_3d(found, boxes).mean()) > 0.7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: head_3d.BoxHead3D(torch.zeros(2, 3)), "templates: got a side of 0"),
        (lambda: small_head()(torch.rand(2, 3, 40), torch.tensor([0, 1])), "points: got shape"),
        (lambda: small_head()(torch.rand(2, 40, 3), torch.tensor([0, 3])), "category: got class numbers"),
        (lambda: small_head()(torch.rand(1, 40, 3), torch.tensor([0])), "got one object in training"),
        (lambda: small_head().boxes(F.one_hot(torch.tensor([1]))), "want what the head returns"),
        (lambda: head_3d.encode_boxes_3d(some_boxes(2)[0], torch.tensor([0, 5]), TEMPLATES), "size: got"),
        (lambda: head_3d.corner_distance(torch.ones(0, 7), torch.ones(0, 7)), "got none"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()
