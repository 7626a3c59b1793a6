"""Pictures of tables from above: own small renderer, anti-aliased, vectorised over tables.

Colours and outlines are the toy world's (`names.COLOUR_RGB`, `surfaces.sdf`). A block is drawn in a window of
its own, with the share of each pixel that its outline covers, taken from the signed distance.

Shapes: N tables, K places for blocks, S the picture's side, P points of a window.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.data.toyworld.gripper.table import RADIUS, Table
from lecture_utils.data.toyworld.names import CLASSES, COLOUR_RGB, COLOURS
from lecture_utils.data.toyworld.surfaces.sdf import distance
from lecture_utils.ops.checks import check_sizes

SIZE = 48
SCALE = RADIUS * 0.98  # a shape's unit, in sides of the table
WINDOW = 0.34  # a block's window, in sides of the table
LIFTED = 1.12  # how much greater a held block looks
WOOD = ((0.93, 0.87, 0.77), (0.82, 0.72, 0.60))  # the palest and the darkest table
MARKED = 0.94  # the middle and the sides are marked by a tone
STEEL, SHADOW = (0.24, 0.26, 0.30), 0.62


@torch.no_grad()
def pictures(tables: Sequence[Table], size: int = SIZE) -> Tensor:
    """Draw N tables, (N, 3, S, S) in [0, 1].

    Parameters
    ----------
    tables : sequence of Table
    size : int
        S in pixels; the same tables at any size.

    Raises
    ------
    ValueError
        For no tables, or a size below 1.
    """
    if not tables or not all(isinstance(table, Table) for table in tables):
        raise ValueError(f"tables: got {tables!r:.60}, want one Table or more")
    check_sizes("pictures", size=size)
    image = _wood(tables, size)
    lying = [(n, b, i == t.held) for n, t in enumerate(tables) for i, b in enumerate(t.blocks)]
    for shadow in (True, False):
        for lifted in (False, True):
            for k, shape in enumerate(CLASSES):
                some = [(n, b) for n, b, held in lying if held == lifted and b.shape == shape]
                if some:
                    _blocks(image, some, k, shadow=shadow, lifted=lifted)
    _grippers(image, tables)
    light = torch.tensor([table.light for table in tables])
    return (image * light[:, None, None, None]).clamp(0, 1)


def _wood(tables: Sequence[Table], size: int) -> Tensor:
    """The empty tables, (N, 3, S, S): a grain along x, the regions a little darker or paler."""
    at = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(at, at, indexing="ij")
    tint = torch.tensor([table.tint for table in tables])[:, None, None]
    pale, dark = (torch.tensor(tone)[None, :, None, None] for tone in WOOD)
    wood = pale + (dark - pale) * tint[..., None]
    grain = (
        1 + 0.018 * torch.sin(40 * y + 3 * torch.sin(5 * x + 9 * tint)) + 0.012 * torch.sin(90 * y + 7 * x)
    )
    middle = ((x - 0.5).abs() <= 0.2) & ((y - 0.5).abs() <= 0.2)
    marked = torch.where(middle | (x <= 0.25) | (x >= 0.75), MARKED, 1.0)
    return (wood * (grain * marked)[:, None]).contiguous()


def _blocks(image: Tensor, some: Sequence, k: int, *, shadow: bool, lifted: bool) -> None:
    """Draw blocks of one class, or their shadows, each into its window; a table shows a name only once."""
    size = image.shape[-1]
    side = math.ceil(WINDOW * size)
    place = torch.tensor([[b.x, b.y] for _, b in some])  # (M, 2)
    colour = torch.as_tensor(COLOUR_RGB[[COLOURS.index(b.colour) for _, b in some]], dtype=torch.float32)
    unit = SCALE * (LIFTED if lifted else 1.0)
    if shadow:
        place = place + (torch.tensor([0.03, 0.04]) if lifted else torch.tensor([0.012, 0.018]))
    first = (place * size - side / 2).floor().long()  # (M, 2): the window's corner
    steps = torch.arange(side)
    column, row = first[:, :1] + steps, first[:, 1:] + steps  # (M, side)
    x = (((column + 0.5) / size - place[:, :1]) / unit)[:, None, :].expand(-1, side, -1)
    y = (((row + 0.5) / size - place[:, 1:]) / unit)[:, :, None].expand(-1, -1, side)
    away = distance(x.reshape(-1), y.reshape(-1), k).reshape(len(some), side, side) * unit * size  # in pixels
    softness = 1.5 + 0.02 * size  # of a shadow's edge
    cover = (0.5 - away / softness if shadow else 0.5 - away).clamp(0, 1)
    rim = 1 - 0.22 * (1 + away / (0.035 * size)).clamp(0, 1)  # darker towards the outline
    over = colour[:, :, None, None] * rim[:, None]  # (M, 3, side, side)
    owner = torch.tensor([n for n, _ in some])
    for turn in _turns(owner.tolist()):  # no table twice at a time
        _blend(image, owner[turn], row[turn], column[turn], cover[turn], None if shadow else over[turn])


def _turns(owner: list[int]) -> list[Tensor]:
    """Split places in a list so that in each part no owner stands twice."""
    seen: dict[int, int] = {}
    parts: list[list[int]] = []
    for place, n in enumerate(owner):
        turn = seen.get(n, 0)
        seen[n] = turn + 1
        if turn == len(parts):
            parts.append([])
        parts[turn].append(place)
    return [torch.tensor(part) for part in parts]


def _blend(
    image: Tensor, owner: Tensor, row: Tensor, column: Tensor, cover: Tensor, over: Tensor | None
) -> None:
    """Lay colours (M, 3, side, side), or where None shadow, over what is there, by the share covered."""
    size = image.shape[-1]
    there = ((row >= 0) & (row < size))[:, :, None] & ((column >= 0) & (column < size))[:, None, :]
    m, i, j = there.nonzero(as_tuple=True)
    n, r, c = owner[m], row[m, i], column[m, j]
    under = image[n, :, r, c]  # (P, 3)
    new = under * SHADOW if over is None else over[m, :, i, j]
    image[n, :, r, c] = under + cover[m, i, j][:, None] * (new - under)


def _grippers(image: Tensor, tables: Sequence[Table]) -> None:
    """Draw two jaws and the bar that carries them; open jaws stand apart, empty closed ones nearly meet."""
    size = image.shape[-1]
    at = (torch.arange(size) + 0.5) / size
    y, x = at[None, :, None], at[None, None, :]
    px, py = (torch.tensor(v)[:, None, None] for v in ([t.x for t in tables], [t.y for t in tables]))
    gap = torch.tensor([0.145 if t.open else 0.03 if t.held is None else 0.125 for t in tables])[
        :, None, None
    ]
    dx, dy = x - px, y - py
    jaw = box(dx.abs() - gap, dy, 0.016, 0.07)
    bar = torch.minimum(box(dx, dy + 0.07, gap + 0.016, 0.014), box(dx, dy, 0.02, 0.02).abs() - 0.004)
    away = torch.minimum(jaw, bar) * size
    cover = (0.5 - away).clamp(0, 1)[:, None]  # (N, 1, S, S)
    image += cover * (torch.tensor(STEEL)[None, :, None, None] - image)


def box(dx: Tensor, dy: Tensor, half_x: Tensor | float, half_y: float) -> Tensor:
    """Signed distance to an upright box, about."""
    return torch.maximum(dx.abs() - half_x, dy.abs() - half_y)
