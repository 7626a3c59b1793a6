"""Mixing bench: two pictures and a share λ, what mixup and CutMix make of them, and what the label says."""

from functools import lru_cache

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.augment.cutmix import cut_boxes, cutmix
from lecture_utils.augment.mixup import mixup
from lecture_utils.plotting.annotations import boxes
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.style import INK, PALETTE
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SIZE = 170  # pixels a side
_TOUR = (
    ({"method": "mixup", "lam": 0.5}, "mixup at λ = 0.5: every pixel and the label are half and half."),
    (
        {"method": "mixup", "lam": 0.8},
        "λ = 0.8: the second picture is a faint ghost, and the label says so: 20 %.",
    ),
    (
        {"method": "CutMix", "lam": 0.8},
        "CutMix at λ = 0.8: each pixel is wholly of one picture, 20 % of them of the second.",
    ),
    ({"method": "CutMix", "lam": 0.5}, "λ = 0.5: the patch's sides are √0.5 = 71 % of the picture's."),
    (
        {"method": "CutMix", "lam": 0.5, "x": 0.05, "y": 0.05},
        "The same λ = 0.5, centred near a corner: most of the patch lies outside, and λ is counted again.",
    ),
    (
        {"method": "CutMix", "lam": 0.95, "x": 0.2, "y": 0.9},
        "A small patch of background still takes its 5 % of the label.",
    ),
)


@lru_cache(maxsize=1)
def pair() -> tuple[Tensor, list[str]]:
    """Render two pictures of one object each: (2, 3, H, W) and the names of their classes."""
    from lecture_utils.data.toyworld import CLASSES, Objects, render, sample_scenes

    parts = [
        sample_scenes(
            1,
            seed=seed,
            split="val",
            objects=Objects(count=1, classes=[name], size=(0.5, 0.56), distance=(2.2, 2.8)),
        )
        for seed, name in ((3, "star"), (5, "ring"))
    ]
    images = torch.cat([render(part, SIZE, only=("image",)).image for part in parts])
    assert {"star", "ring"} <= set(CLASSES)
    return images, ["star", "ring"]


def mix(method: str, lam: float, x: float, y: float) -> Figure:
    """Mix the second picture into the first, and draw both, the mixture and its label.

    Parameters
    ----------
    method : "mixup" or "CutMix".
    lam : float
        The share of the first picture, 0 to 1.
    x, y : float
        Centre of CutMix's patch, as shares of the picture's sides; mixup has no use for them.

    Returns
    -------
    Figure
    """
    images, names = pair()
    share, partner, targets = torch.full((2,), lam), torch.tensor([1, 0]), torch.eye(2)
    patch, drawn = None, f"λ = {lam:.2f}"
    if method == "mixup":
        mixed, label = mixup(images, targets, share, partner)
    else:
        patch = cut_boxes(share, (SIZE * torch.tensor([[x, y], [x, y]])).long(), (SIZE, SIZE))
        mixed, label, shown = cutmix(images, targets, patch, partner)
        drawn = f"λ {lam:.2f}, shown {shown[0]:.2f}"
    width, height, side = 7.2, 2.05, 1.7
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")
    titles = (names[0], names[1], f"{method}: {drawn}")
    for k, (picture, title) in enumerate(zip((*images, mixed[0]), titles, strict=True)):
        ax = bare(fig.add_axes(((0.04 + k * (side + 0.08)) / width, 0.02, side / width, side / height)))
        ax.imshow(to_image(picture))
        ax.set_title(title, fontsize=9.5, loc="center")
        if patch is not None and k > 0 and bool((patch[0, 2:] > patch[0, :2]).all()):
            boxes(ax, patch[:1], colours=[PALETTE[1]])
    ax = fig.add_axes((5.95 / width, 0.12, 1.15 / width, 0.62))
    ax.bar(names, label[0].tolist(), color=[PALETTE[0], PALETTE[1]], width=0.7)
    for k, value in enumerate(label[0].tolist()):
        ax.text(k, value + 0.03, f"{value:.2f}", ha="center", fontsize=9.5, color=INK)
    ax.set(ylim=(0, 1.15), yticks=[])
    ax.tick_params(axis="x", length=0, labelsize=9.5)
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    ax.set_title("label", fontsize=9.5, loc="center")
    return fig


def mixing_bench() -> Widget:
    """Make the mixing bench.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Mixing bench",
        compute=mix,
        controls={
            "method": Choice(["mixup", "CutMix"], "CutMix", label="method"),
            "lam": Slider(0.0, 1.0, 0.05, 0.5, label="λ, share of the first"),
            "x": Slider(0.0, 1.0, 0.05, 0.5, label="patch centre, x"),
            "y": Slider(0.0, 1.0, 0.05, 0.5, label="patch centre, y"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"lam": 1.0},
        alt="Two pictures, their mixture by mixup or CutMix, and bars for what the mixed label says.",
    )
