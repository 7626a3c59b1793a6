"""Semi-global matching (S18.1): costs of disparities, added up along smooth paths from several sides.

H. Hirschmüller, "Stereo Processing by Semiglobal Matching and Mutual Information", PAMI 2008, section 2.2. A
smooth disparity map over all pixels at once is hard to find (the problem is NP-hard); along one line it is
quick, by dynamic programming. So each pixel asks lines from several sides, and adds up what they say.

Simplified: four or eight sides instead of 16, one penalty for all jumps, wherever the picture has an edge.

Shapes: B pairs, D disparities, H × W pixels.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor


def check_volume(volume: Tensor) -> None:
    """Costs (B, D, H, W) without NaN."""
    check_tensor(volume, "volume", "B", "D", "H", "W", some=True)
    if bool(volume.isnan().any()):
        raise ValueError(f"volume: got NaN in {tuple(volume.shape)}, want costs (infinite: no choice)")


def semi_global(volume: Tensor, small: float, large: float, *, diagonals: bool = False) -> Tensor:
    """Add to each cost what the cheapest smooth paths to it have cost, from four or eight sides.

    A path pays `small` where the disparity changes by one pixel and `large` where it jumps (eq. 13).

    Parameters
    ----------
    volume : Tensor
        (B, D, H, W).
    small, large : float
        P₁ ≤ P₂, in the units of the costs.
    diagonals : bool
        Also come along the diagonals: better, at twice the time.

    Returns
    -------
    Tensor
        (B, D, H, W): the sum over the paths; infinite where the cost was.
    """
    check_volume(volume)
    check_number(small, "small", 0)
    check_number(large, "large", small)
    possible = volume.isfinite()
    dearest = volume[possible].max() if bool(possible.any()) else 0.0
    costs = torch.where(possible, volume, dearest).permute(2, 3, 0, 1)  # (H, W, B, D)
    total = torch.zeros_like(costs)
    for axis in (0, 1):  # down and up, to the right and to the left
        along, into = costs.transpose(0, axis), total.transpose(0, axis)
        for lean in (0, -1, 1) if diagonals and axis == 0 else (0,):
            into += walk(along, small, large, lean)
            into += walk(along.flip(0), small, large, lean).flip(0)
    return torch.where(possible, total.permute(2, 3, 0, 1), torch.inf)


def walk(costs: Tensor, small: float, large: float, lean: int = 0) -> Tensor:
    """Carry the cheapest path's cost along the first axis of (rows, columns, B, D), `lean` columns a row."""
    check_tensor(costs, "costs", "rows", "columns", "B", "D", some=True)
    check_number(small, "small", 0)
    check_number(large, "large", small)
    paths = costs.clone(memory_format=torch.contiguous_format)
    for i in range(1, len(costs)):
        last = paths[i - 1]  # (columns, B, D)
        if lean:  # the row before, a column further on; a path that comes from outside begins here
            last = last.roll(lean, 0)
            last[0 if lean > 0 else -1] = 0.0
        lowest = last.amin(-1, keepdim=True)
        best = last.clamp_max(lowest + large)  # stay, or jump from the cheapest
        best[..., 1:] = torch.minimum(best[..., 1:], last[..., :-1] + small)
        best[..., :-1] = torch.minimum(best[..., :-1], last[..., 1:] + small)
        paths[i] += best - lowest  # less what all have paid, or the sums would grow without end
    return paths
