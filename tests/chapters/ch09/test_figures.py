"""Figures of chapter 09: what is drawn is what was given."""

from types import SimpleNamespace

import numpy as np
import torch
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

from lecture_utils.chapters.ch09 import figures
from lecture_utils.experiments.rules import Rule
from lecture_utils.plotting.annotations import object_colour
from lecture_utils.plotting.style import BLUE, VERMILION


def scene() -> torch.Tensor:
    """Sky above grass, ball 1 at the left and ball 2 at the right, a pixel of void."""
    codes = torch.zeros(16, 16, dtype=torch.int64)
    codes[8:] = 1000
    codes[6:12, 2:6], codes[6:12, 9:14] = 4001, 4002
    codes[0, 0] = -1
    return codes


def drawn(codes: torch.Tensor, **settings) -> tuple[np.ndarray, list[str]]:
    """Colours (H, W) as text, and the words, of a map that was drawn."""
    ax = Figure().subplots()
    figures.draw_codes(ax, codes, **settings)
    picture = np.asarray(ax.images[-1].get_array())
    return np.apply_along_axis(to_hex, 2, picture), [text.get_text() for text in ax.texts]


def test_an_object_has_the_hue_of_its_number_and_void_is_white():
    colours, words = drawn(scene())
    assert colours[8, 4] == to_hex(object_colour(0)) and colours[8, 11] == to_hex(object_colour(1))
    assert colours[0, 0] == "#ffffff" and colours[3, 3] != colours[14, 3]
    assert sorted(words) == ["ball 1", "ball 2"]


def test_words_and_hues_may_be_given_and_small_regions_of_stuff_are_not_named():
    words = {0: "sky", 1000: "grass", 2000: "water", 4001: "a", 4002: "b"}
    codes = scene()
    codes[15, :3] = 2000
    colours, said = drawn(codes, words=words, hues={4001: BLUE, 4002: VERMILION})
    assert sorted(said) == ["a", "b", "grass", "sky"]
    assert colours[8, 4] == to_hex(BLUE) and colours[8, 11] == to_hex(VERMILION)


def test_rows_take_pictures_and_maps():
    figure = figures.panoptic_rows({"frame": torch.rand(2, 3, 16, 16), "map": [scene(), scene()]}, "t")
    assert [ax.get_ylabel() for ax in figure.axes] == ["frame", "", "map", ""]


def test_a_match_is_blue_with_its_iou_and_the_rest_is_vermilion():
    truth, found = scene(), scene()
    found[6:12, 2:6] = 5001  # another class
    figure = figures.matched_rows([torch.rand(3, 16, 16)], [found], [truth], "t")
    _, so, was = figure.axes
    assert {"ball missed", "ball"} <= {text.get_text() for text in so.texts}
    assert {"square false", "ball 1.00"} <= {text.get_text() for text in was.texts}
    picture = np.asarray(was.images[-1].get_array())
    assert (to_hex(picture[8, 4]), to_hex(picture[8, 11])) == (to_hex(VERMILION), to_hex(BLUE))


def test_arrows_start_where_the_flow_is_known_and_have_its_length():
    flow = torch.stack([torch.full((12, 12), -2.0), torch.full((12, 12), 1.0)])
    known = torch.zeros(12, 12, dtype=torch.bool)
    known[:6] = True
    ax = Figure().subplots()
    figures.draw_flow(ax, torch.rand(3, 12, 12), flow, step=4, known=known)
    (arrows,) = [own for own in ax.collections if isinstance(own, Quiver)]
    assert set(arrows.U.tolist()) == {-2.0} and set(arrows.V.tolist()) == {1.0}
    assert len(arrows.U) == 3 and arrows.scale == 1


def test_kernel_points_stand_where_they_moved():
    points, moved = torch.zeros(2, 2), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    (ax,) = figures.kernel_figure(torch.rand(3, 8, 8), [(points, moved)], "t").axes
    last = ax.lines[-1]
    assert torch.equal(torch.tensor(np.stack(last.get_data())), moved.T)


def test_classes_are_ordered_by_quality_and_those_that_occur_nowhere_left_out():
    nan = float("nan")
    quality = SimpleNamespace(
        pq=torch.tensor([0.8, nan, 0.6]), sq=torch.tensor([0.9, nan, 0.9]), rq=torch.tensor([0.9, nan, 0.7])
    )
    (ax,) = figures.quality_figure(quality, ["a", "b", "c"], "t").axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["c", "a"]
    assert any(isinstance(own, LineCollection) for own in ax.collections)


def test_gains_stand_along_the_axis_in_order():
    seeds = [{"gain": 0.1}, {"gain": 0.2}, {"gain": 0.3}]
    low = [{"gain": -0.1}, {"gain": 0.0}, {"gain": 0.1}]
    record = SimpleNamespace(
        rule=Rule("gain", above=0.0), figures=seeds, boundary={"points": [{"at": 0.3, "figures": low}]}
    )
    (ax,) = figures.gain_figure(record, 0.6, "x", "y", "t").axes
    mean = next(line for line in ax.lines if line.get_marker() == "o")
    assert list(mean.get_xdata()) == [0.3, 0.6]
    assert np.allclose(mean.get_ydata(), [0.0, 0.2])
