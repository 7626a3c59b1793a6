"""What the network of a diffusion model predicts, and the loss, S16.1.

The noise ε and the simple loss: J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models",
NeurIPS 2020, section 3.2 and equation 14. The velocity v = √ᾱ ε - √(1 - ᾱ) x_0: T. Salimans, J. Ho,
"Progressive Distillation for Fast Sampling of Diffusion Models", ICLR 2022, section 4 and appendix D. Given
x_t, each of the three tells the other two: x_t and v are x_0 and ε turned by one angle, with cosine √ᾱ.

Shapes: B batch, … the axes of a picture or of a point.
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from lecture_utils.generative.diffusion.forward_process import check_pair, noised
from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.ops.checks import check_choice

KINDS = ("epsilon", "sample", "v")
Predict = Callable[[Tensor, Tensor], Tensor]  # x_t (B, …) and t (B,) int64 → a prediction (B, …)


def target(
    schedule: NoiseSchedule, x0: Tensor, t: Tensor | int, noise: Tensor, *, kind: str = "epsilon"
) -> Tensor:
    """Return what the network should have said for x_t = √ᾱ x_0 + √(1 - ᾱ) ε, (B, …).

    Parameters
    ----------
    schedule : NoiseSchedule
    x0, noise : Tensor
        Clean pictures and ε, (B, …).
    t : Tensor or int
        (B,) int64 or one for all.
    kind : {"epsilon", "sample", "v"}
        The noise, the clean picture, or the velocity.

    Raises
    ------
    ValueError
        If shapes, types or steps do not fit, or for another kind.
    """
    check_pair(x0, noise)
    check_choice(kind, "kind", *KINDS)
    alpha_bar = schedule.at(t, x0)
    if kind == "epsilon":
        return noise
    return x0 if kind == "sample" else alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * x0


def to_sample(
    schedule: NoiseSchedule, prediction: Tensor, x: Tensor, t: Tensor | int, *, kind: str
) -> Tensor:
    """Return the clean picture x_0 (B, …) that a prediction at x_t means.

    Raises
    ------
    ValueError
        If shapes, types or steps do not fit, for another kind, or for noise at a step where nothing of the
        picture is left (ᾱ = 0).
    """
    check_pair(x, prediction, name="prediction")
    check_choice(kind, "kind", *KINDS)
    alpha_bar = schedule.at(t, x)
    if kind == "epsilon" and bool((alpha_bar == 0).any()):
        raise ValueError(
            f"kind: got 'epsilon' at t {t}, where ᾱ = 0; want 'v' or 'sample' with this schedule"
        )
    if kind == "epsilon":
        return (x - (1 - alpha_bar).sqrt() * prediction) / alpha_bar.sqrt()
    return prediction if kind == "sample" else alpha_bar.sqrt() * x - (1 - alpha_bar).sqrt() * prediction


def to_epsilon(
    schedule: NoiseSchedule, prediction: Tensor, x: Tensor, t: Tensor | int, *, kind: str
) -> Tensor:
    """Return the noise ε (B, …) that a prediction at x_t means.

    Raises
    ------
    ValueError
        If shapes, types or steps do not fit, for another kind, or for a picture at step 0, where there is no
        noise.
    """
    check_pair(x, prediction, name="prediction")
    check_choice(kind, "kind", *KINDS)
    alpha_bar = schedule.at(t, x)
    if kind == "sample" and bool((alpha_bar == 1).any()):
        raise ValueError(f"kind: got 'sample' at t {t}, where there is no noise; want steps of 1 or more")
    if kind == "epsilon":
        return prediction
    if kind == "sample":
        return (x - alpha_bar.sqrt() * prediction) / (1 - alpha_bar).sqrt()
    return alpha_bar.sqrt() * prediction + (1 - alpha_bar).sqrt() * x


def convert(
    schedule: NoiseSchedule, prediction: Tensor, x: Tensor, t: Tensor | int, *, kind: str, to: str
) -> Tensor:
    """Return a prediction of one kind at x_t as one of another, (B, …)."""
    check_choice(to, "to", *KINDS)
    x0 = to_sample(schedule, prediction, x, t, kind=kind)
    if kind == to or to == "sample":
        return prediction if kind == to else x0
    noise = to_epsilon(schedule, prediction, x, t, kind=kind)
    return target(schedule, x0, t, noise, kind=to)


def simple_loss(
    predict: Predict, schedule: NoiseSchedule, x0: Tensor, t: Tensor, noise: Tensor, *, kind: str = "epsilon"
) -> Tensor:
    """Return the mean squared error of what the network says at random steps (equation 14) → scalar.

    Parameters
    ----------
    predict : callable
        x_t (B, …) and t (B,) → a prediction (B, …).
    schedule : NoiseSchedule
    x0 : Tensor
        Clean pictures (B, …), in [-1, 1] if they are pictures.
    t : Tensor
        (B,) int64, drawn uniformly from 1 … T.
    noise : Tensor
        ε, (B, …), standard normal.
    kind : {"epsilon", "sample", "v"}
        What the network predicts.

    Raises
    ------
    ValueError
        If shapes, types or steps do not fit, or for another kind.
    """
    want = target(schedule, x0, t, noise, kind=kind)
    said = predict(noised(schedule, x0, t, noise), t)
    check_pair(want, said, name="prediction")
    return F.mse_loss(said, want)
