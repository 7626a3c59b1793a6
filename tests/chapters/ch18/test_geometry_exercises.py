"""Chapter 18, part a: the references are what the package computes, and the questions are true."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch18.draws import turned, uniform
from lecture_utils.chapters.ch18.exercises import CLOUDS, VIEWS
from lecture_utils.chapters.ch18.solutions import (
    block_matching,
    eight_point,
    eight_point_faulty,
    global_feature,
    judge,
    normalisation,
    project,
    ransac,
    triangulate,
)
from lecture_utils.chapters.ch18.tasks.consensus import fit_line, line_distances, points_on_a_line
from lecture_utils.chapters.ch18.tasks.eight_points import two_views
from lecture_utils.chapters.ch18.tasks.largest_feature import shared
from lecture_utils.data import photographs
from lecture_utils.exercises import compare
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.geometry import chamfer, epipolar, stereo, triangulation
from lecture_utils.geometry import ransac as consensus
from lecture_utils.geometry.pointnet import PointNet
from lecture_utils.ops import camera

BY_ID = {task.EXERCISE.id: task.EXERCISE for task in (*VIEWS, *CLOUDS)}


def cases_of(id: str, seed: int = 0) -> list[tuple[Any, ...]]:
    """What an exercise is tried on."""
    cases = BY_ID[id].cases
    assert cases is not None
    return list(cases(np.random.default_rng(seed)))


# --- the package's functions, called as the learner's are ---------------------------------------------
def package_project(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    """One camera of a batch."""
    one = camera.Cameras(rotation[None], translation[None], intrinsics[None], (48, 64))
    pixels, depth_m = camera.project(points, one)
    return pixels[0], depth_m[0]


def package_matching(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    """The package's costs, without the windows that it cuts off at a border."""
    half, (height, width) = size // 2, left.shape
    most = min(largest, width - 1)
    volume = stereo.cost_volume(left[None, None], right[None, None], most, radius=half)[0]
    row, column = torch.arange(height)[:, None], torch.arange(width)
    d = torch.arange(most + 1)[:, None, None]
    whole = (row >= half) & (row < height - half) & (column >= d + half) & (column < width - half)
    volume = torch.where(whole, (volume * 1e4).round(), torch.inf)  # equal costs stay so
    best, winner = volume.min(0)
    return torch.where(best.isfinite(), winner, torch.nan)


def package_judge(found: Tensor, truth: Tensor, within: float, bar: float) -> Any:
    """Chamfer distance and F-score of a batch of one, and the reading by a table."""
    a, b = found[None].double(), truth[None].double()
    p, r, f = (float(number) for number in chamfer.f_score(a, b, within))
    word = [["off", "stray"], ["missing", "good"]][p >= bar][r >= bar]
    return float(chamfer.chamfer_distance(a, b, squared=False)), f, word


