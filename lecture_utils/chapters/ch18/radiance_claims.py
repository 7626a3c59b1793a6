"""Chapter 18: what the lecture claims about NeRF, measured; `claims` hands it to the ledger.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it. A seed
has a scene of its own: three or four solids on a disc of ground, learned from 40 views of 64 × 64 pixels and
measured on 8 others between them. Settings are chosen on validation views of another scene.
"""

import functools
from typing import Any

import torch
from torch import Tensor

from lecture_utils.data.toyworld import solids
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.metrics.psnr import psnr
from lecture_utils.ops.camera import Cameras
from lecture_utils.recipes import _views, solids_nerf
from lecture_utils.rendering.nerf import NeRF, render_views
from lecture_utils.training.kit import TUNING_SEED, Figures, best_setting, size, train_cycle

RATES = (3e-3, 1e-2)  # Adam's highest, for each arm to choose from
FREQUENCIES = 6


def sizes(budget: str) -> tuple[int, int, tuple[int, int]]:
    """Steps, training views, and the pictures' height and width."""
    return size(budget, quick=(2, 4, (12, 12)), full=(1000, 40, (64, 64)), gpu=(10_000, 40, (64, 64)))


def test_views(scene: solids.SolidScene, budget: str, split: str) -> tuple[Cameras, Tensor]:
    """Cameras of "val" or "test", and their pictures of a scene (N, 3, H, W)."""
    _, views, hw = sizes(budget)
    cameras, seen = _views.pictures(scene, split, count=min(views, _views.TEST_VIEWS), size=hw)
    return cameras, seen.image


def trained(
    scene: solids.SolidScene, budget: str, seed: int, rate: float, *, part: float = 1.0, **sizes_: Any
) -> NeRF:
    """Learn a scene with 16 + 16 samples a ray, 256 rays a step, for a part of the steps (or a multiple)."""
    steps, views, hw = sizes(budget)
    torch.manual_seed(seed)
    model = solids_nerf.build(samples=16, more_samples=16, **sizes_)
    batches = _views.ray_batches(*_views.training_rays(scene, count=views, size=hw), batch=256, seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), rate, betas=(0.9, 0.99))
    train_cycle(
        model, batches, loss=solids_nerf.rays_loss, optimizer=optimizer, steps=max(1, round(part * steps)),
        warm_up=0.05, cycle_momentum=False,
    )  # fmt: skip
    model.eval()
    return model


def decibels(model: NeRF, scene: solids.SolidScene, budget: str, split: str = "test") -> float:
    """Mean PSNR of the views of a split."""
    cameras, truth = test_views(scene, budget, split)
    return float(psnr(render_views(model, cameras).image.clamp(0, 1), truth).mean())


# --- C18.2 -------------------------------------------------------------------------------------------
@functools.lru_cache(maxsize=4)
def textured(seed: int, split: str, texture: bool) -> solids.SolidScene:
    """Three or four solids with patterns of about three pixels a period, or the same ones without."""
    materials = ("striped", "checked", "dotted") if texture else ("plain",)
    return solids.sample_solid(seed, split=split, count=(3, 4), materials=materials, frequency=1.5)


@functools.lru_cache
def chosen_rate(budget: str, frequencies: int) -> float:
    """The rate with the highest PSNR on validation views of a textured scene that no seed measures."""
    scene = textured(TUNING_SEED, "val", True)

    def score(rate: float) -> float:
        model = trained(scene, budget, TUNING_SEED, rate, frequencies=frequencies)
        return decibels(model, scene, budget, "val")

    return best_setting(RATES, score)


@functools.lru_cache
def encoded(seed: int, budget: str, frequencies: int, texture: bool, part: float = 1.0) -> float:
    """PSNR on test views with so many frequencies; the rate is that of bare coordinates or of six."""
    rate = chosen_rate(budget, FREQUENCIES if frequencies else 0)
    scene = textured(seed, "test", texture)
    return decibels(trained(scene, budget, seed, rate, part=part, frequencies=frequencies), scene, budget)


def with_frequencies(seed: int, budget: str, frequencies: float) -> Figures:
    """PSNR with L frequencies over that with bare coordinates, on the textured scene."""
    with_waves = encoded(seed, budget, int(frequencies), True)
    return {"gain_db": with_waves - encoded(seed, budget, 0, True), "psnr_db": with_waves}


