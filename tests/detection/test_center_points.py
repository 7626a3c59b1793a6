"""Objects as points: encoding and decoding undo each other, collisions are counted, one batch is learned."""

from typing import Any

import pytest
import torch
from torch import Tensor

from lecture_utils.detection import center_points
from lecture_utils.detection.heatmaps import heatmap_focal_loss
from lecture_utils.detection.structures import Detections, Targets
from tests.detection.cases import assert_learned, batch_of_two
from tests.detection.point_cases import STRIDE, Backbone, objects, right_ones
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.6")
CLASSES = 3


def round_trip(
    module: object, targets: Targets, size: tuple[int, int] = (33, 32)
) -> tuple[list[Tensor], int]:
    """Encode and decode: which objects came back, a row of truth values a picture, and how many collide."""
    like = torch.zeros(len(targets), 1, *size, dtype=torch.float64)
    maps = module.encode_points(targets, like, classes=CLASSES, stride=STRIDE)
    pictures = [(size[0] * STRIDE, size[1] * STRIDE)] * len(targets)
    decoded = module.decode_points(maps.heat, maps.sizes, maps.offsets, pictures, stride=STRIDE, most=10000)
    back = []
    for found, target in zip(decoded, targets, strict=True):
        sure = found.scores == 1  # just the centres
        back.append(right_ones(found.boxes[sure], found.labels[sure], target).any(0))
    return back, maps.collisions


def compare(module: object) -> None:
    """Few objects: all come back. Many: all but those that collide, and these are counted."""
    for count, apart in ((5, True), (60, False)):
        targets = objects(4, count, classes=CLASSES, size=128, least=6, seed=count)
        cells = [((boxes[:, :2] + boxes[:, 2:]) / 2 / STRIDE).floor() for boxes, _ in targets]
        want = sum(len(own) - len(own.unique(dim=0)) for own in cells)
        back, collisions = round_trip(module, targets)
        assert (want == 0) == apart and collisions == want
        assert sum(int((~own).sum()) for own in back) == want


def test_what_is_encoded_comes_back_up_to_the_collisions():
    compare(center_points)


@pytest.mark.parametrize(
    "fault",
    [
        ("gather_at(offsets, picture, peaks.cells)) * stride", "0.5) * stride"),
        (".clamp(min=0) / 2", ".clamp(min=0)"),
        ("len(sides) - int(taken.sum())", "0"),
        ("picture = torch.full_like(peaks.labels, number)", "picture = 0 * peaks.labels"),
        ("sides[i], points.offsets[i]", "sides[i], points.offsets[0]"),
        ("torch.cat([centre - half, centre + half], dim=1)", "torch.cat([centre, centre + 2 * half], dim=1)"),
    ],
)
def test_the_round_trip_sees(fault):
    with pytest.raises(AssertionError):
        compare(planted("lecture_utils.detection.center_points", fault))


def smaller_wins(module: object) -> None:
    boxes = torch.tensor([[0.0, 0, 40, 40], [19, 18, 22, 23], [60, 60, 80, 90]], dtype=torch.float64)
    labels = torch.tensor([0, 1, 0])
    for order in ([0, 1, 2], [1, 0, 2]):
        back, collisions = round_trip(module, [(boxes[order], labels[order])])
        assert collisions == 1
        assert back[0].tolist() == [i != 0 for i in order]  # the large one is lost


def test_of_two_objects_with_one_centre_the_smaller_is_kept():
    smaller_wins(center_points)
    with pytest.raises(AssertionError):
        fault = ("descending=True, stable", "descending=False, stable")
        smaller_wins(planted("lecture_utils.detection.center_points", fault))


def test_centres_in_neighbouring_cells_are_both_found():
    boxes = torch.tensor([[0.0, 0, 40, 40], [4, 0, 44, 40]], dtype=torch.float64)
    back, collisions = round_trip(center_points, [(boxes, torch.tensor([1, 1]))])
    assert collisions == 0 and back[0].all()


def test_boxes_are_cut_off_at_the_edge_and_those_without_area_left_out():
    heat = torch.zeros(1, 1, 4, 4)
    heat[0, 0, 0, 0], heat[0, 0, 2, 2], heat[0, 0, 0, 3] = 0.9, 0.8, 0.7
    sizes = torch.full((1, 2, 4, 4), 100.0)
    sizes[0, 0, 2, 2] = -3  # a network may say so
    (found,) = center_points.decode_points(heat, sizes, torch.zeros(1, 2, 4, 4), [(16, 14)], stride=4)
    assert found.boxes.tolist() == [[0, 0, 14, 16]] * 2
    torch.testing.assert_close(found.scores, torch.tensor([0.9, 0.7]))