THEIRS: dict[str, Callable[..., Any]] = {
    "18.1": package_project,
    "18.2": package_matching,
    "18.3": epipolar.eight_point,
    "18.6": package_judge,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    use = BY_ID[id].use or (lambda answer, *case: answer(*case))
    for seed in range(5):
        for case in cases_of(id, seed):
            ours, theirs = use(BY_ID[id].reference, *case), use(THEIRS[id], *case)
            assert compare.difference(theirs, ours) is None


def test_every_exercise_is_compared_and_listed_in_the_chapter() -> None:
    assert {*THEIRS, "18.4", "18.5", "18.7"} == BY_ID.keys() <= {e.id for e in exercises("18")}


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_triangulation_is_the_packages_where_k_is_1(noise: float) -> None:
    """The package takes K off first, which weighs noise in another way: so here there is none to take off."""
    rng = np.random.default_rng(0)
    poses = torch.stack([turned(rng, 0.6) for _ in range(4)]), uniform(rng, -0.7, 0.7, 4, 3)
    poses[1][:, 2] += 4
    cameras = camera.Cameras(*poses, torch.eye(3).double().expand(4, 3, 3), (48, 64))
    points = uniform(rng, -1, 1, 20, 3)
    pixels = camera.project(points, cameras)[0] + noise * torch.tensor(rng.normal(size=(4, 20, 2)))
    seen = torch.tensor(rng.random((4, 20)) < 0.6)
    hidden = torch.where(seen[..., None], pixels, torch.nan)
    ours = triangulate(hidden, torch.cat([poses[0], poses[1][:, :, None]], 2))
    assert set(seen.sum(0).tolist()) >= {1, 2, 3, 4}
    torch.testing.assert_close(ours, triangulation.triangulate(pixels, cameras, seen), equal_nan=True)
    if not noise:
        torch.testing.assert_close(ours.nan_to_num(0.0), points * (seen.sum(0) >= 2)[:, None])


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("certainty", [0.5, 0.99])
def test_ransac_ends_in_the_packages_round(share: float, certainty: float) -> None:
    """All samples alike, so that the share of inliers is the same from the first round on."""
    data = torch.cat([torch.linspace(0, 1, round(20 * share)), torch.arange(20 - round(20 * share)) + 9.0])
    points = torch.stack([data, 0 * data + (data > 2) * data**2], 1)  # the first lie on a line, y is 0
    samples = torch.tensor([[0, 1]]).expand(200, 2)
    inliers, rounds = ransac(points, fit_line, line_distances, samples, 1e-3, certainty)
    assert int(inliers.sum()) == round(20 * share)
    assert rounds == math.ceil(consensus.rounds_needed(share, 2, certainty))


def test_ransac_and_the_package_agree_on_who_lies_on_the_line() -> None:
    points = points_on_a_line(np.random.default_rng(3), 40, 0.5)
    samples = torch.rand(400, 40, generator=torch.Generator().manual_seed(0)).argsort(1)[:, :2]
    inliers, rounds = ransac(points, fit_line, line_distances, samples, 0.06, 0.999)
    theirs = consensus.ransac(
        lambda chosen: torch.stack([fit_line(points[own]) for own in chosen]),
        lambda lines: (lines[:, :2] @ points.mT + lines[:, 2:]).abs(),
        len(points), sample=2, threshold=0.06, least=2,
    )  # fmt: skip
    assert rounds < 400 and (inliers == theirs.inliers).float().mean() >= 0.9


def test_the_feature_is_what_the_packages_pointnet_pools() -> None:
    torch.manual_seed(0)
    model = PointNet(width=8, transforms=False).eval()
    points = torch.randn(3, 20, 3)
    mlp = lambda x: model.second(model.first(x.mT)).mT  # noqa: E731
    everyone = torch.ones(3, 20, dtype=torch.bool)
    with torch.inference_mode():
        torch.testing.assert_close(global_feature(points, everyone, mlp), model(points).pooled)
        fewer = torch.arange(20) < torch.tensor([[20], [7], [1]])
        for number, size in enumerate((20, 7, 1)):
            alone = model(points[number : number + 1, :size]).pooled[0]
            torch.testing.assert_close(global_feature(points, fewer, mlp)[number], alone)


def test_what_fills_the_table_gets_no_gradient_and_empty_clouds_give_no_nan() -> None:
    points = torch.randn(2, 4, 3, requires_grad=True)
    real = torch.tensor([[True, True, False, False], [False] * 4])
    global_feature(points, real, nn.Linear(3, 5)).square().sum().backward()
    assert points.grad is not None and points.grad.isfinite().all()
    assert points.grad[~real].eq(0).all() and points.grad[0, :2].ne(0).any()


# --- other right ways pass ---------------------------------------------------------------------------
def project_as_columns(points: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor) -> Any:
    """With one matrix P = K [R | t] and points as columns."""
    matrix = intrinsics @ torch.cat([rotation, translation[:, None]], 1)
    x = matrix @ torch.cat([points, torch.ones(len(points), 1)], 1).mT  # (3, P)
    pixels = (x[:2] / x[2]).mT.clone()
    pixels[x[2] <= 0] = float("nan")
    return pixels, x[2]


def match_pixel_by_pixel(left: Tensor, right: Tensor, largest: int, size: int) -> Tensor:
    """With loops, and sums in place of means."""
    half, (height, width) = size // 2, left.shape
    out = torch.full((height, width), torch.nan)
    for i in range(half, height - half):
        for j in range(half, width - half):
            costs = []
            for d in range(min(largest, j - half) + 1):
                rows = slice(i - half, i + half + 1)
                a, b = (x[rows, j - half - k : j + half + 1 - k] for x, k in ((left, 0), (right, d)))
                costs.append(float((a - b).abs().sum()))
            out[i, j] = costs.index(min(costs))
    return out


def eight_point_by_eigenvectors(first: Tensor, second: Tensor) -> Tensor:
    """The eigenvector of AᵀA, another sign and length, and the rank cut by taking a part away."""
    t1, t2 = normalisation(first), normalisation(second)
    x1, x2 = (t @ F.pad(x, (0, 1), value=1.0).mT for x, t in ((first, t1), (second, t2)))
    system = torch.stack([torch.outer(x2[:, i], x1[:, i]).flatten() for i in range(len(first))])
    f = torch.linalg.eigh(system.mT @ system).eigenvectors[:, 0].view(3, 3)
    u, s, vh = torch.linalg.svd(f)
    f = f - s[2] * torch.outer(u[:, 2], vh[2])
    return -7 * t2.mT @ f @ t1


def ransac_by_logarithms(
    data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, certainty: float
) -> Any:
    """The number of rounds from the formula, with its two edges looked after."""
    best: Any = np.zeros(len(data), dtype=bool)
    needed, rounds = math.inf, 0
    while rounds < min(len(samples), needed):
        off = distances(fit(data[samples[rounds]]), data)
        rounds += 1
        if int((off < within).sum()) > best.sum():
            best = (off < within).numpy()
            clean = best.mean() ** samples.shape[1]
            needed = math.log(1 - certainty) / math.log(1 - clean) if clean < 1 else 0
    return torch.from_numpy(best), rounds


def triangulate_point_by_point(pixels: Tensor, projections: Tensor) -> Tensor:
    """With a loop, and only the equations there are."""
    out = torch.full((pixels.shape[1], 3), torch.nan, dtype=pixels.dtype)
    for k in range(pixels.shape[1]):
        rows = []
        for (u, v), matrix in zip(pixels[:, k], projections, strict=True):
            if not u.isnan():
                rows += [matrix[0] - u * matrix[2], v * matrix[2] - matrix[1]]
        if len(rows) >= 4:
            a = torch.stack(rows)
            x = torch.linalg.eigh(a.mT @ a).eigenvectors[:, 0]
            out[k] = x[:3] / x[3]
    return out


def judge_with_loops(found: Tensor, truth: Tensor, within: float, bar: float) -> Any:
    """Point by point."""
    there = [min(math.dist(a, b) for b in truth.tolist()) for a in found.tolist()]
    back = [min(math.dist(a, b) for b in found.tolist()) for a in truth.tolist()]
    p, r = (sum(d <= within for d in way) / len(way) for way in (there, back))
    f = 2 / (1 / p + 1 / r) if p and r else 0
    word = ("good" if r >= bar else "missing") if p >= bar else ("stray" if r >= bar else "off")
    return sum(there) / len(there) + sum(back) / len(back), f, word


def feature_cloud_by_cloud(points: Tensor, real: Tensor, mlp: Any) -> Tensor:
    """Only the points that exist go through the MLP."""
    width = mlp(points[:1, :1]).shape[-1]
    rows = [mlp(own[there]).amax(0) if there.any() else torch.zeros(width)
            for own, there in zip(points, real, strict=True)]  # fmt: skip
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("18.1", project_as_columns),
        ("18.2", match_pixel_by_pixel),
        ("18.3", eight_point_by_eigenvectors),
        ("18.4", ransac_by_logarithms),
        ("18.5", triangulate_point_by_point),
        ("18.6", judge_with_loops),
        ("18.7", feature_cloud_by_cloud),
    ],
)
def test_another_right_way_passes(id: str, answer: Callable[..., Any]) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "right", found


