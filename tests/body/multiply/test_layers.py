"""Layers: they add up, the nearer one is in front, they are the masks of known bodies."""

import functools

import pytest
import torch

from lecture_utils.body.multiply import layers as right
from lecture_utils.body.multiply.avatar import Avatar, Cloud
from lecture_utils.ops.camera import Cameras
from lecture_utils.rendering.gaussians.blending import blend
from lecture_utils.rendering.gaussians.projection import project_gaussians
from tests.body.multiply.scenes import Crossing, crossing, still_camera
from tests.body.stick import stick_body
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.6")


@functools.cache
def scene() -> Crossing:
    return crossing(frames=6)


def known(dtype: torch.dtype = torch.float32) -> list[Cloud]:
    """The scene's people in their true poses."""
    own = scene()
    with torch.no_grad():
        return [
            Avatar(stick_body(dtype=dtype), 300, seed=p)(
                own.poses[p].to(dtype), own.translations[p].to(dtype)
            )
            for p in range(2)
        ]


def opaque(depth_m: float, colour: tuple[float, float, float]) -> Cloud:
    """A wall of Gaussians across the picture, so far from the camera that looks along +y from y = -3.6."""
    x, z = torch.meshgrid(torch.linspace(-2, 2, 25), torch.linspace(-1, 3, 25), indexing="ij")
    points = torch.stack([x.flatten(), torch.full((625,), depth_m), z.flatten()], 1)
    return Cloud(
        points, torch.zeros(1, 3), torch.full((625,), 0.15), torch.tensor(colour).expand(625, 3),
        torch.full((625,), 0.999),
    )  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 4])
def test_shares_add_up_to_one(count: int) -> None:
    people = [(known() * 2)[p].frame(2) for p in range(count)]
    layers = right.render_layers(people, scene().camera, scene().background)
    assert layers.masks.shape == (count, *scene().camera.size)
    assert torch.allclose(layers.masks.sum(0) + layers.left, torch.ones(1), atol=1e-5)
    assert layers.masks.amax() > 0.9  # somebody is seen


def test_the_nearer_wall_is_seen_and_they_swap() -> None:
    red, blue, nothing = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), torch.zeros(3, 48, 64)
    for near, far in ((0.0, 1.0), (1.0, 0.0)):
        layers = right.render_layers([opaque(near, red), opaque(far, blue)], still_camera(), nothing)
        front = 0 if near < far else 1
        middle = layers.masks[:, 20:28, 28:36]
        assert middle[front].min() > 0.95 and middle[1 - front].max() < 0.05
        assert layers.image[2 * front, 20:28, 28:36].min() > 0.95


def test_blending_is_that_of_splatting() -> None:
    """Against S18.5's own blend, with gradients; as many numbers as three."""
    one = known()[0].frame(1)
    splats = project_gaussians(one.points, 0.0016 * torch.eye(3).expand(300, 3, 3), scene().camera)
    paint = torch.rand(300, 3, generator=torch.Generator().manual_seed(0))
    results = []
    for ours in (True, False):
        means, values = splats.means.clone().requires_grad_(), paint.clone().requires_grad_()
        if ours:
            moved = splats._replace(means=means)
            got = right.blend_values(moved, splats.depth_m.argsort(), values, one.opacities, (48, 64))
        else:
            places = (means, splats.covariances, splats.depth_m)
            got = blend(*places, values, one.opacities, (48, 64), torch.zeros(3))  # type: ignore[arg-type, call-arg]
        (got[0].square().sum() + got[1].square().sum()).backward()
        results.append((*got, means.grad, values.grad))
    for mine, theirs in zip(*results, strict=True):
        assert torch.allclose(mine, theirs, atol=2e-4 * theirs.detach().abs().max().item())
        assert theirs.abs().max() > 0.1


def test_background_shows_where_nobody_is() -> None:
    layers = right.render_layers([one.frame(0) for one in known()], scene().camera, scene().background)
    empty = layers.left > 0.999
    assert empty.float().mean() > 0.5
    assert torch.allclose(layers.image[:, empty], scene().background[:, empty], atol=2e-3)


