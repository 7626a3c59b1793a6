"""The tiny DINO of the lab, trained with whatever step somebody wrote, and watched.

Simpler than in section 7, so that there is something to see within seconds: the views are crops that keep
their colours, and nothing limits the gradients.

Shapes: B pictures of a batch, K prototypes.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch03.collapse import BATCH, PROTOTYPES, RATE, tiny_dino
from lecture_utils.data.portraits import portraits
from lecture_utils.selfsup.views import crop_batch
from lecture_utils.training.muon import MuonAndAdamW

Step = Callable[
    [nn.Module, nn.Module, Tensor, torch.optim.Optimizer, Sequence[Tensor], Sequence[Tensor], float],
    tuple[float, Tensor],
]
STEPS, MOMENTUM = 90, 0.99


def train(step: Step, *, steps: int = STEPS, every: int = 10, seed: int = 0) -> tuple[dict, Tensor]:
    """Train student and teacher with a step; return curves, and what the teacher says of held-out pictures.

    Parameters
    ----------
    step : callable
        As `lab.dino_step`: called with two large views and no small ones.
    steps, every : int
        Length, and how often to look.
    seed : int
        Of weights, pictures and crops.

    Returns
    -------
    curves : dict
        "steps"; "loss"; "entropy" of each answer, mean, as a share of ln K; "spread" of the features: the
        root of their variance when each is made to length 1, 0 where all are the same.
    logits : Tensor
        (256, K), centred and divided by the teacher's temperature, 0.04.
    """
    images = portraits(1024, size=32, seed=seed).image
    held = portraits(256, size=32, split="val", seed=seed).image
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = tiny_dino(centring=True, sharpening=True)
    student, teacher, centre = model.student, model.teacher, torch.zeros(PROTOTYPES)
    optimizer = MuonAndAdamW(student, student[0].layers, RATE)  # type: ignore[arg-type]
    seen = crop_batch(held, 24, (0.4, 1.0), generator=generator)
    curves: dict[str, list[float]] = {"steps": [], "loss": [], "entropy": [], "spread": []}
    for number in range(1, steps + 1):
        batch = images[torch.randint(0, len(images), (BATCH,), generator=generator)]
        large = [crop_batch(batch, 24, (0.4, 1.0), generator=generator) for _ in range(2)]
        loss, centre = step(student, teacher, centre, optimizer, large, [], MOMENTUM)
        if number % every == 0:
            logits, spread = look(teacher, centre, seen)
            log_p = logits.log_softmax(1)
            entropy = -(log_p.exp() * log_p).sum(1).mean().item() / math.log(PROTOTYPES)
            for name, value in zip(curves, (number, loss, entropy, spread), strict=True):
                curves[name].append(value)
    return curves, look(teacher, centre, seen)[0]


@torch.no_grad()
def look(teacher: nn.Module, centre: Tensor, pictures: Tensor) -> tuple[Tensor, float]:
    """The teacher's logits (B, K) as the loss uses them, and the spread of its features."""
    features = teacher[0](pictures)  # type: ignore[index]
    spread = F.normalize(features, dim=1).var(0).sum().sqrt().item()
    return (teacher[1](features) - centre) / 0.04, spread  # type: ignore[index]


def stacked(loss_of: Callable[[Tensor, Tensor, Tensor, int], Tensor]) -> Step:
    """A step that sends all views through the networks as one batch, with a loss for such batches."""

    def step(
        student: nn.Module,
        teacher: nn.Module,
        centre: Tensor,
        optimizer: torch.optim.Optimizer,
        large: Sequence[Tensor],
        small: Sequence[Tensor],
        momentum: float,
    ) -> tuple[float, Tensor]:
        batch = torch.cat(list(large))  # (V·B, 3, 24, 24): the views one below the other
        with torch.no_grad():
            wanted = teacher(batch)
        loss = loss_of(student(batch), wanted, centre, len(large))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
                slow.lerp_(fast, 1 - momentum)
        return loss.item(), centre.lerp(wanted.mean(0), 0.1)

    return step
