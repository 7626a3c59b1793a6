"""Chapter 16: the exercises' references are what the package computes, and other right ways pass."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch16 import latent_solutions, solutions
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.generative.diffusion import (
    forward_process,
    guidance,
    kl_autoencoder,
    layout,
    prediction,
    samplers,
)
from lecture_utils.generative.diffusion.mixture import GaussianMixture
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas, linear_betas
from lecture_utils.generative.unclip import manipulation
from lecture_utils.generative.unclip.prior import DiffusionPrior
from tests.references import check_reference

BY_ID = {exercise.id: exercise for exercise in exercises("16")}


def of_table(alpha_bar: Tensor) -> NoiseSchedule:
    return NoiseSchedule(1 - alpha_bar[1:] / alpha_bar[:-1])


# --- the package's versions --------------------------------------------------------------------------
def packages_noised(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    return forward_process.noised(of_table(alpha_bar), x0, t, noise)


def packages_loss(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    schedule = of_table(alpha_bar)
    t = torch.randint(1, schedule.steps + 1, (len(x0),), generator=generator)
    noise = torch.randn(x0.shape, generator=generator)
    return prediction.simple_loss(predict, schedule, x0, t, noise)


def packages_ddpm(x: Tensor, e: Tensor, t: int, beta: Tensor, alpha_bar: Tensor, noise: Tensor) -> Tensor:
    return samplers.ddpm_step(of_table(alpha_bar), x, e, t, t - 1, noise)


def packages_ddim(x: Tensor, e: Tensor, t: int, s: int, alpha_bar: Tensor) -> Tensor:
    return samplers.ddim_step(of_table(alpha_bar), x, e, t, s)


class PackagesGuidance:
    guide = staticmethod(guidance.guide)

    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        return guidance.drop_condition(context, null, guidance.dropouts(len(context), rate, generator))


class PackagesLatent:
    @staticmethod
    def latent_scale(codes: Tensor) -> float:
        model = kl_autoencoder.KLAutoEncoder(3, (8, 8))
        model.encode = lambda x: (x, torch.full_like(x, -200))  # type: ignore[method-assign]
        return model.measure_scale(codes, torch.zeros_like(codes))

    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return scale * kl_autoencoder.drawn(mean, log_var, noise)


def packages_slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    def rows(x: Tensor) -> Tensor:
        return x.reshape(-1, x.shape[-1])

    return manipulation.slerp(rows(a), rows(b), share).reshape(a.shape)


THEIRS: dict[str, Any] = {
    "16.1": packages_noised,
    "16.2": packages_loss,
    "16.3": packages_ddpm,
    "16.4": packages_ddim,
    "16.6": PackagesGuidance,
    "16.7": PackagesLatent,
    "16.8": layout.fourier_features,
    "16.9": packages_slerp,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    check_reference(BY_ID[id], THEIRS[id])


def test_the_rotation_is_the_packages_velocity() -> None:
    schedule = NoiseSchedule(linear_betas(20, start=0.01, end=0.3))
    x0, noise = torch.randn(2, 3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([1, 9, 20])
    at, x = schedule.at(t, x0), forward_process.noised(schedule, x0, t, noise)
    v = prediction.target(schedule, x0, t, noise, kind="v")
    torch.testing.assert_close(solutions.Rotation.velocity(x0, noise, at), v)
    back = solutions.Rotation.from_velocity(v, x, at)
    torch.testing.assert_close(back[0], prediction.to_sample(schedule, v, x, t, kind="v"))
    torch.testing.assert_close(back[1], prediction.to_epsilon(schedule, v, x, t, kind="v"))


def test_the_best_draw_is_the_one_that_the_packages_prior_keeps() -> None:
    generator = torch.Generator().manual_seed(0)
    text, words = torch.randn(6, 5, generator=generator), torch.randn(6, 2, 3, generator=generator)
    net = lambda x, t, words, text: x  # noqa: E731
    prior = DiffusionPrior(net, NoiseSchedule(cosine_betas(10)), dim=5, words=3, length=2)  # type: ignore[arg-type]
    drawn = torch.stack([prior.draw(words, text, steps=3, seed=1000 * i) for i in range(4)], dim=1)
    kept = F.normalize(latent_solutions.best_drawn(drawn, text), dim=-1)
    torch.testing.assert_close(kept, prior.sample(words, text, tries=4, steps=3))


@pytest.mark.parametrize("name", ["ddpm", "ddim"])
def test_the_learners_functions_draw_from_a_mixture(name: str) -> None:
    """With the perfect guess both samplers end at the mixture: its shares, means and widths."""
    steps = 500  # β̃ is the smaller of two bounds: with 100 steps DDPM's widths come out a fifth too small
    schedule = NoiseSchedule(linear_betas(steps, start=2e-4, end=0.03))
    weights = torch.tensor([0.25, 0.75])
    mixture = GaussianMixture(torch.tensor([[-1.0, 0.5], [1.0, 0.0]]), torch.tensor([0.1, 0.1]), weights)
    predict = mixture.predictor(schedule)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2000, 2, generator=generator)
    for t in range(steps, 0, -1):
        epsilon = predict(x, torch.full((len(x),), t))
        if name == "ddpm":
            noise = torch.randn(x.shape, generator=generator)
            x = solutions.ddpm_step(x, epsilon, t, schedule.beta, schedule.alpha_bar, noise)
        else:
            x = solutions.ddim_step(x, epsilon, t, t - 1, schedule.alpha_bar)
    right = x[x[:, 0] > 0]
    assert len(right) / len(x) == pytest.approx(0.75, abs=0.05)
    assert right.mean(0).tolist() == pytest.approx([1.0, 0.0], abs=0.02)
    assert right.std(0).tolist() == pytest.approx([0.1, 0.1], abs=0.015)


def test_off_by_one_shows_nothing_in_samples_but_the_check_finds_it() -> None:
    """What the question about it says: a thousand steps, each read one place too early."""
    answer = lambda x, e, t, s, alpha_bar: solutions.ddim_step(x, e, t - 1, s - 1, alpha_bar)  # noqa: E731
    assert examine(BY_ID["16.4"], answer).state == "wrong"
    alpha_bar = NoiseSchedule(cosine_betas(1000)).alpha_bar
    kept = (alpha_bar[1:] / alpha_bar[:-1]).sqrt()
    assert float(kept[:-100].min()) > 0.98, "neighbouring steps hardly differ"


# --- other right ways pass ---------------------------------------------------------------------------
def noised_one_by_one(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    made = []
    for picture, step, e in zip(x0, t, noise, strict=True):
        ab = alpha_bar[step]
        made.append(ab.sqrt() * picture + torch.sqrt(1 - ab) * e)
    return torch.stack(made)


def noised_by_reshape(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    shape = [len(x0)] + [1] * (x0.dim() - 1)
    a = torch.gather(alpha_bar, 0, t).sqrt().reshape(shape)
    b = (1 - alpha_bar[t]).sqrt().reshape(shape)
    return (a * x0 + b * noise).type_as(x0)


def loss_with_noise_first(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    eps = torch.empty_like(x0).normal_(generator=generator)
    t = 1 + torch.randint(alpha_bar.numel() - 1, (x0.shape[0],), generator=generator)
    x_t = noised_by_reshape(x0, t, eps, alpha_bar)
    return F.mse_loss(predict(x_t, t), eps)


def loss_by_rand(predict: Any, x0: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    steps = len(alpha_bar) - 1
    t = (torch.rand(len(x0), generator=generator) * steps).long() + 1
    noise = torch.randn(*x0.shape, generator=generator)
    off = predict(solutions.noised(x0, t, noise, alpha_bar), t) - noise
    return (off**2).flatten(1).mean(1).mean()


def ddpm_by_posterior(x: Tensor, e: Tensor, t: int, beta: Tensor, alpha_bar: Tensor, z: Tensor) -> Tensor:
    """The other form of the mean: by the picture that the guess means."""
    now, before = alpha_bar[t], alpha_bar[t - 1]
    x0 = (x - (1 - now).sqrt() * e) / now.sqrt()
    mean = before.sqrt() * beta[t] / (1 - now) * x0 + (1 - beta[t]).sqrt() * (1 - before) / (1 - now) * x
    return mean if t == 1 else mean + (beta[t] * (1 - before) / (1 - now)).sqrt() * z


def ddpm_by_floats(x: Tensor, e: Tensor, t: int, beta: Tensor, alpha_bar: Tensor, z: Tensor) -> Tensor:
    b, now, before = float(beta[t]), float(alpha_bar[t]), float(alpha_bar[t - 1])
    mean = (x - b / math.sqrt(1 - now) * e) / math.sqrt(now / before)
    return mean + math.sqrt(b * (1 - before) / (1 - now)) * z


def ddim_in_one_line(x: Tensor, e: Tensor, t: int, s: int, alpha_bar: Tensor) -> Tensor:
    ratio = (alpha_bar[s] / alpha_bar[t]).sqrt()
    return ratio * x + ((1 - alpha_bar[s]).sqrt() - ratio * (1 - alpha_bar[t]).sqrt()) * e


class RotationByAngle:
    @staticmethod
    def velocity(x0: Tensor, noise: Tensor, alpha_bar_t: Tensor) -> Tensor:
        angle = torch.arccos(alpha_bar_t.sqrt())
        return torch.cos(angle) * noise - torch.sin(angle) * x0

    @staticmethod
    def from_velocity(v: Tensor, x: Tensor, alpha_bar_t: Tensor) -> list[Tensor]:
        angle = torch.arccos(alpha_bar_t.sqrt())
        return [angle.cos() * x - angle.sin() * v, angle.sin() * x + angle.cos() * v]


class GuidanceOtherwise:
    @staticmethod
    def guide(without: Tensor, given: Tensor, scale: float) -> Tensor:
        return (1 - scale) * without + scale * given

    @staticmethod
    def told(context: Tensor, null: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        context = context.clone()
        dropped = torch.bernoulli(torch.full((len(context),), rate), generator=generator).bool()
        context[dropped] = null
        return context


class LatentOtherwise:
    @staticmethod
    def latent_scale(codes: Tensor) -> Tensor:
        return 1 / codes.var(correction=0).sqrt()

    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        return scale * torch.addcmul(mean, log_var.exp().sqrt(), noise)


def features_by_loops(boxes: Tensor, frequencies: int) -> Tensor:
    columns = []
    for i in range(frequencies):
        angle = boxes * 100 ** (i / frequencies)
        columns += [torch.sin(angle), torch.cos(angle)]
    return torch.cat(columns, dim=-1)


def slerp_by_the_formula(a: Tensor, b: Tensor, share: float) -> Tensor:
    a, b = a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
    dot = (a * b).sum(dim=-1, keepdim=True).clamp(-1, 1)
    theta = torch.acos(dot)
    made = (torch.sin((1 - share) * theta) * a + torch.sin(share * theta) * b) / torch.sin(theta)
    return torch.where(dot > 1 - 1e-6, F.normalize(torch.lerp(a, b, share), dim=-1), made)


def slerp_where_it_can(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Row by row, straight where two are the same."""
    if a.ndim > 1:
        return torch.stack([slerp_where_it_can(x, y, share) for x, y in zip(a, b, strict=True)])
    a, b = a / a.norm(), b / b.norm()
    theta = torch.acos(torch.clamp(a @ b, -1, 1))
    if theta < 1e-3:
        return a
    return (torch.sin((1 - share) * theta) * a + torch.sin(share * theta) * b) / torch.sin(theta)


