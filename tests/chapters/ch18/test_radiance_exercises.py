"""Chapter 18, part b: the references are what the package computes, and gradients go through them."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch18.exercises import RADIANCE
from lecture_utils.chapters.ch18.radiance_solutions import (
    blend,
    composite,
    encode,
    fine_samples,
    fine_samples_faulty,
    projected_covariance,
)
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.ops.camera import Cameras
from lecture_utils.rendering import nerf, radiance_field, ray_sampling, volume
from lecture_utils.rendering.gaussians import blending, blending_plain, gaussians, projection

BY_ID = {task.EXERCISE.id: task.EXERCISE for task in RADIANCE}


def cases_of(id: str, seed: int = 0) -> list[tuple[Any, ...]]:
    """What an exercise is tried on."""
    cases = BY_ID[id].cases
    assert cases is not None
    return list(cases(np.random.default_rng(seed)))


def package_composite(*given: Tensor) -> tuple[Tensor, Tensor]:
    """The package's compositing before white."""
    rendered = volume.composite(*given)
    return rendered.colour, rendered.weights


def package_encode(x: Tensor, frequencies: int, spacing: float) -> Tensor:
    """The package leaves no wave out: those of less than two samples a period are struck out here."""
    periods = torch.tensor([2 / 2**k for k in range(frequencies) for _ in range(2)])
    enough = (periods + 1e-6 >= 2 * spacing).float().repeat(x.shape[1])
    if not len(x):  # which the package refuses
        return torch.zeros(0, len(enough))
    return radiance_field.positional_encoding(x, frequencies) * enough


def package_covariance(
    means: Tensor, scales_m: Tensor, turns: Tensor, rotation: Tensor, translation: Tensor, intrinsics: Tensor
) -> Tensor:
    """The package's projection, in a picture so large that its bound on J does not count."""
    camera = Cameras(rotation[None], translation[None], intrinsics[None], (4000, 4000))
    covariances = turns @ torch.diag_embed(scales_m**2) @ turns.mT
    return projection.project_gaussians(means, covariances, camera).covariances


def package_blend(
    pixels: Tensor, means: Tensor, covariances: Tensor, depth_m: Tensor, colours: Tensor, opacities: Tensor
) -> Tensor:
    """The package's plain blending, of the row of pixels that a case has."""
    width = round(float(pixels[:, 0].max()) + 0.5)
    given = (means, covariances, depth_m, colours, opacities)
    image, _ = blending_plain.blend(*given, (1, width), torch.ones(3))
    return image[:, 0, pixels[:, 0].long()].T


