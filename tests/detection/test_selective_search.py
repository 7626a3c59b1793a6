"""Selective search against a loop that reads the pixels anew at each step; hand examples; recall."""

import itertools
import math
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skimage.segmentation import felzenszwalb

from lecture_utils.data import toyworld
from lecture_utils.detection import selective_search as ss
from lecture_utils.detection.sliding_windows import sliding_windows
from lecture_utils.metrics.proposals import best_overlaps, recall_at
from tests.mutants import planted

pytestmark = pytest.mark.system("S07.4")
SETS = [tuple(ss.SIMILARITIES), ("texture", "size", "fill"), ("colour",), ("fill",), ("size", "colour")]


def noise(height: int = 9, width: int = 12, regions: int = 7, channels: int = 3, seed: int = 0):
    """Random colours (H, W, C), and labels (H, W) of regions that hang together: nearest of random points."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    points = rng.choice(height * width, regions, replace=False)
    far = (y[..., None] - points // width) ** 2 + (x[..., None] - points % width) ** 2
    labels = np.unique(far.argmin(2), return_inverse=True)[1].reshape(height, width)
    return rng.random((height, width, channels)), labels


def histogram_of(values: np.ndarray, mask: np.ndarray, bins: int) -> np.ndarray:
    """Of the values under a mask, channel after channel, with numpy's own histogram; of sum 1."""
    channels = np.moveaxis(values, 2, 0)
    counts = [np.histogram(np.clip(c[mask], 0, 1), bins, (0, 1))[0] for c in channels]
    return np.concatenate(counts) / (mask.sum() * len(channels))


@cache
def group_loop(seed, names):
    """Algorithm 1 on masks: each step reads box, size and histograms from the pixels, and all neighbours."""
    colours, labels = noise(seed=seed)
    steep = ss.slopes(colours) / ss.STEEPEST
    pixels = labels.size

    def region(mask):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        return mask.sum(), box, histogram_of(colours, mask, 25), histogram_of(steep, mask, 10)

    def touch(a, b):
        up = (a[1:] & b[:-1]).any() or (a[:-1] & b[1:]).any()
        return up or (a[:, 1:] & b[:, :-1]).any() or (a[:, :-1] & b[:, 1:]).any()

    def similarity(a, b):
        (na, _, ca, ta), (nb, _, cb, tb) = seen[id(a)], seen[id(b)]
        rows, columns = np.flatnonzero((a | b).any(1)), np.flatnonzero((a | b).any(0))
        x1, y1, x2, y2 = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        found = {
            "colour": sum(min(p, q) for p, q in zip(ca, cb, strict=True)),
            "texture": sum(min(p, q) for p, q in zip(ta, tb, strict=True)),
            "size": 1 - (na + nb) / pixels,
            "fill": 1 - ((x2 - x1) * (y2 - y1) - na - nb) / pixels,
        }
        return sum(found[name] for name in names)

    left = [labels == i for i in range(labels.max() + 1)]
    made = [region(mask) for mask in left]
    kept = [*left]  # so that no two masks ever share an id
    seen = {id(mask): one for mask, one in zip(left, made, strict=True)}
    while len(left) > 1:
        pairs = [(a, b) for a, b in itertools.combinations(range(len(left)), 2) if touch(left[a], left[b])]
        a, b = max(pairs, key=lambda pair: similarity(left[pair[0]], left[pair[1]]))
        union = left[a] | left[b]
        left = [mask for i, mask in enumerate(left) if i not in (a, b)] + [union]
        made.append(region(union))
        seen[id(union)] = made[-1]
        kept.append(union)
    return made


def groups_as_the_loop_does(module) -> None:
    for seed, names in itertools.product(range(3), SETS):
        colours, labels = noise(seed=seed)
        got = module.group(
            module.describe(colours, labels), module.touching_pairs(labels), labels.size, names
        )
        want = group_loop(seed, names)
        assert len(got) == len(want) == 2 * labels.max() + 1
        for region, (size, box, colour, texture) in zip(got, want, strict=True):
            assert (region.size, region.box) == (size, box)
            np.testing.assert_allclose(
                region.colour, colour, atol=1e-12
            )  # of the union, read from its pixels
            np.testing.assert_allclose(region.texture, texture, atol=1e-12)


