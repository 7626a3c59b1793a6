"""Objects on pictures: everything where it is, one colour an object, and three maps that look different."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from lecture_utils import plotting
from lecture_utils.plotting import annotations
from lecture_utils.plotting.display import pixels
from lecture_utils.plotting.style import on_colour

PICTURE = torch.full((3, 20, 30), 0.5)
BOXES = [[3.0, 4.0, 13.0, 12.0], [15.0, 6.0, 29.0, 18.0]]


def panel(width: float = 3.0):
    return Figure(figsize=(width, width * 2 / 3)).add_axes((0, 0, 1, 1))


def test_boxes_cover_the_pixels_that_they_name() -> None:
    ax = panel()
    annotations.draw(ax, PICTURE, boxes=BOXES, labels=["ball", "star"], scores=[0.934, 0.5])
    corners = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in ax.patches]
    assert set(corners) == {(2.5, 3.5, 10.0, 8.0), (14.5, 5.5, 14.0, 12.0)}
    assert [t.get_text() for t in ax.texts] == ["ball 93%", "star 50%"]
    assert ax.get_xlim() == (-0.5, 29.5) and ax.get_ylim() == (19.5, -0.5)


def test_an_object_has_one_colour_in_box_mask_point_and_label() -> None:
    masks = torch.zeros(2, 20, 30, dtype=torch.bool)
    masks[0, 5:9, 5:9] = masks[1, 10:15, 20:25] = True
    ax = panel()
    points = torch.tensor([[[6.0, 6.0, 1.0]], [[22.0, 12.0, 1.0]]])
    annotations.draw(ax, PICTURE, boxes=BOXES, labels=["a", "b"], masks=masks, keypoints=points, fill=1.0)
    for k, at in enumerate(((6, 6), (12, 22))):
        want = np.array(to_rgb(annotations.object_colour(k)))
        assert np.allclose(ax.images[0].get_array()[at], want, atol=1e-6)
        assert np.allclose(to_rgb(ax.patches[2 * k + 1].get_edgecolor()), want)
        assert np.allclose(to_rgb(ax.texts[k].get_bbox_patch().get_facecolor()), want)
        assert np.allclose(ax.collections[2 + k].get_facecolor()[0, :3], want)


def test_an_instance_map_is_the_same_as_its_masks() -> None:
    ids = torch.zeros(20, 30, dtype=torch.long)
    ids[2:6, 2:6], ids[10:14, 3:9] = 1, 3
    one, other = panel(), panel()
    annotations.draw(one, PICTURE, masks=ids, labels=["a", "b", "c"])
    annotations.draw(other, PICTURE, masks=torch.stack([ids == k for k in (1, 2, 3)]), labels=["a", "b", "c"])
    assert np.array_equal(one.images[0].get_array(), other.images[0].get_array())
    assert [t.get_text() for t in one.texts] == ["a", "c"]  # nobody sees b
    few = panel()
    annotations.draw(few, PICTURE, masks=ids, labels=["a", "b", "c", "d"])  # the last is hidden
    assert len(few.texts) == 2


def test_outlines_alone_leave_the_picture_as_it_is() -> None:
    ax, mask = panel(), np.zeros((1, 20, 30), bool)
    mask[0, 15:, 25:] = True  # touches the corner of the picture
    annotations.draw(ax, PICTURE, masks=mask, fill=0.0)
    assert np.allclose(ax.images[0].get_array(), 0.5)
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners.min(0).tolist() == [24.5, 14.5] and corners.max(0).tolist() == [29.5, 19.5]


def test_hidden_keypoints_are_hollow_and_lines_join_visible_ones() -> None:
    points = torch.tensor([[[3.0, 4.0, 1.0], [9.0, 4.0, 1.0], [9.0, 9.0, 0.0], [np.nan, np.nan, 1.0]]])
    ax = panel()
    annotations.draw(ax, PICTURE, keypoints=points, edges=[(0, 1), (1, 2), (0, 3)])
    seen, hidden = (c.get_offsets().tolist() for c in ax.collections)
    assert seen == [[2.5, 3.5], [8.5, 3.5]] and hidden == [[8.5, 8.5]]
    assert len(ax.lines) == 2  # one edge, with its rim
    assert np.allclose(ax.collections[1].get_facecolor()[0, :3], 1)


def test_nobody_is_drawn_where_there_is_nobody() -> None:
    ax = panel()
    annotations.draw(ax, PICTURE, boxes=torch.zeros(0, 4), labels=[], masks=torch.zeros(0, 20, 30))
    annotations.draw(ax, None, boxes=[[0, 0, 0, 0]], labels=["unseen"])
    assert not ax.patches and not ax.texts


@pytest.mark.parametrize("width", [1.5, 3.0, 6.0])
def test_labels_can_be_read_and_stay_inside_and_apart(width: float) -> None:
    ax = panel(width)
    boxes = [[0, 0, 12, 10], [1, 0, 13, 9], [20, 10, 30, 20]]
    annotations.draw(ax, PICTURE, boxes=boxes, labels=["ball", "star", "ring"])
    figure = ax.get_figure()
    pixels(figure, 100)
    extents = [t.get_window_extent() for t in ax.texts]
    frame = ax.get_window_extent()
    for text, extent in zip(ax.texts, extents, strict=True):
        assert text.get_fontsize() >= 8
        assert frame.x0 - 2 <= extent.x0 and extent.x1 <= frame.x1 + 2
        assert frame.y0 - 2 <= extent.y0 and extent.y1 <= frame.y1 + 2
    for a in range(3):
        for b in range(a):
            assert not extents[a].overlaps(extents[b])


def test_letters_can_be_read_on_every_colour() -> None:
    def light(colour: str) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for k in range(annotations.OBJECTS):
        ground = annotations.object_colour(k)
        high, low = sorted((light(ground), light(on_colour(ground))), reverse=True)
        assert (high + 0.05) / (low + 0.05) > 4


def test_semantic_instances_and_panoptic_look_different() -> None:
    semantic, ids = torch.ones(20, 30, dtype=torch.long), torch.zeros(20, 30, dtype=torch.long)
    semantic[4:12, 2:10], semantic[4:12, 16:26] = 5, 5  # two objects of one class, on grass
    ids[4:12, 2:10], ids[4:12, 16:26] = 1, 2
    panels = [panel() for _ in range(3)]
    names = ["sky", "grass", "water", "sand", "ball", "star"]
    annotations.draw_semantic(panels[0], semantic, names, stuff=4)
    annotations.draw_instances(panels[1], PICTURE, ids)
    annotations.draw_panoptic(panels[2], semantic, ids, names, stuff=4)
    flat, over, both = (np.asarray(ax.images[0].get_array()) for ax in panels)
    assert np.allclose(flat[6, 4], flat[6, 20]) and not panels[0].collections  # one class, one colour
    assert not np.allclose(over[6, 4], over[6, 20]) and np.allclose(over[0, 0], 0.5)  # two hues, the picture
    assert not np.allclose(both[6, 4], both[6, 20]) and np.allclose(both[0, 0], flat[0, 0])
    assert sorted(t.get_text() for t in panels[0].texts) == ["grass", "star"]
    assert [t.get_text() for t in panels[2].texts] == ["star 1", "star 2"]
    assert len(panels[1].collections) == 2 and len(panels[2].collections) == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"boxes": [[1, 2, 3]]}, r"boxes: got shape \(1, 3\), want \(K, 4\)"),
        ({"boxes": [[5, 2, 3, 4]]}, "boxes: got .*5.0, 2.0, 3.0, 4.0.* x1 <= x2"),
        ({"boxes": [[np.nan, 2, 3, 4]]}, "boxes: got .*nan"),
        ({"boxes": BOXES, "labels": ["a"]}, "got 2 boxes, 1 labels"),
        ({"boxes": BOXES, "scores": [0.5, 1.5]}, r"scores: got 0\.5 to 1\.5"),
        ({"masks": np.zeros((2, 5, 5))}, r"masks: got shape \(2, 5, 5\), want \(K, 20, 30\)"),
        ({"masks": np.zeros((20, 30))}, "masks: got a float64 map"),
        ({"keypoints": np.zeros((5, 3))}, r"keypoints: got shape \(5, 3\)"),
        ({"masks": np.zeros((3, 20, 30)), "boxes": BOXES}, "got 2 boxes, 3 masks"),
    ],
)
def test_bad_annotations_say_what_was_got_and_wanted(given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        annotations.draw(panel(), PICTURE, **given)


def test_boxes_need_a_picture_to_lie_on() -> None:
    with pytest.raises(ValueError, match="want a picture, or a panel that shows one"):
        plotting.boxes(panel(), BOXES)
    with pytest.raises(ValueError, match="panoptic: got semantic"):
        annotations.draw_panoptic(panel(), np.zeros((4, 4)), np.zeros((4, 5)))
