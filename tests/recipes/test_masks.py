"""What the recipes of segmentation and of video share: what is asked for in scenes and in pairs of frames."""

import itertools

import pytest
import torch

from lecture_utils.data import toyworld
from lecture_utils.recipes import _clips, _masks, shapes_vpsnet
from lecture_utils.segmentation.panoptic_codes import CODES, VOID
from lecture_utils.segmentation.structures import Instances


def test_what_hardly_shows_is_void_and_no_target() -> None:
    images, truth = _masks.labelled(200, seed=3)
    scenes = toyworld.sample_scenes(200, seed=3, objects=toyworld.Objects(count=(1, 4)))
    sample = toyworld.render(scenes, 64)
    assert torch.equal(images, sample.image)
    left_out = 0
    for i, (boxes, labels, masks) in enumerate(truth.targets):
        assert len(boxes) == len(labels) == len(masks) == len(truth.keypoints[i])
        asked = truth.panoptic[i] != VOID
        assert torch.equal(truth.panoptic[i][asked], sample.panoptic[i][asked])
        assert torch.equal(truth.semantic[i][asked], truth.panoptic[i][asked] // CODES)
        things = asked & (truth.panoptic[i] >= _masks.STUFF * CODES)
        assert torch.equal(masks.any(0), things)
        left_out += int((~asked).sum())
    assert left_out > 0, "some scene hides an object"


def test_parts_of_the_truth_belong_together() -> None:
    _, truth = _masks.labelled(6, seed=1)
    part = truth.part(2, 4)
    assert len(part.targets) == len(part.keypoints) == len(part.semantic) == len(part.panoptic) == 2
    assert torch.equal(part.panoptic[0], truth.panoptic[2])


def test_batches_never_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_masks, "PORTION", 4)
    drawn = [images for images, _ in itertools.islice(_masks.fresh_batches(0, 2), 4)]
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(drawn, 2))


def perfect(truth: _masks.Truth) -> list[Instances]:
    return [
        Instances(boxes, labels, torch.ones(len(labels)), masks.float(), points)
        for (boxes, labels, masks), points in zip(truth.targets, truth.keypoints, strict=True)
    ]


def test_the_scores_of_a_perfect_answer_are_1_and_of_none_0() -> None:
    _, truth = _masks.labelled(20, seed=2, split="val")
    found = perfect(truth)
    assert _masks.mask_score(found, truth.targets) == {"AP": 1, "AP50": 1, "AP75": 1}
    assert _masks.pck_score(found, truth) == 1
    assert _masks.panoptic_score(list(truth.panoptic), truth.panoptic) == {"PQ": 1, "SQ": 1, "RQ": 1}
    none = [Instances(*(part[:0] for part in own)) for own in found]  # type: ignore[index]
    assert _masks.pck_score(none, truth) == 0 == _masks.mask_score(none, truth.targets)["AP"]


def test_the_backbone_in_parts_is_the_whole() -> None:
    torch.manual_seed(0)
    backbone, x = _masks.TwoLevels().eval(), torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        fine, coarse = backbone(x)
    assert fine.shape == (2, backbone.channels, 16, 16) and coarse.shape == (2, backbone.channels, 8, 8)


def test_pairs_are_frames_of_one_clip_with_the_motion_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_clips, "PORTION", 3)
    clips = toyworld.sample_clips(3, _clips.FRAMES, seed=0)
    whole = toyworld.render_clips(clips)
    pair, _ = next(_clips.fresh_pairs(0, 3))
    assert torch.equal(pair.earlier, whole.image[:, 0]) and torch.equal(pair.now, whole.image[:, 1])
    assert torch.equal(pair.flow, whole.flow[:, 1]) and torch.equal(pair.known, whole.known[:, 1])
    spaced = toyworld.render_clips(_clips.spaced(clips, 1, 4))
    assert torch.equal(spaced.image, whole.image[:, [1, 5]])
    for i, (boxes, labels, masks, identities) in enumerate(pair.targets):
        assert len(boxes) == len(labels) == len(masks)
        for mask, identity in zip(masks, identities.tolist(), strict=True):
            assert torch.equal(mask, whole.instance[i, 1] == identity)


def test_noise_has_its_strength_and_its_seed() -> None:
    clean, truth = shapes_vpsnet.test_clips(2, seed=1)
    noisy, same = shapes_vpsnet.test_clips(2, seed=1, noise=0.05)
    again, _ = shapes_vpsnet.test_clips(2, seed=1, noise=0.05)
    assert torch.equal(noisy, again) and all(torch.equal(a, b) for a, b in zip(truth, same, strict=True))
    inner = (clean > 0.3) & (clean < 0.7)
    assert abs(float((noisy - clean)[inner].std()) - 0.05) < 0.002
    assert shapes_vpsnet.video_score(truth, truth) == {
        "VPQ": 1, "VPQ1": 1, "VPQ2": 1, "VPQ4": 1, "switches": 0
    }  # fmt: skip
