"""Diagrams of attention: numbers where they belong."""

import numpy as np
import torch

from lecture_utils.chapters.ch02.figures import (
    asked,
    heat_maps,
    hunger_curves,
    layer_diagram,
    seed_bars,
    seen_from_corner,
    tiled,
)
from lecture_utils.chapters.ch02.solutions import window_mask, window_mask_faulty


def test_each_number_stands_in_its_cell() -> None:
    table = torch.tensor([[0.25, -1.5], [2.0, 0.0], [0.5, 0.75]])
    ax = heat_maps([table], ["t"], numbers=True).axes[0]
    written = {t.get_position(): float(t.get_text().replace("−", "-")) for t in ax.texts}
    assert written == {(c, r): float(table[r, c]) for r in range(3) for c in range(2)}
    np.testing.assert_array_equal(np.asarray(ax.images[0].get_array()), table.numpy())


def test_whole_numbers_are_written_whole() -> None:
    ax = heat_maps([torch.tensor([[12, 0], [-3, 24]])], ["t"], numbers=True).axes[0]
    assert [t.get_text() for t in ax.texts] == ["12", "0", "−3", "24"]


def test_signed_tables_are_white_at_zero() -> None:
    table = torch.tensor([[0.0, 3.0], [-1.0, 2.0]])
    assert heat_maps([table], ["t"], signed=True).axes[0].images[0].get_clim() == (-3, 3)
    some = heat_maps([table, table + 1], ["s", "t"], signed=(True, False)).axes
    assert [ax.images[0].get_clim() for ax in some] == [(-3, 3), (0, 5)]


def test_what_fits_best_is_darkest_also_below_zero() -> None:
    low, high = heat_maps([torch.tensor([[-4.0, 0.0], [-1.0, 1.0]])], ["t"]).axes[0].images[0].get_clim()
    assert low == -4 and high > 1


def test_the_layer_diagram_names_all_five_parts() -> None:
    words = [t.get_text() for t in layer_diagram().axes[0].texts]
    assert sum(word.startswith("norm, ") for word in words) == 5
    assert words.count("⊕") == 5


def test_tiles_are_the_patches_with_gaps_between() -> None:
    picture = torch.rand(3, 8, 12)
    page = tiled(picture, 4, gap=1, zoom=1)
    assert page.shape == (9, 14, 3)
    np.testing.assert_allclose(page[5:, 10:], picture[:, 4:, 8:].permute(1, 2, 0).numpy(), atol=1e-6)
    assert (page[4] == 1).all() and (page[:, 4] == 1).all()


def test_the_asking_patch_is_framed_on_every_copy() -> None:
    figure = asked(torch.rand(3, 32, 32), [torch.rand(8, 8)] * 2, ["a", "b"], (3, 5), 4)
    assert [ax.patches[0].get_xy() for ax in figure.axes] == [(19.5, 11.5)] * 3


def test_bars_have_a_dot_for_each_seed() -> None:
    ax = seed_bars({"off": [0.2, 0.3], "on": [1.0, 0.9]}, "t", 0.25).axes[0]
    assert [bar.get_width() for bar in ax.patches] == [0.25, 0.95]
    assert [list(line.get_xdata()) for line in ax.lines[:2]] == [[0.2, 0.3], [1.0, 0.9]]


def test_the_gap_is_drawn_as_cnn_minus_vit() -> None:
    rows = [
        {
            "sizes": [10, 20],
            "test": {"CNN": [0.8, 0.9], "ViT": [low, 0.7]},
            "train": {"CNN": [1, 1], "ViT": [1, 1]},
        }
        for low in (0.2, 0.4)
    ]
    left, right = hunger_curves(rows).axes
    np.testing.assert_allclose(right.lines[0].get_ydata(), [0.5, 0.2])
    assert len(left.lines) == 4


def test_the_corner_may_look_at_its_own_corner_only() -> None:
    right, wrong = seen_from_corner(window_mask), seen_from_corner(window_mask_faulty)
    assert right.sum() == 4 and right[:2, :2].all()
    assert wrong[0, 7] == 1 and wrong[7, 0] == 1, "the colleague's sees two corners more"
