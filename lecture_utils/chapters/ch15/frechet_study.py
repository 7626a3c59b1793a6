"""What the Fréchet distance sees and what it does not (S15.7): worsened pictures, copies, shipped generators.

M. Heusel et al., NeurIPS 2017, figure 3 worsen pictures by noise, blur, swirl and the like; the copies by
heart are ours. Each measure is taken beside that of as many other real pictures.

Shapes: N pictures, F features.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit, stage_features
from lecture_utils.metrics.precision_recall import precision_recall
from lecture_utils.ops.checks import check_images, check_number, check_whole
from lecture_utils.recipes import shapes_gan
from lecture_utils.recipes._judged import SPACES, judge, nearest
from lecture_utils.recipes._latent import LATENT, decoded, standard_noise
from lecture_utils.recipes.shapes_judge import blurred

Space = Callable[[Tensor], Tensor]  # pictures (N, 3, 32, 32) → features (N, F)


def judge_features(images: Tensor) -> Tensor:
    """(N, 112): what the stages of ``shapes_judge`` see, a net that has learnt to overlook noise."""
    return stage_features(judge(), images.contiguous(memory_format=torch.channels_last))


EYES: dict[str, Space] = {**SPACES, "judge": judge_features}
EYE_NAMES = {
    "course": "ResNet, clean shapes",
    "judge": "ResNet, bad pictures too",
    "imagenet": "EfficientNet, ImageNet",
}


# --- pictures made worse ------------------------------------------------------------------------------
def noisy(images: Tensor, level: float) -> Tensor:
    """Pictures under Gaussian noise of standard deviation `level`; the same noise each time."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images + level * noise).clamp(0, 1)


def swirled(images: Tensor, level: float) -> Tensor:
    """Pictures (N, 3, S, S) turned by `level` radians in the middle, and ever less towards the edge."""
    check_images(images, 3)
    across = torch.linspace(-1, 1, images.shape[-1])
    y, x = torch.meshgrid(across, across, indexing="ij")  # (S, S)
    angle = level * (1 - (x.square() + y.square()).sqrt()).clamp(min=0)
    place = torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()], dim=2)
    grid = place.expand(len(images), -1, -1, -1)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=True)