def small(**settings: float) -> center_points.CenterPoints:
    torch.manual_seed(0)
    head = center_points.PointHead(16, CLASSES, width=16)
    return center_points.CenterPoints(Backbone(), head, **settings)


def compare_losses(module: object) -> None:
    """Equations 1 to 4: L1 at the centres alone, weighted."""
    images, targets = batch_of_two()
    torch.manual_seed(0)
    model = module.CenterPoints(Backbone(), module.PointHead(16, CLASSES, width=16))
    with torch.no_grad():  # a fresh heat map is the same everywhere
        model.head.heat[-1].weight.mul_(100)
    heat, sizes, offsets = model.head(model.backbone(images)[-1])
    wide = off = 0
    for number, (boxes, _) in enumerate(targets):
        for x1, y1, x2, y2 in boxes.tolist():
            cx, cy = (x1 + x2) / 8, (y1 + y2) / 8
            x, y = int(cx), int(cy)
            wide = wide + abs(sizes[number, 0, y, x] - (x2 - x1)) + abs(sizes[number, 1, y, x] - (y2 - y1))
            off = off + abs(offsets[number, 0, y, x] - (cx - x)) + abs(offsets[number, 1, y, x] - (cy - y))
    want = center_points.encode_points(targets, heat, classes=CLASSES, stride=STRIDE).heat
    got = model.losses(images, targets)
    torch.testing.assert_close(got["size"], 0.1 * wide / 3)
    torch.testing.assert_close(got["offset"], off / 3)
    torch.testing.assert_close(got["centres"], heatmap_focal_loss(heat, want, 3))


def test_losses_equal_a_loop():
    compare_losses(center_points)


@pytest.mark.parametrize(
    "fault",
    [
        ("(offset - want.offsets).abs() * there", "(offset - want.offsets).abs()"),
        ("(size - want.sizes).abs()", "(size / 4 - want.sizes).abs()"),
        ('self.weights["size"] * wide', "wide"),
        ("heatmap_focal_loss(heat, want.heat, n)", "heatmap_focal_loss(heat, want.heat, 1)"),
        ("heatmap_focal_loss(heat, want.heat, n)", "heatmap_focal_loss(heat, want.heat.flip(3), n)"),
    ],
)
def test_the_loop_over_losses_sees(fault):
    with pytest.raises(AssertionError):
        compare_losses(planted("lecture_utils.detection.center_points", fault))


def test_one_batch_is_learned():
    assert_learned(small(), rate=5e-3, steps=110, least=0.8)


@pytest.mark.parametrize("size", [(33, 46), (32, 32), (17, 65)])
def test_a_picture_s_answer_does_not_depend_on_its_batch(size):
    model = small().double().eval()
    images = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        model.head.sizes[-1].bias.fill_(9)
    for image, found in zip(images, model(images), strict=True):
        (alone,) = model(image[None])
        assert len(found.boxes) and found.boxes.dtype == torch.float64
        torch.testing.assert_close(alone.scores, found.scores)
        torch.testing.assert_close(alone.boxes, found.boxes)
        assert (found.boxes >= 0).all() and (found.boxes <= torch.tensor([*size[::-1]] * 2)).all()


def decode(**wrong: Any) -> list[Detections]:
    """Decode maps that are narrow enough to be taken for pictures with the channels last."""
    heat, sizes, offsets = center_points.PointHead(4, CLASSES, width=4)(torch.rand(1, 4, 5, 3))
    good = {
        "heat": heat.sigmoid(),
        "sizes": sizes,
        "offsets": offsets,
        "picture_sizes": [(20, 12)],
        "stride": 4,
    }
    return center_points.decode_points(**good | wrong)


def test_narrow_maps_will_do():
    assert len(decode()) == 1


def test_losses_where_no_picture_has_an_object():
    nothing = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    losses = small().losses(torch.rand(2, 3, 32, 32), [nothing] * 2)
    assert losses["size"] == losses["offset"] == 0 and losses["centres"] > 0
    sum(losses.values()).backward()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small(iou=0.0), "iou"),
        (lambda: small(size=-1.0), "size"),
        (lambda: small()(torch.rand(3, 32, 32)), "images"),
        (lambda: small().losses(batch_of_two()[0], batch_of_two()[1][:1]), "targets"),
        (lambda: center_points.PointHead(4, 0), "classes"),
        (lambda: decode(offsets=torch.full((1, 2, 5, 3), torch.nan)), "offsets"),
        (lambda: decode(sizes=torch.ones(1, 2, 5, 4)), "sizes"),
        (lambda: decode(picture_sizes=[]), "picture_sizes|sizes"),
        (lambda: decode(stride=0), "stride"),
        (lambda: center_points.encode_points([(torch.tensor([[90.0, 0, 99, 9]]), torch.tensor([0]))],
            torch.zeros(1, 1, 8, 8), classes=1, stride=4), "outside the picture"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
