"""Whole models against a library's: weights under which the picture counts, and a comparison that can fail.

At the weights with which a network starts, its outputs hardly depend on the picture: a wrong network then
agrees with a right one to many digits. So a model is first made lively, and the tolerance is held against
what the picture changes.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

TOLERANCE = 1e-4  # of the outputs' spread
MARGIN = 100  # two pictures must differ by more than so many tolerances
LIVELY = 0.2  # the difference of two pictures to aim at, in spreads of the outputs


def parity_gap(got: Tensor, want: Tensor) -> float:
    """Return the largest difference of two outputs over the second's spread; infinite where not finite."""
    gap = float((got - want).abs().max() / want.std())
    return gap if math.isfinite(gap) else math.inf


@torch.no_grad()
def liven(model: nn.Module, *inputs: Tensor, tolerance: float = TOLERANCE, rounds: int = 20) -> float:
    """Scale random weights, in place, until the outputs for different inputs differ.

    Vectors (biases, norm scales) and tables of positions or biases are drawn anew, so that none is at a
    default that hides a mistake. Matrices grow by a quarter at a time until the outputs for two of `inputs`
    (where one is given: for it and its mirror image) differ by LIVELY of their spread.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode.
    inputs : Tensor
        What it is called with, one batch each, of one shape.
    tolerance : float
        The one that will be used, relative to the outputs' spread.
    rounds : int
        How often the matrices may grow.

    Returns
    -------
    float
        The difference reached, as `parity_gap` measures it.

    Raises
    ------
    AssertionError
        If the two differ by less than MARGIN times the tolerance even so.
    """
    a = inputs[0]
    b = inputs[1] if len(inputs) > 1 else a.flip(-1)
    made = torch.Generator().manual_seed(0)

    def draw(value: Tensor, mean: float, std: float) -> None:
        value.copy_(mean + std * torch.randn(value.shape, generator=made))

    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if "running_var" in name:
            value.copy_(0.5 + torch.rand(value.shape, generator=made))
        elif value.is_floating_point() and (value.ndim < 2 or "pos" in name or "token" in name):
            draw(value, 1.0 if _is_scale(model, name) else 0.0, 0.2)
        elif "table" in name:
            draw(value, 0.0, 1.0)
    gap = parity_gap(model(a), model(b))
    matrices = [value for value in model.parameters() if value.ndim > 1]
    for _ in range(rounds):
        if gap > LIVELY:
            break
        before = [value.clone() for value in matrices]
        for value in matrices:
            value.mul_(1.25)
        grown = parity_gap(model(a), model(b))
        if not gap < grown < math.inf:  # growing no longer helps: the last step back
            for value, old in zip(matrices, before, strict=True):
                value.copy_(old)
            break
        gap = grown
    assert MARGIN * tolerance < gap < math.inf, f"inputs differ by {gap:.2g} of the outputs' spread"
    return gap


def _is_scale(model: nn.Module, name: str) -> bool:
    owner, _, kind = name.rpartition(".")
    return kind == "weight" and "Norm" in type(model.get_submodule(owner)).__name__


@torch.inference_mode()
def assert_parity(
    ours: Callable[[Tensor], Tensor],
    theirs: Callable[[Tensor], Tensor],
    *inputs: Tensor,
    tolerance: float = TOLERANCE,
) -> None:
    """Assert equal outputs for each of `inputs`, and that any two of one shape have different outputs."""
    wants = [theirs(x) for x in inputs]
    for i, x in enumerate(inputs):
        gap = parity_gap(ours(x), wants[i])
        assert gap < tolerance, f"outputs differ by {gap:.2g} of their spread, want less than {tolerance:.2g}"
        others = [wants[j] for j in range(i) if inputs[j].shape == x.shape]
        for other in others:
            moved = parity_gap(other, wants[i])
            assert moved > MARGIN * tolerance, f"two inputs differ by {moved:.2g} of the spread only"
