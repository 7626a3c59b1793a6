"""Chapter 16: what breaks a diffusion model, each fault alone: mistaken targets, other schedules, no drops.

Each call takes a few CPU seconds. Digits are those of `digits_ddpm`, from the same noise for all faults;
points are two classes in the plane, learnt by a network of three layers.

Shapes: N digits or points, B batch.
"""

import functools
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch16.guidance_points import points_measured, points_of, points_schedule
from lecture_utils.chapters.ch16.guidance_study import shipped_digits, shipped_scenes
from lecture_utils.generative.diffusion.condition import LabelTokens
from lecture_utils.generative.diffusion.guidance import guide
from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.diffusion.model import Diffusion
from lecture_utils.generative.diffusion.prediction import convert
from lecture_utils.generative.diffusion.resnet_blocks import StepEmbedding
from lecture_utils.generative.diffusion.samplers import ddim_sample, spaced_steps
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, linear_betas
from lecture_utils.recipes._judged import DIGITS, digit_fidelity, digits_named
from lecture_utils.recipes._latent_diffusion import ids_of

STEPS = 20


class Made(NamedTuple):
    """Digits (N, 1, S, S), the share that the judge calls rightly, and the Fréchet distance to real ones."""

    images: Tensor
    accuracy: float
    frechet: float


def told_and_noise(n: int, model: Diffusion, seed: int) -> tuple[Tensor, Tensor]:
    """Labels (n, 1), 0 to 9 in turn, and noise (n, C, S, S)."""
    noise = torch.randn(n, *model.shape, generator=torch.Generator().manual_seed(seed))
    return torch.arange(n)[:, None] % 10, noise


def made_of(images: Tensor, labels: Tensor) -> Made:
    """Judge digits of labels (N, 1)."""
    images = images.nan_to_num(0.0).clamp(0, 1)
    right = digits_named(images) == labels[:, 0]
    return Made(images, right.float().mean().item(), digit_fidelity(images)["frechet_digits"])


@torch.no_grad()
def sampled(
    model: LabelledDiffusion,
    labels: Tensor,
    noise: Tensor,
    *,
    said: str | None = None,
    taken: str | None = None,
    asked: int = 0,
    schedule: NoiseSchedule | None = None,
    clip: float | None = 1.0,
    scale: float = 1.0,
) -> Tensor:
    """Sample by DDIM with one fault, or with none where nothing is set.

    Parameters
    ----------
    model : LabelledDiffusion
    labels, noise : Tensor
        (N, 1), (N, C, S, S).
    said, taken : {"epsilon", "sample", "v"}, optional
        As what the network's answer is handed on, and as what the sampler takes it.
    asked : int
        By how many steps the step that the network is told is off.
    schedule : NoiseSchedule, optional
        What the sampler thinks that the model was trained with.
    clip : float, optional
        None: the predicted digit may leave [-1, 1].
    scale : float
        Of guidance.
    """
    said, taken = said or model.kind, taken or said or model.kind
    context, null = model.contexts(labels)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        told = (t + asked).clamp(0, model.schedule.steps)
        given = model.net(x, told, context)
        if scale != 1:
            given = guide(model.net(x, told, null.expand_as(context)), given, scale)
        return convert(model.schedule, given, x, t, kind=model.kind, to=said)

    schedule = schedule or model.schedule
    times = spaced_steps(schedule.steps, STEPS, "trailing")
    return (ddim_sample(predict, schedule, noise, times, kind=taken, clip=clip) + 1) / 2


# --- 1: a prediction taken for another ------------------------------------------------------------------
def mistaken_targets(n: int = DIGITS, seed: int = 0) -> dict[str, Made]:
    """What comes of a network that predicts the noise when a sampler takes its answer for x_0, or for v.

    The network is `digits_ddpm`, whose answer (v) is turned into the noise that it means, so that nothing but
    the mistake differs. Below the same for a network that predicts x_0.
    """
    model = shipped_digits()
    labels, noise = told_and_noise(n, model, seed)
    faults = {
        "ε taken for ε": ("epsilon", "epsilon"),
        "ε taken for x₀": ("epsilon", "sample"),
        "ε taken for v": ("epsilon", "v"),
        "x₀ taken for ε": ("sample", "epsilon"),
        "v taken for ε": ("v", "epsilon"),
    }
    return {
        name: made_of(sampled(model, labels, noise, said=said, taken=taken), labels)
        for name, (said, taken) in faults.items()
    }


