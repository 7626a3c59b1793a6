"""The training loop of the course: one visible function, with everything that is not learning kept out of it.

Simplified against a production loop: no mixed precision, no accumulation, no checkpoints, one device.
Shapes: N samples, B batch, C channels or classes, H and W height and width.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.kernel import watch
from lecture_utils.ops.checks import check_classes, check_tensor, check_whole


@dataclass
class History:
    """What happened in a training run.

    Attributes
    ----------
    losses : list of float
        One a step, before that step's update.
    evaluations : list of (int, float)
        Steps done so far and what `evaluate` returned.
    interrupted : bool
        Whether someone stopped it.
    problem : str
        Empty, or why it stopped early by itself: the loss is no number, or no batches were left.
    seconds : float
        Wall time.
    """

    losses: list[float] = field(default_factory=list)
    evaluations: list[tuple[int, float]] = field(default_factory=list)
    interrupted: bool = False
    problem: str = ""
    seconds: float = 0.0

    @property
    def steps(self) -> int:
        """Number of steps done."""
        return len(self.losses)


def fit(
    model: nn.Module,
    batches: Iterable[tuple[Any, Any]],
    *,
    loss: Callable[[nn.Module, Any, Any], Tensor],
    optimizer: torch.optim.Optimizer,
    steps: int,
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
    evaluate: Callable[[nn.Module], float] | None = None,
    evaluate_every: int = 0,
    after_step: Callable[[int], None] | None = None,
    progress: bool = True,
    label: str = "training",
) -> History:
    """Train a model in place, and return what happened.

    Interrupting the kernel, a loss that is no longer a number, or batches that run out end the run with one
    clear line; the model and the history stay usable. The model is left in training mode: call
    ``model.eval()`` before you use it.

    Parameters
    ----------
    model : nn.Module
        Batches are moved to its device; images (4-D) are laid out channels-last.
    batches : iterable of (x, y)
        For example `minibatches`. If it ends early, so does the training; a list is one pass.
    loss : callable
        ``loss(model, x, y)`` -> scalar tensor.
    optimizer : torch.optim.Optimizer
        Over the model's parameters, or some of them.
    steps : int
        Number of updates, 0 or more.
    schedule : torch.optim.lr_scheduler.LRScheduler, optional
        Over `optimizer`; advanced by one after each update.
    evaluate : callable, optional
        ``evaluate(model)`` -> float, called in evaluation mode every `evaluate_every` steps and after the
        last one, also where the batches end early.
    evaluate_every : int
        0: only after the last step.
    after_step : callable, optional
        ``after_step(step)``, called after each update with the number of the step, from 0: the place where a
        teacher follows its student (`selfsup.ema`).
    progress : bool
        Show a progress bar (never in a static build).
    label : str
        What the bar and the messages call this run.

    Raises
    ------
    ValueError
        If `steps` is no whole number of 0 or more, `loss` does not return a scalar tensor, or no parameter
        of the optimizer belongs to the model.
    """
    history, start = History(), time.perf_counter()
    device = prepare(model, optimizer, steps, evaluate_every)
    with watch.Watch(label, steps, history, progress) as run:
        for step, (x, y) in zip(range(steps), batches, strict=False):
            value = loss(model, to_device(x, device), to_device(y, device))  # forward
            if not is_finite(value):
                history.problem = run.diverged(step, value.item())
                break
            optimizer.zero_grad()
            value.backward()  # gradients
            optimizer.step()  # update
            if schedule:
                schedule.step()
            if after_step:
                after_step(step)
            history.losses.append(value.item())
            if evaluate and evaluate_every and (step + 1) % evaluate_every == 0:
                history.evaluations.append((step + 1, in_evaluation(model, evaluate)))
            run.tick()
        else:  # all steps done, or no batches left
            history.problem = run.ran_out() if history.steps < steps else ""
            if evaluate and history.steps and not (evaluate_every and history.steps % evaluate_every == 0):
                history.evaluations.append((history.steps, in_evaluation(model, evaluate)))
    history.seconds = time.perf_counter() - start
    return history


def prepare(
    model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, evaluate_every: int
) -> torch.device:
    """Put a model into training mode with its images' weights channels-last; return its device.

    Raises ValueError for counts that are no whole numbers, or an optimizer that moves nothing of the model.
    """
    check_whole(steps, "steps", 0)
    check_whole(evaluate_every, "evaluate_every", 0)
    own = {id(parameter) for parameter in model.parameters()}
    moved = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if own and not any(id(parameter) in own for parameter in moved):
        raise ValueError(
            f"optimizer: got {len(moved)} parameters, none of which belongs to this "
            f"{type(model).__name__}, want an optimizer over model.parameters()"
        )
    if any(parameter.ndim == 4 for parameter in model.parameters()):
        model.to(memory_format=torch.channels_last)
    model.train()
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def to_device(value: Any, device: torch.device) -> Any:
    """Move tensors, also inside tuples, lists and dicts; a 4-D float tensor becomes channels-last."""
    if isinstance(value, Tensor):
        if value.ndim == 4 and value.is_floating_point():
            return value.to(device, memory_format=torch.channels_last)
        return value.to(device)
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(to_device(part, device) for part in value)
    if isinstance(value, dict):
        return {key: to_device(part, device) for key, part in value.items()}
    return value


def is_finite(value: Tensor) -> bool:
    """Return whether a loss is a number; reject what is no scalar tensor."""
    if not isinstance(value, Tensor) or value.numel() != 1:
        got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"loss(model, x, y): got {got}, want a scalar tensor")
    return math.isfinite(value.item())


def in_evaluation(model: nn.Module, function: Callable[[nn.Module], Any]) -> Any:
    """Call a function on a model in evaluation mode without gradients, then restore its mode."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return function(model)
    finally:
        model.train(was_training)


