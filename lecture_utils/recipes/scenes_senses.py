"""Weights `scenes_senses`: an ear and a touch, which name the shapes that they hear and measure.

What BEATs and ULIP-2 are to X-InstructBLIP (A. Panagopoulou et al., ECCV 2024), trained here in minutes: the
tokens of a struck object's sound together name its shape, and the token of each neighbourhood of points names
the shape that its centre lies on. Afterwards both are frozen.

Shapes: B batch, P points, C centres.
"""

import functools
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.data.toyworld.other_senses import Heard, Measured, heard, measured
from lecture_utils.multimodal.x_instruct_blip.point_tokens import PointTokens, farthest_points
from lecture_utils.multimodal.x_instruct_blip.sound_tokens import SoundTokens
from lecture_utils.recipes._parts import rows, taught
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

DIM, CENTRES = 96, 24
SOUNDS, CLOUDS, CHECKED = 3000, 6000, 600
BATCH, STEPS, RATE = 64, {"sound": 60, "points": 900}, 4e-3


class Senses(nn.Module):
    """Two encoders: `sound` (B, 1, 64, 32) → (B, 8, 96), and `points` (B, P, 3) → (B, 24, 96)."""

    def __init__(self) -> None:
        super().__init__()
        self.sound = SoundTokens(dim=DIM)
        self.points = PointTokens(DIM, centres=CENTRES)
        self.heads = nn.ModuleDict({name: nn.Linear(DIM, len(CLASSES)) for name in STEPS})

    def hear(self, mel: Tensor) -> Tensor:
        """Scores (B, 8) of the shape that was struck."""
        return self.heads["sound"](self.sound(mel).mean(dim=1))

    def touch(self, points: Tensor) -> Tensor:
        """Scores (B, C, 8) of the shape at each centre."""
        return self.heads["points"](self.points(points))


def build() -> Senses:
    """Both encoders with the heads by which they were trained."""
    return Senses()


@functools.lru_cache(maxsize=2)
def sounds(count: int, *, seed: int = 0, split: str = "train") -> Heard:
    """What is heard of so many scenes."""
    return heard(count, seed=seed, split=split)


@functools.lru_cache(maxsize=2)
def clouds(count: int, *, seed: int = 0, split: str = "train") -> Measured:
    """What is measured of so many scenes."""
    return measured(count, seed=seed, split=split)


def train(seed: int = 0, *, steps: dict[str, int] | None = None) -> tuple[Senses, dict[str, float]]:
    """Train the ear, then the touch; `steps` a sense.

    Returns
    -------
    model : Senses
        In evaluation mode.
    info : dict
        steps and seconds (of processor time), and loss, that of both together.
    """
    torch.manual_seed(seed)
    model, steps = build(), steps or STEPS
    begun = time.thread_time()
    struck, touched = sounds(SOUNDS), clouds(CLOUDS)

    def named(part: nn.Module, mel: Tensor, shape_id: Tensor) -> Tensor:
        return F.cross_entropy(model.hear(mel), shape_id)

    def felt(part: nn.Module, points: Tensor, shape_id: Tensor) -> Tensor:
        return F.cross_entropy(model.touch(points).flatten(0, 1), at_centres(points, shape_id).flatten())

    ear, touch = (nn.ModuleList([getattr(model, name), model.heads[name]]) for name in STEPS)
    batches = rows(struck.mel, struck.shape_id, batch=BATCH, seed=seed)
    first = taught(ear, batches, named, rate=RATE, steps=steps["sound"], label="ear")
    examples = (
        (points, shape) for points, shape in rows(touched.points, touched.shape_id, batch=BATCH, seed=seed)
    )
    optimizer = MuonAndAdamW(touch, model.points.layers, RATE)
    _, second = one_cycle(
        touch, examples, loss=felt, optimizer=optimizer, steps=steps["points"], warm_up=0.1,
        cycle_momentum=False, label="touch",
    )  # fmt: skip
    info = {"steps": float(sum(steps.values())), "seconds": time.thread_time() - begun}
    return model.eval(), info | {"loss": first["loss"] + second["loss"]}


def at_centres(points: Tensor, shape_id: Tensor) -> Tensor:
    """The shapes (B, C) on which the centres lie, of those of all points (B, P)."""
    return shape_id.gather(1, farthest_points(points, CENTRES))


@torch.no_grad()
def evaluate(model: Senses) -> dict[str, float]:
    """On the test split: shapes named right by sound, and at the centres of clouds; chance is 0.125."""
    struck, touched = sounds(CHECKED, split="test"), clouds(CHECKED, split="test")
    by_sound = model.hear(struck.mel).argmax(dim=-1) == struck.shape_id
    by_touch = model.touch(touched.points).argmax(dim=-1) == at_centres(touched.points, touched.shape_id)
    return {"by_sound": float(by_sound.float().mean()), "by_touch": float(by_touch.float().mean())}