THEIRS: dict[str, Callable[..., Any]] = {
    "18.8": package_composite,
    "18.9": package_encode,
    "18.11": package_covariance,
    "18.12": package_blend,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    for seed in range(5):
        for case in cases_of(id, seed):
            ours, theirs = BY_ID[id].reference(*case), THEIRS[id](*case)
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_fine_samples_are_the_packages_at_the_middles_of_even_parts() -> None:
    for seed in range(5):
        for edges, weights, _ in cases_of("18.10", seed):
            u = ((torch.arange(6) + 0.5) / 6).repeat(len(edges), 1)
            theirs = ray_sampling.hierarchical(edges, weights, 6, jitter=False)
            torch.testing.assert_close(fine_samples(edges, weights, u), theirs)


def test_every_exercise_is_compared_and_listed_in_the_chapter() -> None:
    assert {*THEIRS, "18.10"} == BY_ID.keys() <= {exercise.id for exercise in exercises("18")}


def test_tiled_blending_is_the_learners_too() -> None:
    """What the notebook's training uses where the learner has not solved 18.12."""
    rng = np.random.default_rng(0)
    *_, (_, means, covariances, depth_m, colours, opacities) = cases_of("18.12", 3)
    size = (3, 9)
    pixels = torch.stack(torch.meshgrid(torch.arange(9) + 0.5, torch.arange(3) + 0.5, indexing="xy"), 2)
    colours = torch.tensor(rng.uniform(size=colours.shape), dtype=torch.float32)
    ours = blend(pixels.reshape(-1, 2), means, covariances, depth_m, colours, opacities)
    theirs, _ = blending.blend(means, covariances, depth_m, colours, opacities, size, torch.ones(3))
    torch.testing.assert_close(ours.T.reshape(3, *size), theirs, atol=1e-5, rtol=1e-4)


# --- they are trained through ----------------------------------------------------------------------
@pytest.mark.parametrize("id", ["18.8", "18.11", "18.12"])
def test_gradients_through_the_references_are_finite(id: str) -> None:
    for case in cases_of(id):
        given = [part.clone().requires_grad_() if isinstance(part, Tensor) else part for part in case]
        answer = BY_ID[id].reference(*given)
        colour = answer[0] if isinstance(answer, tuple) else answer
        colour.square().sum().backward()
        for part in given:
            assert part.grad is None or bool(part.grad.isfinite().all())
        assert any(part.grad is not None and bool((part.grad != 0).any()) for part in given)


def test_fog_of_one_density_is_the_closed_form() -> None:
    """Max 1995: after a length l of density σ, exp(-σ l) of the light is left, however it is cut up."""
    for samples in (1, 7, 64):
        distance = 2 + 1.5 * torch.arange(samples)[None] / samples
        density, colour = torch.full((1, samples), 0.8), torch.full((1, samples, 3), 0.25)
        seen, weights = composite(density, colour, distance, torch.tensor([3.5]))
        left = np.exp(-0.8 * 1.5)
        assert weights.sum() == pytest.approx(1 - left, abs=1e-5)
        assert seen[0].tolist() == pytest.approx([left + 0.25 * (1 - left)] * 3, abs=1e-5)


def test_a_wave_that_is_left_out_looks_like_a_slower_one_on_the_grid() -> None:
    """Why 18.9 leaves it out: on 16 samples of [-1, 1], sin(2⁴πp) is 0 or agrees with a wave that is kept."""
    places = torch.linspace(-1, 1, 17)[:-1, None] + 1 / 16
    waves = encode(places, 6).T  # (12, 16)
    kept = encode(places, 6, 2 / 16).abs().amax(0) > 1e-4
    assert kept.tolist() == [True] * 7 + [False] + [False] * 4  # cos(2³πp) is 0 at all of these places
    basis = torch.cat([torch.ones(1, 16), waves[kept]])
    left_out = waves[8:]
    fitted = torch.linalg.lstsq(basis.T, left_out.T).solution
    assert (basis.T @ fitted - left_out.T).abs().max() < 1e-3


def test_the_planted_fault_puts_samples_one_bin_too_near() -> None:
    edges = torch.linspace(2, 4, 11)[None]
    weights = torch.zeros(1, 10)
    weights[0, 6] = 0.9
    u = ((torch.arange(50) + 0.5) / 50)[None]
    good, bad = fine_samples(edges, weights, u), fine_samples_faulty(edges, weights, u)
    in_bin = [((edges[0, 6] <= x) & (x <= edges[0, 7])).float().mean().item() for x in (good, bad)]
    before = ((edges[0, 5] <= bad) & (bad <= edges[0, 6])).float().mean().item()
    assert in_bin[0] > 0.95 and in_bin[1] < 0.05 and before > 0.95


def test_the_shadow_is_where_projected_samples_of_the_gaussian_fall() -> None:
    """A small Gaussian's samples, projected one by one: their covariance is the shadow's, without the 0.3."""
    means, _, turns, rotation, translation, intrinsics = cases_of("18.11")[-1]
    scales = torch.tensor([0.02, 0.01, 0.03]).expand(len(means), 3)
    gen = torch.Generator().manual_seed(0)
    drawn = torch.randn(len(means), 20000, 3, generator=gen) * scales[:, None] @ turns.mT + means[:, None]
    seen = (drawn @ rotation.T + translation) @ intrinsics.T
    pixels = seen[..., :2] / seen[..., 2:]
    offset = pixels - pixels.mean(1, keepdim=True)
    sampled = offset.mT @ offset / 20000
    shadow = projected_covariance(means, scales, turns, rotation, translation, intrinsics) - 0.3 * torch.eye(
        2
    )
    scale = shadow.diagonal(dim1=1, dim2=2).amax(1)[:, None, None]
    assert ((sampled - shadow).abs() / scale).max() < 0.05


@pytest.mark.parametrize("floor", [1e-10, 0.0])
def test_the_authors_way_of_compositing_is_accepted(floor: float) -> None:
    def as_published(density: Tensor, colour: Tensor, distance_m: Tensor, far_m: Tensor) -> Any:
        steps = torch.cat([distance_m[:, 1:], far_m[:, None]], 1) - distance_m
        alpha = 1 - torch.exp(-density * steps)
        passed = torch.cumprod(torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha + floor], 1), 1)[:, :-1]
        weights = passed * alpha
        return (weights[..., None] * colour).sum(1) + 1 - weights.sum(1)[:, None], weights

    assert examine(BY_ID["18.8"], as_published).state == "right"


