"""Chapter 16: wrong answers, written before any was tried, get the hint for their mistake.

Each comes with a word that the hint has to have.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch16.solutions import noised
from lecture_utils.exercises.checker import exercises
from tests.wrong_answers import check_hint

BY_ID = {exercise.id: exercise for exercise in exercises("16")}
Tables = Tensor


# --- 16.1
def no_axes(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    a = alpha_bar[t].to(x0.dtype)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def four_axes(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    a = alpha_bar[t].float().reshape(-1, 1, 1, 1)
    return torch.sqrt(a) * x0 + torch.sqrt(1 - a) * noise


def left_in_double(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    shape = (-1, *[1] * (x0.ndim - 1))
    a = alpha_bar[t].reshape(shape)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def variances(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    a = alpha_bar[t].to(x0).reshape(-1, *[1] * (x0.ndim - 1))
    return a * x0 + (1 - a) * noise


def from_zero(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    return noised(x0, t - 1, noise, alpha_bar)


def product_again(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    return noised(x0, t, noise, torch.cumprod(alpha_bar, dim=0))


# --- 16.2
def steps_from_zero(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(x0.shape, generator=generator)
    t = torch.randint(0, len(alpha_bar) - 1, (len(x0),), generator=generator)
    return F.mse_loss(predict(noised(x0, t, noise, alpha_bar), t), noise)


def never_the_last(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    t = torch.randint(1, len(alpha_bar) - 1, (x0.shape[0],), generator=generator)
    noise = torch.randn(x0.shape, generator=generator)
    return F.mse_loss(predict(noised(x0, t, noise, alpha_bar), t), noise)


def one_t(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    t = torch.randint(1, len(alpha_bar), (1,), generator=generator).repeat(len(x0))
    noise = torch.randn(x0.shape, generator=generator)
    return F.mse_loss(predict(noised(x0, t, noise, alpha_bar), t), noise)


def target_x0(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(x0.shape, generator=generator)
    t = torch.randint(1, len(alpha_bar), (len(x0),), generator=generator)
    return ((predict(noised(x0, t, noise, alpha_bar), t) - x0) ** 2).mean()


def like_without_generator(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    t = torch.randint(1, len(alpha_bar), (len(x0),), generator=generator)
    noise = torch.randn_like(x0)
    return F.mse_loss(predict(noised(x0, t, noise, alpha_bar), t), noise)


def uniform_noise(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    t = torch.randint(1, len(alpha_bar), (len(x0),), generator=generator)
    noise = torch.rand(x0.shape, generator=generator)
    return F.mse_loss(predict(noised(x0, t, noise, alpha_bar), t), noise)


def summed(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(x0.shape, generator=generator)
    t = torch.randint(1, len(alpha_bar), (len(x0),), generator=generator)
    return F.mse_loss(predict(noised(x0, t, noise, alpha_bar), t), noise, reduction="sum")


# --- 16.3
def sigma_is_beta(x: Tensor, e: Tensor, t: int, beta: Tables, alpha_bar: Tables, z: Tensor) -> Tensor:
    mean = (x - beta[t] / torch.sqrt(1 - alpha_bar[t]) * e) / torch.sqrt(1 - beta[t])
    return mean + torch.sqrt(beta[t]) * z


def papers_large(x: Tensor, e: Tensor, t: int, beta: Tables, alpha_bar: Tables, z: Tensor) -> Tensor:
    if t == 1:
        z = torch.zeros_like(x)
    mean = (x - beta[t] / torch.sqrt(1 - alpha_bar[t]) * e) / torch.sqrt(1 - beta[t])
    return mean + torch.sqrt(beta[t]) * z


def not_rooted(x: Tensor, e: Tensor, t: int, beta: Tables, alpha_bar: Tables, z: Tensor) -> Tensor:
    mean = (x - beta[t] / torch.sqrt(1 - alpha_bar[t]) * e) / torch.sqrt(1 - beta[t])
    return mean + beta[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t]) * z


def bar_for_alpha(x: Tensor, e: Tensor, t: int, beta: Tables, alpha_bar: Tables, z: Tensor) -> Tensor:
    mean = (x - beta[t] / (1 - alpha_bar[t]).sqrt() * e) / alpha_bar[t].sqrt()
    return mean + (beta[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])).sqrt() * z


def counted_from_zero(x: Tensor, e: Tensor, t: int, beta: Tables, alpha_bar: Tables, z: Tensor) -> Tensor:
    b, now, before = beta[t - 1], alpha_bar[t - 1], alpha_bar[t - 2]
    mean = (x - b / (1 - now).sqrt() * e) / (1 - b).sqrt()
    return mean + (b * (1 - before) / (1 - now)).sqrt() * z


def mean_only(x: Tensor, e: Tensor, t: int, beta: Tables, alpha_bar: Tables, z: Tensor) -> Tensor:
    return (x - beta[t] / (1 - alpha_bar[t]).sqrt() * e) / (1 - beta[t]).sqrt()


def clipped_picture(x: Tensor, e: Tensor, t: int, beta: Tables, alpha_bar: Tables, z: Tensor) -> Tensor:
    now, before = alpha_bar[t], alpha_bar[t - 1]
    x0 = ((x - (1 - now).sqrt() * e) / now.sqrt()).clamp(-1, 1)
    mean = (before.sqrt() * beta[t] * x0 + (1 - beta[t]).sqrt() * (1 - before) * x) / (1 - now)
    return mean + (beta[t] * (1 - before) / (1 - now)).sqrt() * z


# --- 16.4
def to_the_picture(x: Tensor, e: Tensor, t: int, s: int, alpha_bar: Tables) -> Tensor:
    return (x - torch.sqrt(1 - alpha_bar[t]) * e) / torch.sqrt(alpha_bar[t])


def same_noise_level(x: Tensor, e: Tensor, t: int, s: int, alpha_bar: Tables) -> Tensor:
    noise = torch.sqrt(1 - alpha_bar[t]) * e
    return torch.sqrt(alpha_bar[s]) * (x - noise) / torch.sqrt(alpha_bar[t]) + noise


def no_division(x: Tensor, e: Tensor, t: int, s: int, alpha_bar: Tables) -> Tensor:
    x0 = x - torch.sqrt(1 - alpha_bar[t]) * e
    return torch.sqrt(alpha_bar[s]) * x0 + torch.sqrt(1 - alpha_bar[s]) * e


def always_the_neighbour(x: Tensor, e: Tensor, t: int, s: int, alpha_bar: Tables) -> Tensor:
    x0 = (x - torch.sqrt(1 - alpha_bar[t]) * e) / torch.sqrt(alpha_bar[t])
    return torch.sqrt(alpha_bar[t - 1]) * x0 + torch.sqrt(1 - alpha_bar[t - 1]) * e


def clamped(x: Tensor, e: Tensor, t: int, s: int, alpha_bar: Tables) -> Tensor:
    x0 = ((x - torch.sqrt(1 - alpha_bar[t]) * e) / torch.sqrt(alpha_bar[t])).clamp(-1, 1)
    return torch.sqrt(alpha_bar[s]) * x0 + torch.sqrt(1 - alpha_bar[s]) * e


# --- 16.5
class SignTurned:
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, a: Tensor) -> Tensor:
        return (1 - a).sqrt() * x0 - a.sqrt() * noise

    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        return a.sqrt() * x - (1 - a).sqrt() * v, (1 - a).sqrt() * x + a.sqrt() * v


class Divides:
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, a: Tensor) -> Tensor:
        return a.sqrt() * noise - (1 - a).sqrt() * x0

    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        x0 = a.sqrt() * x - (1 - a).sqrt() * v
        return x0, (x - a.sqrt() * x0) / (1 - a).sqrt()


class NoiseFirst:
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, a: Tensor) -> Tensor:
        return a.sqrt() * noise - (1 - a).sqrt() * x0

    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        return (1 - a).sqrt() * x + a.sqrt() * v, a.sqrt() * x - (1 - a).sqrt() * v


class SquaresEverywhere:
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, a: Tensor) -> Tensor:
        return a * noise - (1 - a) * x0

    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        return a * x - (1 - a) * v, (1 - a) * x + a * v


class MinusInTheNoise(Divides):
    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        return a.sqrt() * x - (1 - a).sqrt() * v, (1 - a).sqrt() * x - a.sqrt() * v


class FourAxes(SignTurned):
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, a: Tensor) -> Tensor:
        a = a.reshape(-1, 1, 1, 1)
        return a.sqrt() * noise - (1 - a).sqrt() * x0

    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        return SignTurned.from_velocity(v, x, a[..., None, None].reshape(-1, 1, 1, 1))


# --- 16.6
class Right:
    @staticmethod
    def guide(without: Tensor, given: Tensor, scale: float) -> Tensor:
        return without + scale * (given - without)

    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return torch.where(
            (torch.rand(len(context), generator=generator) < rate)[:, None, None], null, context
        )


class OneMore(Right):
    @staticmethod
    def guide(without: Tensor, given: Tensor, scale: float) -> Tensor:
        return given + scale * (given - without)


class EachToken(Right):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        dropped = torch.rand(*context.shape[:2], generator=generator) < rate
        return torch.where(dropped.unsqueeze(-1), null, context)


class OneCoin(Right):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        if torch.rand(1, generator=generator).item() < rate:
            return null.expand_as(context)
        return context


class OtherWay(Right):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        kept = torch.rand(len(context), 1, 1, generator=generator) < rate
        return torch.where(kept, context, null)


class Zeroed(Right):
    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        kept = torch.rand(len(context), 1, 1, generator=generator) >= rate
        return context * kept


# --- 16.7
class ByChannel:
    @staticmethod
    def latent_scale(codes: Tensor) -> float:
        return 1 / codes.std(dim=(0, 2, 3)).mean().item()

    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return scale * (mean + torch.exp(0.5 * log_var) * noise)


class Deviation(ByChannel):
    @staticmethod
    def latent_scale(codes: Tensor) -> float:
        return codes.std().item()


class Good(ByChannel):
    @staticmethod
    def latent_scale(codes: Tensor) -> float:
        return 1 / codes.std().item()


class Variance(Good):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return scale * (mean + torch.exp(log_var) * noise)


class ScaledMean(Good):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return scale * mean + torch.exp(0.5 * log_var) * noise


class RootOfLogarithm(Good):
    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return scale * (mean + noise * torch.sqrt(log_var))


# --- 16.8
def no_brackets(boxes: Tensor, frequencies: int) -> Tensor:
    f = 100 ** torch.arange(frequencies) / frequencies
    angle = boxes[:, :, None, :] * f[:, None]
    return torch.cat([angle.sin(), angle.cos()], dim=-1).flatten(2)


def no_brackets_floats(boxes: Tensor, frequencies: int) -> Tensor:
    f = torch.tensor([100.0**i / frequencies for i in range(frequencies)])
    angle = boxes[:, :, None, :] * f[:, None]
    return torch.stack([angle.sin(), angle.cos()], dim=3).flatten(2)


def two_pi(boxes: Tensor, frequencies: int) -> Tensor:
    f = 2 * torch.pi * 100 ** (torch.arange(frequencies) / frequencies)
    angle = boxes.unsqueeze(2) * f.reshape(1, 1, -1, 1)
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1).flatten(2)


def sines_then_cosines(boxes: Tensor, frequencies: int) -> Tensor:
    f = 100 ** (torch.arange(frequencies) / frequencies)
    angle = (boxes.unsqueeze(2) * f.reshape(1, 1, -1, 1)).flatten(2)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def corner_by_corner(boxes: Tensor, frequencies: int) -> Tensor:
    f = 100 ** (torch.arange(frequencies) / frequencies)
    angle = boxes[..., None] * f  # (B, K, 4, F)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(2)


def nerf(boxes: Tensor, frequencies: int) -> Tensor:
    angle = boxes[:, :, None] * 2 ** torch.arange(frequencies)[:, None]
    return torch.cat([angle.sin(), angle.cos()], dim=-1).flatten(2)


# --- 16.9
def lerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    return F.normalize(torch.lerp(F.normalize(a, dim=-1), F.normalize(b, dim=-1), share), dim=-1)


def short(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    return a + share * (b - a)


def bare_formula(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    theta = torch.acos((a * b).sum(-1, keepdim=True))
    return (
        torch.sin((1 - share) * theta) / torch.sin(theta) * a
        + torch.sin(share * theta) / torch.sin(theta) * b
    )


def clamped_formula(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    theta = torch.acos((a * b).sum(-1, keepdim=True).clamp(-1, 1))
    return (torch.sin((1 - share) * theta) * a + torch.sin(share * theta) * b) / torch.sin(theta)


def in_degrees(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    theta = (a * b).sum(-1, keepdim=True).clamp(-1, 1).acos().clamp(min=1e-4) * 180 / math.pi
    return (torch.sin((1 - share) * theta) * a + torch.sin(share * theta) * b) / torch.sin(theta)


def backwards(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    theta = (a * b).sum(-1, keepdim=True).clamp(-1, 1).acos().clamp(min=1e-4)
    return (torch.sin(share * theta) * a + torch.sin((1 - share) * theta) * b) / torch.sin(theta)


def no_keepdim(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    theta = (a * b).sum(-1).clamp(-1, 1).acos().clamp(min=1e-4)
    return (torch.sin((1 - share) * theta) * a + torch.sin(share * theta) * b) / torch.sin(theta)


def no_keepdim_unit(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    theta = torch.sum(a * b, dim=-1).clamp(-1, 1).acos().clamp(min=1e-4)
    return F.normalize(torch.sin((1 - share) * theta) * a + torch.sin(share * theta) * b, dim=-1)


def angle_of_zero(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    theta = torch.acos(torch.clamp((a * b).sum(-1, keepdim=True), -1, 1))
    return F.normalize(torch.sin((1 - share) * theta) * a + torch.sin(share * theta) * b, dim=-1)


def nothing_held_back(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    theta = torch.acos((a * b).sum(-1, keepdim=True))
    return F.normalize(torch.sin((1 - share) * theta) * a + torch.sin(share * theta) * b, dim=-1)


def zero_divided(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    theta = torch.acos(torch.clamp((a * b).sum(-1, keepdim=True), -1, 1))
    made = torch.sin((1 - share) * theta) * a + torch.sin(share * theta) * b
    return made / made.norm(dim=-1, keepdim=True)


def any_is_all(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    theta = torch.acos(torch.clamp((a * b).sum(-1, keepdim=True), -1, 1))
    if (theta < 1e-4).any():
        return a
    return (torch.sin((1 - share) * theta) * a + torch.sin(share * theta) * b) / torch.sin(theta)


def straight_for_all(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    theta = torch.acos(torch.clamp((a * b).sum(-1, keepdim=True), -1, 1))
    if theta.min() < 1e-4:
        return torch.lerp(a, b, share)
    return (torch.sin((1 - share) * theta) * a + torch.sin(share * theta) * b) / torch.sin(theta)


# --- 16.10
def no_axis(candidates: Tensor, text: Tensor) -> Tensor:
    best = (F.normalize(candidates, dim=-1) * F.normalize(text, dim=-1)).sum(-1).argmax(1)
    return candidates[torch.arange(len(text)), best]


def dot(candidates: Tensor, text: Tensor) -> Tensor:
    best = (candidates @ text[:, :, None])[..., 0].argmax(1)
    return candidates[torch.arange(len(text)), best]


def sliced(candidates: Tensor, text: Tensor) -> Tensor:
    best = F.cosine_similarity(candidates, text.unsqueeze(1), dim=2).argmax(1)
    return candidates[:, best]


def axis_zero(candidates: Tensor, text: Tensor) -> Tensor:
    best = F.cosine_similarity(candidates, text.unsqueeze(1), dim=2).argmax(0)
    return candidates[best, torch.arange(candidates.shape[1])]


def nearest_point(candidates: Tensor, text: Tensor) -> Tensor:
    best = torch.cdist(candidates, text.unsqueeze(1))[..., 0].argmin(1)
    return candidates[torch.arange(len(text)), best]


def unit_length(candidates: Tensor, text: Tensor) -> Tensor:
    unit = F.normalize(candidates, dim=-1)
    best = (unit * text[:, None]).sum(-1).argmax(1)
    return unit[torch.arange(len(text)), best]


WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("16.1", no_axes, "line"),
    ("16.1", four_axes, "four axes"),
    ("16.1", left_in_double, "double precision"),
    ("16.1", variances, "root"),
    ("16.1", from_zero, "too early"),
    ("16.1", product_again, "product"),
    ("16.2", steps_from_zero, "from 0 to T - 1"),
    ("16.2", never_the_last, "upper end"),
    ("16.2", one_t, "one step"),
    ("16.2", target_x0, "clean picture"),
    ("16.2", like_without_generator, "generator"),
    ("16.2", uniform_noise, "torch.randn"),
    ("16.2", summed, "add up"),
    ("16.3", sigma_is_beta, "β̃"),
    ("16.3", papers_large, "other choice"),
    ("16.3", not_rooted, "deviation"),
    ("16.3", bar_for_alpha, "all t steps"),
    ("16.3", counted_from_zero, "too early"),
    ("16.3", mean_only, "fresh noise"),
    ("16.3", clipped_picture, "[-1, 1]"),
    ("16.4", to_the_picture, "clean picture"),
    ("16.4", same_noise_level, "put back"),
    ("16.4", no_division, "divide"),
    ("16.4", always_the_neighbour, "t - 1"),
    ("16.4", clamped, "[-1, 1]"),
    ("16.5", SignTurned, "sign"),
    ("16.5", Divides, "dividing"),
    ("16.5", NoiseFirst, "picture comes first"),
    ("16.5", SquaresEverywhere, "in both methods"),
    ("16.5", MinusInTheNoise, "has a minus in it"),
    ("16.5", FourAxes, "reshape"),
    ("16.6", OneMore, "paper"),
    ("16.6", EachToken, "single tokens"),
    ("16.6", OneCoin, "whole batch"),
    ("16.6", OtherWay, "keep"),
    ("16.6", Zeroed, "zeros"),
    ("16.7", ByChannel, "channel"),
    ("16.7", Deviation, "deviation itself"),
    ("16.7", Variance, "variance"),
    ("16.7", ScaledMean, "mean alone"),
    ("16.7", RootOfLogarithm, "root of log_var"),
    ("16.8", no_brackets, "brackets"),
    ("16.8", no_brackets_floats, "brackets"),
    ("16.8", two_pi, "2π"),
    ("16.8", sines_then_cosines, "sines come first"),
    ("16.8", corner_by_corner, "corner by corner"),
    ("16.8", nerf, "NeRF"),
    ("16.9", lerp, "straight line"),
    ("16.9", short, "inside the sphere"),
    ("16.9", bare_formula, "nan"),
    ("16.9", clamped_formula, "nan"),
    ("16.9", in_degrees, "degrees"),
    ("16.9", backwards, "wrong way"),
    ("16.9", no_keepdim, "lost their last axis"),
    ("16.9", no_keepdim_unit, "drops it"),
    ("16.9", angle_of_zero, "zeros"),
    ("16.9", nothing_held_back, "zeros"),
    ("16.9", zero_divided, "nan"),
    ("16.9", any_is_all, "all of a"),
    ("16.9", straight_for_all, "go straight in all"),
    ("16.10", no_axis, "no axis"),
    ("16.10", dot, "product"),
    ("16.10", sliced, "slice"),
    ("16.10", axis_zero, "axis 0"),
    ("16.10", nearest_point, "distance"),
    ("16.10", unit_length, "as it was drawn"),
]


@pytest.mark.parametrize(("id", "answer", "word"), WRONG, ids=[f"{id} {a.__name__}" for id, a, _ in WRONG])
def test_a_wrong_answer_gets_the_hint_for_its_mistake(id: str, answer: Callable[..., Any], word: str) -> None:
    check_hint(BY_ID[id], answer, word, "value", "raises", "kind")
