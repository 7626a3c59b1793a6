"""Chapter 16: the way back, watched: what is believed on the way, with the shipped ``digits_ddpm``.

Shapes: B batch, S side, K kept steps, R rows.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lecture_utils.chapters.ch16 import solutions
from lecture_utils.chapters.ch16.guidance_study import shipped_digits
from lecture_utils.chapters.ch16.steps_study import sample_with
from lecture_utils.data import digits
from lecture_utils.generative.diffusion.forward_process import noised
from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.generative.diffusion.mixture import GaussianMixture
from lecture_utils.generative.diffusion.prediction import Predict, convert, to_epsilon, to_sample
from lecture_utils.generative.diffusion.samplers import spaced_steps
from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.metrics.psnr import psnr
from lecture_utils.recipes._judged import digit_fidelity

SIDE = 16
Step = Callable[[Tensor, Tensor, int, int, Tensor], Tensor]  # x, ε, t, s, ᾱ → x_s


def told(labels: Tensor, model: LabelledDiffusion | None = None) -> Predict:
    """The network's prediction (of v) for digits asked for, labels (B,): x_t and t → (B, 1, 16, 16)."""
    model = model or shipped_digits()
    context, _ = model.contexts(labels[:, None])
    return lambda x, t: model.net(x, t, context)


