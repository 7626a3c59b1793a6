"""t-SNE of some handwritten digits: choose the perplexity, and watch the map form step by step."""

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

if TYPE_CHECKING:
    from lecture_utils.explain.tsne import TSNE

DIGITS, STEPS, EVERY = 200, 400, 50
PERPLEXITIES = (2, 5, 15, 40, 120)
_TOUR = (
    (15, STEPS, "Perplexity 15: about one island a digit, of which there are 20 copies each."),
    (2, STEPS, "Perplexity 2: each point cares for two others, and digits fall into crumbs."),
    (5, STEPS, "Perplexity 5: crumbs join; some digits still lie in several pieces."),
    (
        120,
        STEPS,
        "Perplexity 120 of 200 points: nearly all are neighbours; islands loosen, and the map is small.",
    ),
    (15, 50, "Perplexity 15 after 50 steps: attraction is exaggerated, and all is one knot."),
    (15, 300, "After 300: the exaggeration ended at 250, and repulsion has spread the islands out."),
)


def embed(perplexity: int, step: int) -> Figure:
    """Draw the map of 200 digits after some steps, with the divergence that is left.

    Parameters
    ----------
    perplexity : int
        One of `PERPLEXITIES`.
    step : int
        A multiple of 50, 0 to 400.

    Returns
    -------
    Figure
        Left the map, each digit in its colour; right how much the 60 nearest digits weigh for one of them.
    """
    from lecture_utils.chapters.ch04.figures import points
    from lecture_utils.explain.tsne import kl_divergence
    from lecture_utils.plotting.style import PALETTE
    from lecture_utils.widgets.layouts import strip

    _, labels = digits()
    found, p = layouts()[perplexity]
    y = found.frames[found.frame_steps.index(step)]  # (200, 2)
    kl = kl_divergence(p, y)
    foot = f"perplexity {perplexity}, step {step}: KL = {kl:.2f}, furthest coordinate {y.abs().max():.2g}"
    fig, (left, right) = strip([2.7, 1.9], 1.8, foot=foot)
    points(left, y, labels, [str(k) for k in range(10)], size=9)
    ranked = p[0].sort(descending=True).values[:60]  # of the first digit
    right.fill_between(range(1, 61), (ranked / ranked.max()).tolist(), step="mid", color=PALETTE[0])
    right.set_title("one digit's neighbours", fontsize=8.5, fontweight="normal", pad=3)
    right.set_xticks([1, 20, 40, 60])
    right.spines["bottom"].set_visible(True)
    return fig


def tsne_perplexity() -> Widget:
    """Make the t-SNE explorer: perplexity and step."""
    return Widget(
        title="t-SNE perplexity",
        compute=embed,
        controls={
            "perplexity": Choice(PERPLEXITIES, 15),
            "step": Slider(0, STEPS, EVERY, STEPS, label="step"),
        },
        tour=[(caption, {"perplexity": p, "step": step}) for p, step, caption in _TOUR],
        trivial={"step": 0},
        alt="Two hundred handwritten digits as points in the plane, coloured by digit, and a bar chart.",
    )


@lru_cache(maxsize=1)
def digits() -> tuple[Tensor, Tensor]:
    """Take the first 20 copies of each digit: images (200, 1, 8, 8) and labels (200,)."""
    from lecture_utils.data.digits import load

    images, labels = load(size=8, split="train")
    rows = torch.cat([(labels == k).nonzero()[: DIGITS // 10, 0] for k in range(10)])
    return images[rows], labels[rows]


@lru_cache(maxsize=1)
def layouts() -> dict[int, tuple["TSNE", Tensor]]:
    """Run t-SNE for every perplexity, keeping a frame every 50 steps; beside each its P (200, 200)."""
    from lecture_utils.explain.tsne import joint_probabilities, tsne

    x = digits()[0].flatten(1)  # (200, 64)
    return {
        perplexity: (
            tsne(x, perplexity=perplexity, steps=STEPS, every=EVERY),
            joint_probabilities(x, perplexity),
        )
        for perplexity in PERPLEXITIES
    }
