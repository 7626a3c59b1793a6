"""CornerNet: tags by a loop over all pairs, boxes from perfect maps, and one batch learned."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.detection import corner_pairs, cornernet, key_point_heads
from lecture_utils.detection.structures import Detections, Targets
from lecture_utils.ops.boxes import box_iou
from tests.detection.point_cases import (
    STRIDE,
    Backbone,
    batch,
    group_norm,
    hold,
    objects,
    perfect,
    right_ones,
)
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.4")


def compare_tags(module: object) -> None:
    """Equations 4 and 5, picture by picture, with gradients; one picture has one object, one has none."""
    made = torch.Generator().manual_seed(0)
    tags = [(torch.randn(7, generator=made, dtype=torch.float64) / 2).requires_grad_() for _ in range(2)]
    picture = torch.tensor([0, 0, 0, 2, 3, 3, 3])
    pull = push = 0
    for number in range(4):
        own = (picture == number).nonzero()[:, 0].tolist()
        mean = {k: (tags[0][k] + tags[1][k]) / 2 for k in own}
        for k in own:
            pull = pull + ((tags[0][k] - mean[k]) ** 2 + (tags[1][k] - mean[k]) ** 2) / len(own) / 4
        for k, j in itertools.permutations(own, 2):
            gap = torch.clamp(1 - abs(mean[k] - mean[j]), min=0)
            push = push + gap / (len(own) * (len(own) - 1)) / 4
    got = module.pull_push_loss(*tags, picture, 4)
    for mine, want in ((got["pull"], pull), (got["push"], push)):
        torch.testing.assert_close(mine, want)
        assert want > 0.05
        slopes = [torch.autograd.grad(loss, tags, retain_graph=True) for loss in (mine, want)]
        torch.testing.assert_close(*slopes)


def test_tags_are_pulled_and_pushed_as_a_loop_says():
    compare_tags(corner_pairs)


@pytest.mark.parametrize(
    "fault",
    [
        ("+ (bottom_right - mean) ** 2", ""),
        (".triu(1)", ""),
        ("(n * (n - 1))", "(n * n)"),
        ("own = mean[picture == number]", "own = mean"),
        ("F.relu(margin - apart)", "F.relu(apart - margin)"),
    ],
)
def test_the_loop_over_tags_sees(fault):
    with pytest.raises(AssertionError):
        compare_tags(planted("lecture_utils.detection.corner_pairs", fault))


def pair_perfect(module: object, targets: Targets, *, tags: bool = True) -> list[Detections]:
    maps = [
        perfect(targets, kind, classes=3, size=(33, 32), tags=tags) for kind in ("top-left", "bottom-right")
    ]
    return module.pair_corners(*maps, [(132, 128)] * len(targets), stride=STRIDE, peaks=400)


def compare_pairs(module: object) -> None:
    """Perfect maps give back each object, and nothing else that is as sure."""
    targets = objects(3, 6, classes=3, size=128, least=6)
    for found, target in zip(pair_perfect(module, targets), targets, strict=True):
        sure = found.scores > 0.99
        right = right_ones(found.boxes[sure], found.labels[sure], target)
        assert right.any(0).all() and right.any(1).all()
        assert (found.scores.diff() <= 0).all()


def test_perfect_maps_give_back_the_objects():
    compare_pairs(corner_pairs)


@pytest.mark.parametrize(
    "fault",
    [
        ("fits &= apart <= tag_distance", ""),
        ("fits &= (end[None, :] > start[:, None]).all(-1)", "fits &= False"),
        ("a.labels[:, None] == b.labels[None, :]", "a.labels[:, None] != b.labels[None, :]"),
        ("(peaks.cells + gather_at(maps.offsets, picture, peaks.cells)) * stride", "peaks.cells * stride"),
        ("torch.full_like(peaks.labels, number)\n    return gather", "0 * peaks.labels\n    return gather"),
        ("(a.scores[i] + b.scores[j]) / 2", "a.scores[i] * 0.9"),
        ("descending=True, stable=True)\n        found", "stable=True)\n        found"),
    ],
)  # fmt: skip
def test_the_comparison_of_pairs_sees(fault):
    with pytest.raises(AssertionError):
        compare_pairs(planted("lecture_utils.detection.corner_pairs", fault))


def test_pairs_equal_a_loop_over_all_corners():
    made = torch.Generator().manual_seed(3)
    maps = [
        key_point_heads.KeyPointMaps(
            2 * torch.randn(1, 2, 7, 6, generator=made),
            torch.rand(1, 2, 7, 6, generator=made),
            torch.randn(1, 1, 7, 6, generator=made),
        )
        for _ in range(2)
    ]
    (found,) = corner_pairs.pair_corners(*maps, [(28, 24)], stride=4, peaks=12)
    corners = []
    for one in maps:
        heat = one.heat.sigmoid()[0]
        peaks = [
            (heat[c, y, x].item(), c, *((x + one.offsets[0, 0, y, x]) * 4, (y + one.offsets[0, 1, y, x]) * 4),
             one.tags[0, 0, y, x])
            for c, y, x in itertools.product(range(2), range(7), range(6))
            if heat[c, y, x] >= heat[c, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].max()
        ]  # fmt: skip
        corners.append(sorted(peaks, reverse=True)[:12])
    want = [
        ((s + t) / 2, c, float(x1), float(y1), float(x2), float(y2))
        for (s, c, x1, y1, e), (t, d, x2, y2, f) in itertools.product(*corners)
        if c == d and abs(e - f) <= 0.5 and x2 > x1 and y2 > y1
    ]
    got = torch.cat([found.scores[:, None], found.labels[:, None], found.boxes], dim=1)
    assert len(want) > 1
    torch.testing.assert_close(got, torch.tensor(sorted(want, reverse=True)))


def test_boxes_are_cut_off_at_the_edge_and_pictures_without_a_pair_are_empty():
    target = (torch.tensor([[10.0, 12, 30, 24]], dtype=torch.float64), torch.tensor([1]))
    nothing = (target[0][:0], target[1][:0])
    maps = [perfect([target, nothing], kind, classes=3, size=(9, 9)) for kind in ("top-left", "bottom-right")]
    maps = [one._replace(heat=one.heat.masked_fill(one.heat < 0, -1e5)) for one in maps]
    found, none = corner_pairs.pair_corners(*maps, [(20, 28), (36, 36)], stride=4)
    assert found.boxes[0].tolist() == [10, 12, 28, 20]
    assert none.boxes.shape == (0, 4) and none.labels.shape == none.scores.shape == (0,)
    assert corner_pairs.soften(none, 0.5).boxes.shape == (0, 4)


def test_soft_nms_lowers_what_overlaps_in_its_own_class_alone():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10]])
    found = Detections(boxes, torch.tensor([0, 0, 1]), torch.tensor([0.9, 0.8, 0.7]))
    soft = corner_pairs.soften(found, 0.5)
    iou = box_iou(boxes[:1], boxes[1:2])[0, 0]
    assert soft.labels.tolist() == [0, 1, 0]
    torch.testing.assert_close(soft.scores, torch.tensor([0.9, 0.7, 0.8 * math.exp(-(iou**2) / 0.5)]))


def small(**settings: Any) -> cornernet.CornerNet:
    torch.manual_seed(0)
    return cornernet.corner_net(Backbone(), channels=16, classes=3, width=12, **settings)


def test_one_batch_is_learned():
    model, (images, targets) = small(norm=group_norm), batch()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(50):
        optimizer.zero_grad()
        sum(model.losses(images, targets).values()).backward()
        optimizer.step()
    hold(model.eval()(images), targets, 0.8)


def test_heads_pool_before_they_answer():
    """Without pooling a cell would not know of one that is ten cells away."""
    torch.manual_seed(0)
    head = key_point_heads.KeyPointHead(key_point_heads.CornerPooling(4, 64, "top-left"), 2).eval()
    x = torch.rand(1, 4, 24, 24, requires_grad=True)
    head(x).heat[0, :, 3, 4].sum().backward()
    seen = x.grad[0].abs().sum(0) > 0
    assert seen[14:, :9].any() and seen[:8, 14:].any()  # far below, far to the right
    assert not seen[10:, 11:].any()


@pytest.mark.parametrize("size", [(33, 46), (32, 32), (17, 65)])
def test_a_picture_s_answer_does_not_depend_on_its_batch(size):
    model = small(tag_distance=1e9).eval()
    images = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(0))
    for image, found in zip(images, model(images), strict=True):
        (alone,) = model(image[None])
        assert len(found.boxes)
        torch.testing.assert_close(alone.scores, found.scores, rtol=1e-4, atol=1e-5)
        assert (found.boxes >= 0).all() and (found.boxes <= torch.tensor([*size[::-1]] * 2)).all()


def test_double_precision_gives_the_same():
    model = small(tag_distance=1e9, soft_sigma=0.5).eval()
    images = torch.rand(1, 3, 32, 48)
    (single,), (double,) = model(images), model.double()(images.double())
    assert double.boxes.dtype == torch.float64
    torch.testing.assert_close(single.scores[:5].double(), double.scores[:5], rtol=1e-4, atol=1e-4)


def test_losses_where_no_picture_has_an_object():
    nothing = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    losses = small().losses(torch.rand(2, 3, 32, 32), [nothing] * 2)
    assert losses["pull"] == losses["push"] == losses["offset"] == 0 and losses["corners"] > 0
    sum(losses.values()).backward()


def test_the_weights_of_the_losses_are_used():
    images, targets = batch()
    one = small().losses(images, targets)
    other = small(pull=0.2, push=0.3, offset=4.0).losses(images, targets)
    for name, factor in {"corners": 1, "pull": 2, "push": 3, "offset": 4}.items():
        torch.testing.assert_close(other[name], factor * one[name])


def test_at_the_start_every_cell_says_a_tenth():
    heat = small().eval().top_left(torch.rand(1, 16, 8, 8)).heat.sigmoid()
    assert (heat - 0.1).abs().max() < 0.03


class Wrong(nn.Module):
    """A map of the wrong stride."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [x.new_zeros(len(x), 16, x.shape[2] // 8, x.shape[3] // 8)]


