"""Class visualisation of photographs' networks: the waves of a picture are trained, in place of its pixels.

C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill 2017 (preconditioning and
parameterisation; transformation robustness). A picture is a sum of waves. In photographs the long ones are
strong and the short ones weak, and the three colours rise and fall together. So we climb in waves that are
scaled by their length, in colours that are independent, and show the network a turned, shifted and zoomed
copy at every step.

Simplified: colours come from the caller's photographs; no penalty besides.

Shapes: B pictures, one for each target, S side in pixels, H = S // 2 + 1 waves along the rows, K classes.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.explain.hooks import check_no_inference
from lecture_utils.explain.target import check_evaluation, class_numbers
from lecture_utils.ops.checks import check_finite, check_images, check_number, check_whole


def colour_basis(photographs: Tensor) -> Tensor:
    """Mix of red, green and blue, as photographs mix them: (3, 3), times independent numbers gives colours.

    Parameters
    ----------
    photographs : Tensor
        (N, 3, H, W) in [0, 1].

    Returns
    -------
    Tensor
        A root of the covariance of the pixels' colours, scaled to a largest row of length 1.
    """
    check_images(photographs, 3)
    check_finite(photographs, "photographs")
    covariance = torch.cov(photographs.transpose(0, 1).flatten(1).double())  # (3, 3)
    spread, axes = torch.linalg.eigh(covariance)  # variances (3,) of independent colours, and what these are
    root = axes * spread.clamp_min(0).sqrt()  # (3, 3): root @ root.T is the covariance
    return (root / root.norm(dim=1).max()).float()


def wave_scale(size: int, decay: float) -> Tensor:
    """How strong each wave of an S × S picture may become: (S, S // 2 + 1), one over frequency^decay."""
    check_whole(size, "size", 2)
    check_number(decay, "decay", 0)
    down, across = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None]  # waves a pixel
    frequency = (down.square() + across.square()).sqrt().clamp_min(1 / size)
    scale = frequency**-decay
    return scale / scale.square().mean().sqrt()


def picture_of(waves: Tensor, scale: Tensor, colours: Tensor) -> Tensor:
    """Add up waves (B, 3, S, H, 2) to pictures (B, 3, S, S) in (0, 1)."""
    size = waves.shape[2]
    complex_waves = torch.view_as_complex(waves) * scale  # (B, 3, S, H): long waves are strong
    flat = torch.fft.irfft2(complex_waves, s=(size, size), norm="ortho")  # (B, 3, S, S): their sum
    return torch.einsum("ij,bjhw->bihw", colours, flat).sigmoid()  # as photographs mix colours; in (0, 1)


def moved_at_random(x: Tensor, generator: torch.Generator) -> Tensor:
    """Turn each picture by up to 8°, zoom it by 15 %, shift it by 6 % of its side; edges are mirrored."""
    draw = torch.rand(4, len(x), generator=generator) * 2 - 1  # (4, B) in [-1, 1]
    angle, zoom = draw[0] * math.radians(8), 1 + 0.15 * draw[1]
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    rows = torch.stack([cos, -sin, 0.12 * draw[2]], 1), torch.stack([sin, cos, 0.12 * draw[3]], 1)
    grid = F.affine_grid(torch.stack(rows, 1).to(x), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def climb_waves(
    model: nn.Module,
    target: int | list[int],
    *,
    colours: Tensor,
    size: int = 128,
    steps: int = 80,
    rate: float = 0.2,
    decay: float = 1.15,
    seed: int = 0,
) -> Tensor:
    """Pictures (B, 3, S, S) in (0, 1) that raise the score of each target class, from weak random waves.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode; takes (B, 3, S, S) in [0, 1] and gives scores (B, K).
    target : int or list of int
        One class, or several at once.
    colours : Tensor
        (3, 3), from `colour_basis`.
    size, steps : int
        S, and the number of steps.
    rate : float
        Of Adam.
    decay : float
        How fast waves weaken with their frequency; 0 trains pixels, but for a turn of the axes.
    seed : int
        Of the first waves and of the moves.

    Raises
    ------
    ValueError
        For a model in training mode, another shape of `colours`, or a setting out of range.
    """
    check_evaluation(model)
    check_no_inference()
    check_finite(colours, "colours")
    if colours.shape != (3, 3):
        raise ValueError(f"colours: got shape {tuple(colours.shape)}, want (3, 3)")
    check_whole(steps, "steps", 1)
    check_number(rate, "rate", 0)
    check_whole(seed, "seed", None)
    classes = class_numbers(target)
    if classes is None or classes.ndim > 1 or classes.numel() == 0:
        raise ValueError(f"target: got {target!r}, want a class number or a sequence of them")
    classes = classes.reshape(-1)
    scale, generator = wave_scale(size, decay), torch.Generator().manual_seed(seed)
    waves = 0.05 * torch.randn(len(classes), 3, size, size // 2 + 1, 2, generator=generator)
    waves.requires_grad_()
    optimizer = torch.optim.Adam([waves], lr=rate)
    for _ in range(steps):
        x = moved_at_random(picture_of(waves, scale, colours), generator)
        score = model(x).gather(1, classes[:, None]).sum()
        (waves.grad,) = torch.autograd.grad(-score, waves)
        optimizer.step()
    return picture_of(waves.detach(), scale, colours)
