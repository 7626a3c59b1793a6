"""Weights `shapes_unclip`: DALL-E 2's decoder, from CLIP's embedding of a picture to pictures (S16.4).

An adapter: the U-Net is that of `shapes_latent_diffusion`, frozen, and what it has learnt to read is a
sentence's tokens and a box's; here a layer is learnt that makes four such tokens of an embedding. U-Net and
auto-encoder are not in the file. The paper trains its decoder from nothing, and gives it the sentence beside
the embedding.

Shapes: N pictures, D = 64 width of CLIP's embeddings.
"""

import functools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas
from lecture_utils.generative.unclip.decoder import EmbeddingTokens
from lecture_utils.generative.unclip.prior import DiffusionPrior
from lecture_utils.recipes import _latent_diffusion
from lecture_utils.recipes._judged import conditional_accuracy, fidelity
from lecture_utils.recipes._latent_diffusion import (
    CODE,
    WIDTH,
    asked,
    coder,
    encoded,
    painted,
    reader,
    trained,
)
from lecture_utils.recipes._scenes import frozen, left_out
from lecture_utils.recipes.shapes_prior import DIM, embedded, told_by

STEPS, RATE, POOL, TESTED = 3000, 1e-2, 16_000, 500


@functools.cache
def painter() -> LatentDiffusion:
    """The shipped model of sentences, frozen, loaded once: its U-Net paints here too."""
    model = zoo.load("shapes_latent_diffusion")
    assert isinstance(model, LatentDiffusion)
    return frozen(model)


def build() -> LatentDiffusion:
    """The decoder, untrained: `sample` takes embeddings of pictures (B, 64)."""
    told = EmbeddingTokens(DIM, WIDTH)
    model = LatentDiffusion(coder(), told, painter().net, NoiseSchedule(cosine_betas()), CODE, kind="v")
    left_out(model, "autoencoder")
    left_out(model, "net")
    return model


Batch = tuple[tuple[Tensor, Tensor], tuple[Tensor, ...]]


def lessons(seed: int, pool: int = POOL) -> Iterator[Batch]:
    """Batches of codes' means and log variances, and the embeddings (B, 64) of these pictures."""
    draw = torch.Generator().manual_seed(seed)
    image = captioned(pool, seed=seed).image
    (mean, log_var), embedding = encoded(image), embedded(image)
    while True:
        rows = torch.randint(pool, (_latent_diffusion.BATCH,), generator=draw)
        yield (mean[rows], log_var[rows]), (embedding[rows],)


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train the four tokens, 32 pictures a step; return their moving average, and what came of it."""
    for part in (reader, coder, painter):
        part.cache_clear()  # loading frozen parts draws random numbers, so that it must always happen here
    reader(), painter()
    torch.manual_seed(seed)
    return trained(build(), lessons(seed), steps=steps, rate=RATE, label="unCLIP decoder")


@torch.no_grad()
def evaluate(model: nn.Module) -> dict[str, float]:
    """What judges see in pictures of 500 embeddings of each kind, by 20 steps with guidance 3.

    Of test pictures themselves (variations; `_unguided` without guidance), of embeddings that the prior draws
    for "a photo of a red ball" (`_prior`), and of the sentences' own embeddings, in the place of pictures'
    (`_sentence`). `cosine` is that of the embedding told and the one that the picture made has; `_code` says
    how much the auto-encoder alone leaves of it.
    """
    some, prior = captioned(TESTED, seed=8, split="test"), zoo.load("shapes_prior")
    assert isinstance(prior, DiffusionPrior)
    words, text = told_by(asked(some.class_id, some.colour_id))
    image, drawn = embedded(some.image), prior.sample(words, text, seed=1)
    figures: dict[str, float] = {}
    for name, told, scale in (
        ("", image, 3.0),
        ("_unguided", image, 1.0),
        ("_prior", drawn, 3.0),
        ("_sentence", text, 3.0),
    ):
        made = painted(model, told, seed=1, scale=scale)
        found = conditional_accuracy(made, some.class_id, some.colour_id) | fidelity(made, n=TESTED)
        found["cosine"] = (embedded(made) * told).sum(1).mean().item()
        real = "_real"  # the same for all
        figures |= {key if key.endswith(real) else f"{key}{name}": value for key, value in found.items()}
    assert isinstance(model, LatentDiffusion)
    again = torch.cat([model.from_signal(model.to_signal(part)) for part in some.image.split(200)])
    return figures | {"cosine_code": (embedded(again) * image).sum(1).mean().item()}
