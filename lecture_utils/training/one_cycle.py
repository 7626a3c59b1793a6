"""One-cycle training: the rate is warmed up and let down again along a cosine (L. N. Smith and N. Topin,
"Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", SPIE 2019).

How the recipes of most shipped weights train. Simplified: PyTorch's cosine, not the paper's straight lines.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.training.loop import fit


def one_cycle(
    model: nn.Module,
    batches: Iterable[tuple[Any, Any]],
    *,
    loss: Callable[[nn.Module, Any, Any], Tensor],
    optimizer: torch.optim.Optimizer,
    steps: int,
    warm_up: float,
    label: str,
    cycle_momentum: bool = True,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[nn.Module, dict[str, float]]:
    """Train with `fit`, the rate rising to the optimizer's own and falling to nearly nothing.

    Parameters
    ----------
    model, batches, loss, steps, label
        As for `fit`.
    optimizer : torch.optim.Optimizer
        Its rates are the highest ones of the cycle.
    warm_up : float
        Share of the steps during which the rate rises, 0 to 1.
    cycle_momentum : bool
        Let momentum (Adam's first beta) fall and rise against the rate, between 0.95 and 0.85.
    clock : callable
        Returns seconds, of which the difference is taken.

    Returns
    -------
    model : nn.Module
        The same, in evaluation mode.
    info : dict
        steps done, seconds (what `batches` renders included), and loss: the mean of the last 50 steps.
    """
    start = clock()
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=steps, pct_start=warm_up,
        cycle_momentum=cycle_momentum,
    )  # fmt: skip
    history = fit(model, batches, loss=loss, optimizer=optimizer, steps=steps, schedule=rates, label=label)
    last = history.losses[-50:]
    info = {"steps": history.steps, "seconds": clock() - start, "loss": sum(last) / len(last)}
    return model.eval(), info
