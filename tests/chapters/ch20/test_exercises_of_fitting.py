"""Chapter 20, part b: the references agree with the package, and other right ways pass."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smplify import data_term as package_data
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.body.smplify.start import torso_depth
from lecture_utils.body.spin.fits import BestFits
from lecture_utils.body.spin.fits import Fit as SpinFit
from lecture_utils.chapters.ch20 import fitting_solutions as solutions
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.exercise import Exercise
from lecture_utils.rendering import volume

BY_ID = {exercise.id: exercise for exercise in exercises("20")}


def cases_of(exercise: Exercise, seed: int = 0) -> list[tuple[Any, ...]]:
    """What an exercise is tried on."""
    assert exercise.cases is not None
    return list(exercise.cases(np.random.default_rng(seed)))


# --- the package agrees -------------------------------------------------------------------------------
def test_place_finds_the_packages_depth_of_a_torso() -> None:
    rng = np.random.default_rng(0)
    bones = torch.tensor([[joint_index(f"{s}_hip"), joint_index(f"{s}_shoulder")] for s in ("left", "right")])
    for _ in range(5):
        joints, pixels = floats(rng.normal(size=(24, 3))), floats(rng.uniform(0, 300, (24, 2)))
        k = floats([[f := rng.uniform(300, 900), 0, 150], [0, f, 150], [0, 0, 1]])
        translation, _ = solutions.place(joints, pixels, torch.ones(24), k, bones)
        theirs = torso_depth(joints[None], pixels[None], torch.ones(1, 24), k[None, 0, 0])
        torch.testing.assert_close(translation[2] + joints[:, 2].mean(), theirs[0])


def test_a_person_who_is_a_drawing_is_placed_where_they_stand() -> None:
    """Flat and level with the picture, similar triangles are exact."""
    rng = np.random.default_rng(1)
    joints = floats(rng.uniform(-0.8, 0.8, (9, 3)) * [1, 1, 0])
    k, stands = floats([[600.0, 0, 310], [0, 600, 250], [0, 0, 1]]), floats([0.4, -0.3, 4.2])
    seen = (joints + stands) @ k.T
    pixels = seen[:, :2] / seen[:, 2:]
    bones = torch.tensor([[0, 1], [2, 5], [7, 3]])
    translation, projected = solutions.place(joints, pixels, floats(rng.uniform(0.2, 1, 9)), k, bones)
    torch.testing.assert_close(translation, stands, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(projected, pixels, atol=1e-2, rtol=1e-4)


def test_the_data_term_is_the_packages_where_a_pixel_is_a_metre() -> None:
    rng = np.random.default_rng(2)
    joints = floats(rng.normal(size=(3, 24, 3))) + floats([0.0, 0, 4])
    k = floats([[50.0, 0, 30], [0, 50, 20], [0, 0, 1]]).expand(3, 3, 3)
    pixels, confidence = floats(rng.uniform(0, 60, (3, 24, 2))), floats(rng.uniform(0, 1, (3, 24)))
    depth = torch.full((3,), 50.0)  # at this depth a pixel of this camera is a metre
    theirs = package_data.data_residuals(joints, pixels, confidence, k, depth, sigma_m=7.0).square().sum(1)
    projected = package_data.project_joints(joints, k)
    torch.testing.assert_close(solutions.data_term(projected, pixels, confidence, 7.0), theirs)


def test_the_prior_is_the_packages_but_for_a_constant_and_its_likeliest_component_is_torchs() -> None:
    rng = np.random.default_rng(3)
    half = rng.normal(size=(3, 5, 5))
    covariances = floats(half @ half.transpose(0, 2, 1) + 0.5 * np.eye(5))
    means, weights = floats(rng.normal(size=(3, 5))), floats(rng.dirichlet(np.ones(3)))
    poses = floats(2 * rng.normal(size=(40, 5)))
    ours = solutions.gmm_prior(poses, means, torch.linalg.inv(covariances), weights)
    package = GaussianMixturePrior(means, covariances, weights)
    off = ours - package.energy(poses)
    torch.testing.assert_close(off, off.mean().expand(40), atol=1e-3, rtol=1e-4)
    each = torch.stack(
        [MultivariateNormal(m, c).log_prob(poses) for m, c in zip(means, covariances, strict=True)], 1
    )
    best = (each + weights.log()).amax(1)
    torch.testing.assert_close(ours, -best - 2.5 * math.log(2 * math.pi), atol=1e-3, rtol=1e-4)
    assert len((each + weights.log()).argmax(1).unique()) == 3


def test_keep_best_is_the_packages_dictionary() -> None:
    rng = np.random.default_rng(4)
    fits, errors = torch.zeros(12, 6), torch.full((12,), torch.inf)
    package = BestFits(12, most_px=1e9, joints=1, shapes=1)
    for _ in range(8):
        rows = torch.tensor(rng.permutation(12)[:5])
        new, found = floats(rng.uniform(-1, 1, (5, 6))), floats(rng.uniform(1, 9, 5))
        found[rng.integers(5)] = torch.nan
        fits, errors, _ = solutions.keep_best(fits, errors, rows, new, found)
        package.keep(rows, SpinFit(new[:, None, :3], new[:, 3:4], torch.zeros(5, 3), found))
        torch.testing.assert_close(package.pose[:, 0], fits[:, :3])
        torch.testing.assert_close(package.shape[:, 0], fits[:, 3])
        torch.testing.assert_close(package.error_px, errors)
    assert errors.isfinite().all()


def test_one_person_in_order_is_what_nerf_composites() -> None:
    rng = np.random.default_rng(5)
    depth = np.sort(rng.uniform(1, 4, (6, 8)), axis=1)
    density, colour = floats(rng.gamma(1.0, 1.0, (6, 8))), floats(rng.uniform(0, 1, (6, 8, 3)))
    distance, far = floats(depth), torch.full((6,), 4.5)
    theirs = volume.composite(density, colour, distance, far)
    alphas = 1 - torch.exp(-density * torch.diff(distance, dim=1, append=far[:, None]))
    picture, shares = solutions.composite_layers(colour[None], alphas[None], distance[None], torch.ones(6, 3))
    torch.testing.assert_close(picture, theirs.colour, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(shares[:, 0], theirs.weights.sum(1), atol=1e-5, rtol=1e-4)


def test_layers_do_not_care_in_which_order_people_or_samples_come() -> None:
    *_, (colours, alphas, depths, background) = cases_of(BY_ID["20.10"], 6)
    picture, shares = solutions.composite_layers(colours, alphas, depths, background)
    assert (shares.sum(1) < 1).all() and len(colours) == 3
    colours, alphas, depths = (x[[2, 0, 1]].flip(2) for x in (colours, alphas, depths))
    turned = solutions.composite_layers(colours, alphas, depths, background)
    torch.testing.assert_close(turned[0], picture)
    torch.testing.assert_close(turned[1], shares[:, [2, 0, 1]])


@pytest.mark.parametrize("id", ["20.6", "20.7", "20.8", "20.10"])
def test_gradients_through_the_references_are_finite(id: str) -> None:
    """A fit goes along them."""
    for case in cases_of(BY_ID[id]):
        given = [
            x.clone().requires_grad_() if isinstance(x, Tensor) and x.is_floating_point() else x for x in case
        ]
        answer = BY_ID[id].reference(*given)
        (answer[0] if isinstance(answer, tuple) else answer).square().sum().backward()
        assert given[0].grad is not None and bool(given[0].grad.isfinite().all())


# --- other right ways pass ---------------------------------------------------------------------------
def place_with_loops(joints: Tensor, pixels: Tensor, confidence: Tensor, k: Tensor, bones: Tensor) -> Any:
    f, cx, cy = float(k[0, 0]), float(k[0, 2]), float(k[1, 2])
    metres, on_screen = 0.0, 0.0
    for a, b in bones.tolist():
        w = float(confidence[a] * confidence[b])
        if w:
            metres += w * math.dist(joints[a].tolist(), joints[b].tolist())
            on_screen += w * math.dist(pixels[a].tolist(), pixels[b].tolist())
    depth = f * metres / on_screen
    seen = confidence > 0
    share = (confidence[seen] / confidence[seen].sum())[:, None]
    u, v = (share * pixels[seen]).sum(0).tolist()
    middle = (share * joints[seen]).sum(0)
    t = torch.tensor([(u - cx) * depth / f, (v - cy) * depth / f, depth]) - middle
    x, y, z = (joints + t).unbind(1)
    return t, torch.stack([f * x / z + cx, f * y / z + cy], 1)


def data_term_of_roots(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    e2 = ((projected - pixels.nan_to_num(0.0)) ** 2).sum(-1)
    return (confidence * sigma_px**2 * (1 - sigma_px**2 / (sigma_px**2 + e2))).sum(-1)


def prior_by_torch(pose: Tensor, means: Tensor, precisions: Tensor, weights: Tensor) -> Tensor:
    each = [
        -MultivariateNormal(m, precision_matrix=p).log_prob(pose) - w.log()
        for m, p, w in zip(means, precisions, weights, strict=True)
    ]
    return torch.stack(each).min(0).values - pose.shape[1] / 2 * math.log(2 * math.pi)


def keep_with_a_loop(fits: Tensor, errors: Tensor, rows: Tensor, new: Tensor, found: Tensor) -> Any:
    fits, errors = fits.clone(), errors.clone()
    for b, row in enumerate(rows.tolist()):
        if found[b] < errors[row]:
            fits[row], errors[row] = new[b], found[b]
    return fits, errors, fits[rows]


def layers_ray_by_ray(colours: Tensor, alphas: Tensor, depths: Tensor, background: Tensor) -> Any:
    people, rays, samples = alphas.shape
    picture, shares = torch.zeros(rays, 3), torch.zeros(rays, people)
    for r in range(rays):
        left = 1.0
        every = [(float(depths[p, r, s]), p, s) for p in range(people) for s in range(samples)]
        for _, p, s in sorted(every):
            w = left * float(alphas[p, r, s])
            picture[r] += w * colours[p, r, s]
            shares[r, p] += w
            left *= 1 - float(alphas[p, r, s])
        picture[r] += left * background[r]
    return picture, shares


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("20.6", place_with_loops),
        ("20.7", data_term_of_roots),
        ("20.8", prior_by_torch),
        ("20.9", keep_with_a_loop),
        ("20.10", layers_ray_by_ray),
    ],
)
def test_another_right_way_passes(id: str, answer: Callable[..., Any]) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "right", found
