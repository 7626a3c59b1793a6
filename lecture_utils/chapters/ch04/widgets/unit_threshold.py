"""Threshold a unit: where does one channel fire, and with which concept does that agree?"""

from functools import lru_cache
from typing import TYPE_CHECKING

import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

if TYPE_CHECKING:
    from lecture_utils.explain.dissection import UnitLabel

SCENES, SHOWN, SIZE, LAYER = 160, 4, 48, "stages"
SHARES = (0.002, 0.005, 0.02, 0.05, 0.1, 0.3)


def fire(unit: int, share: float, concept: str) -> Figure:
    """Draw where a unit fires in four scenes, and the outline of a concept.

    Parameters
    ----------
    unit : int
        Channel of the last maps of `shapes_multilabel`, 0 to 63.
    share : float
        It fires on so large a share of all its values: this sets the threshold.
    concept : str
        One of `lecture_utils.data.concepts.CONCEPTS`.

    Returns
    -------
    Figure
        Bright where the unit fires; the concept's border in vermilion. Below, the IoU over 160 scenes.
    """
    from lecture_utils.explain.dissection import unit_masks, unit_thresholds
    from lecture_utils.plotting.annotations import outline
    from lecture_utils.plotting.overlays import dim_outside
    from lecture_utils.widgets.layouts import picture, strip

    images, maps, concepts = observed()
    one = maps[:, unit : unit + 1]  # (160, 1, 12, 12)
    level = unit_thresholds(one, share)
    fires = unit_masks(one, level, images.shape[-1])[:, 0]  # (160, 48, 48)
    truth = concepts[concept]  # (160, 48, 48)
    iou = (fires & truth).sum().item() / max((fires | truth).sum().item(), 1)
    foot = f"unit {unit} above {level.item():.2f}, “{concept}” outlined: IoU {iou:.3f}"
    foot += " > 0.04" if iou > 0.04 else " ≤ 0.04"
    fig, axes = strip([1.6] * SHOWN, 1.6, foot=foot, titled=False)
    for ax, k in zip(axes, best_scenes(unit), strict=True):
        picture(ax, dim_outside(images[k], fires[k]))
        outline(ax, truth[k])
    return fig


def unit_threshold() -> Widget:
    """Make the widget: a unit, how often it fires, and a concept to compare it with."""
    from lecture_utils.data.concepts import CONCEPTS

    labels = found()
    first, second, third = labels[0], labels[1], labels[2]
    unit, concept, _ = first
    other = next(c for c in CONCEPTS if c not in (concept, second[1]))
    tour = [
        (f"Unit {unit}, the best of its layer, fires on 0.5 % of its values, in its four favourite scenes.",
         {"unit": unit, "share": 0.005, "concept": concept}),
        ("A lower threshold: it fires on 5 %, and covers more of the concept.",
         {"unit": unit, "share": 0.05, "concept": concept}),
        ("On 30 %: now it fires on much else too, and the IoU falls again.",
         {"unit": unit, "share": 0.3, "concept": concept}),
        ("The same unit and a concept that it does not detect.",
         {"unit": unit, "share": 0.005, "concept": other}),
        (f"Unit {second[0]} and {second[1]}.",
         {"unit": second[0], "share": 0.005, "concept": second[1]}),
        (f"Unit {third[0]} and {third[1]}.",
         {"unit": third[0], "share": 0.005, "concept": third[1]}),
    ]  # fmt: skip
    return Widget(
        title="Threshold a unit",
        compute=fire,
        controls={
            "unit": Slider(0, observed()[1].shape[1] - 1, 1, unit, label="unit"),
            "share": Choice(
                [(f"{share:.1%} of its values", share) for share in SHARES], 0.005, label="fires on"
            ),
            "concept": Choice(CONCEPTS, concept, label="concept"),
        },
        tour=tour,
        trivial={"concept": other},
        alt="Four scenes, bright only where one unit of a network fires, with a concept's outline.",
    )


@lru_cache(maxsize=1)
def observed() -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Render scenes once: images (160, 3, 48, 48), the last maps (160, 64, 12, 12), a mask a concept."""
    from lecture_utils import zoo
    from lecture_utils.data.concepts import CONCEPTS, FIELDS, concept_masks
    from lecture_utils.data.toyworld import render
    from lecture_utils.explain.hooks import activations
    from lecture_utils.recipes.shapes_multilabel import scenes

    sample = render(scenes(SCENES, seed=4, split="val"), SIZE, only=("image", *FIELDS))
    maps = activations(zoo.load("shapes_multilabel"), sample.image, LAYER)
    masks = concept_masks(sample)  # (160, 24, 48, 48)
    return sample.image, maps, dict(zip(CONCEPTS, masks.unbind(1), strict=True))


@lru_cache(maxsize=1)
def found() -> list["UnitLabel"]:
    """Give the best unit of each concept that has one, best first."""
    import torch

    from lecture_utils.explain.dissection import dissect

    _, maps, concepts = observed()
    labels = dissect(maps, torch.stack(list(concepts.values()), dim=1), list(concepts)).labels(0.0)
    best = {label.concept: label for label in reversed(labels)}
    return sorted(best.values(), key=lambda label: -label.iou)


def best_scenes(unit: int) -> list[int]:
    """Give the four scenes in which a unit's largest value is largest."""
    peaks = F.adaptive_max_pool2d(observed()[1][:, unit : unit + 1], 1).flatten()  # (160,)
    return [int(k) for k in peaks.topk(SHOWN).indices]