# --- 2: a step or a schedule that is not the one of training --------------------------------------------
def wrong_schedules(n: int = DIGITS, seed: int = 0) -> dict[str, Made]:
    """What comes of asking one step off, fifty steps off, and of sampling along another schedule."""
    model = shipped_digits()
    labels, noise = told_and_noise(n, model, seed)
    linear = NoiseSchedule(linear_betas(model.schedule.steps))
    return {
        "as trained": made_of(sampled(model, labels, noise), labels),
        "one step off": made_of(sampled(model, labels, noise, asked=-1), labels),
        "50 steps off": made_of(sampled(model, labels, noise, asked=-50), labels),
        "150 steps off": made_of(sampled(model, labels, noise, asked=-150), labels),
        "linear schedule": made_of(sampled(model, labels, noise, schedule=linear), labels),
    }


# --- 3: guidance without having dropped the condition ---------------------------------------------------
class PointsNet(nn.Module):
    """x_t (B, 2), t (B,), context (B, 1, D) → a prediction (B, 2): three layers, nothing else."""

    def __init__(self, width: int = 96, context: int = 8) -> None:
        super().__init__()
        self.embed = StepEmbedding(32, width)
        self.told, self.enter = nn.Linear(context, width), nn.Linear(2, width)
        self.layers = nn.Sequential(
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 2),
        )

    def forward(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """Add what is known of place, step and class, and go through the layers."""
        return self.layers(self.enter(x) + self.embed(t) + self.told(context.mean(dim=1)))


def train_points(drop: float, *, steps: int = 1200, batch: int = 256, seed: int = 0) -> Diffusion:
    """Train a conditional model of blue (0) and orange (1) points, dropping the class at a rate."""
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    model = Diffusion(PointsNet(), LabelTokens((2,), 8), points_schedule(), (2,), kind="v", drop=drop)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    rates = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=steps)
    pool = torch.cat([points_of(name).sample(4000, draw) for name in ("blue", "orange")]).float()
    for _ in range(steps):
        rows = torch.randint(len(pool), (batch,), generator=draw)
        loss = model.loss(pool[rows], rows[:, None] // 4000, draw=draw)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
    return model.eval()


@functools.cache
def points_models(steps: int = 1200, seed: int = 0) -> dict[float, Diffusion]:
    """Dropping rate → a trained model, both from the same weights and points."""
    return {drop: train_points(drop, steps=steps, seed=seed) for drop in (0.1, 0.0)}


def without_drops(
    scales: tuple[float, ...] = (0.0, 1.0, 3.0), *, n: int = 600, steps: int = 1200, seed: int = 0
) -> dict[float, dict[float, tuple[Tensor, dict[str, float]]]]:
    """Dropping rate → scale → blue points (n, 2) that were asked for, and what they are."""
    noise = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed + 1))
    blue = torch.zeros(n, 1, dtype=torch.int64)
    found = {}
    for drop, model in points_models(steps, seed).items():
        made = {w: model.sample(blue, noise=noise, scale=w, steps=50).double() for w in scales}
        found[drop] = {w: (points, points_measured(points)) for w, points in made.items()}
    return found


# --- 4: bounds forgotten, and bounds where there are none -----------------------------------------------
def unclipped(scales: tuple[float, ...] = (1.0, 8.0), n: int = DIGITS, seed: int = 0) -> dict[str, Made]:
    """Digits at some scales, with the predicted digit held in [-1, 1] at each step, and not."""
    model = shipped_digits()
    labels, noise = told_and_noise(n, model, seed)
    return {
        f"w = {w:g}, {name}": made_of(sampled(model, labels, noise, clip=clip, scale=w), labels)
        for w in scales
        for name, clip in (("clipped", 1.0), ("not clipped", None))
    }


@torch.no_grad()
def codes_clipped(
    sentences: tuple[str, ...] = ("a photo of a red ring", "a photo of a blue heart"), seed: int = 0
) -> dict[str, Tensor]:
    """Scenes of sentences, their codes free as they should be, and held in [-1, 1] as pixels are."""
    model: LatentDiffusion = shipped_scenes()
    found = {}
    noise = torch.randn(len(sentences), *model.shape, generator=torch.Generator().manual_seed(seed))
    for name, clip in (("free", None), ("held in [-1, 1]", 1.0)):
        model.clip = clip  # an attribute of this model alone
        try:
            found[name] = model.sample(ids_of(sentences), noise=noise, scale=3.0).clamp(0, 1)
        finally:
            model.clip = None
    return found
