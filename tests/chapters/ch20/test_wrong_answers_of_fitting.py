"""Chapter 20, part b: wrong answers, written before any was tried, get the hint for their mistake.

Each comes with a word that the hint has to have.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch20 import fitting_solutions as solutions
from lecture_utils.exercises.checker import exercises
from tests.wrong_answers import check_hint

BY_ID = {exercise.id: exercise for exercise in exercises("20")}


def upside_down_triangle(joints: Tensor, pixels: Tensor, confidence: Tensor, k: Tensor, bones: Tensor) -> Any:
    pixels = torch.nan_to_num(pixels)
    a, b = bones.T
    w = confidence[a] * confidence[b]
    m, px = (w * (joints[a] - joints[b]).norm(dim=1)).sum(), (w * (pixels[a] - pixels[b]).norm(dim=1)).sum()
    return _from_depth(k[0, 0] * px / m, joints, pixels, confidence, k)


def average_depth(joints: Tensor, pixels: Tensor, confidence: Tensor, k: Tensor, bones: Tensor) -> Any:
    pixels = torch.nan_to_num(pixels)
    a, b = bones.T
    w = confidence[a] * confidence[b]
    each = k[0, 0] * (joints[a] - joints[b]).norm(dim=1) / (pixels[a] - pixels[b]).norm(dim=1)
    return _from_depth((w * each).sum() / w.sum(), joints, pixels, confidence, k)


def _from_depth(depth: Tensor, joints: Tensor, pixels: Tensor, confidence: Tensor, k: Tensor) -> Any:
    w = (confidence / confidence.sum())[:, None]
    u, v = (w * pixels).sum(0)
    ray = torch.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1], torch.ones(())])
    t = depth * ray - (w * joints).sum(0)
    seen = (joints + t) @ k.mT
    return t, seen[:, :2] / seen[:, 2:]


def nan_times_zero(joints: Tensor, pixels: Tensor, confidence: Tensor, k: Tensor, bones: Tensor) -> Any:
    a, b = bones.T
    w = confidence[a] * confidence[b]
    m, px = (w * (joints[a] - joints[b]).norm(dim=1)).sum(), (w * (pixels[a] - pixels[b]).norm(dim=1)).sum()
    return _from_depth(k[0, 0] * m / px, joints, pixels, confidence, k)


def same_depth_for_all(joints: Tensor, pixels: Tensor, confidence: Tensor, k: Tensor, bones: Tensor) -> Any:
    t, _ = solutions.place(joints, pixels, confidence, k, bones)
    seen = (joints + t) @ k.mT
    return t, seen[:, :2] / seen[:, 2].mean()


def plain_squares(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    return (confidence * ((projected - pixels.nan_to_num()) ** 2).sum(-1)).sum(-1)


def up_to_1(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    e2 = ((projected - pixels.nan_to_num()) ** 2).sum(-1)
    return (confidence * e2 / (e2 + sigma_px**2)).sum(-1)


def smplify_x_way(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    e2 = (projected - pixels.nan_to_num()) ** 2
    rho = sigma_px**2 * e2 / (e2 + sigma_px**2)
    return (confidence[..., None] * rho).sum((-2, -1))


def hidden_joints_kept(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    e2 = ((projected - pixels) ** 2).sum(-1)
    return (sigma_px**2 * e2 / (e2 + sigma_px**2) * confidence).sum(-1)


def averaged(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    e2 = ((projected - pixels.nan_to_num()) ** 2).sum(-1)
    return (sigma_px**2 * e2 / (e2 + sigma_px**2) * confidence).mean(-1)


def _distances(pose: Tensor, means: Tensor, precisions: Tensor) -> Tensor:
    d = pose[:, None] - means
    return (d[:, :, None] @ precisions @ d[..., None])[..., 0, 0]


def only_distances(pose: Tensor, means: Tensor, precisions: Tensor, weights: Tensor) -> Tensor:
    return (0.5 * _distances(pose, means, precisions) - weights.log()).min(1).values


def true_mixture(pose: Tensor, means: Tensor, precisions: Tensor, weights: Tensor) -> Tensor:
    logs = weights.log() + 0.5 * precisions.logdet() - 0.5 * _distances(pose, means, precisions)
    return -logs.exp().sum(1).log()


def worst_component(pose: Tensor, means: Tensor, precisions: Tensor, weights: Tensor) -> Tensor:
    logs = weights.log() + 0.5 * precisions.logdet() - 0.5 * _distances(pose, means, precisions)
    return (-logs).max(1).values


def inverse_again(pose: Tensor, means: Tensor, precisions: Tensor, weights: Tensor) -> Tensor:
    d = _distances(pose, means, precisions.inverse())
    return (0.5 * d - weights.log() - 0.5 * precisions.logdet()).min(1).values


def likelihood_sign(pose: Tensor, means: Tensor, precisions: Tensor, weights: Tensor) -> Tensor:
    d = _distances(pose, means, precisions)
    return (0.5 * d - weights.log() + 0.5 * precisions.logdet()).min(1).values


def always_newest(fits: Tensor, errors: Tensor, rows: Tensor, new: Tensor, found: Tensor) -> Any:
    fits, errors = fits.clone(), errors.clone()
    fits[rows], errors[rows] = new, found
    return fits, errors, fits[rows]


def errors_forgotten(fits: Tensor, errors: Tensor, rows: Tensor, new: Tensor, found: Tensor) -> Any:
    better = found < errors[rows]
    fits = fits.clone()
    fits[rows] = torch.where(better[:, None], new, fits[rows])
    return fits, errors.clone(), fits[rows]


def learns_from_todays(fits: Tensor, errors: Tensor, rows: Tensor, new: Tensor, found: Tensor) -> Any:
    fits, errors, _ = solutions.keep_best(fits, errors, rows, new, found)
    return fits, errors, new


def not_worse(fits: Tensor, errors: Tensor, rows: Tensor, new: Tensor, found: Tensor) -> Any:
    worse = found >= errors[rows]
    fits, errors = fits.clone(), errors.clone()
    fits[rows] = torch.where(worse[:, None], fits[rows], new)
    errors[rows] = torch.where(worse, errors[rows], found)
    return fits, errors, fits[rows]


def painter(colours: Tensor, alphas: Tensor, depths: Tensor, background: Tensor) -> Any:
    people, rays = alphas.shape[:2]
    picture, shares = torch.zeros(rays, 3), torch.zeros(rays, people)
    for r in range(rays):
        left = 1.0
        for p in depths[:, r].amin(1).argsort().tolist():  # whole people, by their nearest sample
            for s in depths[p, r].argsort().tolist():
                w = left * float(alphas[p, r, s])
                picture[r] += w * colours[p, r, s]
                shares[r, p] += w
                left *= 1 - float(alphas[p, r, s])
        picture[r] += left * background[r]
    return picture, shares


def in_order_of_people(colours: Tensor, alphas: Tensor, depths: Tensor, background: Tensor) -> Any:
    people, rays, samples = alphas.shape
    behind = torch.arange(people * samples).view(people, 1, samples).expand(-1, rays, -1).float()
    return solutions.composite_layers(colours, alphas, behind, background)


def seen_from_behind(colours: Tensor, alphas: Tensor, depths: Tensor, background: Tensor) -> Any:
    return solutions.composite_layers(colours, alphas, 10 - depths, background)


def masks_of_one_alone(colours: Tensor, alphas: Tensor, depths: Tensor, background: Tensor) -> Any:
    picture, _ = solutions.composite_layers(colours, alphas, depths, background)
    return picture, 1 - (1 - alphas).prod(2).T


def black_behind(colours: Tensor, alphas: Tensor, depths: Tensor, background: Tensor) -> Any:
    return solutions.composite_layers(colours, alphas, depths, torch.zeros_like(background))


WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("20.6", upside_down_triangle, "wrong way round"),
    ("20.6", average_depth, "mean of the bones"),
    ("20.6", nan_times_zero, "NaN"),
    ("20.6", same_depth_for_all, "weak perspective"),
    ("20.7", plain_squares, "plain square"),
    ("20.7", up_to_1, "factor σ²"),
    ("20.7", smplify_x_way, "one by one"),
    ("20.7", hidden_joints_kept, "NaN"),
    ("20.7", averaged, "mean over the joints"),
    ("20.8", only_distances, "log det is missing"),
    ("20.8", true_mixture, "logsumexp"),
    ("20.8", worst_component, "largest"),
    ("20.8", inverse_again, "inverse of P"),
    ("20.8", likelihood_sign, "wrong sign"),
    ("20.9", always_newest, "every new fit"),
    ("20.9", errors_forgotten, "not noted"),
    ("20.9", learns_from_todays, "does not learn from the new"),
    ("20.9", not_worse, "NaN"),
    ("20.10", painter, "together"),
    ("20.10", in_order_of_people, "person by person"),
    ("20.10", seen_from_behind, "farthest"),
    ("20.10", masks_of_one_alone, "alone"),
    ("20.10", black_behind, "no background"),
]


@pytest.mark.parametrize(("id", "answer", "word"), WRONG, ids=[f"{id} {a.__name__}" for id, a, _ in WRONG])
def test_a_wrong_answer_gets_the_hint_for_its_mistake(id: str, answer: Callable[..., Any], word: str) -> None:
    check_hint(BY_ID[id], answer, word, "value")