def test_nobody_in_the_picture_leaves_the_background() -> None:
    away = [one.frame(0)._replace(points=one.points[0] + torch.tensor([0.0, shift, 0.0]))
            for one, shift in zip(known(), (-9.0, -9.0), strict=True)]  # fmt: skip
    layers = right.render_layers(away, scene().camera, scene().background)
    assert torch.equal(layers.image, scene().background) and layers.masks.sum() == 0
    assert layers.left.min() == 1


def ious(module) -> torch.Tensor:
    """IoU of masks of people in their true poses with the truth, (F, P)."""
    own = scene()
    views = [
        module.render_layers([one.frame(f) for one in known()], own.camera, own.background) for f in range(6)
    ]
    got = torch.stack([view.masks for view in views]) > 0.5
    both, either = (got & own.masks).sum((2, 3)), (got | own.masks).sum((2, 3))
    return both / either.clamp_min(1)


def test_masks_are_those_of_known_bodies() -> None:
    """An edge half a pixel off all around costs a figure of 5 × 35 pixels about a fifth of its IoU."""
    assert ious(right).min() > 0.8


@pytest.mark.parametrize(
    "fault",
    [
        ("splats.depth_m[seen].argsort()", "splats.depth_m[seen].argsort(descending=True)"),
        ("torch.full((len(one.points),), p)", "torch.full((len(one.points),), 1 - p)"),
        ("radii_m[:, None, None] ** 2", "radii_m[:, None, None]"),
    ],
)
def test_a_fault_spoils_the_masks(fault: tuple[str, str]) -> None:
    assert ious(planted(right.__name__, fault)).min() < 0.8


def test_gradients_to_poses_are_those_of_differences() -> None:
    own, body = scene(), stick_body(dtype=torch.float64)
    avatars = [Avatar(body, 120, seed=p) for p in range(2)]
    for avatar in avatars:
        avatar.colour_logits.data.uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
    camera = own.camera.scaled((24, 32)).to(torch.float64)
    back = torch.zeros(3, 24, 32, dtype=torch.float64)
    made = torch.Generator().manual_seed(3)
    weight = torch.rand(5, 24, 32, generator=made, dtype=torch.float64)

    def value(poses: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        clouds = [avatars[p](poses[p], places[p]).frame(0) for p in range(2)]
        seen = right.render_layers(clouds, camera, back)
        return (weight * torch.cat([seen.image, seen.masks])).sum()

    poses = own.poses[:, 2:3].double().requires_grad_()
    places = own.translations[:, 2:3].double().requires_grad_()
    value(poses, places).backward()
    assert poses.grad is not None and places.grad is not None
    assert torch.isfinite(poses.grad).all() and torch.isfinite(places.grad).all()
    for _ in range(4):
        step = 1e-6 * torch.randn(poses.shape, generator=made, dtype=torch.float64)
        move = 1e-6 * torch.randn(places.shape, generator=made, dtype=torch.float64)
        with torch.no_grad():
            change = value(poses + step, places + move) - value(poses - step, places - move)
        want = 2 * ((poses.grad * step).sum() + (places.grad * move).sum())
        assert change.item() == pytest.approx(want.item(), rel=2e-2)


def test_odd_calls_are_refused() -> None:
    camera, people = scene().camera, [one.frame(0) for one in known()]
    with pytest.raises(ValueError, match="want a list of one Cloud"):
        right.render_layers([], camera, scene().background)
    with pytest.raises(ValueError, match="points: got"):
        right.render_layers(known(), camera, scene().background)  # all frames at once
    two = Cameras(camera.rotation.repeat(2, 1, 1), camera.translation.repeat(2, 1),
                  camera.intrinsics.repeat(2, 1, 1), camera.size)  # fmt: skip
    with pytest.raises(ValueError, match="got 2, want one"):
        right.render_layers(people, two, scene().background)
    with pytest.raises(ValueError, match="background: got"):
        right.render_layers(people, camera, scene().background[:, :-1])
