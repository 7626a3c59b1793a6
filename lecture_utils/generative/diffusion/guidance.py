"""Classifier-free guidance: a condition taken more seriously than the model takes it, S16.2.

J. Ho, T. Salimans, "Classifier-Free Diffusion Guidance", NeurIPS workshop 2021 (arXiv 2207.12598): training
with the condition dropped now and then (algorithm 1), and the mixture of two predictions (equation 6).

The scale w here is the one that most code uses (C. Saharia et al., "Imagen", NeurIPS 2022, equation 2): 0 is
without the condition, 1 with it, more exaggerates. The paper's own w is ours - 1.

Shapes: B batch, N context tokens of width D.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.generative.diffusion.forward_process import check_pair
from lecture_utils.generative.diffusion.prediction import Predict
from lecture_utils.ops.checks import check_number, check_tensor, check_tokens, check_whole

ConditionalModel = Callable[[Tensor, Tensor, Tensor], Tensor]  # x_t, t, context → a prediction


def guide(without: Tensor, given: Tensor, scale: float) -> Tensor:
    """Return without + w (given - without), of two predictions of one shape (equation 6)."""
    check_pair(given, without, name="without")
    check_number(scale, "scale")
    return without + scale * (given - without)


def guided(model: ConditionalModel, context: Tensor, null: Tensor, scale: float) -> Predict:
    """Return what samplers call: x_t and t → the guided prediction.

    Parameters
    ----------
    model : callable
        x_t (B, …), t (B,) and context (B, N, D) → a prediction (B, …).
    context : Tensor, (B, N, D)
        The condition.
    null : Tensor, (N, D)
        What stood in its place where it was dropped in training.
    scale : float
        w. With 0 or 1 the model is called once a step, else once on both halves together.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    check_tokens(context, name="context")
    check_number(scale, "scale")
    check_tensor(null, "null", *context.shape[1:])
    without = null.to(context).expand_as(context)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        if scale in (0, 1):
            return model(x, t, context if scale == 1 else without)
        both = model(torch.cat([x, x]), torch.cat([t, t]), torch.cat([without, context]))
        without_it, with_it = both.chunk(2)
        return guide(without_it, with_it, scale)

    return predict


def drop_condition(context: Tensor, null: Tensor, dropped: Tensor) -> Tensor:
    """Return the context (B, N, D) with `null` (N, D) in the place of what is dropped (algorithm 1).

    Parameters
    ----------
    context : Tensor, (B, N, D)
    null : Tensor, (N, D)
    dropped : Tensor, (B,) bool
        Drawn by `dropouts` anew for each batch.

    Raises
    ------
    ValueError
        If shapes or types do not fit.
    """
    check_tokens(context, name="context")
    check_tensor(null, "null", *context.shape[1:])
    check_tensor(dropped, "dropped", len(context), kind="bool")
    return torch.where(dropped[:, None, None], null.to(context), context)


def dropouts(batch: int, rate: float, draw: torch.Generator | None = None) -> Tensor:
    """Return (B,) bool: each True with probability `rate`; 0.1 to 0.2 are usual."""
    check_whole(batch, "batch")
    check_number(rate, "rate", 0, 1)
    return torch.rand(batch, generator=draw) < rate
