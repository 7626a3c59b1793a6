"""R-CNN: warping against a loop, ridge and SVM against scikit-learn, mining against all negatives; whole."""

import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC
from torch import Tensor, nn

from lecture_utils.detection import rcnn, rcnn_fit
from lecture_utils.detection.structures import Detections
from lecture_utils.metrics.coco import coco_summary
from lecture_utils.ops.boxes import box_iou, decode_boxes
from tests.mutants import planted

pytestmark = pytest.mark.system("S07.5")


def gaussian(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def some_boxes(n: int, seed: int, size: float = 20) -> Tensor:
    made = torch.Generator().manual_seed(seed)
    corner = size * torch.rand(n, 2, generator=made, dtype=torch.float64) - 3
    return torch.cat([corner, corner + 1 + size / 2 * torch.rand(n, 2, generator=made)], dim=1)


def warp_loop(image: Tensor, box: list[float], size: int, context: float, fill: list[float]) -> Tensor:
    """One region, pixel by pixel: the box grown by its context, and bilinear samples of a filled plane."""
    pixels, (_, height, width) = image.tolist(), image.shape
    x1, y1, x2, y2 = box
    grow = size / (size - 2 * context * size)  # (S / (S - 2 p))
    w, h, cx, cy = grow * (x2 - x1), grow * (y2 - y1), (x1 + x2) / 2, (y1 + y2) / 2

    def at(c, row, column):
        inside = 0 <= row < height and 0 <= column < width
        return pixels[c][row][column] if inside else fill[c]

    out = torch.zeros(3, size, size, dtype=image.dtype)
    for c, i, j in np.ndindex(3, size, size):
        y, x = cy - h / 2 + (i + 0.5) / size * h - 0.5, cx - w / 2 + (j + 0.5) / size * w - 0.5
        row, column = math.floor(y), math.floor(x)
        b, a = y - row, x - column
        top = (1 - a) * at(c, row, column) + a * at(c, row, column + 1)
        bottom = (1 - a) * at(c, row + 1, column) + a * at(c, row + 1, column + 1)
        out[c, i, j] = (1 - b) * top + b * bottom
    return out


def warps_as_the_loop(module, _) -> None:
    image = gaussian(0, 3, 13, 17)
    boxes = torch.cat([some_boxes(5, 1), torch.tensor([[-9.0, -4, 30, 2], [2, 3, 3, 4], [0, 0, 17, 13]])])
    for size, context, fill in ((7, 16 / 227, None), (4, 0.0, [0.5, -1.0, 2.0]), (1, 0.25, None)):
        got = module.warp_regions(image, boxes, size, context=context, fill=fill)
        colour = image.mean((1, 2)).tolist() if fill is None else fill
        want = [warp_loop(image, box, size, context, colour) for box in boxes.tolist()]
        torch.testing.assert_close(got, torch.stack(want))


def ridge_is_sklearn_s(_, fit) -> None:
    for n, width, decay in ((40, 5, 1.0), (6, 9, 0.1), (30, 4, 1000.0), (1, 3, 2.0)):
        x, y = gaussian(n, n, width) + 3, gaussian(n + 1, n, 4) - 2
        got = fit.ridge(x, y, decay=decay)
        want = Ridge(alpha=decay).fit(x.numpy(), y.numpy())
        np.testing.assert_allclose(got.weight.numpy(), want.coef_.T, atol=1e-9)
        np.testing.assert_allclose(got.bias.numpy(), want.intercept_, atol=1e-9)
        np.testing.assert_allclose(got(x).numpy(), want.predict(x.numpy()), atol=1e-9)


def examples_are_the_loop_s(_, fit) -> None:
    close = 0
    for seed in range(40):
        proposals, objects = some_boxes(30, seed), some_boxes(seed % 4, seed + 100)
        proposals = torch.cat([proposals, objects + 0.5 * gaussian(seed, *objects.shape) / 4])
        iou = box_iou(proposals, objects).tolist()
        negative = [all(one < 0.3 for one in row) for row in iou]
        assert fit.background(proposals, objects).tolist() == negative
        near = [
            (i, max(range(len(row)), key=row.__getitem__))
            for i, row in enumerate(iou)
            if row and max(row) >= 0.6
        ]
        indices, offsets = fit.box_examples(proposals, objects)
        assert indices.tolist() == [i for i, _ in near]
        decoded = decode_boxes(offsets, proposals[indices])
        torch.testing.assert_close(decoded, objects[[g for _, g in near]].reshape(-1, 4))
        close += len(near)
    assert close > 20


def svm_is_sklearn_s(_, fit) -> None:
    positives, negatives = gaussian(0, 20, 6) + 1, gaussian(1, 50, 6)
    got = fit.fit_svm(positives, negatives, c=0.1, positive_weight=3)
    want = LinearSVC(
        C=0.1, loss="hinge", class_weight={1: 3}, intercept_scaling=10, max_iter=99999, random_state=5
    )
    x = torch.cat([positives, negatives])
    want.fit(x.numpy(), [1] * 20 + [0] * 50)
    np.testing.assert_allclose(got(x).numpy(), want.decision_function(x.numpy()), atol=1e-2)


def mining_finds_the_svm_of_all(_, fit) -> None:
    """To the end it gives the SVM of all negatives; in one pass nearly; and from few negatives."""
    positives, negatives = gaussian(0, 30, 8) + 0.8, [gaussian(2 + i, 25, 8) for i in range(30)]
    negatives.insert(3, gaussian(9, 0, 8))
    whole = fit.fit_svm(positives, torch.cat(negatives), c=0.02)
    x = torch.cat([positives, *negatives])
    used = []
    plain = fit.fit_svm

    def counted(positives, negatives, **options):
        used.append(len(negatives))
        return plain(positives, negatives, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(fit.__dict__, "fit_svm", counted)
        mined = fit.mine_hard_negatives(positives, negatives, passes=20, pictures=5, c=0.02)
        full = len(used)
        once = fit.mine_hard_negatives(positives, negatives, pictures=5, c=0.02)
    torch.testing.assert_close(mined(x), whole(x), atol=2e-2, rtol=0)
    assert max(used) < 0.3 * len(torch.cat(negatives))
    assert len(used) - full == 7 and full < 40  # nothing is left to add long before 20 passes of 7 are over
    assert (once(x) - whole(x)).abs().max() < 0.3


def regions_to_fine_tune_on_are_the_loop_s(_, fit) -> None:
    """Each drawn region is there once, with the class of its best object from an IoU of 0.5 on."""
    shown, full = 0, 0
    for seed in range(30):
        made = torch.Generator().manual_seed(seed)
        objects, labels = some_boxes(seed % 4, seed + 100), torch.randint(0, 3, (seed % 4,), generator=made)
        side = objects[:, 2:] - objects[:, :2]
        shift = 0.25 * side.repeat(4, 1) * gaussian(seed, 4 * len(objects), 2)
        near = objects.repeat(4, 1) + shift.repeat(1, 2)
        known = torch.cat([some_boxes(30, seed), near, objects])
        right = []
        for row in box_iou(known, objects).tolist():
            best = max(range(len(row)), key=row.__getitem__, default=-1)
            right.append(int(labels[best]) + 1 if row and row[best] >= 0.5 else 0)
        regions, wanted = fit.region_examples(
            known[: len(known) - len(objects)], objects, labels, number=16, generator=made
        )
        same = (regions[:, None] == known).all(2)  # (R, N + G)
        assert same.sum(1).eq(1).all() and same.sum(0).max() == 1
        assert wanted.dtype == torch.int64 and wanted.tolist() == [right[i] for i in same.long().argmax(1)]
        positives, background = sum(k > 0 for k in right), sum(k == 0 for k in right)
        drawn = int((wanted > 0).sum())
        assert drawn == min(positives, 4) and len(wanted) - drawn == min(background, 16 - drawn)
        shown, full = shown + drawn, full + (positives > 4)
    assert shown > 40 and full > 10


CHECKS = [
    warps_as_the_loop,
    ridge_is_sklearn_s,
    examples_are_the_loop_s,
    svm_is_sklearn_s,
    mining_finds_the_svm_of_all,
    regions_to_fine_tune_on_are_the_loop_s,
]


@pytest.mark.parametrize("check", CHECKS)
def test_each_part_is_the_loop_or_the_library(check):
    check(rcnn, rcnn_fit)


@pytest.mark.parametrize(
    ("check", "name", "right", "wrong"),
    [
        (0, "rcnn", "(place - context) / (1 - 2 * context)", "place"),
        (0, "rcnn", "(place - context) / (1 - 2 * context)", "(place - context) / (1 - context)"),
        (0, "rcnn", "(torch.arange(size).to(image) + 0.5)", "torch.arange(size).to(image)"),
        (0, "rcnn", "2 * x / width - 1, 2 * y / height - 1", "2 * x / height - 1, 2 * y / width - 1"),
        (0, "rcnn", "align_corners=False", "align_corners=True"),
        (0, "rcnn", " + outside[:, None, None]  # (N, 3, S, S)", ""),
        (0, "rcnn", "[x[:, None, :].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)]",
            "[x[:, :, None].expand(-1, -1, size), y[:, None, :].expand(-1, size, -1)]"),
        (1, "rcnn_fit", "precise(x) - mean_x, precise(y) - mean_y", "precise(x), precise(y)"),
        (1, "rcnn_fit", "+ decay * torch", "+ decay**2 * torch"),
        (1, "rcnn_fit", "mean_y - mean_x @ weight", "mean_y"),
        (2, "rcnn_fit", "objects) < NEGATIVE).all(1)", "objects) < NEGATIVE).any(1)"),
        (2, "rcnn_fit", "NEGATIVE, CLOSE = 0.3, 0.6", "NEGATIVE, CLOSE = 0.5, 0.5"),
        (2, "rcnn_fit", "objects[which[near]], proposals[near]", "proposals[near], objects[which[near]]"),
        (3, "rcnn_fit", "intercept_scaling=10,", ""),
        (3, "rcnn_fit", "class_weight={1: positive_weight}", "class_weight=None"),
        (3, "rcnn_fit", 'loss="hinge"', 'loss="squared_hinge"'),
        (4, "rcnn_fit", "cached[new] = True", "cached[new[:5]] = True"),
        (4, "rcnn_fit", "HARD, EASY = -1.0, -1.2", "HARD, EASY = 0.5, 0.4"),
        (4, "rcnn_fit", "part[(svm(pool[part]) > HARD).cpu()]", "part"),
        (4, "rcnn_fit", "cached &= (svm(pool) > EASY).cpu()", "cached &= (svm(pool) < 0).cpu()"),
        (5, "rcnn_fit", "LOOSE = 0.5", "LOOSE = 0.6"),
        (5, "rcnn_fit", "labels[match[match >= 0]].long() + 1", "labels[match[match >= 0]].long()"),
        (5, "rcnn_fit", "torch.cat([proposals, objects.to(proposals)])", "proposals"),
        (5, "rcnn_fit", "regions[chosen], wanted[chosen]", "regions[chosen], wanted[: len(chosen)]"),
        (5, "rcnn_fit", "number, positive_share, generator))", "number, 0.5, generator))"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(check, name, right, wrong):
    modules = {"rcnn": rcnn, "rcnn_fit": rcnn_fit} | {
        name: planted(f"lecture_utils.detection.{name}", (right, wrong))
    }
    with pytest.raises((AssertionError, RuntimeError)):
        CHECKS[check](*modules.values())


def test_regions_to_fine_tune_on_repeat_with_their_generator():
    """A quarter of 128 are objects where there are enough of them, as in the paper."""
    objects = torch.tensor([[0.0, 0, 20, 20], [30, 30, 60, 50]])
    proposals = torch.cat([objects.repeat(30, 1), some_boxes(300, 0, size=9).float() + 70])
    labels = torch.tensor([2, 0])

    def drawn(seed: int) -> tuple[Tensor, Tensor]:
        made = torch.Generator().manual_seed(seed)
        return rcnn_fit.region_examples(proposals, objects, labels, generator=made)

    (regions, wanted), (same, _), (others, _) = drawn(0), drawn(0), drawn(1)
    assert torch.equal(regions, same) and not torch.equal(regions, others)
    assert wanted.unique().tolist() == [0, 1, 3] and (wanted > 0).sum() == 32 and len(wanted) == 128
    half = rcnn_fit.region_examples(proposals, objects, labels, number=10, positive_share=0.5)[1]
    assert (half > 0).sum() == 5 and len(half) == 10
    torch.manual_seed(0)  # without a generator: the global one
    first = rcnn_fit.region_examples(proposals, objects, labels)[0]
    torch.manual_seed(0)
    assert torch.equal(first, rcnn_fit.region_examples(proposals, objects, labels)[0])


def test_a_picture_without_objects_or_proposals_still_has_its_examples():
    nothing, no_labels = torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)
    proposals = some_boxes(9, 0).float()
    regions, wanted = rcnn_fit.region_examples(proposals, nothing, no_labels, number=6)
    assert regions.shape == (6, 4) and wanted.tolist() == [0] * 6
    regions, wanted = rcnn_fit.region_examples(nothing, proposals[:1], torch.tensor([4]))
    assert torch.equal(regions, proposals[:1]) and wanted.tolist() == [5]
    regions, wanted = rcnn_fit.region_examples(nothing, nothing, no_labels)
    assert regions.shape == (0, 4) and wanted.shape == (0,) and wanted.dtype == torch.int64


def test_16_of_227_pixels_are_context_on_each_side():
    """A white box on black: at the paper's size it fills the pixels from 16 to 211, whatever its shape."""
    image = torch.zeros(3, 60, 80)
    image[:, 20:50, 10:30] = 1
    (region,) = rcnn.warp_regions(image, torch.tensor([[10.0, 20, 30, 50]]), 227)
    want = torch.zeros(227, dtype=torch.bool)
    want[16:211] = True
    for line in (region[0, 113], region[0, :, 113]):
        assert torch.equal(line > 0.5, want)


def test_the_whole_picture_without_context_stays_as_it_is():
    image = torch.rand(3, 24, 24)
    (got,) = rcnn.warp_regions(image, torch.tensor([[0.0, 0, 24, 24]]), 24, context=0)
    torch.testing.assert_close(got, image)
    wide = rcnn.warp_regions(image[:, :12], torch.tensor([[0.0, 0, 24, 12]]), 24, context=0)[0]
    assert wide.shape == (3, 24, 24)
    assert rcnn.warp_regions(image, torch.zeros(0, 4), 8).shape == (0, 3, 8, 8)


def test_warping_follows_a_mirror():
    image, boxes = torch.rand(3, 20, 30), some_boxes(6, 0).float()
    mirrored = torch.stack([30 - boxes[:, 2], boxes[:, 1], 30 - boxes[:, 0], boxes[:, 3]], dim=1)
    got = rcnn.warp_regions(image.flip(2), mirrored, 9)
    torch.testing.assert_close(got.flip(3), rcnn.warp_regions(image, boxes, 9), atol=1e-4, rtol=1e-4)


COLOURS = torch.tensor([[0.9, 0.2, 0.2], [0.2, 0.9, 0.3]])


def rectangles(n: int, seed: int):
    """Grey pictures of 48 pixels with two red or green rectangles; proposals around them and apart."""
    made = torch.Generator().manual_seed(seed)

    def draw(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=made)

    images, targets, proposals = [], [], []
    for _ in range(n):
        image = draw(0, 0.3, 3, 1, 1) + draw(0, 0.1, 3, 48, 48)
        corner = (draw(0, 8, 2, 2) + torch.tensor([[0, 0], [24, 20]])).int()
        boxes = torch.cat([corner, corner + draw(9, 16, 2, 2).int()], dim=1)
        labels = torch.randint(0, 2, (2,), generator=made)
        for (x1, y1, x2, y2), label in zip(boxes.tolist(), labels.tolist(), strict=True):
            image[:, y1:y2, x1:x2] = COLOURS[label][:, None, None]
        near = boxes.float().repeat(8, 1) + 1.5 * torch.randn(16, 4, generator=made)
        apart = draw(0, 36, 40, 2)
        images.append(image)
        targets.append((boxes.float(), labels))
        proposals.append(torch.cat([near, torch.cat([apart, apart + draw(3, 20, 40, 2)], dim=1)]))
    return torch.stack(images), proposals, targets


def pooled(x: Tensor) -> Tensor:
    """A CNN's stand-in: mean colours of 8 × 8 cells."""
    return F.adaptive_avg_pool2d(x, 8).flatten(1)


def new(features=pooled) -> rcnn.RCNN:
    return rcnn.RCNN(features, width=192, classes=2, size=32)


@pytest.fixture(scope="module")
def trained() -> rcnn.RCNN:
    return new().fit(*rectangles(16, 0))


def summary(model: rcnn.RCNN, **options) -> dict[str, float]:
    images, proposals, targets = rectangles(12, 1)
    found = [model(*pair, **options) for pair in zip(images, proposals, strict=True)]
    return coco_summary([tuple(one) for one in found], targets, classes=2)


def test_it_finds_rectangles_and_corrects_their_boxes(trained):
    plain, corrected = summary(trained, regress=False), summary(trained)
    assert min(plain["AP50"], corrected["AP50"]) > 0.9
    assert corrected["AP75"] > plain["AP75"] + 0.3


def test_the_length_of_the_features_does_not_matter(trained):
    other = new(lambda x: 50 * pooled(x)).fit(*rectangles(16, 0))
    torch.testing.assert_close(other.scale * 50, trained.scale, rtol=1e-4, atol=0)
    assert summary(other)["AP50"] == pytest.approx(summary(trained)["AP50"], abs=0.01)
    images, proposals, _ = rectangles(16, 0)
    rows = torch.cat([trained.describe(*pair) for pair in zip(images, proposals, strict=True)])
    assert rows.norm(dim=1).mean() == pytest.approx(rcnn.LENGTH, rel=0.1)


def test_the_order_of_the_proposals_does_not_matter(trained):
    images, proposals, _ = rectangles(2, 2)
    one, other = trained(images[0], proposals[0]), trained(images[0], proposals[0].flip(0))
    assert isinstance(one, Detections) and len(one.boxes) >= 2
    for got, want in zip(other, one, strict=True):
        torch.testing.assert_close(got, want, atol=1e-4, rtol=1e-4)
    assert (one.scores.diff() <= 0).all() and (one.scores > -1).all()
    for label in (0, 1):
        own = one.boxes[one.labels == label]
        assert (box_iou(own, own).fill_diagonal_(0) <= 0.3).all()
    assert len(trained(images[0], proposals[0], most=1).boxes) == 1


def test_nothing_proposed_nothing_found(trained):
    empty = trained(torch.rand(3, 48, 48), torch.zeros(0, 4))
    assert [tuple(x.shape) for x in empty] == [(0, 4), (0,), (0,)] and empty.labels.dtype == torch.int64


def test_weights_are_saved_and_loaded(trained):
    copy = new()
    copy.load_state_dict(trained.state_dict())
    images, proposals, _ = rectangles(1, 3)
    for got, want in zip(copy(images[0], proposals[0]), trained(images[0], proposals[0]), strict=True):
        assert torch.equal(got, want)


def test_a_module_of_features_runs_in_evaluation_mode():
    features = nn.Sequential(nn.Dropout(0.5), nn.AdaptiveAvgPool2d(8), nn.Flatten())
    model = new(features).train()
    image, boxes = torch.rand(3, 20, 20), torch.tensor([[0.0, 0, 9, 9]])
    assert torch.equal(model.describe(image, boxes), new().describe(image, boxes))


IMAGES, PROPOSALS, TARGETS = rectangles(2, 0)
BOX = torch.tensor([[0.0, 0, 4, 4]])
small = partial(rcnn.RCNN, pooled, width=192, size=8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rcnn.warp_regions(IMAGES, BOX, 8), r"want floating point \(3, H, W\)"),
        (lambda: rcnn.warp_regions(IMAGES[0].byte(), BOX, 8), "floating-point"),
        (lambda: rcnn.warp_regions(IMAGES[0], BOX[0], 8), "boxes: got"),
        (lambda: rcnn.warp_regions(IMAGES[0], BOX * 0, 8), "width or height 0"),
        (lambda: rcnn.warp_regions(IMAGES[0], BOX, 0), "size 0"),
        (lambda: rcnn.warp_regions(IMAGES[0], BOX, 8, context=0.5), "below 0.5"),
        (lambda: rcnn.warp_regions(IMAGES[0], BOX, 8, fill=(1, 2)), "fill"),
        (lambda: rcnn.RCNN(pooled, width=0, classes=2), "width 0"),
        (lambda: rcnn.RCNN(pooled, width=9, classes=2, size=32)(IMAGES[0], BOX), "features: got"),
        (lambda: new().fit(IMAGES[0], PROPOSALS, TARGETS), "images"),
        (lambda: new().fit(IMAGES, PROPOSALS[:1], TARGETS), "proposals"),
        (lambda: new().fit(IMAGES, PROPOSALS, TARGETS[:1]), "targets"),
        (lambda: small(classes=3).fit(IMAGES, PROPOSALS, TARGETS), "object of class"),
        (lambda: new()(IMAGES, BOX), "image"),
        (lambda: new()(IMAGES[0], BOX.long()), "boxes"),
        (lambda: new()(IMAGES[0], BOX, iou_threshold=2), "iou_threshold"),
        (lambda: new()(IMAGES[0], BOX, least=math.nan), "least"),
        (lambda: new()(IMAGES[0], BOX, most=0), "most"),
        (lambda: rcnn_fit.ridge(torch.rand(3), torch.rand(3, 4)), "x: got"),
        (lambda: rcnn_fit.ridge(torch.rand(3, 2), torch.rand(2, 4)), "y: got"),
        (lambda: rcnn_fit.ridge(torch.rand(3, 2), torch.rand(3, 4), decay=0), "decay"),
        (lambda: rcnn_fit.fit_svm(torch.rand(0, 2), torch.rand(3, 2)), "positives"),
        (lambda: rcnn_fit.fit_svm(torch.rand(3, 2), torch.rand(3, 4)), "negatives"),
        (lambda: rcnn_fit.fit_svm(torch.rand(3, 2), torch.rand(3, 2), c=0), "c: got 0"),
        (lambda: rcnn_fit.mine_hard_negatives(torch.rand(3, 2), []), "negatives: got none"),
        (lambda: rcnn_fit.mine_hard_negatives(torch.rand(3, 2), [torch.rand(3, 2)], passes=0), "passes"),
        (lambda: rcnn_fit.mine_hard_negatives(torch.rand(3, 2), [torch.rand(3)]), "negatives"),
        (lambda: rcnn_fit.background(BOX[0], BOX), "a: got"),
        (lambda: rcnn_fit.region_examples(BOX, BOX, torch.tensor([0, 1])), "targets, labels: got"),
        (lambda: rcnn_fit.region_examples(BOX, BOX, torch.tensor([-1])), "targets, labels: got"),
        (lambda: rcnn_fit.region_examples(BOX, BOX * 0, torch.tensor([1])), "targets, boxes: got"),
        (lambda: rcnn_fit.region_examples(BOX, BOX, torch.tensor([1]), number=0), "number: got"),
        (lambda: rcnn_fit.region_examples(BOX, BOX, torch.tensor([1]), positive_share=2), "positive_share"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
