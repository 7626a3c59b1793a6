"""Chapter 08's widgets show what the package computes."""

import pytest
import torch

from lecture_utils.chapters.ch08.widgets import (
    corner_pooling,
    focal_gradient,
    peaks,
    pyramid_levels,
    yolo_grid,
)
from lecture_utils.detection.heatmaps import pick_peaks
from lecture_utils.detection.retinanet import RETINA_ANCHORS
from lecture_utils.detection.yolo_grid import Layout, encode, to_boxes
from lecture_utils.ops.boxes import box_iou
from lecture_utils.ops.corner_pooling import bottom_right_pool, top_left_pool
from lecture_utils.ops.focal_loss import focal_loss


def words(figure):
    """All that is written on a figure."""
    said = [t.get_text() for t in figure.texts]
    for ax in figure.axes:
        said += [t.get_text() for t in ax.texts] + [ax.get_title(loc=side) for side in ("left", "center")]
    return said


# YOLO's grid


@pytest.mark.parametrize("S", (2, 4, 7, 8, 12))
@pytest.mark.parametrize("layout", ("by cell", "by box"))
def test_the_grid_counts_what_encode_loses(S, layout):
    _, boxes, classes = yolo_grid.scene()
    how = Layout(2, 8, {"by cell": "cell", "by box": "box"}[layout])
    want = encode(boxes, classes, how, (S, S), (yolo_grid.SIZE, yolo_grid.SIZE))
    said = words(yolo_grid.grid(S, 1, layout))
    assert f"5 objects: {5 - want.lost} written, {want.lost} lost" in said
    assert any(text.endswith(f"= {S * S * how.channels:,} numbers") for text in said)


def test_a_cell_with_two_centres_loses_one_in_the_papers_layout_and_none_on_a_finer_grid():
    lost = {(S, how): yolo_grid.written(S, how)[2].lost for S in (4, 8) for how in yolo_grid.LAYOUTS}
    assert lost == {(4, "by cell"): 1, (4, "by box"): 0, (8, "by cell"): 0, (8, "by box"): 0}
    assert yolo_grid.cell_of(1, 4) == yolo_grid.cell_of(3, 4) != yolo_grid.cell_of(4, 4)
    assert "row 3, column 1: object 4 finds no room" in words(yolo_grid.grid(4, 4, "by cell"))


@pytest.mark.parametrize("S", (3, 8, 12))
@pytest.mark.parametrize("k", range(5))
def test_the_numbers_beside_the_grid_are_the_objects_box(S, k):
    row, column = yolo_grid.cell_of(k, S)
    said = [t.get_text() for t in yolo_grid.grid(S, k + 1, "by box").axes[1].texts]
    turn = next(t for t in range(2) if said[t].endswith(f"object {k + 1}"))
    numbers = [float(said[said.index(name) + 1 + turn]) for name in yolo_grid.NUMBERS[:4]]
    cells = torch.zeros(S, S, 1, 4)
    cells[row, column, 0] = torch.tensor(numbers)
    got = to_boxes(cells, (yolo_grid.SIZE, yolo_grid.SIZE))[row, column]
    assert (got - yolo_grid.scene()[1][k]).abs().max() < 3  # pixels: two digits are written


# The focal loss


@pytest.mark.parametrize("alpha", (None, 0.25))
@pytest.mark.parametrize("gamma", (0.0, 2.0))
def test_the_shares_are_those_of_autograds_gradient(gamma, alpha):
    logits, targets, groups = focal_gradient.decisions(100, 0.05)
    logits.requires_grad_()
    focal_loss(logits, targets, alpha=alpha, gamma=gamma, reduction="sum").backward()
    size = logits.grad.abs()
    want = [float(size[own].sum() / size.sum()) for own in groups]
    assert focal_gradient.shares(100, 0.05, gamma, alpha) == pytest.approx(want, rel=1e-9)


