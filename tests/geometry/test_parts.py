"""Parts: where they stand and how they turn, their union, and which part a point is of."""

import math

import pytest
import torch

from lecture_utils.geometry import meshes as ms
from lecture_utils.geometry import parts as pt
from lecture_utils.geometry.voxels import Grid
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.1")
MODULE = "lecture_utils.geometry.parts"
TURN = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # a quarter about z: x to y
TABLE = [
    pt.Part("box", (0.6, 0.4, 0.05), (0.0, 0.0, 0.5), name="top"),
    *[pt.Part("cylinder", (0.06, 0.3), (x, y, 0.15), name="leg") for x in (-0.5, 0.5) for y in (-0.3, 0.3)],
]


def placed_gap(module):
    """A box that is long along its own x, turned and moved: distances known by hand."""
    part = module.Part("box", (0.5, 0.1, 0.1), (1.0, 0.0, 0.0), TURN)
    turned = torch.tensor([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]])
    slanted = module.Part("box", (0.5, 0.1, 0.1), (0.0, 0.0, 0.0), turned)
    got = part.distance(torch.tensor([[1.0, 0.7, 0], [1.3, 0, 0], [1.0, 0, 0]]))
    along = slanted.distance(torch.tensor([[0.6, 0.8, 0.0]]))  # on its own x axis, 1 m away
    return float((torch.cat([got, along]) - torch.tensor([0.2, 0.2, -0.1, 0.5])).abs().max())


def test_a_part_stands_where_it_was_put_and_turned_as_told():
    assert placed_gap(pt) < 1e-6


@pytest.mark.parametrize(
    "fault",
    [
        ("own @ self.rotation.to(points)", "own @ self.rotation.to(points).mT"),
        ("points - torch", "points + torch"),
    ],
)
def test_planted_faults_turn_it_red(fault):
    assert placed_gap(planted(MODULE, fault)) > 0.05


def test_an_assembly_is_the_union_and_its_mesh_has_its_volume():
    points = torch.rand(400, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    each = pt.distances_to_parts(TABLE, points)
    assert each.shape == (400, 5)
    assert torch.equal(pt.assembly_distance(TABLE, points) < 0, (each < 0).any(1))
    grid = Grid((-0.7, -0.5, -0.25), 0.02, (70, 50, 45))
    mesh = ms.grid_to_mesh(pt.assembly_distance(TABLE, grid.centres()), grid)
    want = 8 * 0.6 * 0.4 * 0.05 + 4 * math.pi * 0.06**2 * 0.6
    assert ms.mesh_volume(mesh) == pytest.approx(want, rel=0.04)  # voxels of 2 cm, a top of 10 cm


def test_points_of_the_mesh_know_their_part():
    grid = Grid((-0.7, -0.5, -0.25), 0.02, (70, 50, 45))
    mesh = ms.grid_to_mesh(pt.assembly_distance(TABLE, grid.centres()), grid)
    points, _ = ms.sample_mesh(mesh, 2000, torch.Generator().manual_seed(0))
    labels = pt.part_labels(TABLE, points)
    top, below = points[:, 2] > 0.47, points[:, 2] < 0.4
    assert not bool(labels[top].any()) and bool((labels[below] > 0).all())
    leg = 1 + 2 * (points[:, 0] > 0).long() + (points[:, 1] > 0).long()
    assert torch.equal(labels[below], leg[below])


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "cone"},
        {"sizes": (1.0,)},
        {"sizes": (1.0, 0.0)},
        {"centre": (0.0,)},
        {"rotation": 2 * torch.eye(3)},
    ],
)
def test_parts_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError, match=r"got .*want"):
        pt.Part(**{"kind": "cylinder", "sizes": (0.1, 0.2), **bad})


def test_no_parts_are_refused():
    with pytest.raises(ValueError, match=r"parts: got .*want"):
        pt.assembly_distance([], torch.zeros(1, 3))
