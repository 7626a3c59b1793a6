"""Points on solids: spread evenly by area, exact labels and boxes, partial views, rooms."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from lecture_utils.data.toyworld import CLASSES, solids
from lecture_utils.data.toyworld.shapes import CAPSULE_HALF, RING_RADIUS, ROUNDING
from lecture_utils.data.toyworld.solids import boxes, points, shapes
from lecture_utils.ops.rotation import axis_angle_to_matrix
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.3")
KINDS = range(len(CLASSES))


def _areas() -> dict[str, float]:
    """Surface areas that a closed form gives: ball, torus, capsule, rounded cube."""
    r, h = ROUNDING["square"], shapes.CUBE_HALF
    return {
        "ball": 4 * math.pi * ROUNDING["ball"] ** 2,
        "ring": 4 * math.pi**2 * RING_RADIUS * ROUNDING["ring"],
        "capsule": 4 * math.pi * ROUNDING["capsule"] * (ROUNDING["capsule"] + CAPSULE_HALF),
        "square": 6 * (2 * h) ** 2 + 12 * 2 * h * math.pi * r / 2 + 4 * math.pi * r**2,
    }


@pytest.mark.parametrize("name", list(_areas()))
def test_areas_are_the_closed_forms(name: str) -> None:
    assert float(points.area(CLASSES.index(name))) == pytest.approx(_areas()[name], rel=0.01)


def _ball_heights(module: object, count: int = 6000) -> float:
    """Chance that z / r of points on a ball are even in [-1, 1], as even points have it (Archimedes)."""
    at = module.on_surface(0, count, torch.Generator().manual_seed(1))  # type: ignore[attr-defined]
    return float(stats.kstest((at[:, 2] / ROUNDING["ball"]).numpy(), stats.uniform(-1, 2).cdf).pvalue)


def test_points_on_a_ball_are_even_by_archimedes() -> None:
    assert _ball_heights(points) > 1e-3


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("found.append(at[shapes.distance(at, class_id).abs() < 1e-4])",
         "found.append(at[(at[:, 2] > 0) | (torch.arange(len(at)) % 2 == 0)])"),
        ("low + (high - low) * torch.rand(", "low + (high - low) * 0.9 * torch.rand("),
        ("torch.rand(tries, 3, generator=generator)", "torch.rand(tries, 3, generator=generator).sqrt()"),
    ],
)  # fmt: skip
def test_uneven_points_show(right: str, wrong: str) -> None:
    assert _ball_heights(planted("lecture_utils.data.toyworld.solids.points", (right, wrong))) < 1e-3


def test_points_on_a_torus_are_denser_outside_in_proportion_to_its_area() -> None:
    at = points.on_surface(CLASSES.index("ring"), 20_000, torch.Generator().manual_seed(2))
    outside = (torch.hypot(at[:, 0], at[:, 2]) > RING_RADIUS).float().mean()
    want = 0.5 + ROUNDING["ring"] / (math.pi * RING_RADIUS)  # Pappus
    assert float(outside) == pytest.approx(want, abs=4 * math.sqrt(0.25 / len(at)))


def test_points_of_a_scene_lie_on_it_with_its_labels() -> None:
    scene = solids.sample_solid(3, count=4)
    found = solids.surface_points(scene, 3000, 5)
    assert scene.distance(found.points).abs().max() < 1e-4
    assert torch.equal(found.class_id, scene.class_id[found.solid])
    ahead = scene.distance(found.points + 1e-3 * found.normals)
    assert float((ahead - 1e-3).abs().quantile(0.99)) < 2e-4
    for part, class_id in zip(found.part.tolist(), found.class_id.tolist(), strict=True):
        assert part in solids.parts_of(class_id)
    area = torch.stack([points.area(int(c)) for c in scene.class_id]) * scene.scale**2
    share = torch.bincount(found.solid, minlength=len(scene)) / len(found.solid)
    assert (share - area / area.sum()).abs().max() < 0.04
    again = solids.surface_points(scene, 3000, 5)
    assert torch.equal(found.points, again.points)
    assert not torch.equal(found.points, solids.surface_points(scene, 3000, 6).points)
    noisy = solids.surface_points(scene, 3000, 5, noise_m=0.01)
    assert float((noisy.points - found.points).std()) == pytest.approx(0.01, rel=0.05)


def test_what_lies_inside_another_solid_has_no_points() -> None:
    scene = solids.sample_solid(1, classes=["ball"], materials=["plain"], count=2, ground=False)
    scene = scene.replace(centre=torch.tensor([[0.0, 0, 0], [0.2, 0, 0]]), scale=torch.tensor([0.4, 0.4]))
    found = solids.surface_points(scene, 2000)
    assert scene.distance(found.points).min() > -2e-3


def _own(clouds: solids.PointClouds, i: int) -> Tensor:
    """The points of a cloud in its own axes, still stretched, from its box."""
    low, high = (torch.tensor(c) for c in shapes.box_of(int(clouds.class_id[i])))
    unit = clouds.boxes[i, 3:6] / (high - low)  # metres for a unit along each axis
    origin = clouds.boxes[i, :3] - clouds.rotation[i] @ ((low + high) / 2 * unit)
    return (clouds.points[i] - origin) @ clouds.rotation[i] / unit


@pytest.mark.parametrize("partial", [False, True])
def test_clouds_lie_on_their_solids_with_exact_parts(partial: bool) -> None:
    clouds = solids.point_clouds(2, 24, 256, partial=partial)
    for i in range(len(clouds)):
        class_id, own = int(clouds.class_id[i]), _own(clouds, i)
        assert shapes.distance(own, class_id).abs().max() < 2e-4
        assert (shapes.part_of(own, class_id) == clouds.part[i]).float().mean() > 0.99  # rounding at a border
    assert (clouds.normals.norm(dim=2) - 1).abs().max() < 1e-5
    assert set(clouds.class_id.tolist()) <= set(KINDS)


def test_a_stretched_ball_keeps_its_points_even() -> None:
    clouds = solids.point_clouds(0, 60, 2000, classes=["ball"], stretch=0.5, max_tilt_deg=0, shift_m=0)
    i = int((clouds.boxes[:, 3] / clouds.boxes[:, 5] - 1).abs().argmax())
    a, c = float(clouds.boxes[i, 3]) / 2, float(clouds.boxes[i, 5]) / 2
    z = np.linspace(0, 1, 4001)  # |height| on an ellipsoid of revolution: area up to it, by integration
    ring = np.sqrt(c**2 * (1 - z**2) + a**2 * z**2)
    up_to = np.cumsum(ring) / ring.sum()
    height = (clouds.points[i, :, 2] / c).abs().numpy()
    got = stats.kstest(height, lambda x: np.interp(x, z, up_to))
    assert abs(a / c - 1) > 0.2 and got.pvalue > 1e-3
    assert stats.kstest(height, "uniform").pvalue < 1e-3  # without weights they would be even in height


def test_a_partial_view_shows_one_side() -> None:
    whole = solids.point_clouds(1, 40, 256, classes=["ball"], shift_m=0, stretch=0)
    part = solids.point_clouds(1, 40, 256, classes=["ball"], shift_m=0, stretch=0, partial=True)
    assert whole.points.mean(1).norm(dim=1).max() < 0.07  # all round
    assert part.points.mean(1).norm(dim=1).min() > 0.1  # a cap
    for i in range(8):  # some direction has every seen point in front of the middle
        away = torch.nn.functional.normalize(part.points[i].mean(0), dim=0)
        assert float((part.points[i] @ away).min()) > 0
    ring = solids.point_clouds(1, 6, 512, classes=["ring"], partial=True)
    assert ring.points.shape == (6, 512, 3) and bool(torch.isfinite(ring.points).all())


def test_cloud_i_is_the_same_whatever_the_count_and_splits_share_none() -> None:
    many, few = solids.point_clouds(4, 140, 64, noise_m=0.01), solids.point_clouds(4, 3, 64, noise_m=0.01)
    assert torch.equal(many.points[:3], few.points) and torch.equal(many.boxes[:3], few.boxes)
    other = solids.point_clouds(4, 140, 64, split="test")
    assert torch.cdist(many.rotation.flatten(1), other.rotation.flatten(1)).min() > 1e-6
    counts = torch.bincount(many.class_id, minlength=8)
    assert int(counts.min()) > 5  # 17.5 expected, evenly drawn
    empty = solids.point_clouds(0, 0)
    assert empty.points.shape == (0, 512, 3) and empty.boxes.shape == (0, 7)


def _inside(at: Tensor, box: Tensor, slack: float) -> Tensor:
    turn = axis_angle_to_matrix(torch.stack([0 * box[6], 0 * box[6], box[6]]))
    return (((at - box[:3]) @ turn).abs() <= box[3:6] / 2 + slack).all(1)


def test_boxes_hold_upright_solids_and_touch_them_on_all_six_sides() -> None:
    clouds = solids.point_clouds(5, 24, 2000, max_tilt_deg=0)
    for i in range(len(clouds)):
        box = clouds.boxes[i]
        turn = axis_angle_to_matrix(torch.stack([0 * box[6], 0 * box[6], box[6]]))
        own = (clouds.points[i] - box[:3]) @ turn
        assert bool(_inside(clouds.points[i], box, 1e-4).all())
        assert bool((own.amax(0) > box[3:6] / 2 - 0.03).all()) and bool(
            (-own.amin(0) > box[3:6] / 2 - 0.03).all()
        )
        period = boxes.YAW_PERIOD_DEG[CLASSES[int(clouds.class_id[i])]]
        assert abs(math.degrees(float(box[6]))) <= period / 2 + 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_a_rooms_labels_and_boxes_agree_with_its_points(seed: int) -> None:
    got = solids.room(seed, 3000)
    assert 5 <= len(got.boxes) == len(got.class_id) == len(got.scene) <= 8
    floor = got.instance == -1
    assert torch.equal(floor, got.semantic == 0)
    assert got.points[floor][:, 2].abs().max() == 0 and got.points[floor].norm(dim=1).max() <= 2.0
    assert torch.equal(got.semantic[~floor] - 1, got.class_id[got.instance[~floor]])
    assert got.scene.distance(got.points[~floor]).abs().max() < 1e-4
    for k, box in enumerate(got.boxes):
        own = got.points[got.instance == k]
        assert len(own) > 20 and bool(_inside(own, box, 1e-4).all())
        assert float(box[2] - box[5] / 2) == pytest.approx(0, abs=1e-5)  # it stands on the floor
    assert got.scene.distance(got.points[floor]).min() > 0
    level = torch.cdist(got.boxes[:, :2], got.boxes[:, :2]) + 9 * torch.eye(len(got.boxes))
    assert level.min() > 0.3 and level.amin(1).median() < 1.2  # apart, and some near one another


def test_a_room_with_noise_keeps_its_labels() -> None:
    clean, noisy = solids.room(1, 1500), solids.room(1, 1500, noise_m=0.02)
    assert torch.equal(clean.semantic, noisy.semantic)
    assert float((clean.points - noisy.points).std()) == pytest.approx(0.02, rel=0.06)
    assert not torch.equal(clean.boxes[0], solids.room(1, 1500, split="val").boxes[0])


def test_what_cannot_be_drawn_is_refused() -> None:
    for bad, message in (
        ({"points": 0}, "points: got 0"),
        ({"points": 4096}, "points: got 4096"),
        ({"split": "all"}, "split"),
        ({"stretch": 0.9}, "stretch: got 0.9"),
        ({"noise_m": -0.1}, "noise_m"),
        ({"classes": ["tea pot"]}, "classes"),
        ({"count": -1}, "got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            solids.point_clouds(0, **bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="count: got 0"):
        solids.room(0, count=0)
    with pytest.raises(ValueError, match="count: got 0"):
        solids.surface_points(solids.showpiece(), 0)
