"""Chapter 16: what guidance does to samples, measured: points with exact denoisers, digits, told scenes.

Measured of generated pictures: whether they show what was asked for, precision and recall (T. Kynkäänniemi et
al., NeurIPS 2019), the Fréchet distance to real pictures, and how far pictures of one class lie apart.

Shapes: N pictures or points, F features, W scales.
"""

import functools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data import digits
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.generative.diffusion.condition import LabelTokens
from lecture_utils.generative.diffusion.guidance import guide
from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.diffusion.model import Diffusion
from lecture_utils.generative.diffusion.samplers import ddim_sample, spaced_steps
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit
from lecture_utils.metrics.precision_recall import precision_recall
from lecture_utils.recipes._diffusion import denoise
from lecture_utils.recipes._judged import (
    conditional_accuracy,
    course_features,
    digit_features,
    digits_named,
)
from lecture_utils.recipes._latent_diffusion import asked, ids_of, painted

Guide = Callable[[Tensor, Tensor, float], Tensor]  # prediction without, prediction with, w → guided
SCALES = (0.0, 1.0, 2.0, 4.0, 8.0)
SMALL, BATCH, RATE, WIDTH = 8, 32, 2e-3, 32


# --- what is measured of features -----------------------------------------------------------------------
def spread(features: Tensor, labels: Tensor) -> float:
    """Mean squared distance (of features (N, F)) to the mean of the own class, over all classes (N,)."""
    own = [features[labels == label] for label in labels.unique()]
    return torch.cat([(rows - rows.mean(dim=0)).square().sum(dim=1) for rows in own]).mean().item()


def features_measured(made: Tensor, labels: Tensor, real: Tensor, real_labels: Tensor) -> dict[str, float]:
    """Precision, recall, Fréchet distance, and within-class spread as a share of that of real rows."""
    precision, recall = precision_recall(made, real)
    return {
        "precision": precision,
        "recall": recall,
        "frechet": frechet_distance(gaussian_fit(made), gaussian_fit(real)),
        "spread": spread(made, labels) / spread(real, real_labels),
    }


# --- digits of 8 × 8, trained in half a minute ----------------------------------------------------------
def small_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of training digits (B, 1, 8, 8), drawn anew each time, and what they are (B, 1)."""
    images, labels = digits.load(SMALL)
    draw = torch.Generator().manual_seed(seed)
    while True:
        rows = torch.randint(len(images), (BATCH,), generator=draw)
        yield images[rows], labels[rows, None]


def train_small(seed: int = 0, *, steps: int = 900, drop: float = 0.1) -> LabelledDiffusion:
    """Train a labelled diffusion model of the 8 × 8 digits: 900 steps of 32 take half a CPU minute.

    Parameters
    ----------
    seed : int
        Of weights, digits and noise.
    steps : int
    drop : float
        Share of the digits whose label is not told.
    """
    torch.manual_seed(seed)
    net = SlimUNet(1, (32, 48), fold=1, context=WIDTH, embedding=96)
    model = LabelledDiffusion(
        net, LabelTokens((10,), WIDTH), NoiseSchedule(cosine_betas()), (1, SMALL, SMALL), kind="v", drop=drop
    )
    made = denoise(model, small_batches(seed), steps=steps, rate=RATE, label="small digits")[0]
    assert isinstance(made, LabelledDiffusion)
    return made


def digits_measured(
    model: LabelledDiffusion, scale: float, *, n: int = 300, seed: int = 0, steps: int = 20
) -> dict[str, float]:
    """What n digits, as many of each, are at one scale, beside the 300 of the test split.

    Noise and labels are the same for all scales.
    """
    labels = torch.arange(n) % 10
    noise = torch.randn(n, *model.shape, generator=torch.Generator().manual_seed(seed))
    made = model.sample(labels[:, None], noise=noise, scale=scale, steps=steps).clamp(0, 1)
    real, real_labels = digits.load(model.shape[-1], "test")
    right = (digits_named(made) == labels).float().mean().item()
    return {"accuracy": right} | features_measured(
        digit_features(made), labels, digit_features(real), real_labels
    )


# --- scenes, told by a sentence -------------------------------------------------------------------------
@functools.cache
def real_scenes(n: int, seed: int) -> tuple[Captioned, Tensor]:
    """Test scenes of the narrow world and their features (n, 112), kept for the session."""
    some = captioned(n, seed=seed, split="test")
    return some, course_features(some.image)


def scenes_measured(
    model: LatentDiffusion, scale: float, *, n: int = 200, seed: int = 0, steps: int = 20
) -> dict[str, float]:
    """What n pictures of sentences are at one scale, beside n test pictures of the same kinds of scenes.

    Sentences are those of n other pictures, "a photo of a red ball". Noise and sentences are the same for
    all scales. "pixels" is the spread of pictures of one sentence, as a share of that of real ones.
    """
    told, _ = real_scenes(n, 2 * seed + 1000)
    real, features = real_scenes(n, 2 * seed + 1001)
    made = painted(model, asked(told.class_id, told.colour_id), seed=seed, scale=scale, steps=steps)
    right = conditional_accuracy(made, told.class_id, told.colour_id)
    found = features_measured(course_features(made), told.class_id, features, real.class_id)
    pair = len(COLOURS) * told.class_id + told.colour_id
    return {
        "accuracy": right["class"],
        "by_resnet": right["class_by_resnet"],
        "pixels": spread(made.flatten(1), pair) / spread(told.image.flatten(1), pair),
        **found,
    }


# --- same noise, many scales ----------------------------------------------------------------------------
@functools.cache
def shipped_digits() -> LabelledDiffusion:
    """The course's own diffusion model of the digits, loaded once."""
    model = zoo.load("digits_ddpm")
    assert isinstance(model, LabelledDiffusion)
    return model.eval()