# --- answers that are wrong in other ways than the planted mistakes ------------------------------------
def test_the_colleagues_eight_points_pass_their_own_test_and_fail_on_pixels() -> None:
    found = examine(BY_ID["18.3"], eight_point_faulty)
    assert (found.state, found.reason, found.passed) == ("wrong", "value", 1)
    assert "off the lines" in found.problem
    rng = np.random.default_rng(5)
    first, second = two_views(rng, 30, 0.0, centred=True)
    unit = [f / f.norm() for f in (eight_point(first, second), eight_point_faulty(first, second))]
    torch.testing.assert_close(*unit)


def test_a_fundamental_matrix_of_another_shape_is_told() -> None:
    found = examine(BY_ID["18.3"], lambda first, second: eight_point(first, second).flatten())
    assert (found.state, found.reason) == ("wrong", "kind")


def test_rounds_as_a_tensor_are_accepted_and_indices_for_a_mask_are_told() -> None:
    def with_tensor(*given: Any) -> Any:
        inliers, rounds = ransac(*given)
        return inliers, torch.tensor(rounds)

    def with_indices(*given: Any) -> Any:
        inliers, rounds = ransac(*given)
        return inliers.nonzero()[:, 0], rounds

    assert examine(BY_ID["18.4"], with_tensor).state == "right"
    assert examine(BY_ID["18.4"], with_indices).reason == "kind"


