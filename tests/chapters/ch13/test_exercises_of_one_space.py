"""Chapter 13, part a: the references are what the package computes, and other right ways pass."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch13 import solutions
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.multimodal import tokenizer
from lecture_utils.multimodal.clip.loss import clip_loss
from lecture_utils.multimodal.word2vec import SkipGram, negative_sampling_loss
from lecture_utils.ops.stft import dft_matrix, stft
from tests.references import check_reference

BY_ID = {exercise.id: exercise for exercise in exercises("13")}


# --- the package's functions, called as the learner's are ---------------------------------------------
def package_merge(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    return list(tokenizer.merge_pair(tuple(ids), pair, new))


def package_negative_sampling(centre: Tensor, context: Tensor, negatives: Tensor) -> Any:
    """A model whose words are these vectors; gradients by them are those by its tables."""
    pairs, noise, dim = negatives.shape
    model = SkipGram(pairs * (1 + noise), dim)
    table = torch.cat([context[:, None], negatives], 1).flatten(0, 1)
    del model.centre, model.context
    model.centre, model.context = centre, table  # type: ignore[assignment]
    return negative_sampling_loss(
        model, torch.arange(pairs), torch.arange(len(table)).unflatten(0, (pairs, -1))
    )


def package_stft(x: Tensor, window: Tensor, hop: int) -> Tensor:
    return stft(x, window, hop, centre=False)


def package_clip_loss(image: Tensor, text: Tensor, log_scale: Tensor) -> Tensor:
    return clip_loss(F.normalize(image, dim=1), F.normalize(text, dim=1), log_scale)


THEIRS: dict[str, Callable[..., Any]] = {
    "13.1": package_merge,
    "13.2": package_negative_sampling,
    "13.3": package_stft,
    "13.4": package_clip_loss,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    check_reference(BY_ID[id], THEIRS[id], seeds=3)


def test_the_learners_merges_are_the_packages() -> None:
    """The loop of the notebook."""
    corpus = ["a red star", "a red ball", "i see a star on sand"] * 2
    counts = Counter(word for text in corpus for word in tokenizer.split_words(text))
    words = {tuple(word): count for word, count in counts.items()}
    learned: list[tuple[int, int]] = []
    while len(learned) < 12 and (pairs := tokenizer.count_pairs(words)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        new = 256 + len(learned)
        words = {tuple(solutions.merge_pair(list(word), best, new)): n for word, n in words.items()}
        learned.append(best)
    assert learned == tokenizer.learn_merges(corpus, 12)


def test_zero_shot_is_the_packages_classifier() -> None:
    """As `zero_shot` of the package has it: the mean of unit vectors, unit again, times the scale."""
    random = torch.Generator().manual_seed(0)
    images, texts = (F.normalize(torch.randn(*s, generator=random), dim=-1) for s in ((5, 8), (4, 6, 8)))
    classes = F.normalize(texts.mean(dim=1), dim=-1)
    made = solutions.zero_shot_probabilities(images, texts, 7.0)
    torch.testing.assert_close(made.sum(1), torch.ones(5))
    torch.testing.assert_close(made.log() - made.log()[:, :1], 7 * (images @ (classes - classes[:1]).T))


# --- other right ways pass ---------------------------------------------------------------------------
def merge_from_a_stack(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out: list[int] = []
    free = False  # whether the last id of `out` may still be the first of a pair
    for i in ids:
        if out and free and (out[-1], i) == tuple(pair):
            out[-1], free = new, False
        else:
            out.append(i)
            free = True
    return out


def negative_sampling_by_softplus(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    true = torch.einsum("bd,bd->b", centre, context)
    noise = torch.bmm(negatives, centre[..., None])[..., 0]
    return (F.softplus(-true) + F.softplus(noise).sum(1)).mean()


def negative_sampling_by_entropy(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    every = torch.cat([context[:, None], negatives], 1)
    scores = (every @ centre[..., None])[..., 0]
    wanted = torch.zeros_like(scores)
    wanted[:, 0] = 1
    return F.binary_cross_entropy_with_logits(scores, wanted, reduction="none").sum(1).mean()


def spectrum_by_matrix(x: Tensor, window: Tensor, hop: int) -> Tensor:
    n = len(window)
    starts = range(0, len(x) - n + 1, hop)
    frames = torch.stack([x[s : s + n] * window for s in starts], dim=1)  # (n, T)
    return dft_matrix(n) @ frames.to(torch.complex64)


def spectrum_by_torch(x: Tensor, window: Tensor, hop: int) -> Tensor:
    return torch.stft(x, len(window), hop, window=window, center=False, return_complex=True)


def clip_loss_by_hand(image: Tensor, text: Tensor, log_scale: Tensor) -> Tensor:
    image, text = image / image.norm(dim=1, keepdim=True), text / text.norm(dim=1, keepdim=True)
    logits = torch.exp(log_scale) * torch.einsum("id,jd->ij", image, text)
    right = logits.diagonal()
    return (logits.logsumexp(0) - right + logits.logsumexp(1) - right).mean() / 2


def zero_shot_by_sums(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    total = texts.sum(1)
    total = total / total.norm(dim=-1, keepdim=True)
    return F.softmax(torch.matmul(images, total.mT) * scale, dim=1)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("13.1", merge_from_a_stack),
        ("13.2", negative_sampling_by_softplus),
        ("13.2", negative_sampling_by_entropy),
        ("13.3", spectrum_by_matrix),
        ("13.3", spectrum_by_torch),
        ("13.4", clip_loss_by_hand),
        ("13.5", zero_shot_by_sums),
    ],
)
def test_another_right_way_passes(id: str, answer: Callable[..., Any]) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "right", found
