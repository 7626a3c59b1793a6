"""Solids of the toy world: distances that bound, exact hits, views in which all annotations agree."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lecture_utils.data.toyworld import CLASSES, solids
from lecture_utils.data.toyworld.solids import shapes, tracing
from lecture_utils.data.toyworld.surfaces import sdf
from lecture_utils.ops.camera import Cameras, orbit, pixel_grid, project, rays, unproject
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.1")
KINDS = range(len(CLASSES))


def _ball(radius: float = 0.5, **changes: object) -> solids.SolidScene:
    """One plain ball in the middle of the world."""
    scene = solids.sample_solid(0, classes=["ball"], materials=["plain"], count=1, ground=False)
    unit = radius / shapes.ROUNDING["ball"]
    return scene.replace(centre=torch.zeros(1, 3), scale=torch.tensor([unit]), **changes)


def _cloud(count: int, seed: int, side: float = 1.5) -> Tensor:
    return side * (2 * torch.rand(count, 3, generator=torch.Generator().manual_seed(seed)) - 1)


def _slope(distance: Callable[[Tensor, int], Tensor], class_id: int) -> float:
    """The most that a distance changes in relation to how far the point moves."""
    at = _cloud(60_000, class_id).double()
    step = torch.randn(at.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    step *= 10 ** -(3 * torch.rand(len(at), 1, generator=torch.Generator().manual_seed(2)).double())
    change = distance(at + step, class_id) - distance(at, class_id)
    return float((change.abs() / step.norm(dim=1)).max())


@pytest.mark.parametrize("class_id", KINDS)
def test_a_distance_never_changes_by_more_than_the_point_moves(class_id: int) -> None:
    assert _slope(shapes.distance, class_id) < 1 + 1e-4


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("cross", "beyond.amax(-1).clamp_max(0)", "2 * beyond.amax(-1).clamp_max(0)"),
        ("ring", "_length(x, z) - RING_RADIUS", "1.2 * _length(x, z) - RING_RADIUS"),
        ("star", "v = flat + edge, y - thick + edge", "v = flat + edge, 1.1 * (y - thick) + edge"),
    ],
)
def test_a_distance_that_is_too_long_shows(name: str, right: str, wrong: str) -> None:
    module = planted("lecture_utils.data.toyworld.solids.shapes", (right, wrong))
    assert _slope(module.distance, CLASSES.index(name)) > 1.05


@pytest.mark.parametrize("class_id", KINDS)
def test_a_distance_is_never_more_than_the_way_to_the_surface(class_id: int) -> None:
    surface, _, _ = solids.points.pool(class_id)
    at = _cloud(1500, 3)
    way = torch.cdist(at, surface).amin(1)  # to a sample of it: a little too long
    bound = shapes.distance(at, class_id)
    assert bool((bound.abs() < way + 1e-5).all())
    if CLASSES[class_id] not in ("star", "heart", "cross"):  # the others are exact outside
        assert float((way - bound)[bound > 0].max()) < 0.09  # half a gap between the sample's points


@pytest.mark.parametrize("class_id", KINDS)
def test_from_the_front_a_solid_has_the_flat_shapes_outline(class_id: int) -> None:
    x, z = _cloud(4000, 5, 1.2)[:, :2].unbind(1)
    flat = sdf.distance(x, -z, class_id)
    clear = flat.abs() > 0.02
    deep = torch.stack([x[:, None].expand(-1, 97), torch.linspace(-1.2, 1.2, 97).expand(len(x), -1),
                        z[:, None].expand(-1, 97)], dim=-1)  # fmt: skip
    inside = (shapes.distance(deep.reshape(-1, 3), class_id).reshape(-1, 97) < 0).any(1)
    assert torch.equal(inside[clear], (flat < 0)[clear])


@pytest.mark.parametrize("class_id", KINDS)
def test_box_and_reach_hold_the_solid_and_the_box_is_tight(class_id: int) -> None:
    points, _, part = solids.points.pool(class_id)
    low, high = (torch.tensor(corner) for corner in shapes.box_of(class_id))
    assert bool((points > low - 1e-4).all()) and bool((points < high + 1e-4).all())
    assert float((points.amin(0) - low).max()) < 0.01 and float((high - points.amax(0)).max()) < 0.01
    assert points.norm(dim=1).max() < shapes.reach(class_id) + 1e-4
    seen = torch.bincount(part, minlength=len(solids.PARTS))
    own = solids.parts_of(class_id)
    assert int(seen.sum()) == int(seen[list(own)].sum()) and bool((seen[list(own)] > 0.08 * seen.sum()).all())


@pytest.mark.parametrize("class_id", KINDS)
def test_normals_are_the_slope_of_the_distance(class_id: int) -> None:
    points, normals, _ = solids.points.pool(class_id)
    at, normal = points[:400].double(), normals[:400].double()
    out, back = shapes.distance(at + 1e-4 * normal, class_id), shapes.distance(at - 1e-4 * normal, class_id)
    assert ((out - back) / 2e-4 - 1).abs().median() < 1e-4  # at a crease between two of a cross's bars less
    assert float(((out - back) / 2e-4 - 1).abs().quantile(0.98)) < 1e-2


def _marched(origin: Tensor, direction: Tensor, class_id: int) -> Tensor:
    """Where rays meet a solid by many small steps and bisection, in double precision."""
    steps = torch.linspace(0, 4.2, 2101, dtype=torch.float64)
    at = origin[:, None] + steps[:, None] * direction[:, None]
    inside = shapes.distance(at.reshape(-1, 3), class_id).reshape(len(origin), -1) < 0
    first = inside.int().argmax(1)
    high, low = steps[first], steps[(first - 1).clamp_min(0)]
    for _ in range(40):
        middle = (low + high) / 2
        into = shapes.distance(origin + middle[:, None] * direction, class_id) < 0
        low, high = torch.where(into, low, middle), torch.where(into, middle, high)
    return torch.where(inside.any(1), high, torch.inf)


def _traced_wrongly(module: object, class_id: int) -> tuple[float, float]:
    """How far hits are from those of small steps at most; how deep inside a missed ray was."""
    origin = 2.1 * torch.nn.functional.normalize(_cloud(400, 6), dim=1)
    direction = torch.nn.functional.normalize(_cloud(400, 7, 0.8) - origin, dim=1)
    got = module.trace_solid(origin, direction, class_id).double()  # type: ignore[attr-defined]
    want = _marched(origin.double(), direction.double(), class_id)
    both = torch.isfinite(got) & torch.isfinite(want)
    assert int(both.sum()) > 100 and bool(torch.isinf(want).any())
    differ = (torch.isfinite(got) != torch.isfinite(want)).nonzero()[:, 0]
    deepest = [_deepest(origin[i], direction[i], class_id) for i in differ.tolist()]
    return float((got - want)[both].abs().max()), -min(deepest, default=0.0)


@pytest.mark.parametrize("class_id", KINDS)
def test_rays_meet_the_surface_where_small_steps_meet_it(class_id: int) -> None:
    off, missed = _traced_wrongly(tracing, class_id)
    assert off < 1e-4
    assert missed < 3e-5  # a ray that enters for less than 0.004 goes c² / 8r deep


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("_LEAST = 4e-3", "_LEAST = 0.2"),  # steps over rims
        ("_HALVINGS = 12", "_HALVINGS = 0"),  # stays inside
        ("= near[ray[hit]] + torch.where", "= torch.where"),  # measures from the ball around
        ("(half > 0) & (far > 0)", "(half > 0.5) & (far > 0)"),  # leaves out rays that meet the ball
    ],
)
def test_a_fault_in_tracing_shows(right: str, wrong: str) -> None:
    module = planted("lecture_utils.data.toyworld.solids.tracing", (right, wrong))
    off, missed = _traced_wrongly(module, CLASSES.index("square"))
    assert off > 1e-3 or missed > 1e-3


def _deepest(origin: Tensor, direction: Tensor, class_id: int) -> float:
    """The least signed distance on a ray, in steps of 1e-4."""
    steps = torch.arange(0, 4.2, 1e-4, dtype=torch.float64)[:, None]
    return shapes.distance(origin.double() + steps * direction.double(), class_id).min().item()


def test_a_ball_is_seen_where_the_closed_form_says() -> None:
    cameras = orbit(3, (40, 56), radius_m=2.0, elevation_deg=30)
    views = solids.render_solids(_ball(), cameras)
    origins, directions = rays(cameras)
    middle = -(origins * directions).sum(-1)
    half = 0.25 - (origins + middle[..., None] * directions).square().sum(-1)
    clear = half.abs() > 1e-4
    assert torch.equal(views.mask[clear], (half > 0)[clear])
    far = middle - half.clamp_min(0).sqrt()
    hit = views.mask & clear
    points = origins + far[..., None] * directions
    depth = project(points.reshape(3, -1, 3), cameras)[1].reshape(3, 40, 56)
    assert (views.depth_m - depth)[hit].abs().max() < 1e-4
    assert (views.normal.permute(0, 2, 3, 1) - points / 0.5)[hit].abs().max() < 1e-3
    assert bool(torch.isinf(views.depth_m[~views.mask]).all())
    assert torch.equal(views.image[:, :, 0, 0], torch.ones(3, 3))  # a white background


def _lifted(views: solids.SolidViews, cameras: Cameras) -> Tensor:
    """Points of the world (N, H·W, 3) that the depth maps show; nonsense where nothing is."""
    pixels = pixel_grid(cameras.size).reshape(1, -1, 2).expand(len(cameras), -1, -1)
    return unproject(pixels, views.depth_m.nan_to_num(posinf=0.0).reshape(len(cameras), -1), cameras)


@pytest.mark.parametrize("seed", range(4))
def test_depth_normals_and_labels_agree_with_the_scene(seed: int) -> None:
    scene = solids.sample_solid(seed, count=(2, 4), ground=seed % 2 == 0)
    cameras = orbit(3, (60, 80), start_deg=20)
    views = solids.render_solids(scene, cameras)
    points, solid = _lifted(views, cameras), views.solid.flatten(1)
    on = solid >= 0
    assert scene.distance(points[on]).abs().max() < 1e-4
    ground = solid == solids.GROUND
    assert (points[ground][:, 2] - scene.ground_z).abs().amax() < 1e-4 if seed % 2 == 0 else not ground.any()
    assert torch.equal(views.mask, views.solid >= 0)
    assert torch.equal(torch.isinf(views.depth_m), views.solid == solids.NOTHING)
    length = views.normal.norm(dim=1)
    assert (length - (views.solid != solids.NOTHING).float()).abs().max() < 1e-5
    towards = (views.normal.permute(0, 2, 3, 1) * rays(cameras)[1]).sum(-1)
    assert towards[views.solid != solids.NOTHING].max() < 0.02  # no surface is seen from behind
    for k in range(len(scene)):
        here = views.solid == k
        own = scene.to_own(points[here.flatten(1)], k)
        assert torch.equal(views.part[here], shapes.part_of(own, int(scene.class_id[k])))
    assert bool((views.part[~views.mask] == -1).all())


def test_what_one_camera_sees_another_sees_at_the_same_depth() -> None:
    scene, cameras = solids.showpiece(), orbit(2, (96, 96), turn_deg=24)
    views = solids.render_solids(scene, cameras)
    points = _lifted(views, cameras)[0][views.solid[0].flatten() != solids.NOTHING]
    pixels, depth = project(points, cameras[1])
    row, column = pixels[0, :, 1].long().clamp(0, 95), pixels[0, :, 0].long().clamp(0, 95)
    seen = views.depth_m[1, row, column]
    assert ((seen - depth[0]).abs() < 0.03).float().mean() > 0.8  # the rest is hidden, or at a rim
    assert (seen > depth[0] - 0.2).float().mean() > 0.7


def test_the_highlight_is_where_blinn_says_and_moves_with_the_camera() -> None:
    cameras = orbit(6, (64, 64), radius_m=2.0, elevation_deg=30)
    shiny, matt = (solids.render_solids(_ball(specular=s), cameras) for s in (0.8, 0.0))
    gloss = (shiny.image.square() - matt.image.square()).mean(1)  # (N, H, W), linear light
    places = []
    for n in range(len(cameras)):
        here = gloss[n] > 0.7 * gloss[n].max()
        normal = torch.nn.functional.normalize(shiny.normal[n][:, here].mean(1), dim=0)
        to_camera = torch.nn.functional.normalize(cameras.centre[n] - 0.5 * normal, dim=0)
        half = torch.nn.functional.normalize(to_camera + _ball().sun, dim=0)
        if float(gloss[n].max()) > 0.2:  # in sight
            assert float(torch.rad2deg(torch.acos((normal * half).sum().clamp(-1, 1)))) < 4
            places.append(normal)
    assert len(places) > 3 and float((places[0] - places[1]).norm()) > 0.2


def test_matt_light_is_the_same_from_all_cameras() -> None:
    scene, cameras = _ball(speckle=0.0, ambient=0.3), orbit(5, (32, 32))
    matt = solids.render_solids(scene, cameras)
    towards = (matt.normal * scene.sun[:, None, None]).sum(1)
    light = matt.image.square().mean(1)[matt.mask]
    facing = towards[matt.mask]
    for low in (0.2, 0.5, 0.8):  # all cameras: the same cosine, the same light (but for the sky's share)
        same = (facing > low) & (facing < low + 0.01)
        assert light[same].std() < 0.12 * light[same].mean()


def test_a_shadow_falls_away_from_the_sun() -> None:
    scene = solids.sample_solid(2, classes=["ball"], count=1, materials=["plain"])
    beneath = scene.centre[0].clone()
    way = (beneath[2] - scene.ground_z) / scene.sun[2]
    dark = beneath - way * scene.sun  # where the ray through the ball's middle ends on the ground
    bright = beneath + 1.2 * way * scene.sun * torch.tensor([1.0, 1, 0])
    bright[2] = scene.ground_z
    up = torch.tensor([[0.0, 0, 1]]).expand(2, 3)
    share = tracing.sunlight(scene, torch.stack([dark, bright]), up)
    assert float(share[0]) < 0.01 and float(share[1]) > 0.99


@pytest.mark.parametrize("ground", [True, False])
def test_scenes_fit_into_their_ball_and_their_solids_stand_apart(ground: bool) -> None:
    for seed in range(12):
        scene = solids.sample_solid(seed, count=(1, 5), ground=ground)
        points = solids.surface_points(scene, 600)
        assert points.points.norm(dim=1).max() < 1
        if ground:
            low = torch.stack([points.points[points.solid == k][:, 2].min() for k in range(len(scene))])
            assert bool((low > scene.ground_z - 1e-4).all()) and bool((low < scene.ground_z + 0.12).all())
        for k in range(len(scene)):
            own = points.points[points.solid != k]
            gap = shapes.distance(scene.to_own(own, k), int(scene.class_id[k])) * scene.scale[k]
            assert bool((gap > 0).all())
    disc = math.hypot(solids.sampling.GROUND_M, solids.sampling.GROUND_Z)
    assert disc < 1


def test_splits_and_seeds_differ_and_the_same_seed_gives_the_same_scene() -> None:
    def first(seed: int, split: str) -> Tensor:
        scene = solids.sample_solid(seed, split=split)
        return torch.cat([scene.rotation[0].flatten(), scene.centre[0], scene.rgb[0], scene.sun])

    assert torch.equal(first(3, "train"), first(3, "train"))
    drawn = [first(seed, split) for seed in range(5) for split in ("train", "val", "test")]
    assert all(not torch.allclose(a, b) for i, a in enumerate(drawn) for b in drawn[:i])


def test_finer_patterns_have_more_edges() -> None:
    cameras = orbit(1, (128, 128))
    edges = [
        float(
            (v := solids.render_solids(solids.showpiece(fine=fine), cameras).image).diff(dim=3).abs().mean()
        )
        for fine in (False, True)
    ]
    assert edges[1] > 1.5 * edges[0], v.shape


def test_more_rays_a_pixel_soften_edges_and_leave_annotations() -> None:
    scene, cameras = solids.showpiece(), orbit(1, (64, 64))
    one, four = solids.render_solids(scene, cameras), solids.render_solids(scene, cameras, samples=2)
    for name in ("depth_m", "normal", "mask", "solid", "part"):
        assert torch.equal(getattr(one, name), getattr(four, name))
    assert 0.005 < float((one.image - four.image).abs().mean()) < 0.1


def test_a_view_alone_is_the_view_in_a_batch() -> None:
    scene, cameras = solids.showpiece(speckle=0.5), orbit(4, (48, 40))
    batch, alone = solids.render_solids(scene, cameras), solids.render_solids(scene, cameras[2])
    assert (batch.image[2] - alone.image[0]).abs().max() < 1e-4
    assert torch.equal(batch.solid[2], alone.solid[0])


def test_what_cannot_be_drawn_is_refused() -> None:
    scene = solids.showpiece()
    for bad, message in (
        ({"split": "dev"}, "split: got 'dev'"),
        ({"count": 0}, "count: got 0, want 1 or more"),
        ({"count": 9}, "count"),
        ({"classes": ["cone"]}, "classes: got"),
        ({"background": "green"}, "background: got 'green'"),
        ({"speckle": 1.5}, "speckle: got 1.5"),
        ({"frequency": 0.0}, "frequency"),
        ({"max_tilt_deg": math.nan}, "max_tilt_deg"),
        ({"specular": -1.0}, "specular"),
    ):
        with pytest.raises(ValueError, match=message):
            solids.sample_solid(0, **bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="samples: got 0"):
        solids.render_solids(scene, orbit(1, (8, 8)), samples=0)
    with pytest.raises(ValueError, match="scale: got"):
        scene.replace(scale=-scene.scale)
    with pytest.raises(ValueError, match="replace: got"):
        scene.replace(colour="red")
