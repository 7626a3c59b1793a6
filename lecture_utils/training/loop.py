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

unfinished = watch.unfinished


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
        Empty, or why it stopped early by itself.
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
    progress: bool = True,
    label: str = "training",
) -> History:
    """Train a model in place, and return what happened.

    Interrupting the kernel, or a loss that is no longer a number, ends the run with one clear line; the model
    and the history stay usable. The model is left in training mode: call ``model.eval()`` before you use it.

    Parameters
    ----------
    model : nn.Module
        Batches are moved to its device; images (4-D) are laid out channels-last.
    batches : iterable of (x, y)
        For example `minibatches`. If it ends early, so does the training.
    loss : callable
        ``loss(model, x, y)`` -> scalar tensor.
    optimizer : torch.optim.Optimizer
        Over the model's parameters.
    steps : int
        Number of updates.
    schedule : torch.optim.lr_scheduler.LRScheduler, optional
        Over `optimizer`; advanced by one after each update.
    evaluate : callable, optional
        ``evaluate(model)`` -> float, called in evaluation mode every `evaluate_every` steps and after the
        last one.
    evaluate_every : int
        0: only after the last step.
    progress : bool
        Show a progress bar (never in a static build).
    label : str
        What the bar and the messages call this run.

    Raises
    ------
    ValueError
        If `steps` is negative, or `loss` does not return a scalar tensor.
    """
    history, start = History(), time.perf_counter()
    device = prepare(model, steps)
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
            history.losses.append(value.item())
            if evaluate and (step + 1 == steps or (evaluate_every and (step + 1) % evaluate_every == 0)):
                history.evaluations.append((step + 1, in_evaluation(model, evaluate)))
            run.tick()
    history.seconds = time.perf_counter() - start
    return history


def prepare(model: nn.Module, steps: int) -> torch.device:
    """Put a model into training mode with its images' weights channels-last; return its device."""
    if steps < 0:
        raise ValueError(f"steps must be 0 or more, got {steps}.")
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
        raise ValueError(f"loss(model, x, y) must return a scalar tensor, got {got}.")
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
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"x and y need the same length, 1 or more, got {len(x)} and {len(y)}.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, got {batch_size}.")
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
        If there are no samples.
    """
    if len(x) == 0:
        raise ValueError(f"Wanted at least one sample, got a tensor of shape {tuple(x.shape)}.")
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
        Class numbers.
    batch_size : int
        Only a question of memory.

    Raises
    ------
    ValueError
        If the lengths differ or there are no samples.
    """
    if len(x) != len(y):
        raise ValueError(f"x and y need the same length, got {len(x)} and {len(y)}.")
    return float((predictions(model, x, batch_size).argmax(dim=1) == y.cpu()).double().mean())
