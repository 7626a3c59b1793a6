"""Swin stepper: windows, the cyclic shift, and the mask that keeps strangers apart, on 8 × 8 tokens."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import INK, VERMILION, label_palette

from .controls import Choice, Slider
from .shell import Widget

SIDE, WINDOW = 8, 4
STEPS = ("regular windows", "rolled", "rolled back")


def tokens(step: str, shift: int) -> np.ndarray:
    """Which token (its number in reading order) lies at each place, (8, 8)."""
    grid = torch.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    return (grid.roll((-shift, -shift), dims=(0, 1)) if step == "rolled" else grid).numpy()


def swin_windows(step: str = "regular windows", shift: int = 2, window: int = 1) -> Figure:
    """Draw the tokens in their windows, and who may look at whom inside one of them.

    Parameters
    ----------
    step : str
        "regular windows", "rolled" (up and left by the shift) or "rolled back" (as in the image).
    shift : int
        0 to 3 tokens.
    window : int
        1 to 4, in reading order.

    Returns
    -------
    Figure
        Left the map, coloured by the group that each token belongs to; right the mask of the chosen window.
    """
    from lecture_utils.backbones.swin import shift_mask, window_partition
    from lecture_utils.widgets.swin_stepper import SIDE, WINDOW, draw_map, draw_mask, tokens

    used = 0 if step == "regular windows" else shift
    if used:
        mask = shift_mask(SIDE, SIDE, WINDOW, used)
    else:
        mask = torch.ones((SIDE // WINDOW) ** 2, WINDOW**2, WINDOW**2, dtype=torch.bool)
    placed = torch.as_tensor(tokens("rolled" if used else step, used))  # as attention sees them
    seen = window_partition(placed[None, :, :, None], WINDOW)[..., 0]  # (4, 16) token numbers
    group = torch.zeros(SIDE * SIDE, dtype=torch.long)
    for w in range(len(seen)):
        first = mask[w].float().argmax(dim=1)  # the first token that each may look at names its group
        group[seen[w]] = 16 * w + first
    _, label = torch.unique(group, return_inverse=True)
    fig = Figure(figsize=(7.2, 3.3))
    fig.set_layout_engine("none")
    left, right = fig.add_axes((0.02, 0.03, 0.42, 0.86)), fig.add_axes((0.54, 0.03, 0.42, 0.86))
    draw_map(bare(left), tokens(step, used), label.numpy(), seen[window - 1].tolist(), step)
    draw_mask(bare(right), mask[window - 1].numpy(), seen[window - 1].tolist(), window)
    return fig


def draw_map(ax: Axes, placed: np.ndarray, label: np.ndarray, inside: list[int], step: str) -> None:
    """Draw the 8 × 8 map: numbers are tokens, colours groups; the chosen window's tokens are bold."""
    palette = label_palette(16)
    ax.imshow(0.45 + 0.55 * palette[label[placed] % 16])
    for (row, column), token in np.ndenumerate(placed):
        bold = int(token) in inside
        ax.text(column, row, str(token), ha="center", va="center", fontsize=9, color=INK,
                fontweight="bold" if bold else "normal", alpha=1.0 if bold else 0.55)  # fmt: skip
    if step != "rolled back":
        for line in (-0.5, WINDOW - 0.5, SIDE - 0.5):
            ax.axhline(line, color=INK, linewidth=2.2)
            ax.axvline(line, color=INK, linewidth=2.2)
    title = {
        "rolled": "after the roll: regular windows again",
        "rolled back": "the same groups, in the image",
    }
    ax.set_title(title.get(step, "windows of 4 × 4 tokens"), fontsize=9.5, fontweight="normal", loc="center")


def draw_mask(ax: Axes, mask: np.ndarray, inside: list[int], window: int) -> None:
    """Draw a window's mask (16, 16): white where a row's token may look at a column's."""
    ax.imshow(np.where(mask[..., None], 1.0, np.array([0.84, 0.37, 0.0])))
    for k in range(len(inside) + 1):
        ax.axhline(k - 0.5, color="#CCCCCC", linewidth=0.5)
        ax.axvline(k - 0.5, color="#CCCCCC", linewidth=0.5)
    for k, token in enumerate(inside):
        ax.text(-0.8, k, str(token), ha="right", va="center", fontsize=6.5)
    share = mask.mean()
    ax.set_title(f"window {window}: {share:.0%} of the pairs are allowed", fontsize=9.5, fontweight="normal",
                 loc="center", color=INK if share == 1 else VERMILION)  # fmt: skip


def swin_stepper() -> Widget:
    """Make the Swin stepper: step, shift and window.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Swin windows, step by step",
        compute=swin_windows,
        controls={
            "step": Choice(STEPS),
            "shift": Slider(0, WINDOW - 1, 1, 2),
            "window": Slider(1, 4, 1, 1),
        },
        tour=[
            (
                "Regular windows: 16 tokens each, all may look at each other. Nothing crosses a line.",
                {},
            ),
            (
                "Shifted: the map is rolled up and left by 2 and cut as before. Window 1 now joins four.",
                {"step": "rolled"},
            ),
            (
                "Window 2 holds tokens from the right border and, come round, from the left: masked.",
                {"step": "rolled", "window": 2},
            ),
            ("Window 3: top and bottom rows together, and the same remedy.", {"step": "rolled", "window": 3}),
            ("Window 4 holds all four corners of the image: four groups.", {"step": "rolled", "window": 4}),
            (
                "Rolled back: in the image, the groups are windows displaced by 2, cut off at the borders.",
                {"step": "rolled back", "window": 4},
            ),
            ("A shift of 1: unequal groups.", {"step": "rolled back", "shift": 1, "window": 4}),
        ],
        alt="Left an 8 by 8 grid of numbered tokens coloured by group, right the mask of one window.",
    )
