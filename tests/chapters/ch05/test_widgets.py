"""Chapter 05's two benches show what the augmentations compute."""

import numpy as np
import pytest
import torch


def test_a_mirror_and_a_quarter_turn_move_every_annotation_exactly():
    from lecture_utils.augment.geometric import warp
    from lecture_utils.chapters.ch05.widgets.augmentation_bench import SIZE, bench_matrix, scene

    before = scene()
    mirrored = warp(before, bench_matrix(0, 1.0, 0, True))
    assert torch.equal(mirrored.masks, before.masks.flip(-1))
    torch.testing.assert_close(mirrored.keypoints[..., 0], SIZE - before.keypoints[..., 0])
    turned = warp(before, bench_matrix(90, 1.0, 0, False))  # clockwise: what was up is at the right
    assert torch.equal(turned.masks, before.masks.rot90(-1, (-2, -1)))
    x1, y1, x2, y2 = before.boxes.unbind(-1)
    torch.testing.assert_close(turned.boxes, torch.stack([SIZE - y2, x1, SIZE - y1, x2], dim=-1))


def test_the_bench_draws_boxes_around_what_is_seen():
    from lecture_utils.augment.annotations import boxes_from_masks
    from lecture_utils.augment.geometric import warp
    from lecture_utils.chapters.ch05.widgets.augmentation_bench import bench, bench_matrix, scene

    masks = warp(scene(), bench_matrix(30, 1.0, 0, False)).masks
    want = boxes_from_masks(masks)[0].tolist()
    drawn = [
        (p.get_x() + 0.5, p.get_y() + 0.5, p.get_x() + 0.5 + p.get_width(), p.get_y() + 0.5 + p.get_height())
        for p in bench(30, 1.0, 0, False, 1.0).axes[1].patches
    ]
    assert all(any(np.allclose(box, d) for d in drawn) for box in want)


@pytest.mark.parametrize(("method", "share"), [("mixup", "0.60"), ("CutMix", "0.90")])
def test_the_label_says_what_the_picture_shows(method, share):
    """A patch of 40 % centred on the corner lies in the picture with a quarter of it."""
    from lecture_utils.chapters.ch05.widgets.mixing_bench import mix

    texts = [t.get_text() for t in mix(method, 0.6, 0.0, 0.0).axes[-1].texts]
    assert texts[0] == share and float(texts[1]) == pytest.approx(1 - float(share), abs=0.011)