def minibatches(
    x: Tensor,
    y: Tensor,
    *,
    batch_size: int,
    seed: int,
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled batches for ever; each pass over the data has its own order.

    What does not fill a batch at the end of a pass is left to the next pass's shuffle.

    Parameters
    ----------
    x, y : Tensor, (N, ...)
        Samples and targets.
    batch_size : int
        At most N samples are yielded at a time.
    seed : int
        Fixes order and augmentation.
    augment : callable, optional
        ``augment(x, generator)`` -> x of the same batch, for example a random shift.

    Raises
    ------
    ValueError
        If the lengths differ, there are no samples, or `batch_size` is below 1.
    """
    for name, value in (("x", x), ("y", y)):
        if not isinstance(value, Tensor) or value.ndim == 0:
            got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"{name}: got {got}, want a torch.Tensor (N, ...)")
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"x and y: got lengths {len(x)} and {len(y)}, want the same, 1 or more")
    check_whole(batch_size, "batch_size")
    check_whole(seed, "seed", None)
    return _endless(x, y, min(batch_size, len(x)), torch.Generator().manual_seed(seed), augment)


def _endless(
    x: Tensor, y: Tensor, size: int, generator: torch.Generator, augment: Any
) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        order = torch.randperm(len(x), generator=generator).to(x.device)
        for chosen in order.split(size)[: len(x) // size]:
            picked = x[chosen]  # (B, ...)
            yield (augment(picked, generator) if augment else picked), y[chosen.to(y.device)]


def predictions(model: nn.Module, x: Tensor, batch_size: int = 256) -> Tensor:
    """Return the model's outputs for all samples, on the CPU, in evaluation mode without gradients.

    Parameters
    ----------
    model : nn.Module
        Its mode is restored afterwards.
    x : Tensor, (N, ...)
        Samples, N ≥ 1.
    batch_size : int
        Only a question of memory.

    Returns
    -------
    Tensor, (N, ...)
        For a classifier the logits (N, C).

    Raises
    ------
    ValueError
        If there are no samples, or `batch_size` is below 1.
    """
    if not isinstance(x, Tensor) or x.ndim == 0 or len(x) == 0:
        got = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x: got {got}, want a torch.Tensor (N, ...) with at least one sample")
    check_whole(batch_size, "batch_size")
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    outputs = in_evaluation(
        model, lambda m: [m(to_device(part, device)).cpu() for part in x.split(batch_size)]
    )
    return torch.cat(outputs)


def accuracy(model: nn.Module, x: Tensor, y: Tensor, batch_size: int = 256) -> float:
    """Return the fraction of samples whose largest logit is the label's, in [0, 1].

    Parameters
    ----------
    model : nn.Module
        x -> logits (B, C).
    x : Tensor, (N, ...)
        Samples.
    y : Tensor, (N,)
        Class numbers, integers from 0 to C - 1.
    batch_size : int
        Only a question of memory.

    Raises
    ------
    ValueError
        If the lengths differ, there are no samples, labels are no class numbers, or a logit is NaN.
    """
    check_classes(y, "labels", len(x) if isinstance(x, Tensor) and x.ndim else "N")
    logits = predictions(model, x, batch_size)
    check_tensor(logits, "logits", len(x), "C", some=True)
    if bool(logits.isnan().any()):
        raise ValueError("logits: got NaN, want numbers: the model has diverged, or its input has NaN")
    check_classes(y, "labels", len(x), classes=logits.shape[1])
    return float((logits.argmax(dim=1) == y.cpu()).double().mean())
