"""Weights `scenes_eye`: the eye of chapter 14, which says of each cell of a picture what it shows.

K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, in small. The papers' eyes learnt
from ImageNet's labels or from CLIP's captions; ours learns from the renderer's masks: of each cell of 8 × 8
pixels the kind (four stuffs, eight classes), and where an object covers an eighth of it, the object's colour,
the way to its centre, and its distance. No word is read.

Shapes: N scenes, P = 36 cells, K kinds.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.data import toyworld
from lecture_utils.data.toyworld.language.asked import asked_scenes
from lecture_utils.data.toyworld.render import render
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.multimodal.scene_eye import CELLS, SIZE, STRIDE, SceneEye
from lecture_utils.recipes._parts import rows
from lecture_utils.training.loop import predictions
from lecture_utils.training.one_cycle import one_cycle

SCENES, BATCH, STEPS, PEAK_RATE, DECAY = 16_000, 64, 1200, 4e-3, 0.02
PORTION = 2000  # scenes drawn at a time
COVERED = STRIDE * STRIDE // 8  # pixels of an object that make a cell the object's
NONE = -1  # in place of a colour, where a cell shows no object


def build() -> SceneEye:
    """The eye, untrained."""
    return SceneEye(128, kinds=len(toyworld.SEMANTIC), colours=len(toyworld.COLOURS))


def cells(scenes: Scenes) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pictures of N scenes as bytes (N, 3, 48, 48), and what their cells show.

    Returns
    -------
    image, kind, colour, where : Tensor
        Kind (N, P) into SEMANTIC: the object with the most pixels in the cell if these are an eighth of it,
        else the stuff with the most; colour (N, P), NONE without an object; where (N, P, 3), as
        `SceneEye.read` has it.
    """
    seen = render(scenes, SIZE, only=("image", "instance", "semantic"))
    most, place = owners(seen.instance, scenes.places).max(-1)  # (N, P)
    shown = most >= COVERED
    stuff = (
        F.one_hot(_split(seen.semantic), len(toyworld.SEMANTIC)).sum(2)[..., : len(toyworld.STUFF)].argmax(-1)
    )
    kind = torch.where(shown, len(toyworld.STUFF) + scenes.class_id.gather(1, place), stuff)
    colour = torch.where(shown, scenes.colour_id.gather(1, place), NONE)
    middle = torch.stack([scenes.centre[..., axis].gather(1, place) for axis in (0, 1)], -1)  # (N, P, 2)
    row, column = torch.arange(CELLS * CELLS) // CELLS, torch.arange(CELLS * CELLS) % CELLS
    offset = middle * CELLS - torch.stack([column, row], -1) - 0.5
    where = torch.cat([offset, scenes.depth.gather(1, place).log()[..., None]], -1)
    return (seen.image * 255).round().byte(), kind, colour, where


def owners(instance: Tensor, places: int) -> Tensor:
    """Count, in instance maps (N, 48, 48), the pixels of each object in each cell, (N, P, places)."""
    return F.one_hot(_split(instance), places + 1).sum(2)[..., 1:]


def _split(pixels: Tensor) -> Tensor:
    """Maps (N, 48, 48) → (N, P, 64): the pixels of each cell."""
    return (
        pixels.unflatten(2, (CELLS, STRIDE))
        .unflatten(1, (CELLS, STRIDE))
        .permute(0, 1, 3, 2, 4)
        .flatten(3)
        .flatten(1, 2)
    )


def lessons(seed: int, count: int = SCENES) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor, Tensor]]]:
    """Batches of pictures (B, 3, 48, 48) and (kind, colour, where), over and over the same scenes."""
    portions = [
        cells(asked_scenes(min(PORTION, count), seed=500 + 100 * seed + i)[0])
        for i in range(-(-count // PORTION))
    ]
    columns = [torch.cat(column) for column in zip(*portions, strict=True)]
    for image, kind, colour, where in rows(*columns, batch=BATCH, seed=seed):
        yield image, (kind, colour, where)


def eye_loss(eye: Any, image: Tensor, told: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Cross entropy of kinds (of all cells, and again of objects') and colours; Huber's loss of where."""
    kind, colour, where = eye.read(eye(image))
    shown = told[1] != NONE  # (B, P)
    return (
        F.cross_entropy(kind.flatten(0, 1), told[0].flatten())
        + F.cross_entropy(kind[shown], told[0][shown])
        + F.cross_entropy(colour[shown], told[1][shown])
        + F.smooth_l1_loss(where[shown], told[2][shown], beta=0.1)
    )


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[SceneEye, dict[str, float]]:
    """Train on 16,000 scenes, 64 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    eye = build()
    optimizer = torch.optim.AdamW(eye.parameters(), PEAK_RATE, weight_decay=DECAY)
    batches = lessons(seed, min(SCENES, BATCH * steps))
    _, info = one_cycle(
        eye, batches, loss=eye_loss, optimizer=optimizer, steps=steps, warm_up=0.2, label="eye"
    )
    return eye, info


def evaluate(eye: SceneEye) -> dict[str, float]:
    """Judge on 500 test scenes: how often kind and colour of a covered cell are right, and the stuff of the
    others; median errors of the way to an object's centre (share of the picture's side) and its distance (m).
    """
    image, kind, colour, where = cells(asked_scenes(500, seed=0, split="test")[0])
    said = eye.read(predictions(eye, image / 255, 100))
    shown = colour != NONE
    right = said[0].argmax(-1) == kind
    off = (said[2][shown] - where[shown])[:, :2].norm(dim=-1) / CELLS
    return {
        "class_accuracy": right[shown].float().mean().item(),
        "colour_accuracy": (said[1].argmax(-1) == colour)[shown].float().mean().item(),
        "stuff_accuracy": right[~shown].float().mean().item(),
        "centre_error": off.median().item(),
        "distance_error_m": (said[2][shown][:, 2].exp() - where[shown][:, 2].exp()).abs().median().item(),
    }
