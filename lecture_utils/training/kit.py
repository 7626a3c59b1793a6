"""What experiments and recipes share: sizes by budget, the best setting on validation, one way to train.

Shapes: N samples, B batch.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_images, check_number, check_whole
from lecture_utils.training.loop import History, fit

Figures = dict[str, Any]
Data = tuple[Tensor, Tensor]  # images (N, C, H, W), labels (N,)
T = TypeVar("T")
S = TypeVar("S")
TUNING_SEED = 10_000  # far from the ledger's seeds: what is tuned there is not measured there


def size(budget: str, *, quick: T, full: T, gpu: T | None = None) -> T:
    """Choose a size by an experiment's budget; ``gpu`` is ``full`` unless more is given.

    Raises
    ------
    ValueError
        If there is no such budget.
    """
    sizes = {"quick": quick, "full": full, "gpu": full if gpu is None else gpu}
    if budget not in sizes:
        raise ValueError(f"budget: got {budget!r}, want quick, full or gpu")
    return sizes[budget]


def best_setting(settings: Iterable[S], score: Callable[[S], float]) -> S:
    """Return the setting with the highest score, the first of equals.

    `score` should judge on validation data and train at `TUNING_SEED`; callers remember the answer with
    ``functools.lru_cache``.

    Raises
    ------
    ValueError
        If there are no settings.
    """
    tried: Sequence[S] = tuple(settings)
    if not tried:
        raise ValueError("settings: got none, want one or more")
    scores = [score(setting) for setting in tried]
    return tried[scores.index(max(scores))]


def train_cycle(
    model: nn.Module,
    batches: Iterable[tuple[Any, Any]],
    *,
    loss: Callable[[nn.Module, Any, Any], Tensor],
    optimizer: torch.optim.Optimizer,
    steps: int,
    warm_up: float = 0.3,
    cycle_momentum: bool = True,
) -> History:
    """Train without a bar, the rate warmed up to the optimizer's own and let down again (`one_cycle`).

    How the arms of most claims train. The model is left in training mode.
    """
    check_whole(steps, "steps")
    check_number(warm_up, "warm_up", 0, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [group["lr"] for group in optimizer.param_groups],
        total_steps=steps,
        pct_start=warm_up,
        cycle_momentum=cycle_momentum,
    )
    return fit(model, batches, loss=loss, optimizer=optimizer, steps=steps, schedule=schedule, progress=False)


def timed_call(run: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def mirrored(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each picture (B, C, H, W) with probability one half; bytes become floats in [0, 1]."""
    if not images.is_floating_point():
        images = images.float() / 255
    check_images(images)
    flip = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    return torch.where(flip, images.flip(-1), images)
