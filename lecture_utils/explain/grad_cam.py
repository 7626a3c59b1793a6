"""Grad-CAM: where a layer's maps speak for a score, for any network, any layer and any score.

R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra, "Grad-CAM: Visual Explanations from
Deep Networks via Gradient-based Localization", ICCV 2017, section 3 (equations 1 and 2).

CAM reads the importance of a channel off the last linear layer, so it needs a network that ends in an
average and one such layer. Grad-CAM asks the gradient instead; there the two agree up to the factor h·w.

Shapes: B batch, C channels, h × w of the layer's maps, N patches, D width of a transformer.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils.explain.hooks import record, without_inference
from lecture_utils.explain.target import Target, check_evaluation, target_score
from lecture_utils.ops.checks import check_finite


def grad_cam(
    model: nn.Module,
    x: Tensor,
    target: Target,
    *,
    layer: str,
    relu: bool = True,
    as_maps: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Weigh a layer's maps by the mean gradient of the score with respect to each, and add them up.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode; its parameters get no gradients.
    x : Tensor
        What the model takes, (B, …).
    target : int, sequence, Tensor (B,) or function
        A class, a class for each image, or a function from the output to the score: see `target_score`.
    layer : str
        Dotted name of a layer that gives (B, C, h, w).
    relu : bool
        Keep only what speaks for the score. Without it, negative values mark what speaks against it.
    as_maps : function, optional
        Turns the layer's output into maps, such as `tokens_to_maps` with a grid for a transformer's tokens.

    Returns
    -------
    Tensor
        (B, h, w): raw, neither scaled nor stretched to the image.

    Raises
    ------
    ValueError
        For a model in training mode, an unknown layer, one that gives no maps or has no say in the score, or
        a call inside `torch.inference_mode`.

    Notes
    -----
    Section 3 of the paper also has Guided Grad-CAM and counterfactual maps; they are absent here.

    All layers' outputs are kept until the gradient has come back, so memory grows with the picture's pixels:
    `shapes_resnet` takes 1.4 GB for one of 640 × 480 and 2.6 GB for one of 1200 × 900. Shrink a photograph to
    the size that the network was trained on first: `photographs.open("my.jpg", 224)`.
    """
    check_evaluation(model)  # not shown
    check_finite(x, "images")  # not shown
    x = without_inference(x)  # not shown
    with torch.enable_grad(), record(model, layer, gradients=True) as seen:
        score = target_score(model(x), target)  # Σ over the batch of y
        if not score.requires_grad:
            raise ValueError("Grad-CAM: got a score without a gradient, want one computed from the output")
        (gradient,) = torch.autograd.grad(score, seen[layer], allow_unused=True)
    if gradient is None:
        raise ValueError(f"Grad-CAM: the score does not depend on layer {layer!r}, want one on its way")
    maps = seen[layer].detach()
    if as_maps is not None:
        maps, gradient = as_maps(maps), as_maps(gradient)
    if maps.ndim != 4 or maps.shape != gradient.shape:
        raise ValueError(f"Grad-CAM: layer {layer!r} gives {tuple(maps.shape)}, want (B, C, h, w)")
    alpha = gradient.mean((2, 3), keepdim=True)  # (B, C, 1, 1): α_k = mean of ∂y/∂A_k (eq. 1)
    result = (alpha * maps).sum(1)  # (B, h, w): Σ_k α_k A_k
    return result.relu() if relu else result  # (eq. 2)
