"""Chapter 16: which loss is it that came out? For exercise 16.2.

Steps and noise are drawn in an order that is the learner's own, so no number can be compared. But from what
the network was shown the noise can be worked out, and of all losses that it may be, one fits.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lecture_utils.chapters.ch16.draws import Guess

__all__ = ["FAR", "MADE", "TARGETS", "use_loss"]

MADE: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {  # table and t → shares
    "noised": lambda table, t: (table[t].sqrt(), (1 - table[t]).sqrt()),
    "noised without roots": lambda table, t: (table[t], 1 - table[t]),
    "noised to the step before": lambda table, t: (table[t - 1].sqrt(), (1 - table[t - 1]).sqrt()),
    "noised to the step after": lambda table, t: (
        table[(t + 1).clamp(max=len(table) - 1)].sqrt(),
        (1 - table[(t + 1).clamp(max=len(table) - 1)]).sqrt(),
    ),
    "with all of the noise": lambda table, t: (table[t].sqrt(), torch.ones_like(table[t])),
    "never shrunk": lambda table, t: (torch.ones_like(table[t]), (1 - table[t]).sqrt()),
}
TARGETS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]] = {
    "the noise": lambda noise, x0, x, kept: noise,
    "the picture": lambda noise, x0, x, kept: x0,
    "the noised picture": lambda noise, x0, x, kept: x,
    "what was added": lambda noise, x0, x, kept: (1 - kept).sqrt() * noise,
    "the difference": lambda noise, x0, x, kept: x - x0,
    "the velocity": lambda noise, x0, x, kept: kept.sqrt() * noise - (1 - kept).sqrt() * x0,
}
FAR: dict[str, Callable[[Tensor], Tensor]] = {
    "mean squared error": lambda off: off.square().mean(),
    "sum of squares": lambda off: off.square().sum(),
    "sum of squares of a picture, in the mean": lambda off: off.square().flatten(1).sum(1).mean(),
    "root of the mean squared error": lambda off: off.square().mean().sqrt(),
    "mean absolute error": lambda off: off.abs().mean(),
    "half of the mean squared error": lambda off: off.square().mean() / 2,
}


def use_loss(answer: Callable[..., Any], guess: Guess, x0: Tensor, alpha_bar: Tensor, seed: int) -> Any:
    """What the loss is, by name, and what can be said of the steps and of the noise."""

    def run(seed: int) -> Any:
        return answer(guess, x0, alpha_bar, torch.Generator().manual_seed(seed))

    loss = run(seed)
    if not isinstance(loss, Tensor) or loss.ndim:
        return {"the loss": f"no scalar: {type(loss).__name__} {tuple(getattr(loss, 'shape', ()))}"}
    if guess.x is None or guess.x.shape != x0.shape:
        return {"the loss": "of something else: predict is to be shown all pictures of x0 at once"}
    t, x = guess.t, guess.x
    steps = _steps(t, len(alpha_bar) - 1)
    if not 0 <= int(t.min()) <= int(t.max()) < len(alpha_bar):
        return {"steps": steps}
    name, noise = _name(loss, guess.said, x0, x, t, alpha_bar)
    slope = torch.autograd.grad(loss, guess.numbers)[0] if loss.requires_grad else torch.zeros(3)
    again, other = run(seed), run(seed + 1)
    return {
        "steps": steps,
        "the loss": name,
        "noise": _noise(noise) if name.startswith(tuple(FAR)) else "unknown",
        "a gradient reaches the network": bool(slope.abs().max() > 0),
        "the same generator gives the same loss": torch.equal(loss, again),
        "another generator gives another one": not torch.equal(loss, other),
    }


def _steps(t: Tensor, last: int) -> str:
    """From where to where they go, and whether they come alike."""
    low, high = int(t.min()), int(t.max())
    if low == high:
        return "one for all pictures"
    count = t.bincount(minlength=last + 1)[low : high + 1]
    p = 1 / len(count)
    even = bool(((count - len(t) * p).abs() < 5 * (len(t) * p * (1 - p)) ** 0.5).all())
    end = {last: "T", last - 1: "T - 1", last + 1: "T + 1"}.get(high, str(high))
    return f"from {low} to {end}, {'' if even else 'not '}equally often"


def _name(
    loss: Tensor, said: Tensor, x0: Tensor, x: Tensor, t: Tensor, alpha_bar: Tensor
) -> tuple[str, Tensor]:
    """What the loss is, and the noise: of all that it may be, what comes out with this loss."""

    def wide(shares: Tensor) -> Tensor:
        return shares.view(-1, *[1] * (x0.ndim - 1))

    kept = wide(alpha_bar[t])
    for made, shares in MADE.items():
        of_picture, of_noise = map(wide, shares(alpha_bar, t))
        noise = (x - of_picture * x0) / of_noise
        for target, wanted in TARGETS.items():
            off = said - wanted(noise, x0, x, kept)
            for far, measure in FAR.items():
                if math.isclose(loss.item(), measure(off).item(), rel_tol=1e-4):
                    return f"{far} against {target}; the pictures were {made}", noise
    return "something else", x


def _noise(noise: Tensor) -> str:
    noise = noise.flatten(1)
    size = noise.numel()
    if torch.allclose(noise, noise[:1].expand_as(noise), atol=1e-3):
        return "the same for all pictures"
    if torch.allclose(noise, noise[:, :1].expand_as(noise), atol=1e-3):
        return "one number for a whole picture"
    normal = abs(float(noise.mean())) < 5 / size**0.5 and abs(float(noise.var()) - 1) < 5 * (2 / size) ** 0.5
    return "of mean 0 and variance 1" if normal else "not of mean 0 and variance 1"
