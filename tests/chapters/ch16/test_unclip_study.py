"""What the study of DALL-E 2 shows: variations, ways between pictures, the prior; and its figures."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lecture_utils.chapters.ch16 import unclip_figures, unclip_study
from lecture_utils.chapters.ch16.latent_solutions import best_drawn, slerp
from lecture_utils.chapters.ch16.unclip_study import Faults, Tries, Way
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.ops.boxes import box_iou
from lecture_utils.recipes._judged import judged
from lecture_utils.recipes._latent_diffusion import asked, found_boxes
from lecture_utils.recipes.shapes_prior import embedded, told_by

pytestmark = pytest.mark.system("S16.4")
RED, BLUE, RING = COLOURS.index("red"), COLOURS.index("blue"), CLASSES.index("ring")


@pytest.fixture(scope="module")
def ring():
    return unclip_study.picture_of("red", "ring")


def test_a_picture_is_of_what_was_asked_for(ring):
    some = unclip_study.seen()
    rows = ((some.class_id == RING) & (some.colour_id == RED)).nonzero()[:, 0]
    assert torch.equal(ring, some.image[rows[0]])
    assert torch.equal(unclip_study.picture_of("red", "ring", 1), some.image[rows[1]])
    with pytest.raises(ValueError, match="nth: got 400, want one of the"):
        unclip_study.picture_of("red", "ring", 400)


def test_variations_keep_what_it_is_and_not_where(ring):
    made = unclip_study.variations(ring, 8)
    assert made.shape == (8, 3, 32, 32)
    seen = judged(made)
    assert (seen.class_id == RING).sum() >= 5 and (seen.colour_id == RED).sum() >= 7
    boxes = found_boxes(made)
    apart = box_iou(boxes, boxes)[~torch.eye(8, dtype=torch.bool)]
    assert apart.mean() < 0.8, "each stands in a place of its own"
    stays = unclip_study.what_stays(pictures=6, each=3)
    assert stays["colour"][0] > stays["colour"][1] + 0.5 and stays["class"][0] > stays["class"][1] + 0.4
    assert abs(stays["box, IoU"][0] - stays["box, IoU"][1]) < 0.35


def test_a_way_between_two_pictures_ends_at_both_and_goes_by_the_given_slerp(ring):
    other = unclip_study.picture_of("blue", "capsule")
    made = unclip_study.between(ring, other, [0.0, 0.5, 1.0], slerp)
    ends = unclip_study.between(other, ring, [0.0, 1.0], slerp)
    torch.testing.assert_close(made[[0, 2]], ends.flip(0), atol=1e-3, rtol=0)
    assert (made[0] - made[2]).abs().mean() > 0.05
    still = unclip_study.between(ring, other, [0.0, 1.0], lambda a, b, share: a)
    torch.testing.assert_close(still[0], still[1], atol=1e-4, rtol=0)


def test_a_text_diff_recolours_and_leaves_the_rest(ring):
    same, blue = unclip_study.text_diffs(
        ring, "a photo of a red ring", "a photo of a blue ring", [0.0, 0.35], slerp
    )
    assert (same - ring).square().mean().sqrt() < 0.12, "nothing changed: about the picture itself"
    assert int(judged(blue[None]).colour_id) == BLUE and int(judged(same[None]).colour_id) == RED
    assert box_iou(found_boxes(blue[None]), found_boxes(ring[None])).item() > 0.6


def test_draws_have_length_one_and_of_more_draws_a_nearer_one_is_kept():
    drawn, text = unclip_study.draws(["a photo of a red ring"] * 2, 3)
    assert drawn.shape == (2, 3, 64) and text.shape == (2, 64)
    torch.testing.assert_close(drawn.norm(dim=2), torch.ones(2, 3))
    assert (drawn[0, 0] - drawn[0, 1]).norm() > 0.05 and (drawn[0, 0] - drawn[1, 0]).norm() > 0.05
    rows = unclip_study.by_tries(best_drawn, (1, 3), n=40)
    assert [row.tries for row in rows] == [1, 3] and rows[1].to_sentence > rows[0].to_sentence
    first = unclip_study.by_tries(lambda drawn, text: drawn[:, 0], (1, 3), n=40)
    assert first[0].to_sentence == pytest.approx(first[1].to_sentence)


def test_moved_sentences_lie_where_pictures_do():
    some = unclip_study.seen()
    image = embedded(some.image[:60])
    text = told_by(asked(some.class_id[:60], some.colour_id[:60]))[1]
    moved = unclip_study.moved(text)
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(60))
    assert (F.normalize(image.mean(0), dim=0) @ (moved.mean(0) - text.mean(0))) > 0.05
    found = unclip_study.cosines(60)
    assert len(found) == 4 and all(len(values) == 60 for values in found.values())
    assert found["drawn by the prior"].mean() > found["the sentence's own"].mean() + 0.05


def test_ways_of_a_sentence_start_from_the_same_noise():
    made = unclip_study.one_sentence("a photo of a red ring", 3)
    assert list(made) == list(unclip_study.WAYS[1:])
    assert all(images.shape == (3, 3, 32, 32) for images in made.values())
    assert sum(unclip_study.grounds(made["prior"]).values()) == 3
    rows = unclip_study.rows_by_way([("red", "ring"), ("blue", "ball")])
    assert list(rows) == list(made) and rows["prior"].shape == (2, 3, 32, 32)
    ways = unclip_study.by_way(8)
    assert list(ways) == list(unclip_study.WAYS)
    assert ways["own picture"].cosine > ways["sentence"].cosine + 0.1


def test_faults_are_where_the_judge_sees_another_class():
    found = unclip_study.faults(each=1)
    assert len(found.images) == 8 and torch.equal(found.class_id, torch.arange(8))
    assert torch.equal(found.named, judged(found.images).class_id)
    named = torch.tensor([0, 1, 2, 2, 4, 5, 0, 7])
    planted = Faults(found.images, found.class_id, named, named)
    assert planted.wrong().nonzero()[:, 0].tolist() == [3, 6]
    fig = unclip_figures.fault_figure(planted, "faults")
    framed = [i for i, ax in enumerate(fig.axes) if ax.patches]
    assert framed == [3, 6] and fig.axes[6].texts[0].get_text() == CLASSES[0]


def test_sheets_and_strips_put_pictures_where_they_belong(ring):
    rows = [torch.stack([ring, 1 - ring]), ring[None]]
    sheet = unclip_figures.sheet_of(rows)
    assert sheet.shape == (2 * 34 - 2, 2 * 34 - 2, 3)
    np.testing.assert_allclose(sheet[:32, :32], ring.permute(1, 2, 0).numpy(), atol=1 / 31)
    np.testing.assert_allclose(sheet[:32, 34:], 1 - ring.permute(1, 2, 0).numpy(), atol=1 / 31)
    assert (sheet[34:, 34:] == 1).all() and (sheet[32:34] == 1).all()
    fig = unclip_figures.strips({"a": rows[0], "b": rows[1]}, "title", ["0", "1"])
    assert [text.get_text() for text in fig.axes[0].get_yticklabels()] == ["a", "b"]
    assert [text.get_text() for text in fig.axes[0].get_xticklabels()] == ["0", "1"]
    with pytest.raises(ValueError, match="rows: got none"):
        unclip_figures.strips({}, "title")
    assert len(unclip_figures.variation_figure(ring, rows[0], "title", columns=2).axes) == 2


def test_charts_draw_the_numbers_they_are_given():
    fig = unclip_figures.stays_figure({"class": (0.9, 0.1), "box": (0.4, 0.4)}, "title")
    assert [text.get_text() for text in fig.axes[0].texts] == ["0.90 : 0.10", "0.40 : 0.40"]
    fig = unclip_figures.cosine_figure(
        {"a": torch.tensor([0.5, 0.7]), "b": torch.tensor([0.9, 0.1])}, "title"
    )
    assert [ax.lines[0].get_xdata()[0] for ax in fig.axes] == pytest.approx([0.6, 0.5])
    assert [sum(bar.get_height() for bar in ax.patches) for ax in fig.axes] == [2, 2], "none is lost"
    fig = unclip_figures.way_figure({"a": Way(0.9, 0.8, 1.0, 0.7), "b": Way(0.5, 0.4, 0.9, 0.6)}, "title")
    drawn = [[bar.get_width() for bar in ax.patches] for ax in fig.axes]
    assert drawn == [[0.9, 0.5], [0.8, 0.4], [1.0, 0.9], [0.7, 0.6]]
    fig = unclip_figures.tries_figure([Tries(1, 0.7, 0.8), Tries(2, 0.75, 0.82)], "title")
    assert [list(line.get_ydata()) for line in fig.axes[0].lines] == [[0.8, 0.82], [0.7, 0.75]]
    fig = unclip_figures.solver_figure((4, 8), {"a": [0.1, 0.01], "b": [0.2, 0.1]}, "title")
    assert [list(line.get_ydata()) for line in fig.axes[0].lines] == [[0.1, 0.01], [0.2, 0.1]]
