"""A small student, alone and with a teacher: machinery of claim C03.6.

Shapes: N pictures, B batch, K classes.
"""

import functools
from collections.abc import Callable
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.chapters.ch03.arms import CLASSES, labelled
from lecture_utils.selfsup.distillation import distillation_loss
from lecture_utils.training.kit import TUNING_SEED, best_setting, train_cycle
from lecture_utils.training.loop import accuracy, minibatches, predictions

LABELS, SOFT = 400, 0.9
DECAYS = (1e-2, 1e-1)
#: Eight trials for either arm: both choose rate and weight decay, the distilled one a temperature as well.
TRIALS = {
    "alone": tuple(
        {"rate": rate, "decay": decay} for rate, decay in product((3e-3, 1e-2, 3e-2, 1e-1), DECAYS)
    ),
    "distilled": tuple(
        {"rate": rate, "decay": decay, "temperature": t}
        for rate, decay, t in product((1e-2, 3e-2), DECAYS, (2.0, 4.0))
    ),
}


def student_net() -> nn.Sequential:
    """Three convolutions, 16 to 64 channels wide, for 48 × 48 pictures."""
    layers: list[nn.Module] = []
    for c_in, c_out in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES))


def student_loss(temperature: float | None) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """Cross-entropy, or its mix with the teacher's answers; y (B, 1 + K) holds the label and the logits."""

    def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        logits, label, teacher = model(x), y[:, 0].long(), y[:, 1:]
        if temperature is None:
            return F.cross_entropy(logits, label)
        return distillation_loss(logits, teacher, label, temperature=temperature, soft=SOFT)

    return loss


def train_student(
    *, rate: float, decay: float, temperature: float | None = None, steps: int, seed: int
) -> nn.Module:
    """Train a student on 400 labelled pictures: alone, or with the teacher's answers to the same pictures."""
    images, labels = labelled(LABELS, "train", seed)
    answers = predictions(zoo.load("shapes_supervised_vit"), images)  # (N, K)
    torch.manual_seed(seed)
    model = student_net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    targets = torch.cat([labels[:, None].float(), answers], dim=1)  # (N, 1 + K)
    batches = minibatches(images, targets, batch_size=64, seed=seed)
    loss = student_loss(temperature)
    train_cycle(model, batches, loss=loss, optimizer=optimizer, steps=steps, cycle_momentum=False)
    return model.eval()


@functools.lru_cache
def best_trial(arm: str, steps: int) -> dict[str, float]:
    """The trial of `TRIALS[arm]` with the best validation accuracy, on a seed that is not measured."""
    val = labelled(1000, "val", TUNING_SEED)

    def score(trial: dict[str, float]) -> float:
        return accuracy(train_student(**trial, steps=steps, seed=TUNING_SEED), *val)

    return best_setting(TRIALS[arm], score)