def recall_beats_windows(module) -> None:
    """At equal numbers of boxes, on scenes of the toy world, at two IoUs."""
    images, truth = scenes(6)
    found = [module.selective_search(image) for image in images]
    windows = [sliding_windows(96, 96)] * len(images)
    for n, iou in itertools.product((30, 100, 200), (0.5, 0.7)):
        assert recall_at(found, truth, n, iou) > recall_at(windows, truth, n, iou) + 0.15
    assert recall_at(found, truth, 200) > 0.9
    assert best_overlaps(found, truth, 200).mean() > 0.8


def order_is_by_place(module) -> None:
    """With chance set to 1: by the place from the end of a grouping, and the better one of equal boxes."""
    image = scenes(1)[0][0][:, 20:60, 20:70]
    strategies = (ss.Strategy("rgb", 100), ss.Strategy("rgb", 100, ("fill",)), ss.Strategy("hsv", 50))
    places = {}
    for strategy in strategies:
        colours = ss.in_colour_space(image.permute(1, 2, 0).double().numpy(), strategy.space)
        labels = felzenszwalb(colours, scale=strategy.k, sigma=0.8, min_size=20, channel_axis=2)
        start = ss.describe(colours, labels), ss.touching_pairs(labels), labels.size
        for place, one in enumerate(ss.group(*start, strategy.similarities)[::-1], start=1):
            places[one.box] = min(place, places.get(one.box, place))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np.random, "default_rng", lambda seed: SimpleNamespace(random=lambda: 1.0))
        boxes = module.selective_search(image, strategies=strategies)
    got = [places[tuple(box)] for box in boxes.int().tolist()]
    assert len(got) == len(places) and got == sorted(got)


@cache
def scenes(n: int):
    """Pictures of 96 pixels, and boxes of those objects of which a quarter or more shows."""
    sample = toyworld.render(
        toyworld.sample_scenes(n, seed=3), 96, None, only=("image", "boxes", "visibility")
    )
    shown = zip(sample.boxes, sample.visibility, strict=True)
    return sample.image, [boxes[seen > 0.25] for boxes, seen in shown]


CHECKS = [groups_as_the_loop_does, order_is_by_place, recall_beats_windows]


