"""CenterNet with triplets: central regions and triplets by loops, wrong pairs removed, one batch learned."""

import functools
from typing import Any

import pytest
import torch
from torch import Tensor

from lecture_utils.detection import centernet_triplets, cornernet
from lecture_utils.detection.structures import Detections
from tests.detection.cases import assert_learned, batch_of_two
from tests.detection.point_cases import Backbone, group_norm, objects, perfect, right_ones
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.5")
SIZE = (32, 32)


def compare_regions(module: object) -> None:
    """Equation 1, number by number, for boxes below, at and above the scale."""
    boxes = torch.tensor([[10.0, 20, 70, 50], [0, 0, 150, 150], [4, 4, 300, 84], [5, 6, 205, 56]])
    want = []
    for x1, y1, x2, y2 in boxes.tolist():
        n = 3 if ((x2 - x1) * (y2 - y1)) ** 0.5 < 150 else 5
        middle = ((x1 + x2) / 2, (y1 + y2) / 2)
        half = ((x2 - x1) / n / 2, (y2 - y1) / n / 2)
        want.append([middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]])
    torch.testing.assert_close(module.central_regions(boxes), torch.tensor(want))


def compare_triplets(module: object) -> None:
    """For each pair the best centre of its class in its region, by a loop."""
    made = torch.Generator().manual_seed(0)
    start = torch.rand(60, 2, generator=made) * 60
    boxes = torch.cat([start, start + 10 + 60 * torch.rand(60, 2, generator=made)], dim=1)
    pairs = Detections(boxes, torch.arange(60) % 2, torch.rand(60, generator=made))
    points, scores = torch.rand(60, 2, generator=made) * 100, torch.rand(60, generator=made)
    labels = torch.arange(60) % 2
    want = []
    for box, label, score in zip(*pairs, strict=True):
        x1, y1, x2, y2 = module_regions(box)
        own = [
            float(s)
            for (x, y), c, s in zip(points.tolist(), labels, scores, strict=True)
            if c == label and x1 <= x <= x2 and y1 <= y <= y2
        ]
        if own:
            want.append([float(2 * score + max(own)) / 3, int(label), *box.tolist()])
    want = torch.tensor(sorted(want, reverse=True))
    got = module.keep_triplets(pairs, points, labels, scores, scale=50.0)
    assert 10 < len(want) < 50
    torch.testing.assert_close(torch.cat([got.scores[:, None], got.labels[:, None], got.boxes], dim=1), want)


def module_regions(box: Tensor) -> list[float]:
    return centernet_triplets.central_regions(box[None], scale=50.0)[0].tolist()


COMPARISONS = {"regions": compare_regions, "triplets": compare_triplets}


@pytest.mark.parametrize("name", COMPARISONS)
def test_regions_and_triplets_equal_a_loop(name):
    COMPARISONS[name](centernet_triplets)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("regions", ("size < scale, FEW, MANY", "size < scale, MANY, FEW")),
        ("regions", ("size < scale", "size <= scale")),
        ("regions", (".prod(1).sqrt()", ".amax(1)")),
        ("regions", ("((n + 1) * top_left + (n - 1) * bottom_right)", "(n * top_left + n * bottom_right)")),
        ("triplets", ("inside &= pairs.labels[:, None] == labels", "")),
        ("triplets", (".all(-1)  # (D, P)", ".any(-1)")),
        ("triplets", ("(2 * pairs.scores[kept] + best) / 3", "(pairs.scores[kept] + best) / 2")),
        ("triplets", ("scores, 0).amax(1)", "scores, 0).sum(1)")),
        ("triplets", ("pairs.labels[kept[order]]", "pairs.labels[kept]")),
    ],
)
def test_the_comparison_sees(name, fault):
    with pytest.raises(AssertionError):
        COMPARISONS[name](planted("lecture_utils.detection.centernet_triplets", fault))


def detector(**settings: Any) -> centernet_triplets.CenterNetTriplets:
    return centernet_triplets.center_net_triplets(Backbone(), channels=16, classes=3, width=12, **settings)


