"""Pix2Pix's figures and odd maps: they draw what they are given, and stored statistics are what they say."""

from types import SimpleNamespace

import pytest
import torch

from lecture_utils.chapters.ch15 import pix2pix_figures as figures
from lecture_utils.chapters.ch15.pix2pix_study import (
    FLAT,
    flat_game,
    named_rightly,
    odd_maps,
    with_stored_statistics,
)
from lecture_utils.data import toyworld
from lecture_utils.recipes import scenes_pix2pix, scenes_pix2pix_arms
from lecture_utils.recipes._translated import ARMS, CLASSES, Pairs, outputs, translated

pytestmark = pytest.mark.system("S15.5")


def test_odd_maps_are_maps() -> None:
    maps = torch.stack(list(odd_maps().values()))
    assert maps.shape[1:] == (32, 32) and maps.min() >= 0 and maps.max() < CLASSES
    sky = odd_maps()["a ball in the sky"] == toyworld.SEMANTIC.index("ball")
    assert int(sky.any(1).nonzero().max()) < 14  # above most of the ground


def test_figures_have_a_panel_a_row() -> None:
    torch.manual_seed(0)
    model, gallery, pairs = scenes_pix2pix.build(), scenes_pix2pix_arms.build(), translated(3)
    gallery.keep("real", translated(10).image)
    gallery.get_buffer("labels").copy_(translated(10).labels)
    assert len(figures.sheet_figure(model, pairs, "a sheet").axes) == 3
    assert len(figures.arms_figure(gallery, model).axes) == 3 + len(ARMS)
    assert len(figures.patches_figure(gallery).axes) == 5
    assert len(figures.skips_figure(gallery).axes) == 4
    assert len(figures.sharpened_figure(gallery).axes) == 4
    assert len(figures.failures_figure(model).axes) == 2 * len(odd_maps())
    assert len(figures.noise_figure(model, pairs.labels[0], draws=2).axes) == 5
    assert len(figures.colours_figure(gallery, model).axes[0].patches) == 3


def test_claim_figure_has_a_dot_a_seed() -> None:
    arm = {"detail": 0.5, "agreement": 0.9, "frechet": 3.0}
    made = {"arms": dict.fromkeys(ARMS, arm), "real": {"agreement": 0.99, "frechet": 0.2}}
    fig = figures.objectives_figure(SimpleNamespace(id="C15.2", holds=True, figures=[made, made]))
    assert [len(ax.lines) for ax in fig.axes] == [len(ARMS) + 1] * 3
    assert all(len(ax.lines[0].get_xdata()) == 2 for ax in fig.axes)


def test_stored_statistics_of_one_map_are_its_own() -> None:
    torch.manual_seed(0)
    model, pairs = scenes_pix2pix.build(), translated(2)
    model.dropout = 0.0
    one = with_stored_statistics(model, pairs.labels[:1])
    torch.testing.assert_close(
        outputs(one, pairs.labels[:1]), outputs(model, pairs.labels[:1]), rtol=1e-3, atol=1e-4
    )
    assert (outputs(one, pairs.labels[1:]) - outputs(model, pairs.labels[1:])).abs().max() > 1e-3
    again = with_stored_statistics(model, pairs.labels)
    assert len(figures.statistics_figure(model, again, Pairs(*pairs)).axes) == 4


def test_in_the_flat_game_a_seeing_discriminator_ties_colours_to_grounds() -> None:
    assert named_rightly(FLAT) == 1 and named_rightly(FLAT.roll(1, 0)) == 0
    seeing = flat_game(True, 0)
    assert named_rightly(seeing) == 1
    assert (seeing - FLAT).abs().max() < 0.15
    blind = flat_game(False, 0, steps=2)
    assert len(figures.flat_figure({"blind": blind, "seeing": seeing}).axes) == 9