def fewer_classes(n: int, level: int, seed: int) -> Tensor:
    """Real pictures (n, 3, 32, 32) of which the first `level` of the eight classes are missing."""
    check_whole(level, "level", 0)
    check_number(level, "level", 0, 7)
    drawn = captioned(12 * n // (8 - level) + 64, seed=seed, split="test")  # half as many again as expected
    return drawn.image[drawn.class_id >= level][:n]


LEVELS: dict[str, Sequence[float]] = {
    "noise": (0.02, 0.05, 0.1),
    "blur": (0.5, 1.0, 2.0),
    "swirl": (0.5, 1.0, 2.0),
    "missing classes": (1, 4, 7),
}


def worse(kind: str, level: float, images: Tensor) -> Tensor:
    """Real pictures under one of LEVELS; "missing classes" draws as many others."""
    if kind == "missing classes":
        return fewer_classes(len(images), int(level), seed=2)
    if kind not in LEVELS:
        raise ValueError(f"kind: got {kind!r}, want one of {sorted(LEVELS)}")
    return {"noise": noisy, "blur": blurred, "swirl": swirled}[kind](images, level)


def by_heart(n: int, known: int) -> Tensor:
    """What a generator gives that knows `known` training pictures by heart and no more: (n, 3, 32, 32)."""
    return captioned(known, seed=0, split="train").image[torch.arange(n) % known]


def cases(n: int) -> dict[str, Tensor]:
    """Sets of n pictures, each with one fault; "real" has none, and "by heart" none that a picture shows."""
    real = captioned(n, seed=1, split="test").image
    return {
        "real": real,
        "noise 0.05": worse("noise", 0.05, real),
        "blur 1 pixel": worse("blur", 1.0, real),
        "swirl 1 rad": worse("swirl", 1.0, real),
        "half the classes": worse("missing classes", 4, real),
        "training pictures": by_heart(n, n),
        "a tenth of them, ten times": by_heart(n, max(2, n // 10)),
    }


def reactions(
    sets: Mapping[str, Tensor], reference: Tensor, eyes: Sequence[str] = tuple(EYES)
) -> dict[str, dict[str, float]]:
    """Fréchet distances of sets of pictures to a reference: eye → set → distance."""
    found = {}
    for eye in eyes:
        fit = gaussian_fit(EYES[eye](reference))
        found[eye] = {
            name: frechet_distance(gaussian_fit(EYES[eye](images)), fit) for name, images in sets.items()
        }
    return found


# --- shipped generators -------------------------------------------------------------------------------
@torch.inference_mode()
def _vae(n: int) -> Tensor:
    model: Any = zoo.load("shapes_vae")
    return model.sample(n, seed=1)


def _ae(n: int) -> Tensor:
    return decoded(zoo.load("shapes_ae"), standard_noise(n, LATENT, seed=1))


@torch.inference_mode()
def _cgan(n: int) -> Tensor:
    model: Any = zoo.load("shapes_cgan")
    drawn = captioned(n, seed=2, split="test", size=8)
    labels = torch.stack([drawn.class_id, drawn.colour_id], dim=1)
    return model(model.sample(n, seed=1), labels)


@torch.inference_mode()
def _gan(n: int) -> Tensor:
    model: Any = zoo.load("shapes_gan")
    return model(model.sample(n, seed=1))


GENERATORS: dict[str, Callable[[int], Tensor]] = {
    "shapes_ae": _ae,
    "shapes_vae": _vae,
    "shapes_cgan": _cgan,
    "shapes_gan": _gan,
}
TITLES = {
    "shapes_ae": "auto-encoder, noise decoded",
    "shapes_vae": "VAE",
    "shapes_cgan": "conditional GAN",
    "shapes_gan": "DCGAN (its own world)",
}


def shipped() -> list[str]:
    """The generators whose weights are here."""
    here = []
    for name in GENERATORS:
        try:
            zoo.card(name)
        except zoo.WeightsError:
            continue
        here.append(name)
    return here


def real(name: str, n: int, seed: int, split: str = "test") -> Tensor:
    """Real pictures (n, 3, 32, 32) of the world in which a generator was trained."""
    if name == "shapes_gan":
        return shapes_gan.pictures(n, seed=seed, split=split)
    return captioned(n, seed=seed, split=split).image


@dataclass(frozen=True)
class Quality:
    """How good a generator's pictures are, each figure beside that of as many other real pictures.

    Attributes
    ----------
    frechet, frechet_real : dict of str to float
        Distances to real test pictures, by eye.
    precision, recall : float
        In the features of the first eye.
    nearest, nearest_real : float
        Mean distance to the nearest of a pool of training pictures, root mean square of a value.
    """

    frechet: dict[str, float]
    frechet_real: dict[str, float]
    precision: float
    recall: float
    nearest: float
    nearest_real: float

    def ratio(self, eye: str) -> float:
        """How many times as far from real pictures as real ones are."""
        return self.frechet[eye] / self.frechet_real[eye]


def quality(
    images: Tensor, reference: Tensor, other: Tensor, pool: Tensor, eyes: Sequence[str] = tuple(SPACES)
) -> Quality:
    """Measure pictures (N, 3, 32, 32) against as many real ones, others real ones, and training pictures."""
    if not len(images) == len(reference) == len(other):
        raise ValueError(f"pictures: got {len(images)}, {len(reference)}, {len(other)}, want equal numbers")
    seen = {eye: [EYES[eye](x) for x in (images, reference, other)] for eye in eyes}
    fits = {eye: [gaussian_fit(rows) for rows in parts] for eye, parts in seen.items()}
    precision, recall = precision_recall(seen[eyes[0]][0], seen[eyes[0]][1])
    return Quality(
        frechet={eye: frechet_distance(made, true) for eye, (made, true, _) in fits.items()},
        frechet_real={eye: frechet_distance(others, true) for eye, (_, true, others) in fits.items()},
        precision=precision,
        recall=recall,
        nearest=nearest(images, pool)[0].mean().item(),
        nearest_real=nearest(other, pool)[0].mean().item(),
    )


def table(
    n: int = 400, names: Sequence[str] | None = None, eyes: Sequence[str] = tuple(SPACES)
) -> dict[str, Quality]:
    """The shipped generators (or some of them), n pictures each: name → what is measured."""
    return {
        name: quality(
            GENERATORS[name](n), real(name, n, 0), real(name, n, 1), real(name, 5 * n, 0, "train"), eyes
        )
        for name in (shipped() if names is None else names)
    }
