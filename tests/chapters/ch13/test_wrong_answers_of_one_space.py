"""Chapter 13, part a: wrong answers, written before any was tried, get the hint for their mistake.

Each comes with a word that the hint has to have.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.exercises.checker import exercises
from tests.wrong_answers import check_hint

BY_ID = {exercise.id: exercise for exercise in exercises("13")}


def walks_by_one(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out = []
    for i in range(len(ids)):
        if i + 1 < len(ids) and ids[i] == pair[0] and ids[i + 1] == pair[1]:
            out.append(new)
        else:
            out.append(ids[i])
    return out


def forgets_the_end(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out, i = [], 0
    while i + 1 < len(ids):
        if (ids[i], ids[i + 1]) == pair:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def returns_at_once(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    for i in range(len(ids) - 1):
        if ids[i] == pair[0] and ids[i + 1] == pair[1]:
            return [*ids[:i], new, *ids[i + 2 :]]
    return ids


def as_a_string(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    text = " ".join(str(i) for i in ids).replace(f"{pair[0]} {pair[1]}", str(new))
    return [int(word) for word in text.split()]


def backwards(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out, i = list(ids), len(ids) - 2
    while i >= 0:
        if tuple(out[i : i + 2]) == pair:
            out[i : i + 2] = [new]
            i -= 1
        i -= 1
    return out


def both_pulled(c: Tensor, o: Tensor, n: Tensor) -> Tensor:
    true = torch.einsum("bd,bd->b", c, o)
    noise = torch.einsum("bd,bkd->bk", c, n)
    return (-F.logsigmoid(true) - F.logsigmoid(noise).sum(-1)).mean()


def log_of_sigmoid(c: Tensor, o: Tensor, n: Tensor) -> Tensor:
    true, noise = (c * o).sum(1), torch.bmm(n, c[:, :, None]).squeeze(2)
    return -(torch.log(torch.sigmoid(true)) + torch.log(torch.sigmoid(-noise)).sum(1)).mean()


def mean_over_all(c: Tensor, o: Tensor, n: Tensor) -> Tensor:
    true, noise = (c * o).sum(1), torch.bmm(n, c[:, :, None]).squeeze(2)
    return -F.logsigmoid(true).mean() - F.logsigmoid(-noise).mean()


def summed_up(c: Tensor, o: Tensor, n: Tensor) -> Tensor:
    true, noise = (c * o).sum(1), torch.bmm(n, c[:, :, None]).squeeze(2)
    return -F.logsigmoid(true).sum() - F.logsigmoid(-noise).sum()


def frames_as_rows(x: Tensor, w: Tensor, hop: int) -> Tensor:
    return torch.stack([torch.fft.rfft(x[s : s + len(w)] * w) for s in range(0, len(x) - len(w) + 1, hop)])


def torchs_default(x: Tensor, w: Tensor, hop: int) -> Tensor:
    return torch.stft(x, len(w), hop, window=w, center=True, pad_mode="reflect", return_complex=True)


def plus_in_exponent(x: Tensor, w: Tensor, hop: int) -> Tensor:
    n = len(w)
    k, m = torch.arange(n // 2 + 1), torch.arange(n)
    wave = torch.exp(2j * torch.pi * k[:, None] * m / n)
    return wave @ (x.unfold(0, n, hop) * w).T.to(wave.dtype)


def off_by_one(x: Tensor, w: Tensor, hop: int) -> Tensor:
    made = [torch.fft.rfft(x[s : s + len(w)] * w) for s in range(0, len(x) - len(w), hop)]
    return torch.stack(made, 1) if made else torch.zeros(len(w) // 2 + 1, 0, dtype=torch.complex64)


def no_lengths(image: Tensor, text: Tensor, t: Tensor) -> Tensor:
    logits = image @ text.T * t.exp()
    y = torch.arange(len(logits))
    return 0.5 * F.cross_entropy(logits, y) + 0.5 * F.cross_entropy(logits.T, y)


def first_axis(image: Tensor, text: Tensor, t: Tensor) -> Tensor:
    a, b = image / image.norm(dim=0), text / text.norm(dim=0)
    logits = a @ b.T * t.exp()
    y = torch.arange(len(logits))
    return 0.5 * F.cross_entropy(logits, y) + 0.5 * F.cross_entropy(logits.T, y)


def one_way(image: Tensor, text: Tensor, t: Tensor) -> Tensor:
    logits = F.normalize(image) @ F.normalize(text).T * t.exp()
    return F.cross_entropy(logits, torch.arange(len(logits)))


def raw_t(image: Tensor, text: Tensor, t: Tensor) -> Tensor:
    logits = F.normalize(image) @ F.normalize(text).T * t
    y = torch.arange(len(logits))
    return (F.cross_entropy(logits, y) + F.cross_entropy(logits.mT, y)) / 2


def never_halved(image: Tensor, text: Tensor, t: Tensor) -> Tensor:
    logits = F.normalize(image) @ F.normalize(text).T * t.exp()
    y = torch.arange(len(logits))
    return F.cross_entropy(logits, y) + F.cross_entropy(logits.mT, y)


def mean_is_enough(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    return torch.softmax(scale * images @ texts.mean(dim=1).T, dim=1)


def vote(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    each = [torch.softmax(scale * images @ texts[:, t].T, 1) for t in range(texts.shape[1])]
    return torch.stack(each).mean(0)


def down_the_pictures(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    classes = F.normalize(texts.mean(1), dim=1)
    return torch.softmax(scale * images @ classes.T, dim=0)


def cosines_alone(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    return (images @ F.normalize(texts.mean(1), dim=1).T).softmax(1)


WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("13.1", walks_by_one, "second half"),
    ("13.1", forgets_the_end, "last id"),
    ("13.1", returns_at_once, "first pair"),
    ("13.1", as_a_string, "text"),
    ("13.1", backwards, "right to left"),
    ("13.2", both_pulled, "sign before their score"),
    ("13.2", log_of_sigmoid, "minus infinity"),
    ("13.2", mean_over_all, "mean over the noise"),
    ("13.2", summed_up, "mean over the batch"),
    ("13.3", frames_as_rows, "rows are frames"),
    ("13.3", torchs_default, "centred"),
    ("13.3", plus_in_exponent, "minus is missing"),
    ("13.3", off_by_one, "last whole frame"),
    ("13.4", no_lengths, "keep their lengths"),
    ("13.4", first_axis, "along the batch"),
    ("13.4", one_way, "no text looks"),
    ("13.4", raw_t, "logarithm"),
    ("13.4", never_halved, "mean is asked for"),
    ("13.5", mean_is_enough, "shorter than 1"),
    ("13.5", vote, "average probabilities"),
    ("13.5", down_the_pictures, "over the pictures"),
    ("13.5", cosines_alone, "scale is without effect"),
]


@pytest.mark.parametrize(("id", "answer", "word"), WRONG, ids=[f"{id} {a.__name__}" for id, a, _ in WRONG])
def test_a_wrong_answer_gets_the_hint_for_its_mistake(id: str, answer: Callable[..., Any], word: str) -> None:
    check_hint(BY_ID[id], answer, word, "value", "kind")  # kind: a list too long
