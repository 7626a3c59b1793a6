"""Chapter 15: what Pix2Pix is asked beside its task: label maps that nobody rendered.

Shapes: S the map's side.
"""

import torch
from torch import Tensor

from lecture_utils.data import toyworld
from lecture_utils.recipes._shared import SIZE

HORIZON = 12  # row at which the ground begins in hand-made maps


def plain_map(ground: str = "grass", *, size: int = SIZE) -> Tensor:
    """A label map (S, S) int64 of sky above one kind of ground."""
    labels = torch.full((size, size), toyworld.SEMANTIC.index("sky"))
    labels[HORIZON * size // SIZE :] = toyworld.SEMANTIC.index(ground)
    return labels


def disc(labels: Tensor, name: str, row: float, column: float, radius: float) -> Tensor:
    """The map with a disc of one class laid over it; places and radius in pixels."""
    y, x = torch.meshgrid(*(torch.arange(side) for side in labels.shape), indexing="ij")
    inside = (y - row) ** 2 + (x - column) ** 2 <= radius**2
    return torch.where(inside, torch.tensor(toyworld.SEMANTIC.index(name)), labels)


def odd_maps() -> dict[str, Tensor]:
    """Maps (S, S) that training never met, by what is odd about them."""
    many = plain_map("sand")
    for i in range(8):
        many = disc(many, "ball", 18 + 8 * (i % 2), 4 + 3.5 * i, 3.2)
    upside = plain_map("water").flip(0)
    stripes = plain_map("sky")
    for i, ground in enumerate(("grass", "water", "sand", "grass", "water", "sand")):
        stripes[:, 6 * i : 6 * i + 6] = toyworld.SEMANTIC.index(ground)
    whole = torch.full((SIZE, SIZE), toyworld.SEMANTIC.index("star"))
    return {
        "eight objects": many,
        "a ball in the sky": disc(plain_map("grass"), "ball", 7, 16, 6),
        "sky below": disc(upside, "heart", 10, 16, 6),
        "ground in columns": stripes,
        "star everywhere": whole,
    }
