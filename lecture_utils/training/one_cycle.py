"""One-cycle training: the rate is warmed up, and let down again along a cosine.

L. N. Smith and N. Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
Rates", SPIE 2019.

How the recipes of most shipped weights train. Simplified: PyTorch's cosine, not the paper's straight lines.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_number, check_whole
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
    after_step: Callable[[int], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[nn.Module, dict[str, float]]:
    """Train with `fit`, the rate rising to the optimizer's own and falling to nearly nothing.

    Parameters
    ----------
    model, batches, loss, label, after_step
        As for `fit`.
    steps : int
        1 or more.
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

    Raises
    ------
    ValueError
        As `fit` does, for no step asked or done, or a warm-up that is no share.
    """
    check_whole(steps, "steps")
    check_number(warm_up, "warm_up", 0, 1)
    start = clock()
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [group["lr"] for group in optimizer.param_groups],
        total_steps=steps,
        pct_start=warm_up,
        cycle_momentum=cycle_momentum,
    )
    history = fit(
        model,
        batches,
        loss=loss,
        optimizer=optimizer,
        steps=steps,
        schedule=rates,
        after_step=after_step,
        label=label,
    )
    if not history.steps:
        raise ValueError(
            f"{label}: got no step done of {steps}, want one: {history.problem or 'interrupted'}"
        )
    last = history.losses[-50:]
    info = {"steps": history.steps, "seconds": clock() - start, "loss": sum(last) / len(last)}
    return model.eval(), info
