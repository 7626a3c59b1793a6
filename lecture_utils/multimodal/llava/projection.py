"""From what an eye saw to tokens of a language model (S14.4): LLaVA's projection W.

H. Liu et al., "Visual Instruction Tuning", NeurIPS 2023, equation 1: H_v = W Z_v, one matrix for all places.
`layers=2` is the MLP of LLaVA-1.5 (H. Liu et al., "Improved Baselines with Visual Instruction Tuning", CVPR
2024, section 3.2).

Simplified: CLIP's features know where on the picture they come from, those of a plain convolutional eye do
not. With `cells`, the row and the column of each token are appended to it, as two one-hot codes.

Shapes: B pictures, P tokens a picture, F width of the eye's tokens, D width of the language model.
"""

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_size, check_sizes, check_tokens


def place_codes(rows: int, columns: int) -> Tensor:
    """Where each cell of a grid lies, row by row: (rows · columns, rows + columns), two ones in each row."""
    check_sizes("place codes", rows=rows, columns=columns)
    row = torch.eye(rows).repeat_interleave(columns, dim=0)  # (P, rows): 0 0 0 … 1 1 1 …
    column = torch.eye(columns).repeat(rows, 1)  # (P, columns): 0 1 2 … 0 1 2 …
    return torch.cat([row, column], dim=1)


class Projection(nn.Module):
    """The eye's tokens (B, P, F) → tokens of the language model (B, P, D).

    Parameters
    ----------
    image_dim, dim : int
        F and D.
    layers : {1, 2}
        One matrix, or two with a GELU between them.
    cells : (int, int), optional
        Rows and columns of the grid, P in all: each token is told its place. Without, tokens have none.

    Raises
    ------
    ValueError
        For sizes below 1, other layers, or, when called, tokens of another width, number or type.
    """

    places: Tensor

    def __init__(
        self, image_dim: int, dim: int, *, layers: int = 1, cells: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        check_sizes("projection", image_dim=image_dim, dim=dim, layers=layers)
        if layers > 2:
            raise ValueError(f"projection: got {layers} layers, want 1 or 2")
        places = torch.empty(0, 0) if cells is None else place_codes(*check_size(cells, "cells"))
        self.image_dim = image_dim
        self.register_buffer("places", places, persistent=False)
        first = nn.Linear(image_dim + places.shape[1], dim)
        self.layers = nn.Sequential(first, *((nn.GELU(), nn.Linear(dim, dim)) if layers == 2 else ()))

    def forward(self, grid: Tensor) -> Tensor:  # (B, P, F)
        check_tokens(grid, self.image_dim, like=next(self.parameters()), name="grid")
        if len(self.places):  # not known to the eye: where each token comes from
            if grid.shape[1] != len(self.places):
                raise ValueError(f"grid: got {grid.shape[1]} tokens, want {len(self.places)}, one a cell")
            grid = torch.cat([grid, self.places.expand(len(grid), -1, -1)], dim=2)
        return self.layers(grid)  # (B, P, D)
