"""Chapter 16, part b: what the notebook asks of latent diffusion: codes, sentences, boxes, what goes wrong.

All pictures are made by the shipped model in 20 steps of DDIM, with guidance 3 unless said otherwise.

Shapes: N pictures, S side, Z × h × w code.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from lecture_utils.chapters.ch16.guidance_study import shipped_scenes
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.generative.diffusion.forward_process import noised
from lecture_utils.generative.diffusion.kl_autoencoder import drawn
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.metrics.psnr import psnr
from lecture_utils.ops.boxes import box_iou
from lecture_utils.recipes._latent_diffusion import (
    coder,
    encoded,
    found_boxes,
    ids_of,
)

STABLE = 0.18215  # the scale of Stable Diffusion's auto-encoder
#: Sentences that nobody wrote in the training set, by what is new in them.
OUTSIDE = {
    "two things": "a photo of a red ball and a blue ring",
    "a number": "a photo of three yellow stars",
    "a relation": "a photo of a pink heart left of a green cross",
    "a negation": "a photo of a ring that is not red",
    "order": "ring red a of photo a",
    "an unknown word": "a photo of a red teapot",
}


# --- codes ----------------------------------------------------------------------------------------------
class Rebuilt(NamedTuple):
    """Pictures (N, 3, S, S), their codes' means (N, 4, 8, 8), what is decoded of them, and its PSNR (N,)."""

    picture: Tensor
    code: Tensor
    made: Tensor
    decibel: Tensor


@torch.no_grad()
def rebuilt(n: int = 6, seed: int = 8) -> Rebuilt:
    """Test pictures through the auto-encoder and back."""
    picture = captioned(n, seed=seed, split="test").image
    code = encoded(picture)[0]
    made = coder().decode(code).clamp(0, 1)
    return Rebuilt(picture, code, made, psnr(made, picture))


@torch.no_grad()
def drawn_codes(n: int = 500, seed: int = 8) -> Tensor:
    """Codes (n, 4, 8, 8) of test pictures as the encoder draws them, not yet scaled."""
    mean, log_var = encoded(captioned(n, seed=seed, split="test").image)
    return drawn(mean, log_var, torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed)))


@torch.no_grad()
def seen_through_noise(scale: float, times: Sequence[int], seed: int = 8) -> Tensor:
    """One picture's code times `scale`, noised to each step, its mean decoded: (len(times), 3, S, S)."""
    model = shipped_scenes()
    code = encoded(captioned(1, seed=seed, split="test").image)[0].expand(len(times), -1, -1, -1)
    noise = torch.randn(code[:1].shape, generator=torch.Generator().manual_seed(seed)).expand_as(code)
    x = noised(model.schedule, scale * code, torch.tensor(times), noise)
    return coder().decode(x / scale).clamp(0, 1)


@torch.no_grad()
def forgotten(texts: Sequence[str], seed: int = 0) -> dict[str, Tensor]:
    """Pictures (N, 3, S, S) of sentences, made rightly, and with two usual mistakes.

    The first is drawn a second time as it would look in Stable Diffusion, whose codes are five times as
    large, so that its scale is 0.18.
    """
    model = shipped_scenes()
    codes: list[Tensor] = []
    right = model.sample(ids_of(texts), scale=3.0, seed=seed, keep=codes)
    clipping = copy.copy(model)
    clipping.clip = 1.0
    return {
        "as it should be": right,
        "decoded without\ndividing by the scale": coder().decode(codes[-1]).clamp(0, 1),
        f"the same, were\nthe scale {STABLE}": coder().decode(STABLE * codes[-1] / coder().scale).clamp(0, 1),
        "codes clipped to\n[−1, 1], like pixels": clipping.sample(ids_of(texts), scale=3.0, seed=seed),
    }


def operations(batch: int = 1) -> dict[str, float]:
    """Millions of multiplications that the shipped network needs for one prediction, by what it works on.

    Its widths, blocks and context stay; pixels are folded into channels by p × p, so that only the first and
    the last layer grow, and the maps.
    """
    net = shipped_scenes().net
    assert isinstance(net, SlimUNet)
    found = {"codes, 8 × 8 × 4": _counted(net, batch, net.enter.in_channels, 8)}
    for fold in (4, 2, 1):
        wide = SlimUNet(3, net.widths, fold=fold, context=net.context, attention=2, embedding=96)
        found[f"pixels in blocks of {fold} × {fold}" if fold > 1 else "pixels"] = _counted(wide, batch, 3, 32)
    return found


@torch.no_grad()
def _counted(net: SlimUNet, batch: int, channels: int, side: int) -> float:
    assert net.context is not None
    x, t = torch.zeros(batch, channels, side, side), torch.ones(batch, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        net(x, t, torch.zeros(batch, 17, net.context))
    return counter.get_total_flops() / 2 / batch / 1e6  # two operations are one multiplication and one sum


# --- sentences and boxes --------------------------------------------------------------------------------
def start(n: int, seed: int = 0) -> Tensor:
    """Noise x_T (n, 4, 8, 8) to start from."""
    return torch.randn(n, *shipped_scenes().shape, generator=torch.Generator().manual_seed(seed))


def said(texts: Sequence[str], count: int = 8, *, seed: int = 0, scale: float = 3.0) -> dict[str, Tensor]:
    """Sentence → pictures (count, 3, S, S); the nth of each sentence is made from the same noise."""
    model, noise = shipped_scenes(), start(count, seed)
    return {text: model.sample(ids_of([text] * count), noise=noise, scale=scale) for text in texts}


class Swap(NamedTuple):
    """Pictures (N, 3, S, S) of two sentences from the same noise, and each pixel's change (N, S, S)."""

    one: Tensor
    other: Tensor
    change: Tensor


def swapped(text: str, other: str, count: int = 1, *, seed: int = 0) -> Swap:
    """Say one word otherwise, keep the noise, and see which pixels hang on that word."""
    one, two = (said([words], count, seed=seed)[words] for words in (text, other))
    return Swap(one, two, (one - two).abs().mean(dim=1))


class Walk(NamedTuple):
    """Boxes asked for (N, 4), shares of the sides, pictures (N, 3, S, S), and the boxes found (N, 4)."""

    box: Tensor
    image: Tensor
    found: Tensor

    @property
    def iou(self) -> Tensor:
        """Of the box asked for and the one found, (N,)."""
        return box_iou(self.found, self.box).diagonal()


def walk(
    text: str, name: str, boxes: Sequence[Sequence[float]], *, seed: int = 0, scale: float = 3.0
) -> Walk:
    """Ask for a class in one box after the other, always from the same noise."""
    box, count = torch.tensor(boxes), len(boxes)
    told = ids_of([text] * count), box[:, None], torch.full((count, 1), CLASSES.index(name))
    noise = start(1, seed).expand(count, -1, -1, -1)
    image = shipped_scenes().sample(*told, noise=noise, scale=scale)
    return Walk(box, image, found_boxes(image))


def crossing(count: int = 8, *, side: float = 0.45, foot: float = 0.9) -> list[list[float]]:
    """Boxes of one size that stand side by side from the left border to the right one."""
    lefts = torch.linspace(0, 1 - side, count).tolist()
    return [[left, foot - side, left + side, foot] for left in lefts]


def growing(
    count: int = 8, *, sides: tuple[float, float] = (0.15, 0.75), foot: float = 0.9
) -> list[list[float]]:
    """Boxes that stand in the middle and grow."""
    return [[0.5 - s / 2, foot - s, 0.5 + s / 2, foot] for s in torch.linspace(*sides, count).tolist()]