@pytest.mark.parametrize("check", CHECKS)
def test_it_is_as_the_paper_says(check):
    check(ss)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (0, "colour=(a.size * a.colour + b.size * b.colour) / size", "colour=(a.colour + b.colour) / 2"),
        (0, "(a.size * a.texture + b.size * b.texture) / size", "(a.texture + b.texture) / 2"),
        (0, "min(ax1, bx1), min(ay1, by1), max", "min(ax1, bx1), min(ay1, by1), min"),
        (0, "np.minimum(a.colour, b.colour).sum()", "-np.abs(a.colour - b.colour).max()"),
        (0, "np.minimum(a.texture, b.texture)", "np.maximum(a.texture, b.texture)"),
        (0, "return 1 - (a.size + b.size) / pixels", "return (a.size + b.size) / pixels"),
        (0, "(x2 - x1) * (y2 - y1) - a.size - b.size", "a.size + b.size"),
        (0, "i, j = max(similar", "i, j = min(similar"),
        (0, "        similar |= ", "        _ = "),
        (0, "labels[:-1].ravel(), labels[1:].ravel()", "labels[:-1].ravel(), labels[:-1].ravel()"),
        (0, "+ bins * np.arange(channels)", ""),
        (0, "(x.start, y.start, x.stop, y.stop)", "(y.start, x.start, y.stop, x.stop)"),
        (1, "enumerate(reversed(grouped), start=1)", "enumerate(grouped, start=1)"),
        (1, "ranks[region.box] = min(", "ranks[region.box] = max("),
        (1, "ranks[region.box] = min(rank, ranks.get(region.box, rank))", "ranks[region.box] = rank"),
        (1, "sorted(ranks, key=ranks.__getitem__)", "list(ranks)"),
        (2, "for y, x in ndimage", "for x, y in ndimage"),
        (2, "scale=k,", "scale=k * 100,"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(check, right, wrong):
    fault = planted("lecture_utils.detection.selective_search", (right, wrong))
    with pytest.raises((AssertionError, ValueError, IndexError)):
        CHECKS[check](fault)


def region(box, size, colour=(1.0, 0.0), texture=(0.5, 0.5)) -> ss.Region:
    return ss.Region(size, box, np.array(colour), np.array(texture))


def test_similarities_by_hand():
    """Two squares of 2 × 2, one pixel apart, in a picture of 100 pixels."""
    a = region((0, 0, 2, 2), 4, colour=(0.75, 0.25), texture=(0.1, 0.9))
    b = region((3, 0, 5, 2), 4, colour=(0.25, 0.75), texture=(0.1, 0.9))
    assert ss.colour_similarity(a, b, 100) == pytest.approx(0.5)
    assert ss.texture_similarity(a, b, 100) == pytest.approx(1)
    assert ss.size_similarity(a, b, 100) == pytest.approx(0.92)
    assert ss.fill_similarity(a, b, 100) == pytest.approx(1 - (5 * 2 - 8) / 100)
    both = ss.merge(a, region((3, 0, 5, 2), 12, colour=(0.25, 0.75)))
    assert (both.size, both.box) == (16, (0, 0, 5, 2))
    np.testing.assert_allclose(both.colour, [(4 * 0.75 + 12 * 0.25) / 16, (4 * 0.25 + 12 * 0.75) / 16])


def test_similar_neighbours_merge_first():
    """Red, red, blue in a row: the two reds merge, though the blue one is as near."""
    red, blue = {"colour": (1.0, 0.0)}, {"colour": (0.0, 1.0)}
    row = [region((0, 0, 1, 1), 1, **red), region((1, 0, 2, 1), 1, **red), region((2, 0, 3, 1), 1, **blue)]
    grouped = ss.group(row, [(0, 1), (1, 2)], 3)
    assert [r.box for r in grouped[3:]] == [(0, 0, 2, 1), (0, 0, 3, 1)]


def test_slopes_of_a_step():
    """An edge that rises to the right: steepest to the right, nothing to the left or along it."""
    step = np.zeros((16, 16, 1))
    step[:, 8:] = 1
    east, south_east, south, *_ = np.moveaxis(ss.slopes(step), 2, 0)
    west = ss.slopes(step)[..., 4]
    np.testing.assert_allclose(east[8, 7:9].mean(), np.exp(-1 / 8) / np.sqrt(2 * np.pi), rtol=0.05)
    np.testing.assert_allclose(south_east, east / np.sqrt(2), atol=1e-12)
    assert east.max() < ss.STEEPEST and np.abs(south).max() < 1e-12 and np.abs(west).max() < 1e-12
    turned = ss.slopes(step.transpose(1, 0, 2))
    np.testing.assert_allclose(turned[..., 2], east.T, atol=1e-12)


@pytest.mark.parametrize("shape", [(9, 12), (1, 5), (5, 1), (7, 7)])
def test_touching_pairs_are_those_of_a_loop(shape):
    _, labels = noise(*shape, regions=5, seed=1)
    want = set()
    for y, x in np.ndindex(shape):
        for v, u in ((y + 1, x), (y, x + 1)):
            if v < shape[0] and u < shape[1] and labels[y, x] != labels[v, u]:
                want.add(tuple(sorted((int(labels[y, x]), int(labels[v, u])))))
    got = ss.touching_pairs(labels)
    assert len(got) == len(want) and set(got) == want


@pytest.mark.parametrize("space", ["hsv", "lab", "rgi", "rgb", "intensity"])
def test_histograms_are_numpy_s_in_each_colour_space(space):
    picture = scenes(1)[0][0].permute(1, 2, 0).double().numpy()
    colours = ss.in_colour_space(picture, space)
    assert colours.min() >= 0 and colours.max() <= 1
    labels = felzenszwalb(colours, scale=100, sigma=0.8, min_size=20, channel_axis=2)
    found = ss.describe(colours, labels)
    for i, one in enumerate(found):
        mask = labels == i
        np.testing.assert_allclose(one.colour, histogram_of(colours, mask, 25), atol=1e-12)
        np.testing.assert_allclose(
            one.texture, histogram_of(ss.slopes(colours) / ss.STEEPEST, mask, 10), atol=1e-12
        )
    assert sum(one.size for one in found) == labels.size


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 5), (40, 64)])
def test_all_boxes_lie_in_the_picture_and_one_is_the_picture(size):
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    boxes = ss.selective_search(image)
    height, width = size
    assert boxes.dtype == torch.float32 and len(boxes.unique(dim=0)) == len(boxes)
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] > boxes[:, :2]).all()
    assert (boxes[:, 2:] <= torch.tensor([width, height])).all()
    assert [0, 0, width, height] in boxes.tolist()


