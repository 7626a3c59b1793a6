"""Meshes: an exact sphere's area and volume, points spread evenly, files; and the fused sphere as a mesh."""

import math

import pytest
import torch

from lecture_utils.geometry import meshes as ms
from lecture_utils.geometry import signed_distance as sd
from lecture_utils.geometry.voxels import Grid
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.1")
MODULE = "lecture_utils.geometry.meshes"
GRID = Grid((-1.1, -1.3, -1.2), 0.06, (40, 44, 41))  # no cube, and not about the origin
MIDDLE = torch.tensor([0.1, 0.0, 0.05])


def sphere_mesh(module=ms):
    return module.grid_to_mesh(sd.sphere(GRID.centres() - MIDDLE, 0.9), GRID)


def cube():
    """The unit cube, two triangles a side, facing outwards."""
    corners = torch.tensor([[k & 1, k >> 1 & 1, k >> 2] for k in range(8)]).float()
    sides = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    faces = [face for a, b, c, d in sides for face in ((a, b, c), (a, c, d))]
    return ms.Mesh(corners, torch.tensor(faces))


def sphere_gap(module):
    """Errors of a sphere's area, volume and centre, and of where its normals point: shares, the largest."""
    mesh = sphere_mesh(module)
    area, volume = module.mesh_area(mesh), module.mesh_volume(mesh)
    points, normals = module.sample_mesh(mesh, 2000, torch.Generator().manual_seed(0))
    outwards = (normals * torch.nn.functional.normalize(points - MIDDLE, dim=1)).sum(1)
    return max(
        abs(area / (4 * math.pi * 0.81) - 1),
        abs(volume / (4 / 3 * math.pi * 0.729) - 1),
        float((mesh.vertices - MIDDLE).norm(dim=1).sub(0.9).abs().max()) / 0.9,
        1 - float(outwards.min()),
    )


def test_a_sphere_s_mesh_has_its_area_volume_and_normals_to_a_hundredth():
    assert sphere_gap(ms) < 0.01


FAULTS = (
    ('"descent"', '"ascent"'),
    (
        "grid.to_world(torch.from_numpy(vertices.copy()))",
        "grid.to_world(torch.from_numpy(vertices.copy()) + 0.5)",
    ),
    ("length / 2", "length"),
    (".sum() / 6)", ".sum() / 3)"),
)


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_turn_the_sphere_red(fault):
    assert sphere_gap(planted(MODULE, fault)) > 0.015


def test_a_cube_is_measured_exactly_wherever_it_lies():
    mesh = cube()
    for shift in (0.0, 5.0):
        moved = ms.Mesh(mesh.vertices + shift, mesh.faces)
        assert ms.mesh_area(moved) == pytest.approx(6, abs=1e-5)
        assert ms.mesh_volume(moved) == pytest.approx(1, abs=1e-4)
    inside_out = ms.Mesh(mesh.vertices, mesh.faces.flip(1))
    assert ms.mesh_volume(inside_out) == pytest.approx(-1)


def spread(module):
    """How unevenly points fall on the quarters of a cube's sides: the largest of |count / mean − 1|."""
    points, _ = module.sample_mesh(cube(), 24_000, torch.Generator().manual_seed(0))
    counts = []
    for axis in range(3):
        for end in (0.0, 1.0):
            side = points[(points[:, axis] - end).abs() < 1e-6]
            rest = side[:, [k for k in range(3) if k != axis]]
            quarter = (rest > 0.5).long() @ torch.tensor([1, 2])
            counts += quarter.bincount(minlength=4).tolist()
    return max(abs(count / 1000 - 1) for count in counts)


def test_points_are_spread_evenly():
    assert spread(ms) < 0.15  # 1000 points a quarter: 4.7 standard deviations
    for fault in (("u = u.sqrt()", "u = u"), ("u * v * c", "u * v * b")):
        assert spread(planted(MODULE, fault)) > 0.3


def test_larger_triangles_get_more_points():
    vertices = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [3, 0, 0], [0, 3, 0]])
    mesh = ms.Mesh(vertices, torch.tensor([[0, 1, 2], [0, 3, 4]]))
    points, _ = ms.sample_mesh(mesh, 5000, torch.Generator().manual_seed(0))
    small = (points.sum(1) <= 1).double().mean()  # all of the small one, and its like in the large one
    assert float(small) == pytest.approx(0.1 + 0.9 / 9, abs=0.03)


def test_a_grid_without_the_level_has_no_face():
    for values in (torch.ones(GRID.shape), -torch.ones(GRID.shape)):
        assert len(ms.grid_to_mesh(values, GRID).faces) == 0
    known = torch.zeros(GRID.shape, dtype=torch.bool)
    assert len(ms.grid_to_mesh(sd.sphere(GRID.centres(), 0.9), GRID, known=known).faces) == 0


def test_no_face_touches_what_is_not_known():
    values = sd.sphere(GRID.centres(), 0.9)
    known = GRID.centres()[..., 2] > 0.1
    mesh = ms.grid_to_mesh(torch.where(known, values, 7.0), GRID, known=known)
    whole = ms.grid_to_mesh(values, GRID)
    assert 0 < len(mesh.faces) < 0.55 * len(whole.faces)
    assert ((mesh.vertices.norm(dim=1) - 0.9).abs() < 0.01).all() and float(mesh.vertices[:, 2].min()) > 0.1


def test_obj_files_give_the_same_mesh_back(tmp_path):
    mesh = sphere_mesh()
    ms.write_obj(mesh, tmp_path / "sphere.obj")
    back = ms.read_obj(tmp_path / "sphere.obj")
    assert torch.equal(back.vertices, mesh.vertices) and torch.equal(back.faces, mesh.faces)


def test_obj_files_of_others_are_read(tmp_path):
    places = "# a square\nvn 0 0 1\nv 0 0 0 1 0 0\nv 1 0 0\n\nv 1 1 0\nv 0 1 0\n"
    (tmp_path / "square.obj").write_text(places + "g side\nf 1/1/1 2//1 3 4\nf -4 -2 -1\n")
    mesh = ms.read_obj(tmp_path / "square.obj")
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 2, 3]]
    assert ms.mesh_area(mesh) == pytest.approx(1.5)


@pytest.mark.parametrize("line", ["v 1 2", "v a b c", "f 1 2 x", "f 1 2 9"])
def test_obj_files_that_are_wrong_are_refused(tmp_path, line):
    (tmp_path / "bad.obj").write_text(f"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n{line}\n")
    with pytest.raises(ValueError, match=r"got .*want"):
        ms.read_obj(tmp_path / "bad.obj")
