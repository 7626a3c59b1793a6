"""Interpolation against closed forms, and normals of a ball."""

import pytest
import torch

from lecture_utils.ops.camera import rays
from lecture_utils.rendering.rasteriser import fragments, hard
from tests.mutants import planted
from tests.rendering.rasteriser.meshes import ball, cameras_at

pytestmark = pytest.mark.system("S19.1")
SLANTED = torch.tensor([[-2.0, -3, 0.5], [3, -2, -0.7], [2, 4, 0.2], [-3, 3, 1.4]], dtype=torch.float64)
TWO = torch.tensor([[0, 1, 2], [0, 2, 3]])


def placed(module=fragments, vertices=SLANTED, faces=TWO):
    """Carry the world's places to the pixels; also where the rays say that the pixels look."""
    cameras = cameras_at((0.5, -6.0, 2.0), (1.0, 2.0, 5.0))
    got = hard.rasterise(vertices, faces, cameras)
    origins, directions = rays(cameras)
    forward = (directions * cameras.rotation[:, None, None, 2]).sum(-1)
    want = origins + (got.depth_m / forward)[..., None] * directions
    return module.interpolate(got, faces, vertices)[got.mask], want[got.mask]


def test_places_carried_to_pixels_are_where_their_rays_go():
    """Perspective: a value that is linear in space, of which x, y and z are three, is exact at each pixel."""
    got, want = placed()
    assert len(got) > 200
    torch.testing.assert_close(got, want, atol=1e-9, rtol=0)


FAULTS = {
    "another corner": ("corners = faces[fragments", "corners = faces.roll(1, dims=1)[fragments"),
    "another triangle": ("face[view, row, column]]", "face[view, row, column] - 1]"),
    "another view": ("attributes[view[:, None], corners]", "attributes[0, corners]"),
    "rows for columns": (
        "picture.index_put((view, row, column)",
        "picture.index_put((view, row, column - 1)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault):
    broken = planted("lecture_utils.rendering.rasteriser.fragments", FAULTS[fault])
    cameras = cameras_at((0.5, -6.0, 2.0), (1.0, 2.0, 5.0))
    got = hard.rasterise(SLANTED, TWO, cameras)
    values = torch.stack([SLANTED, 2 * SLANTED])
    gap = broken.interpolate(got, TWO, values) - fragments.interpolate(got, TWO, values)
    assert float(gap.abs().max()) > 0.01


def test_nothing_is_0_and_gradients_reach_the_attributes():
    cameras = cameras_at((0.5, -6.0, 2.0), size=(5, 6))
    got = hard.rasterise(0.3 * SLANTED, TWO, cameras)
    assert not bool(got.mask.all())
    values = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)
    picture = fragments.interpolate(got, TWO, values)
    assert picture.shape == (1, 5, 6, 2) and not bool(picture[~got.mask].any())
    assert torch.autograd.gradcheck(lambda x: fragments.interpolate(got, TWO, x), (values,))
    own = torch.tensor([[5, 4, 3], [2, 1, 0]])  # a texture's own faces
    assert fragments.interpolate(got, own, torch.rand(6, 2)).shape == (1, 5, 6, 2)


def test_normals_of_a_ball_point_outwards():
    vertices, faces = ball(40, 30)
    normals = fragments.vertex_normals(torch.stack([vertices, 2 * vertices]), faces)
    torch.testing.assert_close(normals.norm(dim=-1), torch.ones(2, len(vertices)).double())
    assert float((normals[1] * vertices).sum(-1).min()) > 0.995
    lonely = torch.cat([vertices, torch.ones(1, 3, dtype=torch.float64)])
    assert float(fragments.vertex_normals(lonely, faces)[-1].abs().max()) == 0


def test_bad_input_is_refused():
    got = hard.rasterise(SLANTED, TWO, cameras_at((0.5, -6.0, 2.0)))
    with pytest.raises(ValueError, match="faces: got 1 triangles, want the 2"):
        fragments.interpolate(got, TWO[:1], SLANTED)
    with pytest.raises(ValueError, match="attributes: got"):
        fragments.interpolate(got, TWO, SLANTED.expand(2, -1, -1))
    with pytest.raises(ValueError, match="faces: got vertices 0 to 3, want 0 to 2"):
        fragments.vertex_normals(SLANTED[:3], TWO)
