"""Pixel and latent diffusion, trained for the same compute: arms of C16.3 and of `shapes_compute_arms`.

Both arms are a slim U-Net that is told class and colour by learned tokens, with v-prediction, the cosine
schedule, Muon by one cycle, and a moving average that is sampled. They differ in what is noised: pixels, or
the codes of an auto-encoder that is trained first, out of the same budget.

A budget is in seconds of one thread of a CPU. `PRICES` make it a number of steps, so that a training can be
repeated exactly; what it then took is measured beside it.

Shapes: N pictures, B batch, Z × h × w code.
"""

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.generative.diffusion.condition import LabelTokens
from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder, drawn, losses
from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.diffusion.model import Diffusion
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.ops.checks import check_choice, check_number
from lecture_utils.recipes._map_muon import MapMuon
from lecture_utils.selfsup.ema import EMA
from lecture_utils.training.one_cycle import one_cycle

SIZE, CODE, WIDTH = 32, (4, 8, 8), 64  # a picture's side, its code, a token's width
BATCH, POOL, MOMENTUM = 32, 8000, 0.998  # pictures a step; training pictures, the same for both arms
ARMS = ("pixel", "latent", "given")  # "given": latent with the shipped auto-encoder, which costs nothing here
WIDTHS = {2: (32, 64, 96), 4: (64, 96)}  # of a pixel network, by the side of its fold
#: CPU milliseconds of a step of 32 pictures, and of encoding 32: see `compute_study.stages` of chapter 16.
PRICES = {
    "pixel, fold 2": 124.0,
    "pixel, fold 4": 84.0,
    "latent": 78.0,
    "auto-encoder": 165.0,
    "encode": 20.0,
}
SHARE = 1 / 3  # of the latent arm's budget, for the auto-encoder
SCALE, SAMPLED = 4.0, 10  # guidance and steps of DDIM, the same in both arms


@dataclass(frozen=True)
class Setting:
    """The highest rates of the cycles, which are tuned, and how a pixel network folds its pictures."""

    rate: float
    fold: int = 2
    coder_rate: float = 4e-3


@dataclass
class Trained:
    """A diffusion model, and the steps and the CPU seconds of each part of its training."""

    model: Diffusion
    steps: dict[str, int]
    seconds: dict[str, float]


def plan(arm: str, seconds: float, fold: int = 2) -> dict[str, int]:
    """How many steps each part of an arm's training has for so many CPU seconds, by `PRICES`; one at least.

    A picture is encoded once, when it is first met, so that encoding costs at most one round of the pool.

    Raises
    ------
    ValueError
        For another arm, or no seconds.
    """
    check_choice(arm, "arm", *ARMS)
    check_number(seconds, "seconds", 0)
    budget = 1000 * seconds
    if arm == "pixel":
        return {"pixel": max(1, round(budget / PRICES[f"pixel, fold {fold}"]))}
    coding = 0 if arm == "given" else max(1, round(SHARE * budget / PRICES["auto-encoder"]))
    left, once = budget - coding * PRICES["auto-encoder"], POOL / BATCH
    steps = left / (PRICES["latent"] + PRICES["encode"])
    if steps > once:
        steps = (left - once * PRICES["encode"]) / PRICES["latent"]
    return {"auto-encoder": coding, "latent": max(1, round(steps))}


@functools.lru_cache(maxsize=1)
def pool(seed: int) -> Captioned:
    """The training pictures of a seed, which both arms see in the same order."""
    return captioned(POOL, seed=seed)


def labels_of(some: Captioned) -> Tensor:
    """What is told of pictures: class and colour, (N, 2)."""
    return torch.stack((some.class_id, some.colour_id), dim=1)


def rows(seed: int) -> Iterator[Tensor]:
    """Batches of row numbers (B,) without an end, each round of the pool in another order."""
    draw = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.randperm(POOL, generator=draw).split(BATCH)


def tokens() -> LabelTokens:
    """Tokens of class and colour."""
    return LabelTokens((len(CLASSES), len(COLOURS)), WIDTH)


def build_pixel(fold: int = 2) -> LabelledDiffusion:
    """Pixels are noised; fold × fold of them become channels at the network's door."""
    net = SlimUNet(3, WIDTHS[fold], fold=fold, context=WIDTH, attention=1, embedding=96)
    return LabelledDiffusion(net, tokens(), NoiseSchedule(cosine_betas()), (3, SIZE, SIZE))


def build_latent(coder: KLAutoEncoder) -> LatentDiffusion:
    """Codes are noised."""
    net = SlimUNet(CODE[0], (64, 96), fold=1, context=WIDTH, attention=1, embedding=96)
    return LatentDiffusion(coder, tokens(), net, NoiseSchedule(cosine_betas()), CODE)


def build_coder() -> KLAutoEncoder:
    """The auto-encoder of `shapes_kl_ae`, untrained."""
    return KLAutoEncoder(3, (40, 64), latent=CODE[0])


@functools.cache
def shipped_coder() -> KLAutoEncoder:
    """`shapes_kl_ae` itself, trained for longer than the budgets here."""
    coder = zoo.load("shapes_kl_ae")
    assert isinstance(coder, KLAutoEncoder)
    return coder