@claim(
    "C18.2",
    statement="Without positional encoding NeRF loses detail: held-out views of textured solids are more "
    "than 2 dB worse, and the loss is larger than on the same solids without texture.",
    paper="B. Mildenhall et al., NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis, "
    "ECCV 2020, table 2, row 2",
    rule=(Rule("gain_db", above=2.0), Rule("texture_gap_db", above=0.0)),
    seeds=3,
    note="The paper loses 2.2 dB (28.8 against 31.0). Both arms have the shipped NeRF's widths, 16 + 16 "
    "samples a ray, and 1,000 steps of 256 rays; each chose its rate, 0.003 or 0.01, on validation views of "
    "another scene. The encoding has six frequencies, bare coordinates none; directions are encoded in both. "
    "The longer run gives bare coordinates twice the steps.",
    names={
        "gain_db": "dB that the encoding gains on textured solids",
        "texture_gap_db": "dB gained on textured solids minus dB gained on plain ones",
        "longer_db": "dB that bare coordinates gain by twice the steps",
    },
    boundary=Boundary("number of frequencies", (1.0, 2.0, 4.0, 10.0), with_frequencies),
)
def c18_2_encoding(seed: int, budget: str) -> Figures:
    """PSNR with and without positional encoding, on textured and on plain solids."""
    scores = {
        name: {"encoded": encoded(seed, budget, FREQUENCIES, on), "bare": encoded(seed, budget, 0, on)}
        for name, on in (("textured", True), ("plain", False))
    }
    gains = {name: own["encoded"] - own["bare"] for name, own in scores.items()}
    return {
        "gain_db": gains["textured"],
        "texture_gap_db": gains["textured"] - gains["plain"],
        "longer_db": encoded(seed, budget, 0, True, part=2.0) - scores["textured"]["bare"],
        "scores": scores,
        "rates": {"encoded": chosen_rate(budget, FREQUENCIES), "bare": chosen_rate(budget, 0)},
    }


# --- C18.4 -------------------------------------------------------------------------------------------
SHINY, SHININESS = 0.8, 20.0  # strength of the highlight; Blinn's exponent: spots of some pixels
IN_HIGHLIGHT = 0.1  # a pixel is in one if the highlight changes a channel by more than this


@functools.lru_cache(maxsize=4)
def glossy(seed: int, split: str, strength: float) -> solids.SolidScene:
    """Three or four solids with highlights; matt where the strength is 0."""
    scene = solids.sample_solid(seed, split=split, count=(3, 4), specular=strength)
    return scene.replace(shininess=SHININESS)


@functools.lru_cache
def chosen_look_rate(budget: str, view_direction: bool) -> float:
    """The rate with the highest PSNR on validation views of a shiny scene that no seed measures."""
    scene = glossy(TUNING_SEED, "val", SHINY)

    def score(rate: float) -> float:
        model = trained(scene, budget, TUNING_SEED, rate, view_direction=view_direction)
        return decibels(model, scene, budget, "val")

    return best_setting(RATES, score)


def looked(seed: int, budget: str, strength: float, view_direction: bool) -> dict[str, float]:
    """PSNR of test views, whole and where the highlights of the shiny scene are."""
    scene = glossy(seed, "test", strength)
    rate = chosen_look_rate(budget, view_direction)
    model = trained(scene, budget, seed, rate, view_direction=view_direction)
    cameras, truth = test_views(scene, budget, "test")
    picture = render_views(model, cameras).image.clamp(0, 1)
    shiny, matt = (test_views(glossy(seed, "test", s), budget, "test")[1] for s in (SHINY, 0.0))
    lit = (shiny - matt).abs().amax(1, keepdim=True) > IN_HIGHLIGHT  # (N, 1, H, W)
    joined = [x.transpose(0, 1).flatten(1, 2)[None] for x in (picture, truth, lit)]  # (1, C, N · H, W)
    return {
        "whole": float(psnr(picture, truth).mean()),
        "highlights": float(psnr(*joined)) if bool(lit.any()) else 0.0,
        "share": float(lit.float().mean()),
    }


@claim(
    "C18.4",
    statement="View dependence needs the direction as an input: without it the highlights of shiny solids "
    "are more than 1 dB worse in held-out views and the whole views are worse, by more than on matt solids.",
    paper="B. Mildenhall et al., NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis, "
    "ECCV 2020, table 2, row 3, and figure 3",
    rule=(
        Rule("highlight_gain_db", above=1.0),
        Rule("gain_db", above=0.0),
        Rule("shine_gap_db", above=0.0),
    ),
    seeds=3,
    note="The paper loses 3.4 dB over whole views (27.7 against 31.0). Both arms have the shipped NeRF's "
    "widths, 16 + 16 samples a ray, and 1,000 steps of 256 rays; each chose its rate, 0.003 or 0.01, on "
    "validation views of another shiny scene. The matt scene is the same without highlights; a pixel is in a "
    "highlight if that changes one of its channels by more than 0.1.",
    names={
        "highlight_gain_db": "dB that the direction gains in the highlights",
        "gain_db": "dB that the direction gains over whole views of shiny solids",
        "shine_gap_db": "dB gained on shiny solids minus dB gained on matt ones",
    },
)
def c18_4_directions(seed: int, budget: str) -> Figures:
    """PSNR with and without the direction, on shiny and on matt solids."""
    scores = {
        name: {arm: looked(seed, budget, strength, on) for arm, on in (("with", True), ("without", False))}
        for name, strength in (("shiny", SHINY), ("matt", 0.0))
    }
    gains = {name: own["with"]["whole"] - own["without"]["whole"] for name, own in scores.items()}
    lit = {arm: own["highlights"] for arm, own in scores["shiny"].items()}
    return {
        "highlight_gain_db": lit["with"] - lit["without"],
        "gain_db": gains["shiny"],
        "shine_gap_db": gains["shiny"] - gains["matt"],
        "scores": scores,
        "rates": {arm: chosen_look_rate(budget, on) for arm, on in (("with", True), ("without", False))},
    }