@functools.cache
def pairs_and_triplets() -> tuple[tuple[int, int], tuple[int, int]]:
    """Count right and wrong boxes of CornerNet and of triplets on maps of 8 pictures, 8 objects each.

    Heat and offsets are perfect up to noise, but tags say nothing: corners of one class pair at will.
    """
    targets = objects(8, 8, classes=2, size=128, least=16, seed=2)
    made = torch.Generator().manual_seed(1)
    maps = {}
    for kind in ("top-left", "bottom-right", "centre"):
        clean = perfect(targets, kind, classes=3, size=SIZE, tags=False)
        noise = 0.5 * torch.randn(clean.heat.shape, generator=made, dtype=torch.float64)
        maps[kind] = clean._replace(heat=clean.heat + noise)
    model = detector(scale=64.0)
    pairs = model.pairs(maps["top-left"], maps["bottom-right"], [(128, 128)] * len(targets))
    counts = []
    for found in (pairs, model.triplets(pairs, maps["centre"])):
        right = wrong = 0
        for own, target in zip(found, targets, strict=True):
            sure = own.scores > 0.9
            hit = right_ones(own.boxes[sure], own.labels[sure], target)
            right += int(hit.any(0).sum())
            wrong += int((~hit.any(1)).sum())
        counts.append((right, wrong))
    return counts[0], counts[1]


def test_triplets_remove_most_wrong_pairs_and_keep_the_right_ones():
    (right, wrong), (kept, left) = pairs_and_triplets()
    assert right == kept >= 58  # of 64; corners side by side can hide one another
    assert wrong > right  # without tags, corners alone are wrong more often than right
    assert left < wrong / 4


def test_a_centre_on_the_border_of_the_region_counts_and_the_head_of_centres_has_no_tags():
    pairs = Detections(torch.tensor([[0.0, 0, 30, 60]]), torch.tensor([1]), torch.tensor([0.5]))
    for point in ([10.0, 20.0], [20.0, 40.0]):  # the corners of its middle third
        kept = centernet_triplets.keep_triplets(
            pairs, torch.tensor([point]), torch.tensor([1]), torch.tensor([0.8])
        )
        torch.testing.assert_close(kept.scores, torch.tensor([0.6]))
    assert detector().centre.tags is None


def test_without_centres_nothing_is_kept():
    targets = objects(2, 4, classes=3, size=128, least=16)
    maps = [perfect(targets, kind, classes=3, size=SIZE) for kind in ("top-left", "bottom-right", "centre")]
    model = detector()
    pairs = model.pairs(*maps[:2], [(128, 128)] * 2)
    elsewhere = maps[2]._replace(heat=maps[2].heat.roll(1, dims=1))  # of another class
    some = [len(own.scores[own.scores > 0.9]) for own in model.triplets(pairs, maps[2])]
    none = [len(own.scores[own.scores > 0.9]) for own in model.triplets(pairs, elsewhere)]
    assert some == [4, 4] and none == [0, 0]
    nothing = maps[2]._replace(heat=torch.full_like(maps[2].heat, -1e5))
    assert [len(own.boxes) for own in model.triplets(pairs, nothing)] == [0, 0]


def test_one_batch_is_learned():
    torch.manual_seed(0)
    assert_learned(detector(norm=group_norm), rate=1e-2, steps=45, least=0.8)


def test_losses_are_cornernet_s_and_the_centres():
    torch.manual_seed(0)
    images, targets = batch_of_two()
    model = detector().eval()
    corners = cornernet.CornerNet(model.backbone, model.top_left, model.bottom_right).losses(images, targets)
    losses = model.losses(images, targets)
    assert set(losses) == {*corners, "centres"}
    for name in ("corners", "pull", "push"):
        assert losses[name] == corners[name]
    assert losses["offset"] > corners["offset"]


def test_losses_where_no_picture_has_an_object():
    nothing = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    losses = detector().losses(torch.rand(1, 3, 32, 32), [nothing])
    assert losses["pull"] == losses["push"] == losses["offset"] == 0
    sum(losses.values()).backward()


@pytest.mark.parametrize(("size", "cascade"), [((33, 46), True), ((33, 46), False), ((32, 32), True)])
def test_a_picture_s_answer_does_not_depend_on_its_batch(size, cascade):
    torch.manual_seed(0)
    model = centernet_triplets.center_net_triplets(
        Backbone(), channels=16, classes=3, width=12, cascade=cascade, tag_distance=1e9
    ).double().eval()  # fmt: skip
    images = torch.rand(3, 3, *size, dtype=torch.float64)
    for image, found in zip(images, model(images), strict=True):
        (alone,) = model(image[None])
        assert len(found.boxes) and found.boxes.dtype == torch.float64
        torch.testing.assert_close(alone.scores, found.scores)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: centernet_triplets.central_regions(torch.tensor([[4.0, 4, 1, 9]])), "x2 < x1"),
        (lambda: detector(scale=-1.0), "scale"),
        (lambda: detector().triplets([], detector().centre(torch.rand(1, 16, 8, 8))), "pairs"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
