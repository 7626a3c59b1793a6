"""Class activation maps: in a network that averages its last maps, the class score is the mean of a map.

B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba, "Learning Deep Features for Discriminative
Localization", CVPR 2016, section 2 (equations 1 and 2).

Score of class c: S_c = b_c + Σ_k w_kc · (mean over places of f_k) = b_c + mean over places of (Σ_k w_kc f_k).
The sum in the last bracket is the map. (The paper's S_c is a sum over places, and has no bias.)

Shapes: B batch, C channels, h × w of the last maps, K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils.explain.hooks import find_layer, record
from lecture_utils.explain.target import check_evaluation, class_index, shape_of
from lecture_utils.ops.checks import check_finite, check_images


def class_activation_maps(maps: Tensor, weight: Tensor) -> Tensor:
    """Every class's map: M_c = Σ_k w_kc f_k (equation 2).

    Parameters
    ----------
    maps : Tensor
        f, (B, C, h, w): what is averaged over h and w.
    weight : Tensor
        w, (K, C), of the linear layer after the average.

    Returns
    -------
    Tensor
        (B, K, h, w); its mean over h and w is the score less the bias.

    Raises
    ------
    ValueError
        If the channels do not fit.
    """
    check_images(maps)
    check_finite(maps, "maps")
    check_finite(weight, "weights")
    if weight.ndim != 2 or len(weight) == 0 or weight.shape[1] != maps.shape[1]:
        got = f"maps {tuple(maps.shape)} and weights {tuple(weight.shape)}"
        raise ValueError(f"CAM: got {got}, want (B, C, h, w) and (K, C)")
    return torch.einsum("bchw,kc->bkhw", maps, weight)


def cam(
    model: nn.Module,
    x: Tensor,
    target: int | Sequence[int] | Tensor,
    *,
    layer: str = "stages",
    head: str = "head",
) -> Tensor:
    """Map of one class for each image, (B, h, w), for a network that ends in average and linear layer.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode.
    x : Tensor
        (B, C, H, W).
    target : int, sequence or Tensor (B,)
        The class, or one for each image.
    layer, head : str
        Names of the layer whose output is averaged, and of the linear layer.

    Raises
    ------
    ValueError
        If the head is not linear, or the network does not end so: the mean of a map must be its score.
    """
    check_evaluation(model)
    check_images(x)
    check_finite(x, "images")
    linear = find_layer(model, head)
    if not isinstance(linear, nn.Linear):
        raise ValueError(f"CAM: layer {head!r} is {type(linear).__name__}, want nn.Linear")
    with torch.no_grad(), record(model, layer) as seen:
        scores = model(x)
        if not isinstance(scores, Tensor) or scores.ndim != 2:
            raise ValueError(f"CAM: got the output {shape_of(scores)}, want scores (B, K)")
        maps = class_activation_maps(seen[layer], linear.weight)  # (B, K, h, w)
    bias = 0 if linear.bias is None else linear.bias.detach()
    ends_so = scores.shape == maps.shape[:2] and torch.allclose(maps.mean((2, 3)) + bias, scores, 1e-3, 1e-3)
    if not ends_so:
        raise ValueError(f"CAM: the scores are not {head!r} of the mean of {layer!r}, want such a network")
    chosen = class_index(target, *scores.shape).to(maps.device)
    return maps[torch.arange(len(maps), device=maps.device), chosen]
