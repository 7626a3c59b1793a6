"""Class visualisation: the image that a network would most like to call by a name, by gradient ascent.

K. Simonyan, A. Vedaldi, A. Zisserman, "Deep Inside Convolutional Networks", ICLR 2014 workshop, section 2:
I* = argmax S(I) − λ‖I‖². Without a prior, the result is noise that no eye can read. Priors here: L2; total
variation (A. Mahendran, A. Vedaldi, "Understanding Deep Image Representations by Inverting Them", CVPR 2015);
blur (J. Yosinski et al., "Understanding Neural Networks Through Deep Visualization", ICML 2015 workshop,
section 3); jitter (A. Mordvintsev, C. Olah, M. Tyka, the code example "DeepDream", 2015).

Simplified: steps of a fixed mean size that shrinks linearly; pixels are kept in [0, 1] by clipping.

Shapes: B images, one for each target, C channels, S the side in pixels, F frames.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.explain.hooks import check_no_inference
from lecture_utils.explain.target import check_evaluation, class_index, class_numbers
from lecture_utils.ops.checks import check_choice, check_images, check_number, check_whole

UNREGULARISED: dict[str, Any] = {"l2": 0.0, "total_variation": 0.0, "jitter": 0, "blur": (0.0, 0.0)}


class Visualisation(NamedTuple):
    """Images (B, C, S, S) in [0, 1], each one's probability of its target (B,), frames (F, B, C, S, S)."""

    image: Tensor
    probability: Tensor
    frames: Tensor
    frame_steps: list[int]


def regulariser(x: Tensor, l2: float, total_variation: float) -> Tensor:
    """Reg(I) of each image (B,): mean squared distance from grey, and step between neighbours.

    Of images (B, C, S, S): `l2` times the mean of (I − ½)², plus `total_variation` times the mean squares of
    the steps along the rows and along the columns.
    """
    check_images(x)
    if min(x.shape[-2:]) < 2:
        raise ValueError(f"images: got shape {tuple(x.shape)}, want at least 2 pixels a side: neighbours")
    check_number(l2, "l2", 0)
    check_number(total_variation, "total_variation", 0)
    across, down = x.diff(dim=3), x.diff(dim=2)
    rough = across.square().mean((1, 2, 3)) + down.square().mean((1, 2, 3))
    return l2 * (x - 0.5).square().mean((1, 2, 3)) + total_variation * rough


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    """Blur images (B, C, H, W) by a Gaussian of `sigma` pixels, 0 or more; edges are repeated."""
    check_images(x)
    check_number(sigma, "sigma", 0)
    reach = min(math.ceil(3 * sigma), *(side - 1 for side in x.shape[-2:]))
    if reach < 1:
        return x
    at = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-at.square() / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, -1)  # (C, 1, taps), the same for each channel
    x = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    x = F.conv2d(x, kernel[:, :, None, :], groups=x.shape[1])  # along the rows
    return F.conv2d(x, kernel[:, :, :, None], groups=x.shape[1])  # along the columns


def uphill(
    model: nn.Module, x: Tensor, target: Tensor, objective: str, l2: float, total_variation: float
) -> Tensor:
    """Gradient of f(I) − Reg(I) for each image, (B, C, S, S), scaled to a mean size of 1."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        scores = model(x)  # (B, K)
        if objective == "log_prob":
            scores = scores.log_softmax(1)
        f = scores.gather(1, target[:, None])[:, 0]  # (B,)
        (gradient,) = torch.autograd.grad((f - regulariser(x, l2, total_variation)).sum(), x)
    return gradient / gradient.abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-12)


def visualise_class(
    model: nn.Module,
    target: int | Sequence[int],
    *,
    size: int,
    channels: int = 3,
    steps: int = 128,
    rate: float = 0.05,
    objective: str = "logit",
    l2: float = 1.0,
    total_variation: float = 100.0,
    jitter: int = 3,
    blur: tuple[float, float] = (0.6, 0.2),
    every: int = 0,
    seed: int = 0,
) -> Visualisation:
    """Climb from grey noise to an image of each target class.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode; takes (B, C, S, S) in [0, 1] and gives scores (B, K).
    target : int or sequence of int
        One class, or several at once.
    size, channels, steps : int
        S, C, and the number of steps.
    rate : float
        Mean change of a pixel in the first step; it shrinks linearly to a tenth.
    objective : "logit" or "log_prob"
        f: the score before softmax (the paper's choice), or the log-probability, which stops caring near 1.
    l2, total_variation : float
        Weights of the two terms of Reg; the larger the size of f's gradient, the larger they must be.
    jitter : int
        Each step sees the image shifted at random by up to so many pixels, round the edges.
    blur : (float, float)
        σ in pixels of the blur after each step, from the first step to the last; falls linearly.
    every : int
        Keep a frame every so many steps, and the start; 0 keeps none.
    seed : int
        Of the first image and the shifts.

    Raises
    ------
    ValueError
        For a model in training mode, an unknown objective or class, or a setting out of range.
    """
    check_evaluation(model)
    check_no_inference()
    check_choice(objective, "objective", "logit", "log_prob")
    for name, count, least in (
        ("size", size, 2),
        ("channels", channels, 1),
        ("steps", steps, 1),
        ("jitter", jitter, 0),
        ("every", every, 0),
    ):
        check_whole(count, name, least)
    if not isinstance(blur, Sequence) or len(blur) != 2:
        raise ValueError(f"blur: got {blur!r}, want (first σ, last σ)")
    settings = ("rate", rate), ("l2", l2), ("total_variation", total_variation)
    for name, value in (*settings, ("blur, first", blur[0]), ("blur, last", blur[1])):
        check_number(value, name, 0)
    check_whole(seed, "seed", None)
    targets = class_numbers(target)
    if targets is None or targets.ndim > 1 or targets.numel() == 0:
        raise ValueError(f"target: got {target!r}, want a class number or a sequence of them")
    targets = targets.reshape(-1)
    generator = torch.Generator().manual_seed(seed)
    x = 0.5 + 0.05 * torch.randn(len(targets), channels, size, size, generator=generator)
    first = next(model.parameters(), x)
    x = x.to(first)
    with torch.inference_mode():
        targets = class_index(targets, *model(x).shape).to(x.device)
    frames, frame_steps = [x.clamp(0, 1)] if every else [], [0] if every else []
    for step in range(1, steps + 1):
        left = (steps - step) / max(steps - 1, 1)  # from 1 to 0
        shift = torch.randint(-jitter, jitter + 1, (2,), generator=generator).tolist()
        shifted = x.roll(shift, (2, 3))
        step_up = uphill(model, shifted, targets, objective, l2, total_variation)
        shifted = shifted + rate * max(left, 0.1) * step_up
        x = shifted.roll([-s for s in shift], (2, 3))
        x = gaussian_blur(x, blur[1] + (blur[0] - blur[1]) * left).clamp(0, 1)
        if every and step % every == 0:
            frames.append(x.clone())
            frame_steps.append(step)
    with torch.inference_mode():
        probability = model(x).softmax(1).gather(1, targets[:, None])[:, 0]
    kept = torch.stack(frames) if frames else x.new_empty(0, *x.shape)
    return Visualisation(x, probability.clone(), kept, frame_steps)
