"""How a latent diffusion model of the narrow world is built, fed and judged: `shapes_latent_diffusion`.

Shapes: N pictures, B batch, L tokens of a sentence.
"""

import functools
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.data.toyworld.render import render
from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder, drawn
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.diffusion.layout import ABSENT, BoxTokens
from lecture_utils.generative.diffusion.prompt import Prompt
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.recipes._scenes import frozen, left_out
from lecture_utils.selfsup.ema import EMA
from lecture_utils.training.loop import predictions
from lecture_utils.training.one_cycle import one_cycle

SIZE, CODE = 32, (4, 8, 8)  # a picture's side, and its code
LENGTH, WIDTH = 16, 64  # a sentence's tokens, and their width
BATCH, POOL, MOMENTUM = 32, 32_000, 0.998
BOXED = 0.5  # share of the pictures whose box is told
Lesson = tuple[Tensor, ...]  # ids (B, L), boxes (B, 1, 4), classes (B, 1)


@functools.cache
def reader() -> CLIP:
    """The shipped CLIP of captions, frozen, loaded once."""
    model = zoo.load("shapes_clip")
    assert isinstance(model, CLIP)
    return frozen(model)


@functools.cache
def coder() -> KLAutoEncoder:
    """The shipped auto-encoder, frozen, loaded once."""
    model = zoo.load("shapes_kl_ae")
    assert isinstance(model, KLAutoEncoder)
    return frozen(model)


def ids_of(texts: Sequence[str]) -> Tensor:
    """Sentences → ids (N, L), all of one length."""
    return reader().tokenizer.batch(list(texts), LENGTH)


def build_latent_diffusion() -> LatentDiffusion:
    """The model, untrained; its file leaves out auto-encoder and text encoder, which have their own."""
    prompt = Prompt(reader().text_encoder, ids_of([""])[0], BoxTokens(len(CLASSES), WIDTH))
    net = SlimUNet(CODE[0], (64, 72), fold=1, context=WIDTH, attention=2, embedding=96)
    model = LatentDiffusion(coder(), prompt, net, NoiseSchedule(cosine_betas()), CODE, kind="v")
    left_out(model, "autoencoder")
    left_out(model, "condition.text")
    return model


def places(some: Captioned) -> tuple[Tensor, Tensor]:
    """Boxes (N, 1, 4) around whole objects as shares of the sides, cut at the border, and classes (N, 1)."""
    boxes = render(some.scenes, SIZE, only="boxes_full").boxes_full / SIZE
    return boxes.clamp(0, 1), some.class_id[:, None]


