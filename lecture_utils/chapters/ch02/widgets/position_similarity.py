"""Position similarity: how alike is one position's encoding to all others, for fixed and for learned ones."""

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import BLUE, VERMILION
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

GRID = 8
SINUSOIDAL, LEARNED, UNTRAINED = "sinusoidal", "learned", "learned, at the start"


@lru_cache(maxsize=3)
def encodings(kind: str) -> Tensor:
    """Encodings of 64 positions, (64, width): the formula's, the shipped ViT's, or those it started from."""
    import torch

    from lecture_utils import zoo
    from lecture_utils.nn.positions import sinusoidal_encoding
    from lecture_utils.recipes import shapes_vit

    if kind == SINUSOIDAL:
        return sinusoidal_encoding(GRID * GRID, 64)
    if kind == LEARNED:
        return zoo.load("shapes_vit").position[0, 1:].detach()  # type: ignore[index]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return shapes_vit.build().position[0, 1:].detach()  # type: ignore[index]


def similarity(kind: str = SINUSOIDAL, position: int = 28) -> Figure:
    """Draw the cosine similarity of one position's encoding to all 64, in rows of 8 and in one line.

    Parameters
    ----------
    kind : str
        "sinusoidal", "learned" (by the shipped ViT) or "learned, at the start" (of its training).
    position : int
        0 to 63, in reading order.

    Returns
    -------
    Figure
        Red is alike, white unrelated, blue opposite.
    """

    table = encodings(kind)
    unit = table / table.norm(dim=1, keepdim=True)
    alike = (unit @ unit[position]).numpy()  # (64,)
    fig = Figure(figsize=(7.2, 2.7))
    fig.set_layout_engine("none")
    left = bare(fig.add_axes((0.02, 0.05, 0.31, 0.80)))
    left.imshow(alike.reshape(GRID, GRID), cmap="RdBu_r", vmin=-1, vmax=1)
    row, column = divmod(position, GRID)
    left.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=2))
    left.set_title("as patches of an image", fontsize=9, fontweight="normal", loc="center")
    right = fig.add_axes((0.42, 0.17, 0.56, 0.68))
    right.plot(np.arange(GRID * GRID), alike, color=BLUE)
    right.axvline(position, color=VERMILION, linewidth=1)
    right.set(ylim=(-1.05, 1.05), xlim=(0, GRID * GRID - 1), xlabel="position, in reading order")
    right.set_title(
        f"cosine similarity to position {position}", fontsize=9, fontweight="normal", loc="center"
    )
    return fig


def position_similarity() -> Widget:
    """Make the position widget: kind of encoding, and a position.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Position similarity",
        compute=similarity,
        controls={
            "kind": Choice([SINUSOIDAL, LEARNED, UNTRAINED]),
            "position": Slider(0, GRID * GRID - 1, 1, 28),
        },
        tour=[
            ("Sinusoidal: alike to its neighbours in the row of tokens. It knows nothing of image rows.", {}),
            (
                "The first position: the curve is the same, shifted. Only the distance counts.",
                {"position": 0},
            ),
            ("Near the end.", {"position": 60}),
            (
                "Learned, at the start of training: made of row and column, so alike in both directions.",
                {"kind": UNTRAINED},
            ),
            (
                "Learned, after training, the same position: its row is still alike, other rows much less.",
                {"kind": LEARNED},
            ),
            ("Learned: one row further down.", {"kind": LEARNED, "position": 36}),
            ("Learned: a corner.", {"kind": LEARNED, "position": 0}),
        ],
        trivial={"kind": UNTRAINED},
        alt="Left an 8 by 8 map of similarities to one position, right the same numbers as a curve.",
    )