def test_python_logarithm_of_0_is_an_error_that_names_itself() -> None:
    def plain_formula(
        data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, sure: float
    ) -> Any:
        best, rounds = torch.zeros(len(data), dtype=torch.bool), 0
        for rounds, sample in enumerate(samples, 1):
            inliers = distances(fit(data[sample]), data) < within
            best = inliers if inliers.sum() > best.sum() else best
            if rounds >= math.log(1 - sure) / math.log(1 - float(best.double().mean()) ** len(sample)):
                break
        return best, rounds

    assert examine(BY_ID["18.4"], plain_formula).reason == "raises"


def test_nan_pixels_put_at_0_get_their_own_hint() -> None:
    def at_zero(pixels: Tensor, projections: Tensor) -> Tensor:
        return triangulate(torch.nan_to_num(pixels), projections)

    found = examine(BY_ID["18.5"], at_zero)
    assert (found.state, found.passed) == ("wrong", 3)
    shown = known_mistake(BY_ID["18.5"], at_zero, found)
    assert shown is None or "corner" in shown.hint


def test_a_large_negative_number_for_minus_infinity_passes() -> None:
    def very_low(points: Tensor, real: Tensor, mlp: Any) -> Tensor:
        largest = torch.where(real[..., None], mlp(points), -1e9).amax(1)
        return largest * real.any(1, keepdim=True)

    assert examine(BY_ID["18.7"], very_low).state == "right"


# --- what the cases hold -----------------------------------------------------------------------------
def test_cases_tell_all_readings_and_lie_off_the_thresholds() -> None:
    words = set()
    for found, truth, within, bar in cases_of("18.6"):
        words.add(judge(found, truth, within, bar)[2])
        each = torch.cdist(found.double(), truth.double())
        for near in (each.amin(0), each.amin(1)):
            assert (near - within).abs().min() > 1e-3
            assert abs(float((near < within).double().mean()) - bar) > 1e-3
    assert words == {"good", "stray", "missing", "off"}


def test_cases_of_ransac_end_early_and_late_and_lie_off_the_threshold() -> None:
    early = []
    for data, fit, distances, samples, within, certainty in cases_of("18.4"):
        early.append(ransac(data, fit, distances, samples, within, certainty)[1] < len(samples))
        for sample in samples:
            off = distances(fit(data[sample]), data)
            assert (off - within).abs().nan_to_num(1.0).min() > 1e-6
    assert 3 <= sum(early) <= len(early) - 3