def optimizer_of(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    """Muon over the kernels, AdamW over what else moves."""
    return MapMuon(model, rate)


def cycle(
    model: nn.Module,
    batches: Iterator[tuple[Tensor, Tensor]],
    loss: Callable[[nn.Module, Tensor, Tensor], Tensor],
    *,
    steps: int,
    rate: float,
    label: str,
) -> nn.Module:
    """Train by one cycle; return the moving average. All parts of both arms train like this."""
    model.to(memory_format=torch.channels_last)
    ema = EMA(model, momentum=MOMENTUM)
    one_cycle(
        model, batches, loss=loss, optimizer=optimizer_of(model, rate), steps=steps, warm_up=0.05,
        label=label, cycle_momentum=False,
        after_step=lambda step: ema.update(model, min(MOMENTUM, (1 + step) / (10 + step))),
    )  # fmt: skip
    return ema.average.eval()


def rebuilding(model: nn.Module, x: Tensor, noise: Tensor) -> Tensor:
    """The loss of a batch of pictures, for the auto-encoder."""
    assert isinstance(model, KLAutoEncoder)
    return losses(model, x, noise).total


def noising(model: nn.Module, x0: Tensor, labels: Tensor) -> Tensor:
    """The loss of a batch of signals, pixels or codes."""
    assert isinstance(model, Diffusion)
    return model.signal_loss(x0, labels)


def train_coder(seed: int, steps: int, rate: float) -> KLAutoEncoder:
    """Train an auto-encoder on the pool, and measure its scale."""
    torch.manual_seed(seed)
    image = pool(seed).image
    batches = ((image[some], torch.randn(len(some), *CODE)) for some in rows(seed))
    best = cycle(build_coder(), batches, rebuilding, steps=steps, rate=rate, label="auto-encoder")
    assert isinstance(best, KLAutoEncoder)
    best.measure_scale(image[:500], torch.randn(500, *CODE))
    return best


def train_pixel(seed: int, steps: int, setting: Setting) -> Diffusion:
    """Train the pixel arm on the pool."""
    torch.manual_seed(seed)
    image, labels = pool(seed).image, labels_of(pool(seed))
    batches = ((2 * image[some] - 1, labels[some]) for some in rows(seed))
    best = cycle(build_pixel(setting.fold), batches, noising, steps=steps, rate=setting.rate, label="pixels")
    assert isinstance(best, Diffusion)
    return best


def train_latent(seed: int, steps: int, setting: Setting, coder: KLAutoEncoder) -> Diffusion:
    """Train the latent arm on the codes of the pool: means and variances made once, draws made anew."""
    torch.manual_seed(seed)
    labels = labels_of(pool(seed))
    mean, log_var = encoded(coder, seed, steps)

    def draw(some: Tensor) -> Tensor:
        return coder.scale * drawn(mean[some], log_var[some], torch.randn(len(some), *CODE))

    batches = ((draw(some), labels[some]) for some in rows(seed))
    best = cycle(build_latent(coder), batches, noising, steps=steps, rate=setting.rate, label="codes")
    assert isinstance(best, Diffusion)
    return best


@torch.no_grad()
def encoded(coder: KLAutoEncoder, seed: int, steps: int) -> tuple[Tensor, Tensor]:
    """Means and log variances (POOL, Z, h, w) of the pictures that so many steps meet; the others are 0."""
    mean, log_var = torch.zeros(2, POOL, *CODE)
    for _, some in zip(range(min(steps, POOL // BATCH)), rows(seed), strict=False):
        mean[some], log_var[some] = coder.encode(pool(seed).image[some])
    return mean, log_var


def trained(arm: str, seed: int, seconds: float, setting: Setting) -> Trained:
    """Train an arm for a budget of CPU seconds, auto-encoder included; rendering the pool is not counted."""
    steps = plan(arm, seconds, setting.fold)
    pool(seed)
    start = time.thread_time()
    if arm == "pixel":
        model = train_pixel(seed, steps["pixel"], setting)
        return Trained(model, steps, {"pixel": time.thread_time() - start})
    coder = (
        shipped_coder() if arm == "given" else train_coder(seed, steps["auto-encoder"], setting.coder_rate)
    )
    coding = time.thread_time() - start
    model = train_latent(seed, steps["latent"], setting, coder)
    return Trained(model, steps, {"auto-encoder": coding, "latent": time.thread_time() - start - coding})


def painted(
    model: Diffusion, labels: Tensor, *, seed: int, scale: float = SCALE, steps: int = SAMPLED
) -> Tensor:
    """Pictures (N, 3, 32, 32) of classes and colours (N, 2), 100 at a time, each from noise of its own."""
    noise = torch.randn(len(labels), *model.shape, generator=torch.Generator().manual_seed(seed))
    parts = zip(noise.split(100), labels.split(100), strict=True)
    return torch.cat([model.sample(told, noise=x, scale=scale, steps=steps) for x, told in parts]).clamp(0, 1)
