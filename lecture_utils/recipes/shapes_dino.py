"""Weights `shapes_dino`: the teacher of a DINO run on toy-world pictures, a `small_vit` that saw no label.

M. Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021: two large crops and
two small ones of every picture, recoloured; a student that must say of each what its moving average says of
another.

Simplified: 48-pixel pictures and crops of 36 and 18 pixels, so that what stands in a crop is about as large
as in the whole picture; two small crops instead of up to ten; batches of 32; Muon moves the layers' matrices
(`training.muon`). What the crops must not give away differs, too: our objects lie at all angles, so crops are
turned by up to 90 degrees, and four in five lose their colour (one in five in the paper).

Earlier tries, on pictures with three grounds and four patterns: 1,700 steps that drifted to almost the same
answer for every picture (k-NN 0.20), and 1,500 steps of AdamW (0.19; pixels 0.27). The encoder had learned
the ground and the colour. Pilots of three CPU minutes on other pictures chose what is here; of crops turned
or not, K of 64 or 256, temperatures of 0.02 to 0.04, and a share of grey of 0.5 to 1.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils.data.portraits import portraits
from lecture_utils.metrics.probes import knn_accuracy, linear_probe
from lecture_utils.recipes._shared import (
    COLOURS,
    CROP_BATCH,
    CROP_STEPS,
    DECAY,
    GLOBAL,
    GLOBAL_SCALE,
    PEAK_RATE,
    TURN,
    batches,
    foreground_iou,
)
from lecture_utils.recipes._shared import as_floats as views
from lecture_utils.selfsup.dino import DINO
from lecture_utils.selfsup.small_vit import WIDTH, features, small_vit
from lecture_utils.selfsup.views import multi_crop
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

LOCAL, LOCAL_VIEWS, LOCAL_SCALE = 18, 2, (0.2, 0.5)
MOMENTUM, PROTOTYPES, FROZEN, TEMPERATURE = 0.99, 64, 0.05, 0.03


def build() -> nn.Module:
    """The encoder, untrained: (B, 3, 48, 48) in [0, 1] → the class token (B, 64)."""
    return small_vit()


def dino_loss_of(generator: torch.Generator) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """The loss on fresh crops of a batch; labels are not looked at."""

    def loss(model: nn.Module, x: Tensor, _: Tensor) -> Tensor:
        large, small = multi_crop(
            x,
            global_size=GLOBAL,
            local_size=LOCAL,
            local_views=LOCAL_VIEWS,
            global_scale=GLOBAL_SCALE,
            local_scale=LOCAL_SCALE,
            turn=TURN,
            colours=COLOURS,
            generator=generator,
        )
        value: Tensor = model(large, small)
        return value

    return loss


def clip_and_rest(model: DINO, optimizer: torch.optim.Optimizer) -> None:
    """Clip gradients before each step of the optimiser; the prototypes rest until `follow` wakes them."""
    model.student[1].prototypes.requires_grad_(False)

    def clip(*_: object) -> None:
        nn.utils.clip_grad_norm_(model.student.parameters(), 3.0)

    optimizer.register_step_pre_hook(clip)


def follow(model: DINO, step: int, steps: int) -> None:
    """After an optimiser's step: the teacher follows the student, the last line of the paper's algorithm 1.

    The prototypes rest for the first 5 % of the steps (the authors' code, main_dino.py, freezes them for an
    epoch).
    """
    model.update_teacher(step, steps)
    if step + 1 >= FROZEN * steps:
        model.student[1].prototypes.requires_grad_(True)


def train(seed: int = 0, *, steps: int = CROP_STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train without labels.

    Returns
    -------
    model : nn.Module
        The teacher's encoder, in evaluation mode.
    info : dict
        steps, seconds (of this thread's processor time), and the mean loss of the last 50 steps.
    """
    torch.manual_seed(seed)
    model = DINO(build(), WIDTH, momentum=MOMENTUM, hidden=256, bottleneck=64, prototypes=PROTOTYPES)
    model.teacher_temperature = TEMPERATURE
    optimizer = MuonAndAdamW(model.student, model.student[0].layers, PEAK_RATE, decay=DECAY)  # type: ignore[arg-type]
    clip_and_rest(model, optimizer)
    _, info = one_cycle(
        model,
        batches(seed, batch_size=CROP_BATCH, augment=views),
        loss=dino_loss_of(torch.Generator().manual_seed(seed)),
        optimizer=optimizer,
        steps=steps,
        after_step=lambda step: follow(model, step, steps),  # the teacher's step
        warm_up=0.1,
        cycle_momentum=False,
        label="DINO",
        clock=time.thread_time,
    )
    encoder: nn.Module = model.teacher.get_submodule("0")
    return encoder.eval().requires_grad_(True), info


def describe(vit: nn.Module, pool: str, seed: int = 1) -> dict[str, float]:
    """Test accuracy of k-NN and of a linear probe on frozen features; 2,000 labelled pictures."""
    sets = (("train", 2000), ("val", 500), ("test", 1000))
    data = [portraits(n, split=split, seed=seed) for split, n in sets]
    parts = [(features(vit, p.image, pool), p.label) for p in data]  # type: ignore[arg-type]
    return {
        "knn": knn_accuracy(*parts[0], *parts[2]),
        "linear_probe": linear_probe(parts[0], parts[1], parts[2])[1],
    }


def evaluate(model: nn.Module) -> dict[str, float]:
    """k-NN and linear accuracy of the class token, and the IoU of its attention with the object."""
    return {**describe(model, "class"), "iou": foreground_iou(model)["iou"]}
