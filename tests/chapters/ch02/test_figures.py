"""Diagrams of attention: numbers where they belong."""

import numpy as np
import torch

from lecture_utils.chapters.ch02.figures import heat_maps, layer_diagram


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
    some = heat_maps([table, table], ["s", "t"], signed=(True, False)).axes
    assert [ax.images[0].get_clim() for ax in some] == [(-3, 3), (0, 3.75)]


def test_the_layer_diagram_names_all_five_parts() -> None:
    words = [t.get_text() for t in layer_diagram().axes[0].texts]
    assert sum(word.startswith("norm, ") for word in words) == 5
    assert words.count("⊕") == 5
