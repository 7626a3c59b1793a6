"""Weights `shapes_prior`: DALL-E 2's prior, from a sentence to the embedding of a picture (S16.4).

Sentences and pictures are those of `shapes_clip`, which is frozen and not in the file. The pool is rendered
and embedded once.
"""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas
from lecture_utils.generative.unclip.prior import DiffusionPrior
from lecture_utils.generative.unclip.prior_transformer import PriorTransformer
from lecture_utils.recipes._latent_diffusion import LENGTH, WIDTH, asked, ids_of, reader
from lecture_utils.selfsup.ema import EMA
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

STEPS, BATCH, RATE, POOL, MOMENTUM = 800, 128, 3e-3, 16_000, 0.995
DIM, TESTED = 64, 1000


def build() -> DiffusionPrior:
    """The prior, untrained; what it is told, `told_by` makes of ids: (B, 16, 64) and (B, 64)."""
    net = PriorTransformer(DIM, words=WIDTH, length=LENGTH, width=64, heads=4, layers=2)
    return DiffusionPrior(net, NoiseSchedule(cosine_betas()), dim=DIM, words=WIDTH, length=LENGTH)


@torch.no_grad()
def told_by(ids: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens (N, 16, 64) after the text encoder's last norm, and unit embeddings (N, 64), of ids (N, 16)."""
    encoder = reader().text_encoder
    parts = [(encoder.norm(encoder.tokens(some)), reader().encode_text(some)) for some in ids.split(500)]
    words, text = zip(*parts, strict=True)
    return torch.cat(words), torch.cat(text)


@torch.no_grad()
def embedded(images: Tensor) -> Tensor:
    """Unit embeddings (N, 64) of pictures."""
    return torch.cat([reader().encode_image(part) for part in images.split(200)])


def batches(some: Captioned, image: Tensor, seed: int) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
    """Batches of pictures' embeddings (B, 64), and what is told of them, drawn anew each time."""
    words, text = told_by(ids_of(some.text))
    draw = torch.Generator().manual_seed(seed)
    while True:
        rows = torch.randint(len(image), (BATCH,), generator=draw)
        yield image[rows], (words[rows], text[rows])


def guessing(model: nn.Module, image: Tensor, told: tuple[Tensor, Tensor]) -> Tensor:
    """The loss of a batch."""
    assert isinstance(model, DiffusionPrior)
    return model.loss(image, *told)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on pairs of captions and pictures, 128 a step; return the moving average, and what came of it."""
    reader.cache_clear()  # loading it draws random numbers, so that it must always happen here
    torch.manual_seed(seed)
    model = build()
    some = captioned(POOL, seed=seed)
    image = embedded(some.image)
    model.measure(image)
    ema = EMA(model, momentum=MOMENTUM)
    _, info = one_cycle(
        model, batches(some, image, seed), loss=guessing, steps=steps, warm_up=0.05, label="prior",
        optimizer=MuonAndAdamW(model, model.net.layers, RATE, decay=0.0),  # type: ignore[arg-type]
        cycle_momentum=False, clock=time.thread_time,
        after_step=lambda step: ema.update(model, min(MOMENTUM, (1 + step) / (10 + step))),
    )  # fmt: skip
    return ema.average.eval(), info


def pair_means(image: Tensor, some: Captioned) -> Tensor:
    """Mean embeddings (64, D), of unit length, of each class in each colour; zeros of pairs never seen."""
    pair = some.class_id * len(COLOURS) + some.colour_id
    total = torch.zeros(len(CLASSES) * len(COLOURS), DIM).index_add_(0, pair, image)
    return F.normalize(total, dim=1)


def evaluate(model: nn.Module) -> dict[str, float]:
    """How near drawn embeddings are to those of the pictures that the sentences were written of.

    Of 1,000 test pictures and their captions. Beside it: the sentence's own embedding (the gap between the
    two kinds), and another picture of that class and colour (what a sentence leaves open). And whether the
    embedding drawn for "a photo of a red ball" is nearest to the mean of pictures of that pair, of 48 means;
    the same for real pictures.
    """
    assert isinstance(model, DiffusionPrior)
    some, pool = captioned(TESTED, seed=4, split="test"), captioned(6000, seed=5)
    image, known = embedded(some.image), embedded(pool.image)
    means = pair_means(known, pool)
    pair, others = (s.class_id * len(COLOURS) + s.colour_id for s in (some, pool))
    alike = known[[int((others == p).nonzero()[0]) for p in pair]]
    words, text = told_by(ids_of(some.text))
    drawn = model.sample(words, text, tries=1, seed=1)
    best = model.sample(words, text, tries=2, seed=1)
    named = model.sample(*told_by(asked(some.class_id, some.colour_id)), tries=2, seed=2)
    guess, truth = (named @ means.T).argmax(1), (image @ means.T).argmax(1)
    return {
        "cosine": (drawn * image).sum(1).mean().item(),
        "cosine_best_of_two": (best * image).sum(1).mean().item(),
        "cosine_of_text": (text * image).sum(1).mean().item(),
        "cosine_of_alike": (alike * image).sum(1).mean().item(),
        "to_text": (drawn * text).sum(1).mean().item(),
        "pair": (guess == pair).float().mean().item(),
        "class": (guess // len(COLOURS) == some.class_id).float().mean().item(),
        "pair_of_real": (truth == pair).float().mean().item(),
    }
