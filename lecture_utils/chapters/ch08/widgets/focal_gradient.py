"""Focal loss: from which of a picture's decisions does the gradient come, and what does γ do about it?

T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, section 3. The logits are simulated:
a few positives that are not learned yet, a few negatives that are taken for objects, and a great many easy
ones.
"""

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.ops.focal_loss import focal_loss, gradient_share
from lecture_utils.plotting.style import BLUE, GREEN, INK, QUIET, VERMILION, on_colour
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

POSITIVES, HARD = 8, 8
SPREAD = 0.3  # of the easy negatives' logits
GROUPS = ("easy negatives", "hard negatives", "positives")
COLOURS = (BLUE, VERMILION, GREEN)
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"easy": 1000, "gamma": 2.0},
        "1,000 easy negatives for each positive: nearly all gradient of cross-entropy is theirs. γ = 2 takes "
        "most of it away.",
    ),
    ({"easy": 1000, "gamma": 0.5}, "γ = 0.5: a little less, but the easy ones still outweigh all others."),
    ({"easy": 1000, "gamma": 5.0}, "γ = 5: hardly any gradient is left to them."),
    (
        {"easy": 10, "gamma": 2.0},
        "10 for each positive: with cross-entropy too, most gradient comes from the others.",
    ),
    (
        {"easy": 10000, "gamma": 2.0},
        "10,000 for each positive: γ = 2 is no longer enough at this probability.",
    ),
    (
        {"easy": 10000, "gamma": 2.0, "probability": 0.01},
        "As many, but the network has learned more about them: γ = 2 is enough again.",
    ),
    (
        {"easy": 1000, "gamma": 2.0, "alpha": 0.25},
        "The paper's setting, γ = 2 and α = 0.25: positives weigh 0.25, negatives 0.75.",
    ),
)


def decisions(easy: int, probability: float) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Simulate the logits of one picture.

    Parameters
    ----------
    easy : int
        Easy negatives for each positive.
    probability : float
        What the middle one of them gets for being an object.

    Returns
    -------
    logits, targets : Tensor
        (N,) float64, and 0 or 1.
    groups : tuple of three Tensors
        (N,) bool each, in the order of GROUPS.
    """
    share = (torch.arange(easy * POSITIVES, dtype=torch.float64) + 0.5) / (easy * POSITIVES)
    background = torch.tensor(probability, dtype=torch.float64).logit() + SPREAD * torch.special.ndtri(share)
    wrong = torch.linspace(0.5, 0.7, HARD, dtype=torch.float64).logit()
    objects = torch.linspace(0.2, 0.4, POSITIVES, dtype=torch.float64).logit()
    group = torch.arange(3).repeat_interleave(torch.tensor([len(background), HARD, POSITIVES]))
    return torch.cat([background, wrong, objects]), (group == 2).long(), tuple(group == k for k in range(3))


def shares(easy: int, probability: float, gamma: float, alpha: float | None) -> list[float]:
    """Say which share of all gradient comes from each of GROUPS."""
    logits, targets, groups = decisions(easy, probability)
    return [gradient_share(logits, targets, own, alpha=alpha, gamma=gamma) for own in groups]


def percent(share: float) -> str:
    """Write a share as 30.5 %."""
    return f"{100 * share:.1f} %"


def gradient(gamma: float, easy: int, probability: float, alpha: float | None) -> Figure:
    """Draw the loss against p_t, and the three groups' shares of the gradient without and with γ.

    Parameters
    ----------
    gamma, alpha
        As for `focal_loss`.
    easy, probability
        As for `decisions`.

    Returns
    -------
    Figure
    """
    fig = Figure(figsize=(8.2, 3.3))
    fig.set_layout_engine("none")
    _loss(fig.add_axes((0.075, 0.17, 0.325, 0.71)), gamma, easy, probability)
    ax = fig.add_axes((0.45, 0.31, 0.52, 0.57))
    without, with_gamma = (shares(easy, probability, value, alpha) for value in (0.0, gamma))
    _bars(ax, 1, "cross-entropy, γ = 0", without)
    _bars(ax, 0, f"focal loss, γ = {gamma:g}", with_gamma)
    ax.set(xlim=(0, 1), ylim=(-0.4, 1.85), xticks=[0, 0.25, 0.5, 0.75, 1], yticks=[])
    ax.set_xticklabels(["0", "25", "50", "75", "100 %"])
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    ax.set_title(
        f"gradient from easy negatives: {percent(without[0])} → {percent(with_gamma[0])}",
        fontsize=10.5,
        loc="left",
    )
    counts = (easy * POSITIVES, HARD, POSITIVES)
    for k, x in enumerate((0.45, 0.675, 0.86)):
        fig.text(
            x,
            0.125,
            f"{counts[k]:,} {GROUPS[k]}",
            color=COLOURS[k],
            fontsize=9.5,
            fontweight="bold",
            va="center",
        )
    weights = (
        "positives and negatives weigh the same" if alpha is None else "positives × 0.25, negatives × 0.75"
    )
    fig.text(0.45, 0.05, weights, color=QUIET, fontsize=9.5, va="center")
    return fig


def _loss(ax: Axes, gamma: float, easy: int, probability: float) -> None:
    """Both losses against p_t (α_t = 1), and where the three groups lie on average."""
    p = torch.linspace(0.005, 0.995, 199, dtype=torch.float64)
    ones = torch.ones_like(p)
    for value, colour, name in ((0.0, QUIET, "γ = 0"), (gamma, INK, f"γ = {gamma:g}")):
        ax.plot(p, focal_loss(p.logit(), ones, alpha=None, gamma=value), color=colour, label=name)
    logits, targets, groups = decisions(easy, probability)
    p_t = torch.where(targets == 1, logits, -logits).sigmoid()
    for own, colour in zip(groups, COLOURS, strict=True):
        x = p_t[own].mean()[None]
        y = focal_loss(x.logit(), torch.ones(1), alpha=None, gamma=gamma)
        ax.plot(x, y, "o", color=colour, markersize=8, markeredgecolor="white", clip_on=False, zorder=4)
    ax.set(xlim=(0, 1), ylim=(0, 3), xlabel="$p_t$, given to the truth", ylabel="loss")
    ax.legend(loc="upper right")
    ax.set_title("loss of one decision", fontsize=10.5, fontweight="normal", loc="left")


def _bars(ax: Axes, y: float, name: str, share: list[float]) -> None:
    """One bar of three parts, with its name above, and each part's share in it where there is room."""
    left = 0.0
    for part, colour in zip(share, COLOURS, strict=True):
        ax.barh(y, part, left=left, height=0.5, color=colour, edgecolor="white", linewidth=0.8)
        if part > 0.13:
            words = percent(part)
            ax.text(
                left + part / 2, y, words, ha="center", va="center", fontsize=9.5, color=on_colour(colour)
            )
        left += part
    ax.text(0, y + 0.4, name, ha="left", va="center", fontsize=9.5, color=INK)


def focal_gradient() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Focal loss and the share of the gradient",
        compute=gradient,
        controls={
            "gamma": Slider(0.0, 5.0, 0.5, 2.0, label="γ"),
            "easy": Choice([("10", 10), ("100", 100), ("1,000", 1000), ("10,000", 10000)], 1000,
                           label="easy negatives for each positive"),
            "probability": Slider(0.01, 0.3, 0.01, 0.05, label="their probability"),
            "alpha": Choice([("none", None), ("0.25", 0.25)], None, label="α"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"gamma": 0.0},
        alt="Cross-entropy and focal loss as curves, and bars of the gradient's shares from easy "
        "negatives, hard negatives and positives.",
    )  # fmt: skip
