"""Chapter 13, part b: wrong answers, written before any was tried, get the hint for their mistake.

Each comes with a word that the hint has to have.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.exercises.checker import exercises
from lecture_utils.ops.stft import istft, stft
from tests.wrong_answers import check_hint

BY_ID = {exercise.id: exercise for exercise in exercises("13")}


def by_topk(similarity: Tensor, relevant: Tensor, k: int) -> float:
    keep = relevant.sum(1) > 0
    order = torch.argsort(similarity[keep], dim=1, descending=True, stable=True)[:, :k]
    return torch.gather(relevant[keep], 1, order).any(1).float().mean().item()


def all_queries(similarity: Tensor, relevant: Tensor, k: int) -> float:
    best = torch.where(relevant, similarity, -torch.inf).amax(1, keepdim=True)
    others = ((similarity >= best) & ~relevant).sum(1)
    return ((others < k) & relevant.any(1)).float().mean().item()


def optimistic(similarity: Tensor, relevant: Tensor, k: int) -> float:
    keep = relevant.any(1)
    s, r = similarity[keep], relevant[keep]
    best = torch.where(r, s, -torch.inf).amax(1, keepdim=True)
    return ((s > best).sum(1) < k).float().mean().item()


def only_together(model: Any, senses: Any, label: Tensor) -> Tensor:
    return F.cross_entropy(model(*senses), label)


def a_third_each(model: Any, senses: Any, label: Tensor) -> Tensor:
    a, b = model.features(senses)
    three = [model.fused(a, b), model.heads[0](a), model.heads[1](b)]
    return torch.stack([F.cross_entropy(x, label) for x in three]).mean()


def probes(model: Any, senses: Any, label: Tensor) -> Tensor:
    a, b = model.features(senses)
    loss = F.cross_entropy(model.fused(a, b), label)
    with torch.no_grad():
        c, d = model.features(senses)
    return loss + F.cross_entropy(model.heads[0](c), label) + F.cross_entropy(model.heads[1](d), label)


def library_the_wrong_way(logits: Tensor, plain: Tensor, target: Tensor, guidance: Any) -> Tensor:
    agree = F.cross_entropy(logits, target, reduction="none")
    stay = F.kl_div(logits.log_softmax(-1), plain.softmax(-1), reduction="none").sum(-1)
    return guidance.clip_weight * agree + guidance.fluency * stay


def means_by_default(logits: Tensor, plain: Tensor, target: Tensor, guidance: Any) -> Tensor:
    stay = F.kl_div(plain.log_softmax(-1), logits.softmax(-1), reduction="batchmean")
    return guidance.clip_weight * F.cross_entropy(logits, target) + guidance.fluency * stay


def as_in_the_paper(logits: Tensor, plain: Tensor, target: Tensor, guidance: Any) -> Tensor:
    agree = F.cross_entropy(logits, target, reduction="none")
    stay = F.cross_entropy(plain, logits.softmax(-1), reduction="none")
    return guidance.clip_weight * agree + guidance.fluency * stay


def magnitudes_alone(magnitude: Tensor, signal: Tensor, window: Tensor, hop: int) -> Tensor:
    return istft(magnitude.to(torch.complex64), window, hop, length=len(signal))


def divides(magnitude: Tensor, signal: Tensor, window: Tensor, hop: int) -> Tensor:
    own = stft(signal, window, hop)
    return istft(own / own.abs() * magnitude, window, hop, length=len(signal))


def any_length(magnitude: Tensor, signal: Tensor, window: Tensor, hop: int) -> Tensor:
    own = stft(signal, window, hop)
    return istft(magnitude * torch.exp(1j * own.angle()), window, hop)


def style_clip(styled: Tensor, source: Tensor, target: Tensor, origin: Tensor) -> Tensor:
    return 1 - F.cosine_similarity(styled, target)


def by_norms(styled: Tensor, source: Tensor, target: Tensor, origin: Tensor) -> Tensor:
    a, b = styled - source, target - origin
    return 1 - (a / a.norm(dim=1, keepdim=True) * (b / b.norm(dim=1, keepdim=True))).sum(1)


def turned(styled: Tensor, source: Tensor, target: Tensor, origin: Tensor) -> Tensor:
    return 1 - F.cosine_similarity(source - styled, target - origin, eps=1e-4)


WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("13.6", by_topk, "order"),
    ("13.6", all_queries, "counts as missed"),
    ("13.6", optimistic, "in your favour"),
    ("13.7", only_together, "learned first"),
    ("13.7", a_third_each, "mean of the three"),
    ("13.7", probes, "encoders get nothing"),
    ("13.8", library_the_wrong_way, "other way"),
    ("13.8", means_by_default, "mean over all sentences"),
    ("13.8", as_in_the_paper, "entropy off"),
    ("13.9", magnitudes_alone, "leave out the phases"),
    ("13.9", divides, "NaN"),
    ("13.9", any_length, "another length"),
    ("13.10", style_clip, "global loss"),
    ("13.10", by_norms, "NaN"),
    ("13.10", turned, "backwards"),
]


@pytest.mark.parametrize(("id", "answer", "word"), WRONG, ids=[f"{id} {a.__name__}" for id, a, _ in WRONG])
def test_a_wrong_answer_gets_the_hint_for_its_mistake(id: str, answer: Callable[..., Any], word: str) -> None:
    check_hint(BY_ID[id], answer, word, "value", "raises")  # istft refuses NaN
