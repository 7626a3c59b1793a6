"""CornerNet whole: one batch learned, pictures alone and in batches, losses and their weights."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.detection import cornernet
from lecture_utils.detection.corner_pairs import pull_push_loss
from lecture_utils.detection.heatmaps import heatmap_focal_loss
from lecture_utils.detection.structures import Targets
from tests.detection.cases import assert_learned, batch_of_two
from tests.detection.point_cases import Backbone, group_norm, perfect
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.4")


def small(**settings: Any) -> cornernet.CornerNet:
    torch.manual_seed(0)
    return cornernet.corner_net(Backbone(), channels=16, classes=3, width=12, **settings)


def test_one_batch_is_learned():
    assert_learned(small(norm=group_norm), rate=1e-2, steps=50, least=0.8)


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
    images, targets = batch_of_two()
    one = small().losses(images, targets)
    other = small(pull=0.2, push=0.3, offset=4.0).losses(images, targets)
    for name, factor in {"corners": 1, "pull": 2, "push": 3, "offset": 4}.items():
        torch.testing.assert_close(other[name], factor * one[name])


def compare_losses(module: object) -> None:
    """Equation 6 from its parts, read off by hand at the corners."""
    (images, targets), size = batch_of_two(), (8, 12)
    torch.manual_seed(0)
    model = module.corner_net(Backbone(), channels=16, classes=3, width=12).eval()
    with torch.no_grad():  # fresh heat maps are the same everywhere
        model.top_left.heat[-1].weight.mul_(100), model.bottom_right.heat[-1].weight.mul_(100)
    x = model.backbone(images)[-1]
    heat, off, tags = 0, 0, []
    for kind, head, columns in (
        ("top-left", model.top_left, slice(0, 2)),
        ("bottom-right", model.bottom_right, slice(2, 4)),
    ):
        maps, want = head(x), perfect(targets, kind, classes=3, size=size).heat.sigmoid()
        true = torch.where(want > 0.999, 1, torch.where(want < 2e-4, 0, want)).float()
        heat = heat + heatmap_focal_loss(maps.heat, true, 3)
        own = []
        for number, (boxes, _) in enumerate(targets):
            for point in boxes[:, columns] / 4:
                column, row = point.floor().long().tolist()
                gap = (maps.offsets[number, :, row, column] - (point - point.floor())).abs()
                off = off + torch.where(gap < 1, gap**2 / 2, gap - 0.5).sum() / 3
                own.append(maps.tags[number, 0, row, column])
        tags.append(torch.stack(own))
    grouping = pull_push_loss(*tags, torch.tensor([0, 0, 1]), 2)
    want = {
        "corners": heat,
        "pull": 0.1 * grouping["pull"],
        "push": 0.1 * grouping["push"],
        "offset": off,
    }
    got = model.losses(images, targets)
    assert set(got) == set(want)
    for name, loss in want.items():
        torch.testing.assert_close(got[name], loss, rtol=1e-3, atol=1e-6)


def test_losses_equal_their_parts():
    compare_losses(cornernet)


@pytest.mark.parametrize(
    "fault",
    [
        ("objects.boxes[:, 2:], objects, x)  # x2", "objects.boxes[:, :2], objects, x)  # x2"),
        ("heatmap_focal_loss(second.heat, end.heat, n)", "heatmap_focal_loss(second.heat, start.heat, n)"),
        ("offset_loss(second.offsets, end)", "offset_loss(first.offsets, end)"),
        ("pull_push_loss(tags[0], tags[1]", "pull_push_loss(tags[0], tags[0]"),
        ("self.weights[name] * loss", "loss"),
    ],
)
def test_the_comparison_of_losses_sees(fault):
    with pytest.raises(AssertionError):
        compare_losses(planted("lecture_utils.detection.cornernet", fault))


def test_soft_nms_and_a_limit_are_used():
    images = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    (hard,), (soft,), (few,) = (
        small(tag_distance=1e9, **settings).eval()(images)
        for settings in ({}, {"soft_sigma": 0.5}, {"most": 3})
    )
    assert soft.scores[0] == hard.scores[0] and soft.scores[-1] < hard.scores[-1]
    assert len(few.boxes) == 3 and torch.equal(few.boxes, hard.boxes[:3])


class Wrong(nn.Module):
    """A map of the wrong stride."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [x.new_zeros(len(x), 16, x.shape[2] // 8, x.shape[3] // 8)]


def one_object(right: float, label: int) -> Targets:
    return [(torch.tensor([[0.0, 0, right, 9]]), torch.tensor([label]))]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small(iou=0.0), "iou"),
        (lambda: small(stride=0), "stride"),
        (lambda: small(soft_sigma=0.0), "soft_sigma"),
        (lambda: small(pull=-1.0), "pull"),
        (lambda: small(tag_distance=-1.0), "tag_distance"),
        (lambda: small()(torch.rand(3, 32, 32)), "images"),
        (lambda: small().losses(batch_of_two()[0], batch_of_two()[1][:1]), "targets"),
        (lambda: small().losses(torch.rand(1, 3, 32, 48), one_object(90.0, 0)), "outside"),
        (lambda: small().losses(torch.rand(1, 3, 32, 48), one_object(9.0, 3)), "0 to 2"),
        (lambda: cornernet.corner_net(Wrong(), channels=16, classes=3)(torch.rand(1, 3, 64, 64)), "every 4"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
