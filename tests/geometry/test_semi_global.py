"""Semi-global matching: paths against plain loops, symmetry, and what smoothness is for."""

import numpy as np
import pytest
import torch

from lecture_utils.geometry import semi_global as sg
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.1")


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def paths_by_loops(costs, small, large):
    """Hirschmüller's eq. 13 along rows of (length, D), in plain Python."""
    paths = [list(costs[0])]
    for row in costs[1:]:
        last = paths[-1]
        low = min(last)
        here = []
        for d, cost in enumerate(row):
            ways = [last[d], low + large]
            ways += [last[e] + small for e in (d - 1, d + 1) if 0 <= e < len(row)]
            here.append(cost + min(ways) - low)
        paths.append(here)
    return np.array(paths)


def walk_gap(walk):
    costs = noise(9, 3, 1, 6, seed=3)
    want = np.stack([paths_by_loops(costs[:, k, 0].tolist(), 0.1, 0.4) for k in range(3)], axis=1)
    return float(np.abs(walk(costs, 0.1, 0.4)[:, :, 0].numpy() - want).max())


def test_paths_agree_with_plain_loops():
    assert walk_gap(sg.walk) < 1e-12


@pytest.mark.parametrize(
    "fault",
    [("lowest + large", "lowest + small"), ("best - lowest", "best"),
     ("best[..., :-1], last[..., 1:]", "best[..., :-1], last[..., :-1]")],
)  # fmt: skip
def test_planted_faults_turn_the_paths_red(fault):
    assert walk_gap(planted("lecture_utils.geometry.semi_global", fault).walk) > 1e-3


@pytest.mark.parametrize("diagonals", [False, True])
def test_the_sum_over_paths_turns_with_the_picture(diagonals):
    volume = noise(2, 5, 8, 7, seed=4)
    total = sg.semi_global(volume, 0.1, 0.3, diagonals=diagonals)
    for axes in ((2,), (3,), (2, 3)):
        flipped = sg.semi_global(volume.flip(axes), 0.1, 0.3, diagonals=diagonals)
        torch.testing.assert_close(flipped, total.flip(axes))
    turned = sg.semi_global(volume.mT, 0.1, 0.3, diagonals=diagonals).mT
    torch.testing.assert_close(turned, total)


def test_without_penalties_the_paths_change_no_choice():
    volume = noise(1, 5, 12, 14, seed=5)
    assert torch.equal(sg.semi_global(volume, 0.0, 0.0).argmin(1), volume.argmin(1))


def test_paths_find_a_flat_wall_that_single_pixels_miss():
    volume = noise(1, 5, 20, 24, seed=5)
    volume[:, 2] -= 0.2  # the true one is a little cheaper, and the noise is larger than that
    plain, paths = (
        (found != 2).double().mean()
        for found in (volume.argmin(1), sg.semi_global(volume, 0.5, 1.0).argmin(1))
    )
    assert plain > 0.4 and paths < plain / 2


def test_impossible_costs_stay_so():
    volume = noise(1, 4, 6, 7)
    volume[:, 2:, :, :3] = torch.inf
    total = sg.semi_global(volume, 0.1, 0.3, diagonals=True)
    assert torch.equal(total.isinf(), volume.isinf()) and not bool(total.isnan().any())