# --- what the questions say ------------------------------------------------------------------------
def test_question_11_only_density_times_length_counts() -> None:
    white, half = torch.ones(1, 1, 3), float(np.log(2))
    for density, length, stopped in ((half, 1.0, 1 / 2), (half, 2.0, 3 / 4), (2 * half, 2.0, 15 / 16)):
        given = torch.tensor([[density]]), 0 * white, torch.zeros(1, 1), torch.tensor([length])
        seen, weights = composite(*given)
        assert weights.item() == pytest.approx(stopped) and seen[0, 0].item() == pytest.approx(1 - stopped)


def test_question_14_fine_samples_are_as_dense_as_eight_thousand_even_ones() -> None:
    edges, weights = torch.linspace(0, 2, 65)[None], torch.zeros(1, 64)
    weights[0, 40] = 1.0
    u = ((torch.arange(128) + 0.5) / 128)[None]
    step = fine_samples(edges, weights, u).diff(dim=1).median().item()
    assert 2 / step == pytest.approx(64 * 128, rel=0.02)


def test_question_15_three_free_numbers_can_make_a_splat_that_grows() -> None:
    inverse = torch.linalg.inv(torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
    along = torch.tensor([1.0, -1.0])
    heights = [torch.exp(-(s * along) @ inverse @ (s * along) / 2).item() for s in (0, 1, 2)]
    assert heights[0] == 1 and heights == sorted(heights) and heights[2] > 10
    across = torch.ones(2)
    assert torch.exp(-across @ inverse @ across / 2) < 1


def test_question_16_a_ball_aside_is_wider_than_high() -> None:
    ball = torch.full((1, 3), 0.2), torch.eye(3)[None], torch.eye(3), torch.zeros(3)
    intrinsics = torch.tensor([[60.0, 0, 50], [0, 60, 30], [0, 0, 1]])
    aside = projected_covariance(torch.tensor([[-2.0, 0, 2]]), *ball, intrinsics)[0]
    ahead = projected_covariance(torch.tensor([[0.0, 0, 2]]), *ball, intrinsics)[0]
    assert aside[0, 0] > 1.5 * aside[1, 1] and abs(aside[0, 1]) < 1e-5
    torch.testing.assert_close(ahead[0, 0], ahead[1, 1])


def test_question_17_most_numbers_of_a_gaussian_are_for_its_colour() -> None:
    cloud = gaussians.gaussians_from_points(torch.rand(4, 3), torch.rand(4, 3), degree=3)
    numbers = {name: getattr(cloud, name)[0].numel() for name in gaussians.NAMES}
    assert numbers["sh"] == 48 and sum(numbers.values()) == 59


def test_question_18_half_red_a_quarter_blue_a_quarter_white() -> None:
    at, wide = torch.zeros(2, 2), torch.eye(2).repeat(2, 1, 1)
    red, blue = torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 0, 1])
    colours, half = torch.stack([red, blue]), torch.full((2,), 0.5)
    for depth, want in (((1.0, 2.0), red / 2 + blue / 4 + 0.25), ((2.0, 1.0), blue / 2 + red / 4 + 0.25)):
        torch.testing.assert_close(blend(at[:1], at, wide, torch.tensor(depth), colours, half)[0], want)


def test_question_20_a_picture_asks_the_networks_164_million_times() -> None:
    coarse, fine = 64, 64 + 128  # as the defaults of the package's NeRF, which are the paper's
    size = inspect.signature(nerf.NeRF.__init__).parameters
    assert [size[name].default for name in ("samples", "more_samples")] == [coarse, fine - coarse]
    asked = 800 * 800 * (coarse + fine)
    assert round(asked / 1e6) == 164
