"""What is explained: one number of a network's output, such as the score of a class.

The same argument, `target`, says it everywhere in this folder, and it may be any function of the output: an
explanation by gradients needs no classifier, only a number to differentiate (R. R. Selvaraju et al.,
"Grad-CAM", ICCV 2017, section 3).

Shapes: B batch, K classes.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Target = int | Tensor | Callable[[Any], Tensor]


def target_score(output: Any, target: Target) -> Tensor:
    """Add up, over the batch, the number that is to be explained.

    The sum serves all images at once: in evaluation mode they do not mix, so that its gradient with respect
    to one image is the gradient of that image's own number.

    Parameters
    ----------
    output : Tensor or anything
        What the network returned; class scores (B, K) unless `target` is a function.
    target : int, Tensor or function
        One class for all, classes (B,) int64, or a function from the output to a number or (B,) numbers.

    Returns
    -------
    Tensor, a scalar.

    Raises
    ------
    ValueError
        If the target does not fit the output, or the function gives more than (B,) numbers.
    """
    if callable(target):
        score = target(output)
        if not isinstance(score, Tensor) or score.ndim > 1:
            raise ValueError(f"target: the function gave {shape_of(score)}, want a Tensor () or (B,)")
        return score.sum()
    if not isinstance(output, Tensor) or output.ndim != 2:
        raise ValueError(f"target: got the output {shape_of(output)}, want scores (B, K)")
    return output.gather(1, class_index(target, *output.shape)[:, None].to(output.device)).sum()


def class_index(target: Any, batch: int, classes: int) -> Tensor:
    """Return the target as class numbers (B,), or raise ValueError with what was wanted."""
    if isinstance(target, int):
        target = torch.full((batch,), target)
    if not isinstance(target, Tensor) or target.shape != (batch,) or target.is_floating_point():
        got = f"{target.dtype} {tuple(target.shape)}" if isinstance(target, Tensor) else type(target).__name__
        raise ValueError(f"target: got {got}, want a class number or int64 ({batch},)")
    if batch and not (int(target.min()) >= 0 and int(target.max()) < classes):
        raise ValueError(f"target: got {target.tolist()}, want class numbers from 0 to {classes - 1}")
    return target.long()


def shape_of(value: Any) -> str:
    """Return a tensor's shape, or what else this is, for an error message."""
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def check_evaluation(model: nn.Module) -> None:
    """Raise ValueError unless the model is in evaluation mode: in training, images of a batch may mix."""
    if model.training:
        raise ValueError("got a model in training mode, want model.eval(): else images of a batch may mix")
