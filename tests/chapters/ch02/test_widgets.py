"""Chapter 02's widgets show what the networks compute."""

import numpy as np
import pytest
import torch

from lecture_utils import zoo
from lecture_utils.backbones.swin import shift_mask, window_partition
from lecture_utils.chapters.ch02.widgets import attention_explorer, position_similarity, swin_stepper
from lecture_utils.plotting.overlays import heat_overlay


def drawn(ax) -> np.ndarray:
    return np.asarray(ax.images[0].get_array(), dtype=float)


def test_the_explorer_shows_each_head_of_the_shipped_vit() -> None:
    images, _ = attention_explorer.looked_at()
    maps = zoo.load("shapes_vit").attention_maps(images)  # (layers, pictures, heads, 65, 65)
    fig = attention_explorer.attention_maps(picture=2, layer=3, asker="a patch", row=5, column=2)
    heads = maps[2, 1, :, 1 + 4 * 8 + 1, 1:]
    assert len(fig.axes) == 1 + len(heads)
    for ax, weights in zip(fig.axes[1:], heads, strict=True):
        assert f"peak {weights.max():.0%}" in ax.get_title()
        np.testing.assert_array_equal(drawn(ax), heat_overlay(images[1], weights.reshape(8, 8)))


def test_the_explorer_frames_the_asking_patch_only_when_a_patch_asks() -> None:
    def frames(**values):
        return [p for ax in attention_explorer.attention_maps(**values).axes for p in ax.patches]

    assert not frames(asker="the class token")
    (frame, *others) = frames(asker="a patch", row=3, column=7)
    assert frame.get_xy() == (6 * 4 - 0.5, 2 * 4 - 0.5) and len(others) == 4


def test_a_position_is_most_like_itself_and_the_formula_knows_only_distances() -> None:
    for kind in (position_similarity.SINUSOIDAL, position_similarity.LEARNED, position_similarity.UNTRAINED):
        alike = drawn(position_similarity.similarity(kind, 19).axes[0]).ravel()
        assert alike.argmax() == 19 and alike.max() == pytest.approx(1, abs=1e-5)
    first, later = (drawn(position_similarity.similarity(position=k).axes[0]).ravel() for k in (0, 20))
    np.testing.assert_allclose(first[:40], later[20:60], atol=1e-5)


def test_the_learned_start_is_a_grid() -> None:
    """Before training a position is as like its neighbour below as its neighbour to the right."""
    alike = drawn(position_similarity.similarity(position_similarity.UNTRAINED, 27).axes[0])
    np.testing.assert_allclose(alike[4, 3], alike[3, 4], atol=1e-5)
    assert alike[4, 3] > alike[6, 3]


def placed_at(shift: int) -> list[int]:
    """The 64 tokens in reading order after the roll."""
    return torch.arange(64).reshape(8, 8).roll((-shift, -shift), dims=(0, 1)).flatten().tolist()


def numbered(shift: int, window: int) -> list[int]:
    """The tokens of a window (from 1) after the roll."""
    rolled = torch.tensor(placed_at(shift)).reshape(1, 8, 8, 1)
    return window_partition(rolled, 4)[window - 1, :, 0].tolist()


@pytest.mark.parametrize("shift", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
def test_the_stepper_draws_swins_mask(shift: int, window: int) -> None:
    fig = swin_stepper.swin_windows("rolled", shift, window)
    mask = shift_mask(8, 8, 4, shift)[window - 1].numpy()
    colours = drawn(fig.axes[1])  # (16, 16, 3)
    np.testing.assert_array_equal(np.ptp(colours, axis=2) > 0, mask)  # grey where a pair is forbidden
    on_the_map = {placed: drawn(fig.axes[0])[divmod(k, 8)] for k, placed in enumerate(placed_at(shift))}
    for row, token in enumerate(numbered(shift, window)):  # and in the token's own colour where it is allowed
        np.testing.assert_allclose(
            colours[row][mask[row]], on_the_map[token][None].repeat(mask[row].sum(), 0)
        )
    inside = numbered(shift, window)
    bold = {int(t.get_text()) for t in fig.axes[0].texts if t.get_fontweight() == "bold"}
    assert bold == set(inside)
    assert [int(t.get_text()) for t in fig.axes[1].texts if t.get_text().isdigit()] == inside


def test_without_a_shift_every_pair_of_a_window_is_allowed() -> None:
    for fig in (swin_stepper.swin_windows("regular windows"), swin_stepper.swin_windows("rolled", 0, 4)):
        assert np.ptp(drawn(fig.axes[1]), axis=2).min() > 0, "no grey"
        assert "every pair is allowed" in fig.axes[1].get_title(loc="center")


def test_the_tour_opens_where_a_mask_is_seen() -> None:
    widget = swin_stepper.swin_stepper()
    fig = swin_stepper.swin_windows(**widget.values(**widget.tour[0][1]))
    assert np.ptp(drawn(fig.axes[1]), axis=2).min() == 0
