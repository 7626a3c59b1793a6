"""Chapter 20: triangles that cross are found, against every pair by hand, and none that only touch."""

import pytest
import torch

from lecture_utils.chapters.ch20.crossings import crossing_faces

pytestmark = pytest.mark.system("S20.3")

FLAT = torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [0.0, 1, 0]])
UPRIGHT = torch.tensor([[0.2, 0.2, -0.5], [0.3, 0.2, 0.5], [0.2, 0.3, 0.5]])
TWO = torch.tensor([[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(("shift", "want"), [(0.0, True), (0.4, True), (0.6, False), (2.0, False)])
def test_an_upright_triangle_crosses_a_flat_one_until_it_is_above_it(shift: float, want: bool) -> None:
    up = UPRIGHT + torch.tensor([0.0, 0.0, shift])
    assert crossing_faces(torch.cat([FLAT, up]), TWO).tolist() == [want, want]
    assert crossing_faces(torch.cat([up, FLAT]), TWO).tolist() == [want, want]


def test_it_passes_beside() -> None:
    beside = UPRIGHT + torch.tensor([0.5, 0.5, 0.0])  # beyond the long side
    assert not crossing_faces(torch.cat([FLAT, beside]), TWO).any()


def test_neighbours_do_not_count() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [0.0, 1, 0], [1.0, 1, 0.3]])
    assert not crossing_faces(vertices, torch.tensor([[0, 1, 2], [1, 3, 2]])).any()


def test_many_against_a_plane_by_hand() -> None:
    """Small triangles at random heights cross a large flat one where they have points on both sides of it."""
    generator = torch.Generator().manual_seed(0)
    small = 0.1 * torch.randn(200, 3, 3, generator=generator)
    large = torch.tensor([[-9.0, -9, 0], [9.0, -9, 0], [0.0, 9, 0]])
    small = small + 3 * torch.arange(200)[:, None, None] * torch.tensor([0.002, 0.0, 0.0])
    small[..., 1] += torch.arange(200)[:, None] % 14 * 0.3 - 2
    vertices = torch.cat([large, small.flatten(0, 1)])
    faces = torch.arange(603).view(201, 3)
    height = small[..., 2]
    assert height.abs().min() > 1e-6
    want = (height.amin(1) < 0) & (height.amax(1) > 0)
    found = torch.stack([crossing_faces(torch.cat([large, one]), TWO)[1] for one in small])
    assert found.equal(want) and 0 < int(want.sum()) < 200
    assert crossing_faces(vertices, faces)[1:][want].all()


@pytest.mark.parametrize("faces", [torch.tensor([[0, 1, 6]]), torch.tensor([[-1, 1, 2]])])
def test_faces_without_a_vertex_are_refused(faces: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="want numbers of 6 vertices"):
        crossing_faces(torch.cat([FLAT, UPRIGHT]), faces)