def said(**parts: Tensor | None) -> key_point_heads.KeyPointMaps:
    maps = torch.rand(1, 3, 8, 8), torch.rand(1, 2, 8, 8), torch.rand(1, 1, 8, 8)
    return key_point_heads.KeyPointMaps(*maps)._replace(**parts)


def one_object(right: float, label: int) -> Targets:
    return [(torch.tensor([[0.0, 0, right, 9]]), torch.tensor([label]))]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small(iou=0.0), "iou"),
        (lambda: small(stride=0), "stride"),
        (lambda: small(soft_sigma=0.0), "soft_sigma"),
        (lambda: small(pull=-1.0), "pull"),
        (lambda: small()(torch.rand(3, 32, 32)), "images"),
        (lambda: small().losses(batch()[0], batch()[1][:1]), "targets"),
        (lambda: small().losses(torch.rand(1, 3, 32, 48), one_object(90.0, 0)), "outside"),
        (lambda: small().losses(torch.rand(1, 3, 32, 48), one_object(9.0, 3)), "0 to 2"),
        (lambda: cornernet.corner_net(Wrong(), channels=16, classes=3)(torch.rand(1, 3, 64, 64)), "every 4"),
        (lambda: key_point_heads.CornerPooling(4, 4, "left"), "corner"),
        (lambda: small().pairs(said(tags=None), said(), [(32, 32)]), "tags"),
        (lambda: small().pairs(said(), said(heat=torch.full((1, 3, 8, 8), math.nan)), [(32, 32)]), "NaN"),
        (lambda: small().pairs(said(), said(heat=torch.rand(1, 2, 8, 8)), [(32, 32)]), "heat"),
        (lambda: small().pairs(said(), tuple(said()), [(32, 32)]), "KeyPointMaps"),
        (lambda: small().pairs(said(), said(), []), "sizes"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
