"""EMA decay: how much a moving average smooths, how far it lags, and whose word it still remembers."""

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from lecture_utils.plotting.style import INK, PALETTE, QUIET
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

UPDATES, RATE, NOISE, GOAL = 400, 0.06, 1.6, 1.0
DESCENT, JUMP = "a weight in noisy training", "a weight that jumps once"


@lru_cache(maxsize=2)
def fast_weight(path: str) -> np.ndarray:
    """What the student's weight does, (UPDATES,): gradient descent on (w - 1)² / 2 with noisy gradients, or a
    jump."""
    if path == JUMP:
        return (np.arange(UPDATES) >= UPDATES // 4) * GOAL
    noise = np.random.default_rng(0).normal(size=UPDATES) * NOISE
    weights = [0.0]
    for k in range(1, UPDATES):
        weights.append(weights[-1] - RATE * (weights[-1] - GOAL + noise[k]))
    return np.array(weights)


def average_of(weights: np.ndarray, momentum: float) -> np.ndarray:
    """The moving average after each update, started at the first weight."""
    slow = [weights[0]]
    for weight in weights[1:]:
        slow.append(momentum * slow[-1] + (1 - momentum) * weight)
    return np.array(slow)


def decay(momentum: float = 0.9, path: str = DESCENT) -> Figure:
    """Draw a fast weight and its moving average; beside it the share that each past weight has in it.

    Parameters
    ----------
    momentum : float
        In [0, 1).
    path : str
        What the fast weight does.

    Returns
    -------
    Figure
    """

    fast = fast_weight(path)
    slow = average_of(fast, momentum)
    fig = Figure(figsize=(6.4, 2.5))
    fig.set_layout_engine("none")
    left, right = fig.add_axes((0.06, 0.17, 0.50, 0.66)), fig.add_axes((0.66, 0.17, 0.31, 0.66))
    left.plot(fast, color=PALETTE[4], linewidth=1.1, label="fast")
    left.plot(slow, color=PALETTE[5], linewidth=2.2, label="average")
    left.axhline(1, color=QUIET, linewidth=0.9, linestyle="--")
    left.set(xlabel="update", xlim=(0, UPDATES), ylim=(-0.35, 1.85))
    left.legend(loc="lower right", ncols=2, fontsize=8.5)
    late = [np.sqrt(((w[-200:] - 1) ** 2).mean()) for w in (fast, slow)]
    left.set_title(
        f"momentum {momentum:g}: mean error {late[0]:.2f} → {late[1]:.2f}",
        fontsize=9.5,
        loc="left",
    )
    ages = np.arange(100)
    right.fill_between(ages, (1 - momentum) * momentum**ages, step="post", color=PALETTE[5], alpha=0.75)
    right.set(xlabel="updates ago", xlim=(0, 100), ylim=(0, None))
    half = 1 if momentum < 0.5 else int(np.ceil(np.log(0.5) / np.log(momentum)))
    right.set_title(f"half its weight: the last {half}", fontsize=9.5, loc="left", color=INK)
    return fig


def ema_decay() -> Widget:
    """Make the EMA widget: momentum, and what the fast weight does.

    Returns
    -------
    Widget
    """
    return Widget(
        title="EMA decay",
        compute=decay,
        controls={
            "momentum": Slider(0.0, 0.998, 0.002, 0.9),
            "path": Choice([DESCENT, JUMP]),
        },
        tour=[
            ("Momentum 0.98: smoother than the fast weight, and still near the goal.", {"momentum": 0.98}),
            ("0.9: the last 7 updates make half of it; some of the noise is gone.", {"momentum": 0.9}),
            ("0: the average is the fast weight itself.", {"momentum": 0.0}),
            ("0.996, DINO's start: after 400 updates it has not arrived. It was made for long trainings.",
             {"momentum": 0.996}),
            ("A jump at 0.9: the average has followed after a few dozen updates.",
             {"momentum": 0.9, "path": JUMP}),
            ("And at 0.996: 300 updates later a third of the old value is left.",
             {"momentum": 0.996, "path": JUMP}),
        ],
        trivial={"momentum": 0.0},
        alt="Left, a noisy line and its smoother average over 400 updates; right, how the shares of past "
        "weights fall off.",
    )  # fmt: skip
