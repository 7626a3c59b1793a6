"""Explanations at the pixels: how much the score would change if this pixel did.

- Input gradient: K. Simonyan, A. Vedaldi, A. Zisserman, "Deep Inside Convolutional Networks: Visualising
  Image Classification Models and Saliency Maps", ICLR 2014 workshop, section 3.
- Gradient × input: A. Shrikumar, P. Greenside, A. Shcherbina, A. Kundaje, "Not Just a Black Box: Learning
  Important Features Through Propagating Activation Differences", 2016.
- SmoothGrad: D. Smilkov, N. Thorat, B. Kim, F. Viégas, M. Wattenberg, "SmoothGrad: removing noise by adding
  noise", 2017, section 2.2.

Shapes: B batch, C channels, H × W of the image.
"""

import torch
from torch import Tensor, nn

from lecture_utils.explain.hooks import check_no_inference
from lecture_utils.explain.target import Target, check_evaluation, target_score
from lecture_utils.ops.checks import check_finite, check_images, check_number, check_whole


def input_gradient(model: nn.Module, x: Tensor, target: Target) -> Tensor:
    """Gradient of the score with respect to the image.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode; its parameters get no gradients.
    x : Tensor
        (B, C, H, W), floating point.
    target : int, sequence, Tensor (B,) or function
        See `target_score`.

    Returns
    -------
    Tensor
        (B, C, H, W); see `saliency` for a map.

    Raises
    ------
    ValueError
        For a model in training mode, input that is no batch of images, a target that does not fit, or a call
        inside `torch.inference_mode`.
    """
    check_evaluation(model)
    check_images(x)
    check_finite(x, "images")
    check_no_inference()
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        score = target_score(model(x), target)
        if not score.requires_grad:
            raise ValueError("got a score without a gradient, want one computed from the output")
        (gradient,) = torch.autograd.grad(score, x, allow_unused=True)
    if gradient is None:
        raise ValueError("got a score that does not depend on the image, want one computed from the output")
    return gradient


def gradient_times_input(model: nn.Module, x: Tensor, target: Target) -> Tensor:
    """Give each value its share, gradient · value, (B, C, H, W): of a linear model's score, the exact one."""
    return input_gradient(model, x, target) * x.detach()


def smooth_grad(
    model: nn.Module, x: Tensor, target: Target, *, samples: int = 25, noise: float = 0.15, seed: int = 0
) -> Tensor:
    """Mean of the input gradients of noisy copies of the image.

    Parameters
    ----------
    model, x, target
        As for `input_gradient`.
    samples : int
        n, at least 1.
    noise : float
        Spread σ of the Gaussian noise, as a share of each image's own range of values (paper: 0.1 to 0.2).
    seed : int
        Of the noise.

    Returns
    -------
    Tensor
        (B, C, H, W).
    """
    check_images(x)
    check_finite(x, "images")
    check_whole(seed, "seed", None)
    check_whole(samples, "samples")
    check_number(noise, "noise", 0)
    generator = torch.Generator().manual_seed(seed)
    span = x.detach().amax((1, 2, 3), keepdim=True) - x.detach().amin((1, 2, 3), keepdim=True)
    total = torch.zeros_like(x)
    for _ in range(samples):
        normal = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
        total += input_gradient(model, x.detach() + noise * span * normal, target)
    return total / samples


def saliency(gradient: Tensor) -> Tensor:
    """One number a pixel: the largest absolute value over the channels, (B, C, H, W) → (B, H, W)."""
    check_images(gradient)
    check_finite(gradient, "gradient")
    return gradient.abs().amax(1)
