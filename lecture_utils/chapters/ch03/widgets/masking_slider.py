"""Masking slider: hide more and more of a picture, and see what a masked auto-encoder makes of the rest."""

from functools import lru_cache

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import photograph
from lecture_utils.widgets.widget import Widget

SCENES, PHOTOGRAPHS = 6, ("astronaut", "cat", "coffee", "rocket")
NAMES = (*(f"scene {k + 1}" for k in range(SCENES)), *PHOTOGRAPHS)


@lru_cache(maxsize=1)
def painter() -> nn.Module:
    """The shipped masked auto-encoder; a copy of its own, since the share to hide is set on it."""
    from lecture_utils import zoo

    return zoo.load("shapes_mae")


@lru_cache(maxsize=1)
def pictures() -> dict[str, Tensor]:
    """All pictures by name, each (1, 3, 48, 48) in [0, 1]: rendered and read once, not on a change."""
    from lecture_utils.data.portraits import portraits
    from lecture_utils.selfsup.small_vit import SIZE

    scenes = portraits(SCENES, split="test", seed=3).image
    real = [photograph(name, SIZE) for name in PHOTOGRAPHS]
    return {name: picture[None] for name, picture in zip(NAMES, (*scenes, *real), strict=True)}


def picture_of(name: str) -> Tensor:
    """A test scene with one object, or a photograph, as (1, 3, 48, 48) in [0, 1]."""
    return pictures()[name]


def fill_in(hidden: int = 75, picture: str = NAMES[0], draw: int = 1) -> Figure:
    """Hide a share of a picture's patches and draw what the model sees, what it fills in, and the truth.

    Parameters
    ----------
    hidden : int
        Percent of the patches.
    picture : str
        In `NAMES`.
    draw : int
        Which random choice of patches.

    Returns
    -------
    Figure
        With the PSNR on the hidden pixels, of the model and of interpolation from the visible ones.
    """
    from lecture_utils.chapters.ch03.figures import hide_patches
    from lecture_utils.metrics.psnr import psnr
    from lecture_utils.selfsup.fills import hidden_pixels, linear_fill
    from lecture_utils.widgets.layouts import three_panels

    model, x = painter(), picture_of(picture)
    model.ratio = hidden / 100  # type: ignore[assignment]
    filled, mask = model.reconstruct(x, generator=torch.Generator().manual_seed(draw))  # type: ignore[operator]
    fig, axes = three_panels(captioned=True)
    pictures = (hide_patches(x[0], mask[0]), filled[0].clamp(0, 1).permute(1, 2, 0), x[0].permute(1, 2, 0))
    seen = int((~mask).sum())
    titles = (f"{seen} of {mask.shape[1]} patches seen", "filled in by the MAE", "the truth")
    for ax, shown, title in zip(axes, pictures, titles, strict=True):
        ax.imshow(shown, interpolation="nearest")
        ax.set_title(title, loc="left")
    where = hidden_pixels(mask, model.patch, *x.shape[-2:])  # type: ignore[arg-type]
    if where.any():
        scores = [psnr(y.clamp(0, 1), x, where).item() for y in (filled, linear_fill(x, where))]
        words = (
            f"On the hidden pixels: MAE {scores[0]:.1f} dB, interpolation {scores[1]:.1f} dB (more is better)"
        )
    else:
        words = "Nothing is hidden."
    fig.text(0.01, 0.1, words, fontsize=9.5, va="center")
    return fig


def masking_slider() -> Widget:
    """Make the masking slider: share hidden, picture, and which random choice.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Masking ratio and what the MAE makes of it",
        compute=fill_in,
        controls={
            "hidden": Slider(0, 95, 5, 75, label="hidden (%)"),
            "picture": Choice(list(NAMES)),
            "draw": Slider(1, 20, 1, 1, label="random choice"),
        },
        tour=[
            ("75 % hidden, as in its training.", {"hidden": 75}),
            ("25 %: gaps have neighbours to copy from, but it never saw so many tokens.", {"hidden": 25}),
            ("75 % again, other patches: another guess from other evidence.", {"hidden": 75, "draw": 2}),
            ("85 % hidden: what the object is becomes a matter of luck.", {"hidden": 85}),
            ("95 % hidden: it falls back on what pictures are like on the whole.", {"hidden": 95}),
            ("A photograph, 75 % hidden. It never saw one in training.", {"hidden": 75, "picture": "cat"}),
        ],
        trivial={"hidden": 0},
        alt="A picture with most patches greyed out, the masked auto-encoder's completion, and the truth.",
    )
