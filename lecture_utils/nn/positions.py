"""Position encodings: attention sees a set, so order has to be written into the tokens.

A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.5.
"""

import math

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_sizes


def sinusoidal_encoding(n: int, dim: int) -> Tensor:
    """Return the (n, dim) table of sines (even columns) and cosines (odd columns) of section 3.5.

    Column pair i turns at the angular frequency 10000^(-2i / dim) radians a position: the first pair once
    every 2π positions, the last about once every 60,000. A shift by k positions is one fixed rotation of each
    pair.

    Parameters
    ----------
    n : int
        Positions, from 0.
    dim : int
        Width, even.

    Raises
    ------
    ValueError
        For an odd width or fewer than one position.
    """
    check_sizes("sinusoidal encoding", positions=n, width=dim)
    if dim % 2:
        raise ValueError(f"sinusoidal encoding: got width {dim}, want an even one")
    position = torch.arange(n)[:, None]  # (n, 1)
    frequency = torch.exp(-math.log(10_000.0) * torch.arange(0, dim, 2) / dim)  # (dim / 2,)
    table = torch.empty(n, dim)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency)
    return table