@functools.cache
def shipped_scenes() -> LatentDiffusion:
    """The course's own latent diffusion model of told scenes, loaded once."""
    model = zoo.load("shapes_latent_diffusion")
    assert isinstance(model, LatentDiffusion)
    return model.eval()


@torch.no_grad()
def guided_samples(
    model: Diffusion,
    *told: Tensor,
    scale: float,
    noise: Tensor,
    guide: Guide = guide,
    steps: int = 20,
) -> Tensor:
    """Pictures (N, C, S, S) of what is told, from given noise, by DDIM with a learner's `guide`."""
    context, null = model.contexts(*told)  # (N, M, D), (M, D)
    nothing = null.expand_as(context)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        return guide(model.net(x, t, nothing), model.net(x, t, context), scale)

    times = spaced_steps(model.schedule.steps, steps, "trailing")
    x = ddim_sample(predict, model.schedule, noise, times, kind=model.kind, clip=model.clip)
    return model.from_signal(x).clamp(0, 1)


def digit_strips(
    labels: Sequence[int] = (2, 3, 5, 8),
    scales: Sequence[float] = SCALES,
    *,
    model: LabelledDiffusion | None = None,
    guide: Guide = guide,
    seed: int = 0,
) -> dict[float, Tensor]:
    """Scale → digits (N, 1, S, S): each label from noise of its own, the same for all scales."""
    model = model or shipped_digits()
    noise = torch.randn(len(labels), *model.shape, generator=torch.Generator().manual_seed(seed))
    told = torch.tensor(labels)[:, None]
    return {w: guided_samples(model, told, scale=w, noise=noise, guide=guide) for w in scales}


def scene_strips(
    sentences: Sequence[str],
    scales: Sequence[float] = SCALES,
    *,
    model: LatentDiffusion | None = None,
    guide: Guide = guide,
    seed: int = 0,
) -> dict[float, Tensor]:
    """Scale → pictures (N, 3, 32, 32) of sentences, each from noise of its own, the same for all scales."""
    model = model or shipped_scenes()
    noise = torch.randn(len(sentences), *model.shape, generator=torch.Generator().manual_seed(seed))
    ids = ids_of(sentences)
    return {w: guided_samples(model, ids, scale=w, noise=noise, guide=guide) for w in scales}


def digit_tables(
    scales: Sequence[float] = (1.0, 4.0),
    rows: int = 6,
    *,
    model: LabelledDiffusion | None = None,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Name of the scale → digits (10 · rows, 1, S, S), a column a digit, the same noise at all scales."""
    model = model or shipped_digits()
    labels = torch.arange(10).repeat(rows)
    noise = torch.randn(len(labels), *model.shape, generator=torch.Generator().manual_seed(seed))
    return {f"w = {w:g}": guided_samples(model, labels[:, None], scale=w, noise=noise) for w in scales}


def scene_tables(scales: Sequence[float] = (1.0, 4.0), *, seed: int = 0) -> dict[str, Tensor]:
    """Name of the scale → scenes (64, 3, 32, 32), a column a class, a row a colour, held-out pairs too."""
    kinds, colours = torch.arange(len(CLASSES)).repeat(len(COLOURS)), torch.arange(len(COLOURS))
    ids = asked(kinds, colours.repeat_interleave(len(CLASSES)))
    return {f"w = {w:g}": painted(shipped_scenes(), ids, seed=seed, scale=w) for w in scales}
