"""The two ways in which DINO collapses, small enough to watch: the machinery of claim C03.4.

Shapes: B batch, K prototypes.
"""

import math
from typing import Any

import torch
from torch import Tensor

from lecture_utils.data.portraits import portraits
from lecture_utils.nn.vit_start import start_
from lecture_utils.selfsup.dino import DINO, divergence, entropy
from lecture_utils.selfsup.small_vit import StandardViT
from lecture_utils.selfsup.views import crop_batch, recolour
from lecture_utils.training.muon import MuonAndAdamW

PROTOTYPES, BATCH, RATE = 64, 32, 2e-3
STEPS, LONG = 120, 300  # what a notebook runs, and what the claim does
LOG_K = math.log(PROTOTYPES)
COLOURS = {"strength": 0.3, "hue": 0.4, "grey": 0.2, "solarised": 0.0}
SETTINGS = {
    "both": {"centring": True, "sharpening": True},
    "no centring": {"centring": False, "sharpening": True},
    "no sharpening": {"centring": True, "sharpening": False},
}


def tiny_dino(*, centring: bool, sharpening: bool) -> DINO:
    """A ViT of two layers for 24-pixel crops, with 64 prototypes."""
    vit = StandardViT(image=24, patch=6, dim=32, heads=2, hidden=64, layers=2, classes=1)
    vit.head = torch.nn.Identity()  # type: ignore[assignment]
    assert vit.position is not None
    start_(vit.position, (layer.attention for layer in vit.layers))  # type: ignore[misc]
    parts = {"hidden": 64, "bottleneck": 32, "prototypes": PROTOTYPES}
    model = DINO(vit, 32, centring=centring, sharpening=sharpening, momentum=0.99, **parts)
    if sharpening:
        model.teacher_temperature = 0.03
    return model


def take_step(model: DINO, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of the student, its gradients clipped."""
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.student.parameters(), 3.0)
    optimizer.step()


def collapse_run(
    *, centring: bool, sharpening: bool, seed: int = 0, steps: int = STEPS, every: int = 10
) -> dict[str, Any]:
    """Train a tiny DINO for some seconds and watch what its teacher says (the paper's figure 7).

    Parameters
    ----------
    centring, sharpening : bool
        Leave one out to see its collapse.
    seed : int
        Of pictures, initial weights and crops.
    steps, every : int
        Length, and how often to look.

    Returns
    -------
    dict
        "steps": where it looked; "entropy": of the teacher's answers, as a share of ln K; "divergence":
        KL(teacher ‖ student) in nats, both on two crops of 256 held-out pictures; "usage": entropy of the
        *mean* answer as a share of ln K, which is high where different pictures get different answers.
    """
    images = portraits(1024, size=32, seed=seed).image
    held = portraits(256, size=32, split="val", seed=seed).image
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)

    def view(pictures: Tensor) -> Tensor:
        crop = crop_batch(pictures, 24, (0.4, 1.0), generator=generator)
        return recolour(crop, **COLOURS, generator=generator)

    first, second = view(held), view(held)
    model = tiny_dino(centring=centring, sharpening=sharpening)
    optimizer = MuonAndAdamW(model.student, model.student[0].layers, RATE)  # type: ignore[arg-type]
    curves: dict[str, list[float]] = {"steps": [], "entropy": [], "divergence": [], "usage": []}
    for step in range(steps + 1):
        if step % every == 0:
            for name, value in look(model, first, second).items():
                curves[name].append(value)
            curves["steps"].append(step)
        if step == steps:
            break
        batch = images[torch.randint(0, len(images), (BATCH,), generator=generator)]
        take_step(model, optimizer, model([view(batch), view(batch)]))
        model.update_teacher(step, steps)
    return curves


@torch.no_grad()
def look(model: DINO, first: Tensor, second: Tensor) -> dict[str, float]:
    """Entropy and usage of the teacher's answers as shares of ln K, and KL(teacher ‖ student) in nats."""
    teacher = (model.teacher(first) - model.centre) / model.teacher_temperature  # (B, K)
    student = model.student(second) / model.student_temperature
    mean = teacher.softmax(dim=-1).mean(dim=0, keepdim=True).clamp(min=1e-12).log()
    return {
        "entropy": entropy(teacher).item() / LOG_K,
        "divergence": divergence(teacher, student).item(),
        "usage": entropy(mean).item() / LOG_K,
    }
