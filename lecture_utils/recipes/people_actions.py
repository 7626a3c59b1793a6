"""Weights `people_actions`: who judges what a motion shows (S13.10), with no word and no picture in sight.

A small network over time that names what legs and arms do. It is trained on true motions of all 64 pairs,
also on those that MotionCLIP never sees, and so can say of a generated one whether it is what was asked for.
"""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.people.motions import sample_motions
from lecture_utils.recipes._people_motion import ActionJudge, rotations_of
from lecture_utils.training.loop import minibatches
from lecture_utils.training.one_cycle import one_cycle

MOTIONS, BATCH, STEPS, PEAK_RATE = 2400, 64, 400, 3e-3
OTHER_SEED = 1000  # so that the judge and those who are judged share no motion


def build() -> ActionJudge:
    """The network, untrained."""
    return ActionJudge()


def judged_motions(count: int, seed: int, split: str) -> tuple[Tensor, Tensor]:
    """Return motions (count, F, 24, 6), a quarter of them of held-out pairs, and their actions (count, 2)."""
    parts = [
        sample_motions(n, OTHER_SEED + seed, split, held_out=held_out)
        for n, held_out in ((count - count // 4, False), (count // 4, True))
    ]
    motion = torch.cat([rotations_of(part) for part in parts])
    return motion, torch.cat([torch.stack([part.legs_id, part.arms_id], dim=1) for part in parts])


def both_entropies(model: nn.Module, motion: Tensor, actions: Tensor) -> Tensor:
    """Cross-entropy of the legs' action and of the arms', the turns of the joints blurred a little."""
    legs, arms = model(motion + 0.03 * torch.randn_like(motion)).split(8, dim=1)
    return F.cross_entropy(legs, actions[:, 0]) + F.cross_entropy(arms, actions[:, 1])


def train(seed: int = 0, *, steps: int = STEPS, motions: int = MOTIONS) -> tuple[nn.Module, dict[str, float]]:
    """Train on 2,400 motions, 64 a step."""
    torch.manual_seed(seed)
    model = build()
    batches: Iterator[tuple[Tensor, Tensor]] = minibatches(
        *judged_motions(motions, seed, "train"), batch_size=BATCH, seed=seed
    )
    return one_cycle(
        model, batches, loss=both_entropies, optimizer=torch.optim.Adam(model.parameters(), PEAK_RATE),
        steps=steps, warm_up=0.1, label="judge of actions", clock=time.process_time,
    )  # fmt: skip


def evaluate(model: nn.Module) -> dict[str, float]:
    """Share of true test motions whose legs, arms and both are named right."""
    assert isinstance(model, ActionJudge)
    motion, actions = judged_motions(1000, 0, "test")
    right = torch.stack(model.names(motion), dim=1) == actions
    return {
        "legs": float(right[:, 0].double().mean()),
        "arms": float(right[:, 1].double().mean()),
        "both": float(right.all(1).double().mean()),
    }
