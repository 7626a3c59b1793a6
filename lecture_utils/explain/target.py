"""What is explained: one number of a network's output, such as the score of a class.

The same argument, `target`, says it everywhere in this folder, and it may be any function of the output: an
explanation by gradients needs no classifier, only a number to differentiate (R. R. Selvaraju et al.,
"Grad-CAM", ICCV 2017, section 3).

Shapes: B batch, K classes.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_float, check_whole

Target = int | Sequence[int] | Tensor | Callable[[Any], Tensor]


def target_score(output: Any, target: Target) -> Tensor:
    """Add up, over the batch, the number that is to be explained.

    The sum serves all images at once: in evaluation mode they do not mix, so that its gradient with respect
    to one image is the gradient of that image's own number.

    Parameters
    ----------
    output : Tensor or anything
        What the network returned; class scores (B, K) unless `target` is a function.
    target : int, sequence, Tensor or function
        One class for all, also as a NumPy number or a tensor without axes; classes (B,) as a list, an array
        or a tensor; or a function from the output to a number or (B,) numbers.

    Returns
    -------
    Tensor, a scalar.

    Raises
    ------
    ValueError
        If the target does not fit the output (True and False are no classes), or the function gives other
        than () or (B,) numbers.
    """
    if callable(target):
        score = target(output)
        if not isinstance(score, Tensor) or score.ndim > 1 or not score.is_floating_point():
            raise ValueError(f"target: the function gave {shape_of(score)}, want a Tensor () or (B,)")
        return score.sum()
    if not isinstance(output, Tensor) or output.ndim != 2:
        raise ValueError(f"target: got the output {shape_of(output)}, want scores (B, K)")
    check_float(output, name="scores")
    return output.gather(1, class_index(target, *output.shape)[:, None].to(output.device)).sum()


def class_index(target: Any, batch: int, classes: int) -> Tensor:
    """Return the target as class numbers (B,) int64, or raise ValueError with what was wanted."""
    check_whole(classes, "classes")
    numbers = class_numbers(target)
    if numbers is None or numbers.ndim > 1 or (numbers.ndim == 1 and len(numbers) != batch):
        if hasattr(target, "dtype"):
            got = f"{target.dtype} {tuple(target.shape)}"
        else:
            got = type(target).__name__ if numbers is None else f"{len(numbers)} class numbers"
        raise ValueError(f"target: got {got}, want a class number or int64 ({batch},)")
    numbers = numbers.expand(batch)
    if batch and not (int(numbers.min()) >= 0 and int(numbers.max()) < classes):
        raise ValueError(f"target: got {numbers.tolist()}, want class numbers from 0 to {classes - 1}")
    return numbers


def class_numbers(target: Any) -> Tensor | None:
    """Return an integer, or a tensor, array or sequence of them, as int64 () or (n,); None for all else.

    True and False are no class numbers, although Python counts them as 1 and 0.
    """
    if isinstance(target, Tensor):
        whole = not (target.is_floating_point() or target.is_complex() or target.dtype == torch.bool)
        return target.long() if whole else None
    if hasattr(target, "tolist"):  # a NumPy number or array
        return class_numbers(target.tolist())
    if isinstance(target, Sequence) and not isinstance(target, str | bytes):
        parts = [class_numbers(part) for part in target]
        numbers = [part for part in parts if part is not None and part.ndim == 0]
        return torch.stack(numbers) if numbers and len(numbers) == len(parts) else None
    try:
        return None if isinstance(target, bool) else torch.tensor(operator.index(target))
    except TypeError:
        return None


def shape_of(value: Any) -> str:
    """Return a tensor's shape, or what else this is, for an error message."""
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def check_evaluation(model: nn.Module) -> None:
    """Raise ValueError unless the model is in evaluation mode: in training, images of a batch may mix."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"model: got {type(model).__name__}, want an nn.Module")
    if model.training:
        raise ValueError("got a model in training mode, want model.eval(): else images of a batch may mix")
