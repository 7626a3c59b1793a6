"""What C20.1 measures with: volumes inside a ball, of meshes and of figures, where the answer is known."""

import math

import pytest
import torch
import trimesh
from torch import Tensor

from lecture_utils.chapters.ch20 import body_claims
from lecture_utils.chapters.ch20.body_claims import MOVEMENTS, mesh_volume_ml, true_volume_ml
from lecture_utils.data.toyworld.people.figure import figure
from lecture_utils.data.toyworld.people.figure_measures import mean_measures
from tests.mutants import planted

RADIUS_M = 0.05
NOWHERE = torch.zeros(3)


def _sphere(x: float = 0.0) -> tuple[Tensor, Tensor]:
    """A polyhedron that is as large as the sphere."""
    sphere = trimesh.creation.icosphere(2, radius=RADIUS_M)
    grown = (_balls_ml(RADIUS_M) / (1e6 * sphere.volume)) ** (1 / 3)
    return grown * torch.tensor(sphere.vertices) + torch.tensor([x, 0.002, 0.003]), torch.tensor(sphere.faces)


def _balls_ml(radius_m: float) -> float:
    return 1e6 * 4 / 3 * math.pi * radius_m**3


def _gap(module: object, apart_m: float, radius_m: float) -> float:
    """How far the volume of two equal spheres is from the closed form, in shares of it."""
    (a, faces), (b, _) = _sphere(-apart_m / 2), _sphere(apart_m / 2)
    got = module.mesh_volume_ml(
        torch.cat([a, b]), torch.cat([faces, faces + len(a)]), NOWHERE, radius_m, 0.002
    )  # type: ignore[attr-defined]
    lens = 1e6 * math.pi * (4 * RADIUS_M + apart_m) * max(0, 2 * RADIUS_M - apart_m) ** 2 / 12
    return abs(got / (2 * _balls_ml(RADIUS_M) - lens) - 1)


@pytest.mark.parametrize("apart_m", [0.0, 0.03, 0.08, 0.12])
def test_what_two_spheres_share_counts_once(apart_m: float) -> None:
    assert _gap(body_claims, apart_m, 0.13) < 0.01


def test_only_what_is_in_the_ball_counts_and_inside_out_is_nothing() -> None:
    vertices, faces = _sphere()
    assert mesh_volume_ml(vertices, faces, NOWHERE, 0.03, 0.002) == pytest.approx(_balls_ml(0.03), rel=5e-3)
    assert mesh_volume_ml(vertices, faces, torch.ones(3), 0.03, 0.002) == 0
    assert mesh_volume_ml(vertices, faces.flip(1), NOWHERE, 0.1, 0.002) == 0
    half = mesh_volume_ml(vertices, faces, torch.tensor([0.002, 0.002, 0.053]), 0.02, 0.002)  # at its surface
    assert 0.3 < half / _balls_ml(0.02) < 0.5


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("winding[:-1] > 0", "winding[:-1] == 1"),
        ("> 0, -1, 1)", "> 0, 1, -1)"),
        ("order = order[column", "order[column"),
        (".clamp(-half[column[order]], half[column[order]])", ""),
    ],
)
def test_a_fault_shows(right: str, wrong: str) -> None:
    module = planted("lecture_utils.chapters.ch20.body_claims", (right, wrong))
    assert max(_gap(module, 0.03, 0.13), abs(_ball(module) / _balls_ml(0.03) - 1)) > 0.01


def _ball(module: object) -> float:
    return float(module.mesh_volume_ml(*_sphere(), NOWHERE, 0.03, 0.002))  # type: ignore[attr-defined]


def test_a_figure_keeps_its_volume_when_the_whole_limb_turns() -> None:
    """The wrist's ball holds forearm and hand; a twist of a round limb moves no flesh in or out."""
    person = figure(mean_measures())
    movement = MOVEMENTS["wrist twisted"]
    rest = true_volume_ml(person, movement, 0, 0.006)
    assert 100 < rest < 700  # ml
    assert true_volume_ml(person, movement, 90, 0.006) == pytest.approx(rest, rel=0.02)
    assert true_volume_ml(person, MOVEMENTS["elbow bent"], 140, 0.006) < true_volume_ml(
        person, MOVEMENTS["elbow bent"], 0, 0.006
    )