def lessons(seed: int, pool: int = POOL) -> Iterator[tuple[tuple[Tensor, Tensor], Lesson]]:
    """Batches of codes' means and log variances (B, 4, 8, 8), and what is told of the pictures.

    The pool is rendered and encoded once. Half of the boxes are told, other ones in each round.
    """
    draw = torch.Generator().manual_seed(seed)
    some = captioned(pool, seed=seed)
    codes = encoded(some.image)
    ids, (boxes, class_id) = ids_of(some.text), places(some)
    while True:
        hidden = torch.rand(pool, 1, generator=draw) >= BOXED
        told = ids, boxes, class_id.masked_fill(hidden, ABSENT)
        for rows in torch.randperm(pool, generator=draw)[: pool // BATCH * BATCH].split(BATCH):
            yield (codes[0][rows], codes[1][rows]), tuple(part[rows] for part in told)


@torch.no_grad()
def encoded(images: Tensor) -> tuple[Tensor, Tensor]:
    """Means and log variances (N, 4, 8, 8) of pictures' codes."""
    mean, log_var = zip(*(coder().encode(part) for part in images.split(200)), strict=True)
    return torch.cat(mean), torch.cat(log_var)


def simple(model: nn.Module, codes: tuple[Tensor, Tensor], told: Lesson) -> Tensor:
    """The loss of a batch of codes, drawn anew."""
    assert isinstance(model, LatentDiffusion)
    latent = model.autoencoder.scale * drawn(*codes, torch.randn(codes[0].shape))
    return model.latent_loss(latent, *told)


def trained(
    model: LatentDiffusion, batches: Iterable[tuple[Any, Lesson]], *, steps: int, rate: float, label: str
) -> tuple[nn.Module, dict[str, float]]:
    """Train by one cycle of AdamW; return the moving average, and steps, seconds, last loss."""
    model.to(memory_format=torch.channels_last)
    ema = EMA(model, momentum=MOMENTUM)
    moved = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(moved, rate, weight_decay=0.0, betas=(0.9, 0.99), fused=True)
    _, info = one_cycle(
        model, batches, loss=simple, optimizer=optimizer, steps=steps, warm_up=0.05, label=label,
        cycle_momentum=False, clock=time.thread_time,
        after_step=lambda step: ema.update(model, min(MOMENTUM, (1 + step) / (10 + step))),
    )  # fmt: skip
    return ema.average.eval(), info


def sentence(class_id: int, colour_id: int) -> str:
    """What is asked for: a photo of a class in a colour."""
    colour = COLOURS[colour_id]
    return f"a photo of {'an' if colour[0] in 'aeiou' else 'a'} {colour} {CLASSES[class_id]}"


def asked(class_id: Tensor, colour_id: Tensor) -> Tensor:
    """Ids (N, L) of the sentences for classes and colours (N,)."""
    pairs = zip(class_id.tolist(), colour_id.tolist(), strict=True)
    return ids_of([sentence(*pair) for pair in pairs])


def asked_on(class_id: Tensor, colour_id: Tensor, ground_id: Tensor) -> Tensor:
    """Ids (N, L) of the sentences for classes, colours and grounds (N,), these into STUFF."""
    told = zip(class_id.tolist(), colour_id.tolist(), ground_id.tolist(), strict=True)
    return ids_of([f"{sentence(c, k)} on {STUFF[g]}" for c, k, g in told])


def painted(model: nn.Module, *told: Tensor, seed: int, scale: float = 3.0, steps: int = 20) -> Tensor:
    """Pictures (N, 3, 32, 32) of what is told, 200 at a time, each from noise of its own."""
    assert isinstance(model, LatentDiffusion)
    noise = torch.randn(len(told[0]), *model.shape, generator=torch.Generator().manual_seed(seed))
    parts = zip(noise.split(200), *(part.split(200) for part in told), strict=True)
    return torch.cat([model.sample(*more, noise=x, scale=scale, steps=steps) for x, *more in parts])


def object_mask(images: Tensor) -> Tensor:
    """Where `shapes_segmenter` sees an object in pictures (N, 3, S, S), no ground or sky: (N, S, S)."""
    return predictions(zoo.load("shapes_segmenter"), images).argmax(dim=1) == len(STUFF)


def found_boxes(images: Tensor) -> Tensor:
    """Boxes (N, 4), shares of the sides, around what `shapes_segmenter` takes for an object in pictures.

    A row or column counts with two pixels or more. Of real pictures these boxes have an IoU of 0.93 with the
    true ones on average, and 0.39 with those of other pictures.
    """
    thing = object_mask(images)
    ends = []
    for line in (thing.sum(dim=1) >= 2, thing.sum(dim=2) >= 2):  # columns, rows: (N, S)
        last = line.shape[1] - line.flip(1).int().argmax(dim=1)
        ends.append(torch.stack([line.int().argmax(dim=1), last], dim=1))
    return torch.stack(ends, dim=2).flatten(1) / images.shape[-1]  # x1, y1, x2, y2


def found_things(images: Tensor, least: int = 12) -> Tensor:
    """How many separate objects of `least` pixels or more `shapes_segmenter` sees in pictures: (N,) int64."""
    thing = object_mask(images)  # (N, S, S)
    h, w = thing.shape[1:]
    own = torch.arange(1, h * w + 1, dtype=torch.float32).view(1, 1, h, w)
    label, before = own * thing[:, None], None
    while before is None or not torch.equal(label, before):  # the largest number of a piece fills it
        before = label
        label = F.max_pool2d(label, 3, stride=1, padding=1) * thing[:, None]
    name = label.long().flatten(1)  # (N, S · S), of which piece each pixel is; 0 is none
    pixels = torch.zeros(len(name), h * w + 1).scatter_add(1, name, torch.ones(name.shape))
    return (pixels[:, 1:] >= least).sum(dim=1)
