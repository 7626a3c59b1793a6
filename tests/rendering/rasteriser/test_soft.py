"""The soft rasteriser: its formulas, gradients by differences, its limit, and what only it can do: fit."""

import math

import pytest
import torch

from lecture_utils.rendering.rasteriser import fragments, hard, shading, soft, soft_plain
from tests.mutants import planted
from tests.rendering.rasteriser.meshes import ball, cameras_at, soup

pytestmark = pytest.mark.system("S19.1")
MODULE = "lecture_utils.rendering.rasteriser.soft"
BACKGROUND = torch.tensor([0.1, 0.9, 0.4], dtype=torch.float64)
FAR = (0.3, -6.0, 1.0)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gap(module, **settings: float) -> float:
    """The largest difference to the formulas, over pictures and silhouettes of a soup of triangles."""
    vertices, faces = soup(25)
    colours, cameras = drawn(len(vertices), 3), cameras_at(FAR, size=(13, 17))
    rest = (vertices, faces, cameras, colours, BACKGROUND)
    got = module.soft_rasterise(*rest, **settings)
    want = soft_plain.soft_rasterise(*rest, **settings)
    return max(float((a - b).abs().max()) for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("sigma", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("gamma", [1e-4, 1e-2])
def test_near_pairs_summed_by_pixel_are_the_formulas(sigma, gamma):
    assert soft.LEAST == soft_plain.LEAST and soft.BACKGROUND == soft_plain.BACKGROUND
    assert gap(soft, sigma=sigma, gamma=gamma) < 1e-9


FAULTS = {
    "inside and outside alike": ("torch.where(inside, 1, -1) * distance", "-distance"),
    "distance not squared": ("* distance / sigma", "* distance.sqrt() / sigma"),
    "to lines, not edges": ("share.clamp(0, 1)[..., None]", "share[..., None]"),
    "not clipped": ("clipped = flat.clamp(0, 1)", "clipped = flat"),
    "far before near": ("(far_m - pairs.depth_m)", "(pairs.depth_m - near_m)"),
    "no probability in the colour": ("weight = torch.sigmoid(pairs.logit) *", "weight ="),
    "no background": ("behind = torch.exp((BACKGROUND - most) / gamma)", "behind = 1e-9 + 0 * most"),
    "sum for product": ("missed = F.logsigmoid(-pairs.logit)", "missed = -torch.sigmoid(pairs.logit)"),
    "another corner": ("attributes[faces[self.face]]", "attributes[faces[self.face]].roll(1, dims=1)"),
    "too short a reach": (
        "pixel_boxes(corners, cameras.size, near_m, reach)",
        "pixel_boxes(corners, cameras.size, near_m)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault):
    broken = planted(MODULE, FAULTS[fault])
    gaps = [gap(broken, sigma=sigma, gamma=gamma) for sigma in (0.3, 3.0) for gamma in (1e-4, 1e-2, 1.0)]
    assert max(gaps) > 0.01


def test_gradients_are_those_of_finite_differences():
    vertices, faces = ball(4, 3)
    colours, cameras = drawn(len(vertices), 2), cameras_at((2.6, 1.1, 0.4), size=(4, 5))

    def both(moved, painted):
        return soft.soft_rasterise(moved, faces, cameras, painted, BACKGROUND[:2], sigma=2.0, gamma=1e-2)

    inputs = (vertices.requires_grad_(), colours.requires_grad_())
    assert torch.autograd.gradcheck(both, inputs, eps=1e-7, atol=1e-4, rtol=1e-3)


def test_with_small_sigma_and_gamma_it_is_the_z_buffer():
    vertices, faces = ball(9, 7)
    colours, cameras = drawn(len(vertices), 3), cameras_at((2.6, 1.1, 0.4), (1.0, -3.0, -1.0))
    exact = hard.rasterise(vertices, faces, cameras)
    want = torch.where(exact.mask[..., None], fragments.interpolate(exact, faces, colours), BACKGROUND)
    picture, cover = soft.soft_rasterise(
        vertices, faces, cameras, colours, BACKGROUND, sigma=1e-9, gamma=1e-9
    )
    wrong = (picture.permute(0, 2, 3, 1) - want).abs().amax(-1) > 1e-6
    assert not bool(wrong.any())
    torch.testing.assert_close(cover, exact.mask.double(), atol=1e-9, rtol=0)
    softer = soft.soft_rasterise(vertices, faces, cameras, colours, BACKGROUND, sigma=1.0)[1]
    assert float((softer - cover).abs().max()) > 0.2  # or the limit would say nothing


def test_a_wider_sigma_is_a_softer_edge():
    vertices, faces = ball(20, 15)
    cameras = cameras_at(FAR, size=(32, 32))
    outside = ~hard.rasterise(vertices, faces, cameras).mask
    covers = [soft.silhouette(soft.near_pairs(vertices, faces, cameras, sigma=s)) for s in (0.01, 0.3, 3.0)]
    reached = [int((cover[outside] > 0.01).sum()) for cover in covers]
    assert 0 < reached[0] < reached[1] < reached[2]


def test_few_triangles_a_pixel_are_the_nearest():
    vertices, faces = soup(40)
    cameras = cameras_at(FAR)
    every = soft.near_pairs(vertices, faces, cameras)
    few = soft.near_pairs(vertices, faces, cameras, faces_per_pixel=3)
    assert len(few.pixel) < len(every.pixel)
    for pixel in every.pixel.unique().tolist():
        nearest = every.depth_m[every.pixel == pixel].sort().values[:3]
        assert torch.equal(few.depth_m[few.pixel == pixel].sort().values, nearest)


def test_a_texture_is_looked_up_at_the_pairs():
    """A chequered card: with its own picture as texture the render shows it, and it has a gradient."""
    card = torch.tensor([[-1.0, 0, 1], [1, 0, 1], [1, 0, -1], [-1, 0, -1]], dtype=torch.float64)
    faces, uv = torch.tensor([[0, 2, 1], [0, 3, 2]]), (card[:, [0, 2]] * torch.tensor([0.5, -0.5]) + 0.5)
    cameras = cameras_at((0.0, -4.0, 0.0), size=(24, 24), field_of_view_deg=40)
    texture = ((torch.arange(4)[:, None] + torch.arange(4)) % 2).double()[None].requires_grad_()
    pairs = soft.near_pairs(card, faces, cameras, sigma=1e-3)
    colours = shading.sample_texture(texture, pairs.carry(faces, uv))
    picture = soft.blend(pairs, colours, torch.zeros(1, dtype=torch.float64))
    shown = picture[0, 0, 4:20, 4:20].detach()  # well within the card
    assert float(shown[:4, :2].mean()) < 0.4 and float(shown.max()) > 0.9
    picture.sum().backward()
    assert bool((texture.grad > 0).all())


def iou(cover: torch.Tensor, target: torch.Tensor) -> float:
    return float((cover * target).sum() / (cover + target - cover * target).sum())


def test_a_ball_is_moved_and_grown_onto_a_silhouette():
    """Silhouettes of two views alone say where a ball is and how large; the z-buffer has no such gradient."""
    vertices, faces = ball(12, 8)
    cameras = cameras_at((0.0, -6.0, 1.0), (6.0, 0.5, 1.0), size=(32, 32))
    place = torch.tensor([0.5, -0.4, 0.3], dtype=torch.float64)
    target = hard.rasterise(1.3 * vertices + place, faces, cameras).mask.double()
    moved = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    size = torch.zeros((), dtype=torch.float64, requires_grad=True)

    def ball_now() -> torch.Tensor:
        return 0.6 * size.exp() * vertices + moved

    start = hard.rasterise(ball_now(), faces, cameras).mask
    assert not start.requires_grad
    adam = torch.optim.Adam([moved, size], lr=0.08)
    for sigma in [1.0] * 20 + [0.1] * 20:  # from far, then sharply
        cover = soft.silhouette(soft.near_pairs(ball_now(), faces, cameras, sigma=sigma))
        loss = 1 - (cover * target).sum() / (cover + target - cover * target).sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
    end = hard.rasterise(ball_now().detach(), faces, cameras).mask
    assert iou(start.double(), target) < 0.4 and iou(end.double(), target) > 0.85
    assert float((moved.detach() - place).norm()) < 0.15
    assert math.isclose(0.6 * float(size.detach().exp()), 1.3, abs_tol=0.1)


def test_nothing_in_sight_is_background():
    vertices, faces = ball()
    cameras = cameras_at(FAR, size=(5, 6))
    picture, cover = soft.soft_rasterise(vertices + 50, faces, cameras, drawn(len(vertices), 3), BACKGROUND)
    assert float(cover.max()) == 0
    torch.testing.assert_close(picture, BACKGROUND[None, :, None, None].expand(1, 3, 5, 6))
    none = soft.near_pairs(vertices, faces[:0], cameras)
    assert len(none.pixel) == 0 and float(soft.silhouette(none).max()) == 0


def test_triangles_without_area_and_those_at_the_camera_are_left_out():
    vertices, faces = ball()
    cameras = cameras_at(
        (0.0, -0.5, 0.0), size=(5, 6)
    )  # inside the ball: some triangles are cut by its plane
    flat = torch.cat([faces, faces[:, [0, 0, 1]]])
    cover = soft.silhouette(soft.near_pairs(vertices, flat, cameras))
    assert bool(cover.isfinite().all()) and float(cover.max()) > 0.9


def test_bad_input_is_refused():
    vertices, faces = ball()
    cameras = cameras_at(FAR, size=(5, 6))
    with pytest.raises(ValueError, match="sigma: got 0"):
        soft.near_pairs(vertices, faces, cameras, sigma=0)
    with pytest.raises(ValueError, match="faces_per_pixel: got 0"):
        soft.near_pairs(vertices, faces, cameras, faces_per_pixel=0)
    pairs = soft.near_pairs(vertices, faces, cameras)
    colours = pairs.carry(faces, vertices)
    with pytest.raises(ValueError, match="gamma: got -1"):
        soft.blend(pairs, colours, BACKGROUND, gamma=-1)
    with pytest.raises(ValueError, match=r"far_m: got 0\.001"):
        soft.blend(pairs, colours, BACKGROUND, far_m=0.001)
    with pytest.raises(ValueError, match="background: got"):
        soft.blend(pairs, colours, BACKGROUND[:2])
    with pytest.raises(ValueError, match="faces: got vertices"):
        pairs.carry(faces, vertices[:5])
    with pytest.raises(ValueError, match="faces: got 2 triangles, want the"):
        pairs.carry(faces[:2], vertices)
