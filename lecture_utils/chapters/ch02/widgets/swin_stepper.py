"""Swin stepper: windows, the cyclic shift, and the mask that keeps strangers apart, on 8 × 8 tokens."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lecture_utils.chapters.ch02.figures import FORBIDDEN
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import INK, label_palette, rgb
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

SIDE, WINDOW = 8, 4
STEPS = ("regular windows", "rolled", "rolled back")


def tokens(step: str, shift: int) -> np.ndarray:
    """Which token (its number in reading order) lies at each place, (8, 8)."""
    grid = torch.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    return (grid.roll((-shift, -shift), dims=(0, 1)) if step == "rolled" else grid).numpy()


def swin_windows(step: str = "rolled", shift: int = 2, window: int = 1) -> Figure:
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
        Left the map, coloured by the group that each token belongs to; right the mask of the chosen window,
        in the same colours, with what is forbidden grey.
    """
    from lecture_utils.backbones.swin import shift_mask, window_partition

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
    fig = Figure(figsize=(7.2, 3.5))
    fig.set_layout_engine("none")
    left, right = fig.add_axes((0.02, 0.06, 0.41, 0.84)), fig.add_axes((0.56, 0.06, 0.41, 0.84))
    inside = seen[window - 1].tolist()
    draw_map(bare(left), tokens(step, used), label.numpy(), inside, step)
    draw_mask(bare(right), mask[window - 1].numpy(), label.numpy(), inside, window)
    return fig


def draw_map(ax: Axes, placed: np.ndarray, label: np.ndarray, inside: list[int], step: str) -> None:
    """Draw the 8 × 8 map: numbers are tokens, colours groups; the chosen window's tokens stand out."""
    chosen = np.isin(placed, inside)[..., None]
    ax.imshow(np.where(chosen, tint(label[placed], 0.6), tint(label[placed], 0.25)))
    for (row, column), token in np.ndenumerate(placed):
        weight = "bold" if int(token) in inside else "normal"
        ax.text(
            column, row, str(token), ha="center", va="center", fontsize=10.5, fontweight=weight, color=INK
        )
    if step != "rolled back":
        for line in (-0.5, WINDOW - 0.5, SIDE - 0.5):
            ax.axhline(line, color=INK, linewidth=2.2)
            ax.axvline(line, color=INK, linewidth=2.2)
    title = {
        "rolled": "after the roll: regular windows again",
        "rolled back": "the same groups, in the image",
    }
    ax.set_title(title.get(step, "windows of 4 × 4 tokens"), fontsize=10, fontweight="normal", loc="center")


def tint(label: np.ndarray, strength: float) -> np.ndarray:
    """Give each label its colour, mixed with white: (…,) → (…, 3)."""
    return 1 - strength * (1 - label_palette(16)[label % 16])


def draw_mask(ax: Axes, mask: np.ndarray, label: np.ndarray, inside: list[int], window: int) -> None:
    """Draw a window's mask (16, 16): a row's token may look where its group's colour stands, not at grey."""
    own = tint(label[inside], 0.6)[:, None]  # (16, 1, 3)
    ax.imshow(np.where(mask[..., None], own, np.array(rgb(FORBIDDEN))))
    for k, token in enumerate(inside):
        ax.text(-0.75, k, str(token), ha="right", va="center", fontsize=8)
    ax.text(-2.6, 7.5, "who looks", ha="center", va="center", rotation=90, fontsize=9)
    ax.text(7.5, 16.1, "at whom, in the same order", ha="center", va="center", fontsize=9)
    share = mask.mean()
    words = "every pair is allowed" if share == 1 else f"grey is forbidden, {share:.0%} allowed"
    ax.set_title(f"window {window}: {words}", fontsize=10, fontweight="normal", loc="center")


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
            "step": Choice(STEPS, value="rolled"),
            "shift": Slider(0, WINDOW - 1, 1, 2),
            "window": Slider(1, 4, 1, 1),
        },
        tour=[
            (
                "First what it comes to: rolled up and left by 2, cut as before. Window 2 holds tokens from "
                "the right border and, come round, from the left. They were never neighbours: grey pairs are "
                "masked.",
                {"window": 2},
            ),
            (
                "Now from the start: regular windows. 16 tokens each, all may look at each other; nothing "
                "crosses a line.",
                {"step": "regular windows"},
            ),
            ("The roll. Window 1 now joins tokens of all four old windows: every pair is allowed.", {}),
            ("Window 3: bottom and top rows together, and the same remedy.", {"window": 3}),
            ("Window 4 holds all four corners of the image: four groups.", {"window": 4}),
            (
                "Rolled back: in the image, the groups are windows displaced by 2, cut off at the borders.",
                {"step": "rolled back", "window": 4},
            ),
            ("A shift of 1: unequal groups.", {"step": "rolled back", "shift": 1, "window": 4}),
        ],
        trivial={"step": "regular windows"},
        alt="Left an 8 by 8 grid of numbered tokens coloured by group; right one window's mask.",
    )