def test_cases_of_matching_have_whole_grey_values_so_that_equal_costs_are_equal() -> None:
    for left, right, _, size in cases_of("18.2"):
        assert left.frac().eq(0).all() and right.frac().eq(0).all() and size % 2


# --- what the questions say ------------------------------------------------------------------------
def test_question_1_a_world_twice_as_large_gives_the_same_pictures() -> None:
    rng = np.random.default_rng(0)
    points, rotation, t = uniform(rng, -1, 1, 20, 3), turned(rng, 1.0), torch.tensor([0.1, 0.2, 4]).double()
    k = torch.tensor([[90.0, 0, 32], [0, 90, 24], [0, 0, 1]]).double()
    (small, near), (large, far) = project(points, rotation, t, k), project(2 * points, rotation, 2 * t, k)
    torch.testing.assert_close(small, large)
    torch.testing.assert_close(2 * near, far)


def test_question_2_four_times_as_far_is_sixteen_times_as_wrong() -> None:
    depth = lambda d, fb: fb / d  # noqa: E731
    fb = 2.0 * 50.25  # a disparity of 50.25 pixels at 2 m: half a pixel is about 2 cm there
    near, far = fb / 2, fb / 8
    errors = [(depth(d - 0.5, fb) - depth(d + 0.5, fb)) / 2 for d in (near, far)]
    assert errors[0] == pytest.approx(0.02, rel=0.01) and errors[1] == pytest.approx(0.32, rel=0.01)


def test_question_3_plain_parts_fail_most() -> None:
    pair = photographs.stereo()
    left, right = (x.float().mean(0).reshape(pair.disparity.shape[-2:]) for x in (pair.left, pair.right))
    truth = pair.disparity.reshape(left.shape)
    found = block_matching(left, right, 64, 9)
    counted = truth.isfinite() & found.isfinite()
    bad = ((found - truth).abs() > 4).float()
    blur = lambda x: F.avg_pool2d(x[None, None], 17, 1, 8)[0, 0]  # noqa: E731
    contrast = blur(left**2) - blur(left) ** 2
    plain = contrast < contrast[counted].quantile(0.25)
    spread = [
        F.max_pool2d(x.nan_to_num(-999, -999, -999)[None, None], 17, 1, 8)[0, 0] for x in (truth, -truth)
    ]
    edge = spread[0] + spread[1] > 6
    near = truth > truth[counted].median()
    share = lambda where: float(bad[counted & where].mean())  # noqa: E731
    assert 0.35 < share(plain) < 0.5 and share(~plain) < 0.2, "two in five, fewer than one in five"
    assert 0.25 < share(edge) < 0.35 < share(plain), "three in ten"
    assert share(near) < share(~near)


def test_question_4_epipolar_lines_meet_at_the_first_camera() -> None:
    rng = np.random.default_rng(0)
    rotation, t = turned(rng, 0.4), torch.tensor([-0.8, 0.2, 4]).double()
    k = torch.tensor([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]).double()
    points, level = uniform(rng, -1, 1, 20, 3), torch.eye(3).double()
    nowhere, ahead = torch.zeros(3).double(), torch.tensor([0.0, 0, 4]).double()
    first, second = (
        project(points + ahead, level, nowhere, k)[0],
        project(points + ahead, rotation, t - rotation @ ahead, k)[0],
    )
    f = eight_point(first, second)
    place = k @ (t - rotation @ ahead)  # where the first camera, at 0, falls in the second picture
    lines = F.pad(first, (0, 1), value=1.0) @ f.mT
    off = (lines @ place).abs() / (lines[:, :2].norm(dim=1) * place[2].abs())
    assert off.max() < 1e-4  # pixels


@pytest.mark.parametrize(("share", "sample", "said"), [(1 / 2, 8, 1177), (1 / 2, 5, 145), (1 / 3, 8, 30_000)])
def test_question_5_rounds(share: float, sample: int, said: int) -> None:
    assert math.log(0.01) / math.log(1 - share**sample) == pytest.approx(said, rel=0.01)


