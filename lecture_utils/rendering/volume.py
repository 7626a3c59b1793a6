"""Volume rendering (S18.4, Mildenhall et al. 2020): the light that a ray gathers in a coloured fog.

B. Mildenhall et al., "NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis", ECCV 2020:
section 4, equations 1 and 3. The quadrature is from N. Max, "Optical Models for Direct Volume Rendering",
IEEE TVCG 1995.

A density σ is a rate per metre, from 0 up without a bound: a stretch of δ metres lets exp(−σδ) of the light
through, so that its opacity is α = 1 − exp(−σδ). Light that passes the whole ray comes from a background of
one colour, which the paper's synthetic scenes set to white.

Differs from the authors' program: the last interval ends where the ray does, at `far_m`, and not 10¹⁰ metres
on.

Shapes: R rays, S samples on each, in order along the ray.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor


@dataclass(frozen=True)
class Rendered:
    """What R rays see.

    Attributes
    ----------
    colour : Tensor
        (R, 3) in [0, 1] where the samples' colours are.
    depth_m : Tensor
        (R,): the mean distance along the ray at which its light is stopped, in metres; what passes counts as
        stopped at `far_m`.
    opacity : Tensor
        (R,) in [0, 1]: the share of light that does not pass.
    weights : Tensor
        (R, S): the share that each sample stops; they sum to the opacity.
    """

    colour: Tensor
    depth_m: Tensor
    opacity: Tensor
    weights: Tensor


def intervals(distance_m: Tensor, far_m: Tensor) -> Tensor:
    """Return δ_i = t_{i+1} − t_i, the stretch of ray that each sample stands for.

    Parameters
    ----------
    distance_m : Tensor
        (R, S), t in metres, not falling along the ray.
    far_m : Tensor
        (R,): where the ray ends, and so the last interval.

    Returns
    -------
    Tensor
        (R, S), 0 or more.

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, samples that are not in order or lie beyond `far_m`.
    """
    check_tensor(distance_m, "distance_m", "R", "S", finite=True, some=True)
    check_tensor(far_m, "far_m", len(distance_m), finite=True)
    steps = torch.diff(distance_m, dim=1, append=far_m[:, None])  # (R, S)
    if bool((steps < -1e-5).any()):
        raise ValueError(f"distance_m: got a step of {steps.min():.3g} m, want samples in order up to far_m")
    return steps.clamp_min(0)


def alphas(density: Tensor, step_m: Tensor) -> Tensor:
    """Return the opacity of each stretch, α = 1 − exp(−σδ): (R, S) in [0, 1).

    `density` (R, S) is σ in 1/metre, 0 or more; `step_m` (R, S) is δ in metres.
    """
    check_fog(density, step_m)
    return -torch.expm1(-density * step_m)


def transmittance(density: Tensor, step_m: Tensor) -> Tensor:
    """Return the share of light that reaches each sample, T_i = exp(−Σ_{j<i} σ_j δ_j) (equation 3).

    The sum leaves the sample itself out: T_1 = 1. Shapes as in `alphas`.
    """
    check_fog(density, step_m)
    thickness = density * step_m  # (R, S)
    before = thickness.cumsum(dim=1) - thickness  # without the sample's own
    return torch.exp(-before)


def composite(
    density: Tensor, colour: Tensor, distance_m: Tensor, far_m: Tensor, *, background: float = 1.0
) -> Rendered:
    """Add up what each sample of a ray sends to the eye (equation 3).

    Parameters
    ----------
    density : Tensor
        (R, S), σ in 1/metre, 0 or more.
    colour : Tensor
        (R, S, 3).
    distance_m : Tensor
        (R, S), in order along the ray.
    far_m : Tensor
        (R,): the end of the last interval. A medium of constant density from t_1 to `far_m` is rendered
        exactly.
    background : float
        Brightness, 0 to 1, of what lies behind; 1 is white.

    Returns
    -------
    Rendered

    Raises
    ------
    ValueError
        For shapes that differ, a negative density, values that are not finite, samples out of order.
    """
    step_m = intervals(distance_m, far_m)
    check_tensor(density, "density", *distance_m.shape, finite=True)
    check_tensor(colour, "colour", *distance_m.shape, 3, finite=True)
    check_number(background, "background", 0, 1)
    weights = transmittance(density, step_m) * alphas(density, step_m)  # (R, S), w_i = T_i α_i
    opacity = weights.sum(dim=1)  # (R,)
    passed = 1 - opacity
    return Rendered(
        colour=(weights[:, :, None] * colour).sum(dim=1) + passed[:, None] * background,  # (R, 3)
        depth_m=(weights * distance_m).sum(dim=1) + passed * far_m,
        opacity=opacity,
        weights=weights,
    )


def check_fog(density: Tensor, step_m: Tensor) -> None:
    """Raise ValueError unless these are densities and steps (R, S), all 0 or more."""
    check_tensor(density, "density", "R", "S", finite=True, some=True)
    check_tensor(step_m, "step_m", *density.shape, finite=True)
    if bool((density < 0).any()) or bool((step_m < 0).any()):
        raise ValueError("density: got a negative density or step, want 0 or more")
