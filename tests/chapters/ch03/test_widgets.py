"""Chapter 03's widgets show what masking and attention compute."""

import numpy as np
import pytest
import torch


def test_the_masking_slider_hides_what_it_says():
    from lecture_utils.chapters.ch03.widgets.masking_slider import fill_in, picture_of

    truth = picture_of("scene 2")[0].permute(1, 2, 0).numpy()
    for hidden, seen in ((0, 64), (75, 16), (95, 3)):
        axes = fill_in(hidden, "scene 2").axes
        assert axes[0].get_title(loc="left").startswith(f"{seen} of 64")
        filled = np.asarray(axes[1].images[0].get_array())
        same = (np.abs(filled - truth) < 1e-6).all(2).reshape(8, 6, 8, 6).all((1, 3)).sum()
        assert same >= seen and (hidden == 0) == (same == 64)


def test_the_viewer_keeps_the_share_and_measures_the_overlap():
    from lecture_utils.chapters.ch03.widgets.dino_attention import LEARNED, MEAN, look, looked_at

    _, truth, attention = looked_at(LEARNED["DINO, no labels"])
    mean = attention[2].mean(0)
    ranked = mean.sort(descending=True)
    share = (ranked.values / ranked.values.sum()).cumsum(0)
    keep = int((share < 0.6).sum()) + 1
    mask = torch.zeros(64, dtype=torch.bool)
    mask[ranked.indices[:keep]] = True
    mask = mask.reshape(8, 8).repeat_interleave(6, 0).repeat_interleave(6, 1)
    iou = (mask & truth[2]).sum() / (mask | truth[2]).sum()
    title = look(3, MEAN, 60).axes[2].get_title(loc="left")
    assert float(title.split()[-1]) == pytest.approx(iou.item(), abs=0.006)


def test_the_tour_s_best_heads_are_the_best() -> None:
    from lecture_utils.chapters.ch03.widgets.dino_attention import BEST, LEARNED, network
    from lecture_utils.data.portraits import portraits
    from lecture_utils.metrics.attention_iou import head_ious
    from lecture_utils.selfsup.small_vit import class_attention

    some = portraits(200, split="val", seed=3)
    for name, head in BEST.items():
        weights = next(weights for label, weights in LEARNED.items() if label.startswith(name))
        ious = head_ious(class_attention(network(weights), some.image), some.outline)
        assert head == f"head {int(ious.argmax()) + 1}", name
