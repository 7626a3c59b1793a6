"""Chapter 13's lab, step 2: a classifier made of sentences whose accuracy is chance, and what shows why.

A colleague's pictures lie in folders, one a class, and are shown folder by folder. Of some classes all
sentences say the same, of others each speaks of another colour or ground.

Shapes: B pictures, K classes, T sentences for each, D the joint space.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.captioned import OPENINGS, captioned
from lecture_utils.data.toyworld.language.wording import with_article
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.multimodal.clip.clip import CLIP

__all__ = ["Folders", "Symptoms", "class_scores", "class_scores_faulty", "folders", "symptoms", "told"]


def class_scores_faulty(images: Tensor, texts: Tensor) -> Tensor:
    """Cosines of pictures and classes, (B, K), from embeddings of any length: (B, D) and (K, T, D).

    Each sentence counts alike, and the mean of a class's sentences stands for the class.
    """
    images = (images - images.mean(0)) / (images.std(0, correction=0) + 1e-6)  # all numbers of one size
    classes = F.normalize(texts, dim=-1).mean(1)  # (K, D)
    return images @ classes.T


def class_scores(images: Tensor, texts: Tensor) -> Tensor:
    """Cosines of pictures and classes, (B, K), from embeddings of any length: (B, D) and (K, T, D).

    Each sentence counts alike, and the mean of a class's sentences stands for the class.
    """
    images = F.normalize(images, dim=-1)  # each picture for itself
    classes = F.normalize(texts, dim=-1).mean(1)  # (K, D), shorter than 1
    return images @ F.normalize(classes, dim=-1).T


def told(k: int) -> list[str]:
    """Return the six sentences that were written for class k: of odd classes each tells of something else."""
    if k % 2 == 0:
        return [f"{opening} {with_article(CLASSES[k])}" for opening in OPENINGS]
    colours = [COLOURS[(k + j) % len(COLOURS)] for j in range(len(OPENINGS))]
    places = ["", f" on {STUFF[1]}", f" on {STUFF[2]}", "", f" on {STUFF[3]}", " under a cloudy sky"]
    return [
        f"a photo of {with_article(colour)} {CLASSES[k]}{place}"
        for colour, place in zip(colours, places, strict=True)
    ]


class Folders(NamedTuple):
    """Embeddings before they are made unit length: pictures (N, D) class by class, sentences (K, T, D)."""

    images: Tensor
    texts: Tensor
    class_id: Tensor


@lru_cache(maxsize=1)
def folders(count: int = 50) -> Folders:
    """Embed `count` test pictures a class, class by class, and the sentences, with the course's CLIP."""
    clip = zoo.load("shapes_clip")
    assert isinstance(clip, CLIP)
    its = captioned(16 * count, seed=13, split="test")
    rows = torch.cat([(its.class_id == k).nonzero()[:count, 0] for k in range(len(CLASSES))])
    with torch.no_grad():
        images = torch.cat(
            [clip.image_encoder((x - clip.mean) / clip.std) for x in its.image[rows].split(100)]
        )
        texts = torch.stack([clip.text_encoder(clip.ids(told(k))) for k in range(len(CLASSES))])
    return Folders(images, texts, its.class_id[rows])


class Symptoms(NamedTuple):
    """What a classifier's answers look like.

    Attributes
    ----------
    by_folder, shuffled : float
        Accuracy where each batch of 50 is one folder, and where pictures of all folders are mixed.
    largest : float
        The largest score by its size. A cosine is at most 1.
    same_sentences, mixed_sentences : float
        Accuracy by folder of the classes whose sentences all say the same, and of the others.
    """

    by_folder: float
    shuffled: float
    largest: float
    same_sentences: float
    mixed_sentences: float


def symptoms(scores: Callable[[Tensor, Tensor], Tensor], seen: Folders | None = None) -> Symptoms:
    """Ask a classifier for the classes of the pictures in the folders, in batches of 50."""
    images, texts, class_id = folders() if seen is None else seen
    mixed = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    given = torch.cat([scores(batch, texts) for batch in images.split(50)])  # (N, K)
    shuffled = torch.cat([scores(batch, texts) for batch in images[mixed].split(50)])
    right = given.argmax(1) == class_id
    return Symptoms(
        _share(right),
        _share(shuffled.argmax(1) == class_id[mixed]),
        float(given.abs().max()),
        _share(right[class_id % 2 == 0]),
        _share(right[class_id % 2 == 1]),
    )


def _share(right: Tensor) -> float:
    return float(right.double().mean())