def best_by_einsum(candidates: Tensor, text: Tensor) -> Tensor:
    unit = candidates / candidates.norm(dim=-1, keepdim=True)
    best = torch.einsum("bkd,bd->bk", unit, text).argmax(dim=-1)
    return candidates.gather(1, best[:, None, None].expand(-1, 1, candidates.shape[-1])).squeeze(1)


def best_by_loop(candidates: Tensor, text: Tensor) -> Tensor:
    rows = [
        max(draws, key=lambda z: float(z @ t / z.norm())) for draws, t in zip(candidates, text, strict=True)
    ]
    return torch.stack(rows)


RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("16.1", noised_one_by_one),
    ("16.1", noised_by_reshape),
    ("16.2", loss_with_noise_first),
    ("16.2", loss_by_rand),
    ("16.3", ddpm_by_posterior),
    ("16.3", ddpm_by_floats),
    ("16.4", ddim_in_one_line),
    ("16.5", RotationByAngle),
    ("16.6", GuidanceOtherwise),
    ("16.7", LatentOtherwise),
    ("16.8", features_by_loops),
    ("16.9", slerp_by_the_formula),
    ("16.9", slerp_where_it_can),
    ("16.10", best_by_einsum),
    ("16.10", best_by_loop),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT, ids=[f"{id} {a.__name__}" for id, a in RIGHT])
def test_another_right_way_passes(id: str, answer: Callable[..., Any]) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "right", found
