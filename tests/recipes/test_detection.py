"""What the detectors' recipes share: boxes of what shows, mirrored pictures, batches that come twice."""

import itertools
import math

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.data import toyworld
from lecture_utils.detection.selective_search import selective_search
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.recipes import (
    _detection,
    shapes_backbone,
    shapes_fast_rcnn,
    shapes_faster_rcnn,
    shapes_rcnn,
)
from lecture_utils.recipes._detection import SIZE, SmallBackbone


def test_targets_are_the_visible_boxes_of_what_can_be_seen():
    images, targets = toyworld.detection(40, size=SIZE, seed=3)
    sample = toyworld.render(toyworld.sample_scenes(40, seed=3, objects=toyworld.Objects(count=(1, 4))), SIZE)
    assert torch.equal(images, sample.image) and images.shape == (40, 3, SIZE, SIZE)
    for (boxes, labels), instance, classes, visible in zip(
        targets, sample.instance, sample.class_id, sample.visibility, strict=True
    ):
        seen = [k for k, share in enumerate(visible.tolist()) if share >= 0.25]
        assert labels.tolist() == classes[seen].tolist()
        for box, k in zip(boxes, seen, strict=True):
            y, x = (instance == k + 1).nonzero().unbind(1)
            assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
    assert min(len(labels) for _, labels in targets) < max(len(labels) for _, labels in targets) == 4


def test_a_mirrored_picture_shows_its_objects_where_the_mirrored_boxes_are():
    images, targets = toyworld.detection(6, size=SIZE, seed=0)
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


def numbered(n: int) -> tuple[torch.Tensor, list, list[torch.Tensor]]:
    """Pictures, targets and proposals that tell which picture they are of: all of them 1 to n."""
    number = torch.arange(1.0, n + 1)
    images = number[:, None, None, None] * torch.arange(1.0, SIZE + 1).expand(n, 3, SIZE, SIZE)
    box = torch.tensor([[0.0, 1, 2, 3]])
    targets = [(box + k, torch.tensor([int(k) - 1])) for k in number]
    return images, targets, [box.repeat(2, 1) + k for k in number]


def test_known_batches_keep_each_picture_with_what_is_known_of_it():
    images, targets, proposals = numbered(7)
    known = _detection.known_batches(images, targets, proposals, batch=2, seed=0)
    drawn, mirrors = [], []
    for x, y in itertools.islice(known, 60):
        assert len(x) == len(y) == 2
        mirrors.append(bool(x[0, 0, 0, 0] > x[0, 0, 0, 1]))  # else pictures brighten to the right
        for image, (found, boxes, labels) in zip(x, y, strict=True):
            k = int(labels) + 1
            plain, mirror = (images[k - 1], proposals[k - 1], targets[k - 1][0]), _detection.mirrored
            want = (plain[0].flip(-1), mirror(plain[1]), mirror(plain[2])) if mirrors[-1] else plain
            for got, one in zip((image, found, boxes), want, strict=True):
                assert torch.equal(got, one)
            drawn.append(k)
    passes = [drawn[i : i + 6] for i in range(0, 120, 6)]  # 7 pictures are 3 batches of 2; one sits out
    assert all(len(set(one)) == 6 for one in passes) and set(drawn) == set(range(1, 8))
    assert len({tuple(one) for one in passes}) > 10
    assert 15 < sum(mirrors) < 45


def test_known_batches_repeat_with_their_seed():
    def order(seed: int) -> list[int]:
        batches = _detection.known_batches(*numbered(8), batch=4, seed=seed)
        return [int(labels) for _, y in itertools.islice(batches, 6) for *_, labels in y]

    assert order(0) == order(0) != order(1)


def test_a_search_is_that_of_each_picture():
    images, _ = toyworld.detection(2, size=SIZE, seed=1)
    found = _detection.search(images)
    assert len(found) == 2 and not torch.equal(found[0], found[1])
    for image, boxes in zip(images, found, strict=True):
        assert torch.equal(boxes, selective_search(image)) and len(boxes) > 20


