"""What the detectors' recipes share: boxes of what shows, mirrored pictures, batches that come twice."""

import itertools

import pytest
import torch

from lecture_utils.data import toyworld
from lecture_utils.recipes import _detection, shapes_backbone, shapes_faster_rcnn
from lecture_utils.recipes._detection import SIZE, SmallBackbone


def test_targets_are_the_visible_boxes_of_what_can_be_seen():
    images, targets = _detection.labelled(40, seed=3)
    sample = toyworld.render(_detection.scenes(40, seed=3), SIZE)
    assert torch.equal(images, sample.image) and images.shape == (40, 3, SIZE, SIZE)
    for (boxes, labels), instance, classes, visible in zip(
        targets, sample.instance, sample.class_id, sample.visibility, strict=True
    ):
        seen = [k for k, share in enumerate(visible.tolist()) if share >= _detection.SEEN]
        assert labels.tolist() == classes[seen].tolist()
        for box, k in zip(boxes, seen, strict=True):
            y, x = (instance == k + 1).nonzero().unbind(1)
            assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
    assert min(len(labels) for _, labels in targets) < max(len(labels) for _, labels in targets) == 4


def test_a_mirrored_picture_shows_its_objects_where_the_mirrored_boxes_are():
    images, targets = _detection.labelled(6, seed=0)
    for image, (boxes, _) in zip(images, targets, strict=True):
        turned = _detection.mirrored(boxes).int().tolist()
        for (x1, y1, x2, y2), (u1, v1, u2, v2) in zip(boxes.int().tolist(), turned, strict=True):
            assert torch.equal(image[:, y1:y2, x1:x2].flip(-1), image.flip(-1)[:, v1:v2, u1:u2])


def test_batches_repeat_with_their_seed_and_come_once_plain_and_once_mirrored(monkeypatch):
    monkeypatch.setattr(_detection, "PORTION", 6)
    drawn = list(itertools.islice(_detection.fresh_batches(0, 4), 5))
    again = next(_detection.fresh_batches(0, 4))
    assert [len(images) for images, _ in drawn] == [4, 2, 4, 2, 4]
    assert torch.equal(drawn[0][0], again[0]) and torch.equal(drawn[0][0].flip(-1), drawn[2][0])
    assert not torch.equal(drawn[0][0], drawn[4][0])
    assert all(len(images) == len(targets) for images, targets in drawn)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 50)])
def test_the_backbone_s_map_has_stride_4(height, width):
    model = SmallBackbone(width=8)
    (features,) = model(torch.rand(2, 3, height, width))
    assert features.shape == (2, 8, -(-height // 4), -(-width // 4)) and model.channels == 8


@pytest.mark.parametrize("recipe", [shapes_backbone, shapes_faster_rcnn])
def test_a_recipe_trains_what_it_builds(recipe, monkeypatch):
    for module in (_detection, shapes_backbone):
        monkeypatch.setattr(module, "PORTION", 16)
    model, info = recipe.train(0, steps=2)
    assert info["steps"] == 2 and not model.training
    assert {name: value.shape for name, value in model.state_dict().items()} == {
        name: value.shape for name, value in recipe.build().state_dict().items()
    }


def test_the_score_of_the_truth_is_perfect():
    model = SmallBackbone(width=8).train()
    _, targets = _detection.labelled(12, seed=0, split="test")

    def detect(images: torch.Tensor, first: int) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        assert not model.training
        own = targets[first : first + len(images)]
        return [(boxes, labels, torch.ones(len(labels))) for boxes, labels in own]

    assert _detection.score(model, detect, n=12, batch=5) == {"AP": 1, "AP50": 1, "AP75": 1}
    assert model.training