def test_the_seed_changes_the_order_alone():
    image = scenes(1)[0][0]
    one, same, other = (ss.selective_search(image, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(one.unique(dim=0), other.unique(dim=0))


def test_more_strategies_find_more():
    image = scenes(1)[0][0]
    few = ss.selective_search(image, strategies=ss.FAST[:1])
    many = ss.selective_search(image, strategies=(*ss.FAST, ss.Strategy("rgi", 50), ss.Strategy("rgb", 25)))
    assert {*map(tuple, few.tolist())} < {*map(tuple, many.tolist())}


def test_a_plain_picture_is_one_region():
    boxes = ss.selective_search(torch.full((3, 20, 30), 0.5))
    assert boxes.tolist() == [[0, 0, 30, 20]]


def test_sliding_windows_are_those_of_a_loop():
    got = sliding_windows(20, 30, sides=(8, 16), ratios=(0.25, 1), step=0.5, seed=None)
    want = []
    for side, ratio in itertools.product((8, 16), (0.25, 1)):
        h, w = side * ratio**0.5, side / ratio**0.5
        for row in range(100):
            for column in range(100):
                x, y = column * w / 2, row * h / 2
                if x + w <= 30 and y + h <= 20:
                    want.append([x, y, x + w, y + h])
    assert got.tolist() == want
    mixed = sliding_windows(20, 30, sides=(8, 16), ratios=(0.25, 1), step=0.5)
    assert sorted(mixed.tolist()) == sorted(want) and mixed.tolist() != want
    assert sliding_windows(8, 8, sides=(9,)).shape == (0, 4)


def test_recall_by_hand():
    truth = [
        torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]]),
        torch.tensor([[0.0, 0, 4, 4]]),
        torch.zeros(0, 4),
    ]
    near = torch.tensor([[50.0, 50, 60, 60], [0, 0, 10, 5], [20, 20, 30, 30]])
    proposals = [near, torch.zeros(0, 4), near]
    torch.testing.assert_close(best_overlaps(proposals, truth, 2), torch.tensor([0.5, 0, 0]))
    torch.testing.assert_close(best_overlaps(proposals, truth, 3), torch.tensor([0.5, 1, 0]))
    assert recall_at(proposals, truth, 1) == 0
    assert recall_at(proposals, truth, 3) == pytest.approx(2 / 3)
    assert recall_at(proposals, truth, 9, iou=0.6) == pytest.approx(1 / 3)


IMAGE, BOXES = torch.rand(3, 8, 8), [torch.tensor([[0.0, 0, 4, 4]])]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ss.selective_search(IMAGE[None]), r"want one picture \(3, H, W\)"),
        (lambda: ss.selective_search(IMAGE[0]), "want"),
        (lambda: ss.selective_search(IMAGE.permute(1, 2, 0)), "channels come first"),
        (lambda: ss.selective_search(IMAGE * 255), r"want all in \[0, 1\]"),
        (lambda: ss.selective_search((IMAGE * 255).byte()), "floating-point"),
        (lambda: ss.selective_search(IMAGE * math.nan), "no NaN"),
        (lambda: ss.selective_search(IMAGE, strategies=()), "strategies"),
        (lambda: ss.selective_search(IMAGE, strategies=[("hsv", 100)]), "want Strategy"),
        (lambda: ss.selective_search(IMAGE, strategies=[ss.Strategy("cmyk")]), "space: got 'cmyk'"),
        (lambda: ss.selective_search(IMAGE, strategies=[ss.Strategy(k=0)]), "k: got 0"),
        (lambda: ss.selective_search(IMAGE, strategies=[ss.Strategy(similarities=("hue",))]), "similarities"),
        (lambda: ss.selective_search(IMAGE, strategies=[ss.Strategy(similarities=())]), "similarity or more"),
        (lambda: ss.selective_search(IMAGE, min_size=0), "min_size 0"),
        (lambda: sliding_windows(0, 8), "height 0"),
        (lambda: sliding_windows(8, 8, sides=()), "sides"),
        (lambda: sliding_windows(8, 8, ratios=(-1,)), "ratios: got -1"),
        (lambda: sliding_windows(8, 8, step=0), "step"),
        (lambda: recall_at(BOXES, BOXES * 2, 1), "proposals: got 1 items"),
        (lambda: recall_at(BOXES, BOXES, 0), "n: got 0"),
        (lambda: recall_at(BOXES, BOXES, 1, iou=2), "iou: got 2"),
        (lambda: recall_at(BOXES, [BOXES[0][:0]], 1), "no object"),
        (lambda: best_overlaps([BOXES[0].long()], BOXES, 1), "proposals: got torch.int64"),
        (lambda: best_overlaps(BOXES, [BOXES[0][0]], 1), "truth: got"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