def test_gamma_takes_the_gradient_from_the_easy_negatives():
    by_gamma = [focal_gradient.shares(1000, 0.05, gamma, None)[0] for gamma in (0, 0.5, 2, 5)]
    assert by_gamma == sorted(by_gamma, reverse=True) and by_gamma[0] > 0.97 and by_gamma[2] < 0.31
    assert sum(focal_gradient.shares(1000, 0.05, 2.0, 0.25)) == pytest.approx(1)
    assert "gradient from easy negatives: 97.6 % → 30.5 %" in words(
        focal_gradient.gradient(2.0, 1000, 0.05, None)
    )


def test_the_simulated_negatives_are_as_many_and_as_easy_as_asked():
    logits, targets, (easy, hard, positive) = focal_gradient.decisions(100, 0.2)
    assert [int(own.sum()) for own in (easy, hard, positive)] == [800, 8, 8]
    assert float(logits[easy].median().sigmoid()) == pytest.approx(0.2, abs=2e-3)
    assert targets[positive].all() and not targets[easy | hard].any()


# A pyramid's levels


@pytest.mark.parametrize(
    ("side", "level"), ((16, 2), (56, 2), (104, 2), (112, 3), (216, 3), (224, 4), (448, 5))
)
def test_the_level_is_that_of_equation_1(side, level):
    for aspect in pyramid_levels.ASPECTS:  # the area counts, not the shape
        own = [x.k for x in pyramid_levels.levels(side, aspect, "FPN, equation 1") if x.chosen]
        assert own == [level]


def test_a_box_of_224_pixels_covers_14_cells_of_its_level():
    said = words(pyramid_levels.pyramid(224, "1 : 1", "FPN, equation 1"))
    assert "P4, stride 16\n14 × 14 cells" in said and "P2, stride 4\n56 × 56 cells" in said
    assert "k = ⌊4 + log₂(224 / 224)⌋ = ⌊4.00⌋ = 4" in said
    low = pyramid_levels.told(48, "1 : 1", "FPN, equation 1")
    assert low.endswith("⌊1.78⌋ = 1, so 2")


