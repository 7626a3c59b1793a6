"""Chapter 04's pictures made of the bundled photographs: tiles, collages with exact labels, a pair.

Shapes: N pictures, P photographs, S side of a picture in pixels.
"""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data import photographs

TILES, TILE = 3, 128  # each photograph is cut into 3 × 3 tiles of 128 pixels


def tiles(names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Cut photographs into tiles that do not overlap: (9 P, 3, 128, 128), and whose each is (9 P,)."""
    cut = []
    for name in names:
        whole = photographs.load(name, size=TILES * TILE)  # (3, 384, 384)
        rows = whole.unfold(1, TILE, TILE).unfold(2, TILE, TILE)  # (3, 3, 3, 128, 128)
        cut.append(rows.permute(1, 2, 0, 3, 4).flatten(0, 1))
    return torch.cat(cut), torch.arange(len(names)).repeat_interleave(TILES**2)


def collages(names: Sequence[str], count: int, *, seed: int, cells: int = 8) -> tuple[Tensor, Tensor]:
    """Pictures of four quarters, each a piece of another photograph, and which photograph is where.

    Returns
    -------
    Tensor
        (N, 3, 224, 224).
    Tensor
        (N, P, 28, 28) bool: one cell for 8 × 8 pixels.
    """
    draws = torch.Generator().manual_seed(seed)
    whole = [photographs.load(name, size=384) for name in names]
    rounds = -(-4 * count // len(names))
    order = torch.cat([torch.randperm(len(names), generator=draws) for _ in range(rounds)])
    pictures, half = torch.zeros(count, 3, 224, 224), 112
    where = torch.zeros(count, len(names), 224 // cells, 224 // cells, dtype=torch.bool)
    for place in range(4 * count):
        i, (row, column) = place // 4, divmod(place % 4, 2)
        k = int(order[place])
        y, x = torch.randint(0, 384 - 224, (2,), generator=draws).tolist()
        piece = F.interpolate(whole[k][None, :, y : y + 224, x : x + 224], (half, half), mode="area")[0]
        pictures[i, :, half * row : half * (row + 1), half * column : half * (column + 1)] = piece
        side = half // cells
        where[i, k, side * row : side * (row + 1), side * column : side * (column + 1)] = True
    return pictures, where


def side_by_side(left: str, right: str) -> Tensor:
    """Two photographs in one picture (3, 224, 224), the middle of each."""
    return torch.cat([photographs.load(name, size=224)[:, :, 56:168] for name in (left, right)], dim=2)


def random_twin(network: nn.Module, pictures: Tensor, seed: int = 0) -> nn.Module:
    """The same architecture with random weights, its batch norms' statistics taken from pictures."""
    torch.manual_seed(seed)
    fresh = copy.deepcopy(network)
    for part in fresh.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
        if isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()
            part.momentum = 1.0  # a batch's statistics replace what was there
    with torch.no_grad():
        fresh.train()(pictures)
    return fresh.eval()