def starting_noise(n: int, seed: int = 0) -> Tensor:
    """x_T of n digits, (n, 1, 16, 16)."""
    return torch.randn(n, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def drawn(
    labels: Tensor, sampler: str, count: int, *, noise: Tensor, spacing: str = "trailing", **more: Any
) -> Tensor:
    """Digits (B, 1, 16, 16) in [0, 1] of labels (B,), by one of `steps_study.SAMPLERS` from `noise`."""
    model = shipped_digits()
    x = sample_with(
        sampler,
        told(labels),
        model.schedule,
        noise,
        count,
        kind=model.kind,
        clip=1.0,
        spacing=spacing,
        **more,
    )
    return ((x + 1) / 2).clamp(0, 1)


class Trajectory(NamedTuple):
    """What happens on the way from noise to pictures, with K predictions."""

    times: list[int]  # K + 1, from T to 0
    x: Tensor  # (K + 1, B, …): x_t
    x0: Tensor  # (K, B, …): the clean picture that is believed
    epsilon: Tensor  # (K, B, …): the noise that is believed


@torch.inference_mode()
def trajectory(
    predict: Predict,
    schedule: NoiseSchedule,
    noise: Tensor,
    count: int,
    *,
    kind: str,
    sampler: str = "DDIM",
    clip: float | None = None,
    spacing: str = "trailing",
    eta: float = 0.0,
    seed: int = 10_000,
) -> Trajectory:
    """Sample from `noise` (B, …) in `count` steps, and keep what was believed at each.

    Noise on the way comes from `seed`, which should not be the one that `noise` came from.
    """
    kept: list[Tensor] = [noise]
    asked: list[Tensor] = []

    def watched(x: Tensor, t: Tensor) -> Tensor:
        asked.append(predict(x, t))
        return asked[-1]

    sample_with(
        sampler, watched, schedule, noise, count, kind=kind, clip=clip, spacing=spacing, eta=eta, seed=seed,
        keep=kept,
    )  # fmt: skip
    times = spaced_steps(schedule.steps, count, spacing)
    x0 = [to_sample(schedule, p, x, t, kind=kind) for p, x, t in zip(asked, kept[:-1], times, strict=True)]
    x0 = x0 if clip is None else [x.clamp(-clip, clip) for x in x0]
    epsilon = [
        to_epsilon(schedule, p, x, t, kind="sample") for p, x, t in zip(x0, kept[:-1], times, strict=True)
    ]
    return Trajectory([*times, 0], torch.stack(kept), torch.stack(x0), torch.stack(epsilon))


def digit_trajectory(digit: int, seed: int, count: int = 20, **more: Any) -> Trajectory:
    """The shipped network's way to one digit; each of the tensors is (…, 1, 1, 16, 16)."""
    model = shipped_digits()
    return trajectory(
        told(torch.tensor([digit])),
        model.schedule,
        starting_noise(1, seed),
        count,
        kind=model.kind,
        clip=1.0,
        **more,
    )


# --- the best denoiser there is -------------------------------------------------------------------------
def perfect_beliefs(
    image: Tensor, times: Sequence[int], schedule: NoiseSchedule, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """x_t of a digit (1, 8, 8) in [0, 1], and the perfect guess E[x_0 | x_t]: (times, 1, 8, 8) each.

    If the training digits are all there is, each a single point, the best guess is their mean, each weighed
    by how likely x_t is its own.
    """
    pool = 2 * digits.load(8)[0].flatten(1) - 1  # (1197, 64)
    mixture = GaussianMixture(pool, torch.zeros(len(pool)))
    x0 = (2 * image.flatten() - 1).expand(len(times), -1)
    noise = torch.randn(x0.shape[1], generator=torch.Generator().manual_seed(seed)).expand_as(x0)
    t = torch.tensor(times)
    x = noised(schedule, x0, t, noise)
    return x.unflatten(1, image.shape), mixture.denoise(x, t, schedule).unflatten(1, image.shape)


# --- what DDIM's determinism is good for ----------------------------------------------------------------
@torch.inference_mode()
def same_noise(
    labels: Tensor, counts: Sequence[int], sampler: str = "DDIM", seed: int = 0
) -> dict[int, Tensor]:
    """Digits (B, 1, 16, 16) from one x_T, by number of steps."""
    noise = starting_noise(len(labels), seed)
    return {count: drawn(labels, sampler, count, noise=noise, seed=seed + 1) for count in counts}


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Between two noises (B, D), along the sphere, with their lengths kept (Song et al., section 5.3)."""
    angle = torch.nn.functional.cosine_similarity(a, b, dim=-1).clamp(-1, 1).acos()[:, None]
    return (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()


@torch.inference_mode()
def between(
    digit: int,
    shares: Sequence[float],
    *,
    mix: Callable[[Tensor, Tensor, float], Tensor] = slerp,
    seed: int = 0,
) -> Tensor:
    """Digits (shares, 1, 16, 16) from noises between two, all asked for as one digit; by 20 steps of DDIM."""
    a, b = starting_noise(2, seed).flatten(1).split(1)
    noise = torch.cat([mix(a, b, share) for share in shares]).unflatten(1, (1, SIDE, SIDE))
    return drawn(torch.full((len(shares),), digit), "DDIM", 20, noise=noise)


@torch.inference_mode()
def there_and_back(
    images: Tensor, labels: Tensor, counts: Sequence[int]
) -> dict[int, tuple[Tensor, Tensor, float]]:
    """By number of steps: the noise (B, 1, 16, 16) of digits, what DDIM makes of it, and the PSNR."""
    found = {}
    for count in counts:
        noise = shipped_digits().encode(images, labels[:, None], steps=count)
        back = drawn(labels, "DDIM", count, noise=noise)
        found[count] = noise, back, psnr(back, images).mean().item()
    return found


# --- which t is hard ------------------------------------------------------------------------------------
@torch.inference_mode()
def loss_by_step(times: Sequence[int], n: int = 100, seed: int = 0) -> dict[str, list[float]]:
    """Mean squared error of the shipped network on test digits at each t: as ε, as x_0, as v."""
    model, draw = shipped_digits(), torch.Generator().manual_seed(seed)
    images, labels = (part[:n] for part in digits.load(SIDE, "test"))
    x0, predict = 2 * images - 1, told(labels)
    found: dict[str, list[float]] = {"epsilon": [], "sample": [], "v": []}
    for t in times:
        noise = torch.randn(x0.shape, generator=draw)
        x = noised(model.schedule, x0, t, noise)
        said = predict(x, torch.full((len(x),), t))
        wanted = {
            "epsilon": noise,
            "sample": x0,
            "v": solutions.Rotation.velocity(x0, noise, model.schedule.at(t, x0)),
        }
        for kind, want in wanted.items():
            guess = convert(model.schedule, said, x, t, kind="v", to=kind)
            found[kind].append((guess - want).square().mean().item())
    return found


def sheets(
    counts: Sequence[int], samplers: Sequence[str], n: int = 100, **more: Any
) -> dict[tuple[str, int], tuple[Tensor, float]]:
    """Digits (n, 1, 16, 16) of all classes in turn, and their Fréchet distance, by (sampler, steps)."""
    labels, found = torch.arange(10).repeat(n // 10), {}
    for sampler, count in itertools.product(samplers, counts):
        images = drawn(labels, sampler, count, noise=starting_noise(len(labels)), seed=1, **more)
        found[sampler, count] = images, digit_fidelity(images)["frechet_digits"]
    return found


def real_distance(n: int = 100) -> float:
    """The Fréchet distance that n real digits (of the validation split) have."""
    return digit_fidelity(digits.load(SIDE, "val")[0][:n])["frechet_digits"]