def test_question_6_a_turn_moves_near_and_far_things_alike() -> None:
    rng = np.random.default_rng(0)
    rays, k = uniform(rng, -0.3, 0.3, 30, 3), torch.tensor([[90.0, 0, 32], [0, 90, 24], [0, 0, 1]]).double()
    rays[:, 2] = 1
    turn, still = turned(rng, 0.35), torch.zeros(3).double()
    near, far = project(2 * rays, turn, still, k)[0], project(50 * rays, turn, still, k)[0]
    torch.testing.assert_close(near, far)


def test_question_7_seven_ways_that_no_pixel_shows() -> None:
    """The null space of the pixels' derivative by all poses and points, as it is and with more views."""
    rng = np.random.default_rng(0)
    views, number = 3, 12
    k = torch.tensor([[90.0, 0, 32], [0, 90, 24], [0, 0, 1]]).double()
    rotations = torch.stack([turned(rng, 0.6) for _ in range(views)])
    translations = uniform(rng, -0.5, 0.5, views, 3) + torch.tensor([0.0, 0, 4])
    points = uniform(rng, -1, 1, number, 3)

    def pixels(move: Tensor) -> Tensor:
        turns, steps, shifts = move.split([3 * views, 3 * views, 3 * number])
        zero = torch.zeros(views, dtype=move.dtype)
        x, y, z = turns.view(views, 3).unbind(1)
        rows = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(views, 3, 3)
        moved = torch.linalg.matrix_exp(rows) @ rotations
        seen = [
            project(points + shifts.view(number, 3), moved[i], translations[i] + steps.view(views, 3)[i], k)[
                0
            ]
            for i in range(views)
        ]
        return torch.cat(seen).flatten()

    total = 6 * views + 3 * number
    slope = torch.autograd.functional.jacobian(pixels, torch.zeros(total).double())
    values = torch.linalg.svdvals(slope)
    assert total - int((values > 1e-8 * values[0]).sum()) == 7


def test_question_8_twice_as_fine() -> None:
    """Voxels of a ball's box, and cells that its surface passes, which triangles grow with."""
    counts = []
    for side in (32, 64):
        axis = (torch.arange(side) + 0.5) / side * 2 - 1
        distance = torch.cartesian_prod(axis, axis, axis).norm(dim=1) - 0.8
        counts.append((side**3, int((distance.abs() < 1 / side).sum())))
    assert counts[1][0] == 8 * counts[0][0] and counts[1][1] == pytest.approx(4 * counts[0][1], rel=0.05)


def test_question_9_only_a_new_point_can_change_the_feature() -> None:
    rng = np.random.default_rng(0)
    mlp = shared([torch.tensor(rng.normal(size=shape)).float() for shape in ((16, 4), (8, 17))])
    cloud = uniform(rng, -1, 1, 1, 50, 3).float()

    def feature(points: Tensor) -> Tensor:
        return global_feature(points, torch.ones(points.shape[:2], dtype=torch.bool), mlp)

    before = feature(cloud)
    torch.testing.assert_close(feature(cloud[:, torch.randperm(50)]), before)
    torch.testing.assert_close(feature(cloud.repeat(1, 2, 1)), before)
    critical = mlp(cloud).argmax(1)[0].unique()
    assert len(critical) <= 8
    torch.testing.assert_close(feature(cloud[:, critical]), before)
    assert not torch.allclose(feature(torch.cat([cloud, 5 * cloud[:, :1]], 1)), before)


@pytest.mark.parametrize(("side", "dice", "iou"), [(4, 0.75, 0.60), (40, 0.975, 0.95)])
def test_question_10_one_voxel_off(side: int, dice: float, iou: float) -> None:
    truth = torch.zeros(side + 2, side, side, dtype=torch.bool)
    truth[:side] = True
    drawn = truth.roll(1, 0)
    both = int((truth & drawn).sum())
    assert 2 * both / int(truth.sum() + drawn.sum()) == pytest.approx(dice)
    assert both / int((truth | drawn).sum()) == pytest.approx(iou, abs=0.002)
    assert int((truth & ~drawn).sum()) == side**2  # 16 and 1,600 voxels