@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 50)])
def test_the_backbone_s_map_has_stride_4(height, width):
    model = SmallBackbone(width=8)
    (features,) = model(torch.rand(2, 3, height, width))
    assert features.shape == (2, 8, -(-height // 4), -(-width // 4)) and model.channels == 8


@pytest.fixture
def few(monkeypatch):
    """Little to learn from, and no searching: the true boxes, moved a little, and some that lie anywhere."""
    for module in (_detection, shapes_backbone):
        monkeypatch.setattr(module, "PORTION", 16)
    made = torch.Generator().manual_seed(0)

    def proposed(images):
        corner = 40 * torch.rand(len(images), 12, 2, generator=made)
        side = 6 + 18 * torch.rand(len(images), 12, 2, generator=made)
        return list(torch.cat([corner, corner + side], dim=2))

    for recipe, pictures in ((shapes_rcnn, 24), (shapes_fast_rcnn, 16)):
        monkeypatch.setattr(recipe, "PICTURES", pictures)
        monkeypatch.setattr(recipe, "search", proposed)


@pytest.mark.parametrize(
    "recipe", [shapes_backbone, shapes_rcnn, shapes_fast_rcnn, shapes_faster_rcnn], ids=lambda x: x.__name__
)
def test_a_recipe_trains_what_it_builds(recipe, few):
    model, info = recipe.train(0, steps=2)
    assert info["steps"] == 2
    norms = [layer for layer in model.modules() if isinstance(layer, FusedBatchNorm2d)]
    assert norms and not any(layer.training for layer in norms)
    assert {name: value.shape for name, value in model.state_dict().items()} == {
        name: value.shape for name, value in recipe.build().state_dict().items()
    }


def test_all_three_detectors_start_from_the_shipped_classifier():
    backbone = SmallBackbone()
    _detection.start_from_classifier(backbone)
    shipped = zoo.load("shapes_backbone").backbone.state_dict()
    assert all(torch.equal(value, shipped[name]) for name, value in backbone.state_dict().items())
    assert isinstance(shapes_rcnn.build(backbone).features.backbone, SmallBackbone)
    assert shapes_rcnn.build(backbone).features.backbone is backbone


def test_r_cnn_is_fine_tuned_on_warped_regions_of_each_picture():
    images, targets = toyworld.detection(2, size=SIZE, seed=0)
    proposals = [torch.tensor([[0.0, 0, 9, 9], [50, 50, 64, 60]]).repeat(20, 1)] * 2
    seen = []

    def model(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return torch.zeros(len(x), 9)

    known = [(found, *own) for found, own in zip(proposals, targets, strict=True)]
    loss = shapes_rcnn.losses(model, images, known)
    assert seen[0].shape == (32, 3, 32, 32) and loss.item() == pytest.approx(math.log(9))
    own = [seen[0][:16].flatten(1), seen[0][16:].flatten(1)]
    assert torch.cdist(own[0], own[1]).min() > 0.1, "each half shows its own picture"


@pytest.mark.parametrize("recipe", [shapes_rcnn, shapes_fast_rcnn])
def test_what_is_detected_is_judged_from_the_picture_s_own_proposals(recipe, few):
    torch.manual_seed(0)
    model, images = recipe.build().eval(), toyworld.detection(3, size=SIZE, seed=0)[0]
    if recipe is shapes_rcnn:
        model.svm_bias.fill_(0.5)  # all are objects
    else:
        model.heads.score_threshold = 0.0
    with torch.inference_mode():
        found = recipe.detect(model, images)
    assert len(found) == 3
    for one in found:
        assert 0 < len(one.boxes) <= 100 and one.boxes.min() >= 0 and one.boxes.max() <= SIZE
    assert not torch.equal(found[0].boxes[:5], found[1].boxes[:5])


def test_the_svms_learn_from_the_first_pictures_only(few, monkeypatch):
    images, targets = toyworld.detection(24, size=SIZE, seed=0)
    given = []
    monkeypatch.setattr(shapes_rcnn, "FITTED", 20)
    monkeypatch.setattr(shapes_rcnn.RCNN, "fit", lambda self, *sets: given.extend(sets) or self)
    shapes_rcnn.fitted(images, targets, shapes_rcnn.search(images), seed=0, steps=2)
    assert torch.equal(given[0], images[:20]) and [len(some) for some in given] == [20, 20, 20]


def test_the_score_of_the_truth_is_perfect():
    model = SmallBackbone(width=8).train()
    _, targets = toyworld.detection(12, size=SIZE, seed=0, split="test")

    def detect(images: torch.Tensor, first: int) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        assert not model.training
        own = targets[first : first + len(images)]
        return [(boxes, labels, torch.ones(len(labels))) for boxes, labels in own]

    assert _detection.score(model, detect, n=12, batch=5) == {"AP": 1, "AP50": 1, "AP75": 1}
    assert model.training
