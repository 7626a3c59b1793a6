"""Chapter 13's lab, step 1: a CLIP of two encoders that know nothing of each other.

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, section
2.5 and figure 3. Simplified: Adam at one rate; small encoders, a few convolutions and a bag of words.

Shapes: B pairs, F and G features of the two encoders, D the joint space, K classes, T sentences for each, L
tokens of a sentence.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch13.solutions import clip_loss, zero_shot_probabilities
from lecture_utils.data.toyworld.language.captioned import OPENINGS
from lecture_utils.data.toyworld.names import COLOURS
from lecture_utils.recipes._clip import pairs, tokenizer

__all__ = ["TwoTowers", "batches", "encoders", "sentences", "use_towers"]

FEATURES, DIM, WIDTH = 64, 32, 32
SOMETHING = tuple(f"something {colour}" for colour in COLOURS)


class TwoTowers:
    """A CLIP of two encoders and two projections that are given, trained by Adam with a rate of 0.003.

    `image_encoder(images)` gives features (B, F), `text_encoder(ids)` gives (B, G), and the projections bring
    both to D numbers. `log_scale` is learned too: the scale begins at 1 / 0.07, and is never above 100 after
    a step.
    """

    optimizer: torch.optim.Optimizer  # not shown

    def __init__(
        self,
        image_encoder: nn.Module,
        text_encoder: nn.Module,
        image_projection: nn.Module,
        text_projection: nn.Module,
    ) -> None:
        self.image_encoder, self.image_projection = image_encoder, image_projection
        self.text_encoder, self.text_projection = text_encoder, text_projection
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        parts = (image_encoder, text_encoder, image_projection, text_projection)
        learned = [numbers for part in parts for numbers in part.parameters()]
        self.optimizer = torch.optim.Adam([*learned, self.log_scale], lr=0.003)

    def embed_images(self, images: Tensor) -> Tensor:
        """Pictures -> (B, D), of unit length."""
        return F.normalize(self.image_projection(self.image_encoder(images)), dim=-1)

    def embed_texts(self, ids: Tensor) -> Tensor:
        """Token ids (B, L) -> (B, D), of unit length."""
        return F.normalize(self.text_projection(self.text_encoder(ids)), dim=-1)

    def step(self, images: Tensor, ids: Tensor) -> float:
        """Make one step on B pairs; return the loss before it."""
        loss = clip_loss(self.embed_images(images), self.embed_texts(ids), self.log_scale)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.log_scale.clamp_(max=math.log(100))
        return loss.item()

    def classify(self, images: Tensor, sentences: Tensor) -> Tensor:
        """The number of each picture's class, (B,), of K that are told by T sentences each, (K, T, L)."""
        texts = self.embed_texts(sentences.flatten(0, 1)).unflatten(0, sentences.shape[:2])  # (K, T, D)
        return zero_shot_probabilities(self.embed_images(images), texts, self.log_scale.exp().item()).argmax(
            -1
        )


def use_towers(
    towers: Any,
    image_encoder: nn.Module,
    text_encoder: nn.Module,
    image_projection: nn.Module,
    text_projection: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    sentences: Tensor,
    scale: float | None,
) -> Any:
    """What two towers say before their steps and after each; `scale` is put in place of the first one."""
    made = towers(image_encoder, text_encoder, image_projection, text_projection)
    told: dict[str, Any] = {"scale at the start": float(made.log_scale.detach().exp())}
    if scale is not None:
        made.log_scale.data.fill_(math.log(scale))
    batches = list(batches)
    images, ids = batches[0]
    told |= {"embedded images": _of(made.embed_images(images)), "embedded texts": _of(made.embed_texts(ids))}
    told["classes"] = _of(made.classify(images, sentences))
    for number, (images, ids) in enumerate(batches, start=1):
        told[f"loss of step {number}"] = float(made.step(images, ids))
        told[f"scale after step {number}"] = float(made.log_scale.detach().exp())
        told[f"after step {number}"] = [_of(made.embed_images(images)), _of(made.embed_texts(ids))]
    return told | {"classes at the end": _of(made.classify(images, sentences))}


def _of(made: Any) -> Any:
    return made.detach().clone() if isinstance(made, Tensor) else made


# --- what the notebook trains -----------------------------------------------------------------------
class PictureEncoder(nn.Sequential):
    """Pictures (B, 3, 32, 32) in [0, 1] -> (B, F): convolutions that halve the picture, and a mean."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for given, made in ((3, WIDTH), (WIDTH, 2 * WIDTH), (2 * WIDTH, FEATURES)):
            layers += [nn.Conv2d(given, made, 3, 2, padding=1), nn.GroupNorm(4, made), nn.GELU()]
        super().__init__(*layers, nn.Flatten(), nn.Linear(FEATURES * 16, FEATURES), nn.GELU())


class WordBag(nn.Module):
    """Token ids (B, L) -> (B, G): the mean of the tokens' vectors, in whatever order they stand."""

    def __init__(self, vocabulary: int, pad: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(vocabulary, FEATURES, mode="mean", padding_idx=pad)

    def forward(self, ids: Tensor) -> Tensor:
        return self.bag(ids)


def encoders(seed: int) -> tuple[nn.Module, nn.Module, nn.Module, nn.Module]:
    """Return a picture encoder, a text encoder and their projections, all untrained."""
    torch.manual_seed(seed)
    words = tokenizer()
    text = WordBag(words.vocabulary, words.pad)
    picture = PictureEncoder()
    return picture, text, nn.Linear(FEATURES, DIM, bias=False), nn.Linear(FEATURES, DIM, bias=False)


def batches(seed: int, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pictures (B, 3, 32, 32) and their captions' ids (B, L), `steps` times."""
    return islice(pairs(seed), steps)


def sentences(names: Iterable[str] = SOMETHING) -> Tensor:
    """Return the ids of six sentences for each name, such as "something red" or "a star": (K, 6, L)."""
    words = tokenizer()
    texts = [f"{opening} {name}" for name in names for opening in OPENINGS]
    longest = 2 + max(len(words.encode(text)) for text in texts)
    return words.batch(texts, longest).unflatten(0, (-1, len(OPENINGS)))