@pytest.mark.parametrize(("side", "aspect"), ((224, "1 : 1"), (224, "3 : 1"), (48, "1 : 2"), (16, "1 : 1")))
def test_retinanets_levels_have_an_anchor_that_fits(side, aspect):
    box = torch.tensor([pyramid_levels.box_of(side, aspect)])
    maps = [torch.zeros(1, 1, -(-800 // 2**k), -(-800 // 2**k)) for k in range(3, 8)]
    laid = RETINA_ANCHORS(maps, (800, 800))
    said = pyramid_levels.levels(side, aspect, "RetinaNet's anchors")
    for level, anchors, x in zip(said[:3], laid[:3], maps, strict=False):  # strides that divide 800
        assert 800 % x.shape[-1] == 0
        iou = box_iou(box, anchors)
        count = int((iou >= 0.5).sum())
        assert level.chosen == (count > 0)
        assert level.words.startswith(f"{count or 'no'} anchor") and level.words.endswith(f"{iou.max():.2f}")
    if side == 16:
        assert "no level" in pyramid_levels.told(side, aspect, "RetinaNet's anchors")


# Corner pooling


@pytest.mark.parametrize("shape", corner_pooling.SHAPES)
@pytest.mark.parametrize(
    ("corner", "pool", "cell"),
    (("top-left", top_left_pool, (2, 3)), ("bottom-right", bottom_right_pool, (8, 9))),
)
def test_the_peak_of_the_pooled_maps_is_the_boxs_corner(shape, corner, pool, cell):
    maps = corner_pooling.edges(shape, corner)
    total = corner_pooling.pooled(maps, corner, corner_pooling.CELLS)[2]
    assert torch.equal(total, pool(*maps))
    assert (total[0, 0] == total.max()).nonzero().tolist() == [list(cell)]
    title = corner_pooling.pooling(12, corner, shape).axes[2].get_title()
    assert title == f"largest sum {float(total.max()):.1f}: row {cell[0] + 1}, column {cell[1] + 1}"


def test_the_corner_of_a_disc_lies_outside_it_and_is_nothing_before_pooling():
    maps = corner_pooling.edges("disc", "top-left")
    size = corner_pooling.FINE
    own = corner_pooling.silhouette("disc")[2 * size : 3 * size, 3 * size : 4 * size]
    assert own.sum() == 0 and maps.vertical[0, 0, 2, 3] == maps.horizontal[0, 0, 2, 3] == 0


@pytest.mark.parametrize("corner", ("top-left", "bottom-right"))
def test_a_step_changes_only_what_it_has_reached(corner):
    maps = corner_pooling.edges("disc", corner)
    assert torch.equal(corner_pooling.pooled(maps, corner, 0)[0], maps.vertical)
    flip = (lambda x: x) if corner == "top-left" else (lambda x: x.flip(2, 3))
    whole = [flip(x) for x in corner_pooling.pooled(maps, corner, 12)]
    for step in range(13):
        vertical, horizontal, _ = (flip(x) for x in corner_pooling.pooled(maps, corner, step))
        before = [flip(x) for x in maps]
        assert torch.equal(vertical[:, :, 12 - step :], whole[0][:, :, 12 - step :])
        assert torch.equal(vertical[:, :, : 12 - step], before[0][:, :, : 12 - step])
        assert torch.equal(horizontal[..., 12 - step :], whole[1][..., 12 - step :])
        assert torch.equal(horizontal[..., : 12 - step], before[1][..., : 12 - step])


def test_an_edges_cells_hold_how_much_of_their_side_it_crosses():
    left = corner_pooling.edges("square", "top-left").vertical[0, 0]
    assert left[2:9, 3].eq(1).all() and left.sum() == 7
    for shape in corner_pooling.SHAPES:  # each row of the box is entered once
        assert torch.allclose(corner_pooling.edges(shape, "top-left").vertical[0, 0].sum(), torch.tensor(7.0))


# Peaks


def counts(threshold, window):
    """Right, doubles, false and missed."""
    verdict, missed = peaks.judged(peaks.picked(threshold, window).cells)
    return (*(int((verdict == k).sum()) for k in (1, 0, -1)), int(missed.sum()))


def test_a_window_of_3_finds_each_object_once_and_one_of_7_loses_a_neighbour():
    assert counts(0.3, 3) == (6, 0, 2, 0)
    assert counts(0.3, 7)[3] == 1
    right, doubles, _, missed = counts(0.3, 1)
    assert right == 6 and doubles > 30 and missed == 0
    centres = peaks.scene().centres
    apart = (centres[:, None] - centres).abs().amax(-1)
    assert apart[2, 5] == 3  # within one window of 7, not within one of 5
    _, missed = peaks.judged(peaks.picked(0.3, 7).cells)
    assert missed.nonzero().tolist() == [[2]]


@pytest.mark.parametrize("window", (1, 3, 7))
@pytest.mark.parametrize("threshold", (0.05, 0.3, 0.9))
def test_every_object_is_found_once_or_missed_and_all_peaks_are_told(threshold, window):
    found = pick_peaks(peaks.scene().heat, peaks.CELLS**2, window=window)[0]
    number = int((found.scores >= threshold).sum())
    right, doubles, false, missed = counts(threshold, window)
    assert right + doubles + false == number and right + missed == peaks.OBJECTS
    said = words(peaks.peaks_drawn(threshold, window))
    assert f"{number} peaks: {missed} of 6 objects missed" in said
    assert [f"{right} right", f"{doubles} doubles", f"{false} false"] == said[1:4]


def test_a_second_peak_on_an_object_is_a_double_and_one_beside_all_is_false():
    centre = peaks.scene().centres[1]
    verdict, missed = peaks.judged(torch.stack([centre, centre + torch.tensor([1, 0]), torch.tensor([2, 2])]))
    assert verdict.tolist() == [1, 0, -1] and missed.tolist() == [True, False, True, True, True, True]


def test_without_any_peak_all_are_missed():
    verdict, missed = peaks.judged(torch.empty(0, 2, dtype=torch.long))
    assert len(verdict) == 0 and missed.all()
