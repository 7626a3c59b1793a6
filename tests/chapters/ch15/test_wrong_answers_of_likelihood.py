"""Chapter 15, part a: wrong answers, written before any was tried, get the hint for their mistake.

Each comes with a word that the hint has to have.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.exercises.checker import exercises
from tests.wrong_answers import check_hint

BY_ID = {exercise.id: exercise for exercise in exercises("15")}


def one_colour_only(kind: str, size: int, in_channels: int, out_channels: int, colours: int) -> Tensor:
    """The mask of the grey picture: the centre is shut in A and open in B, whatever the colours."""
    mask = torch.ones(out_channels, in_channels, size, size, dtype=torch.bool)
    c = size // 2
    mask[:, :, c, c + (kind == "B") :] = False
    mask[:, :, c + 1 :] = False
    return mask


def forgot_the_rest_of_the_row(kind: str, size: int, i: int, o: int, colours: int) -> Tensor:
    mask = torch.ones(o, i, size, size, dtype=torch.bool)
    c = size // 2
    mask[:, :, c + 1 :] = False
    gi, go = torch.arange(i) // (i // colours), torch.arange(o) // (o // colours)
    mask[:, :, c, c] = gi < go[:, None] if kind == "A" else gi <= go[:, None]
    return mask


def by_modulo(kind: str, size: int, i: int, o: int, colours: int) -> Tensor:
    mask = torch.zeros(o, i, size, size, dtype=torch.bool)
    c = size // 2
    mask[:, :, :c] = mask[:, :, c, :c] = True
    for out in range(o):
        for into in range(i):
            a, b = into % colours, out % colours
            mask[out, into, c, c] = a < b or (kind == "B" and a == b)
    return mask


def in_nats(logits: Tensor, image: Tensor) -> Tensor:
    return F.cross_entropy(logits, image, reduction="none").flatten(1).mean(1)


def one_number(logits: Tensor, image: Tensor) -> Tensor:
    return F.cross_entropy(logits, image) / math.log(2)


def whole_picture(logits: Tensor, image: Tensor) -> Tensor:
    return F.cross_entropy(logits, image, reduction="none").flatten(1).sum(1) / math.log(2)


def by_log2_of_softmax(logits: Tensor, image: Tensor) -> Tensor:
    p = F.softmax(logits, dim=1).gather(1, image.unsqueeze(1)).squeeze(1)
    return -torch.log2(p).mean((1, 2, 3))


def no_minus(logits: Tensor, image: Tensor) -> Tensor:
    p = F.log_softmax(logits, dim=1).gather(1, image.unsqueeze(1)).squeeze(1)
    return p.mean((1, 2, 3)) / math.log(2)


def asked_once(model: Any, n: int, size: int, generator: torch.Generator) -> Tensor:
    p = model(torch.zeros(n, 1, size, size, dtype=torch.long)).softmax(1)  # (n, L, 1, S, S)
    flat = p.movedim(1, -1).flatten(0, -2)
    return torch.multinomial(flat, 1, generator=generator).reshape(n, 1, size, size)


def into_another_picture(model: Any, n: int, size: int, generator: torch.Generator) -> Tensor:
    empty, made = torch.zeros(2, n, 1, size, size, dtype=torch.long)
    for r in range(size):
        for c in range(size):
            p = torch.softmax(model(empty)[:, :, 0, r, c], dim=-1)
            made[:, 0, r, c] = torch.multinomial(p, 1, generator=generator).squeeze(-1)
    return made


def likeliest(model: Any, n: int, size: int, generator: torch.Generator) -> Tensor:
    image = torch.zeros(n, 1, size, size, dtype=torch.long)
    for r in range(size):
        for c in range(size):
            image[:, 0, r, c] = model(image)[:, :, 0, r, c].argmax(-1)
    return image


def no_generator(model: Any, n: int, size: int, generator: torch.Generator) -> Tensor:
    image = torch.zeros(n, 1, size, size, dtype=torch.long)
    for r in range(size):
        for c in range(size):
            logits = model(image)[:, :, 0, r, c]
            image[:, 0, r, c] = torch.distributions.Categorical(logits=logits).sample()
    return image


def columns_first(model: Any, n: int, size: int, generator: torch.Generator) -> Tensor:
    image = torch.zeros(n, 1, size, size, dtype=torch.long)
    for x in range(size):
        for y in range(size):
            p = model(image)[:, :, 0, y, x].softmax(-1)
            image[:, 0, y, x] = torch.multinomial(p, 1, generator=generator).squeeze(1)
    return image


def from_below(model: Any, n: int, size: int, generator: torch.Generator) -> Tensor:
    image = torch.zeros(n, 1, size, size, dtype=torch.long)
    for r in reversed(range(size)):
        for c in reversed(range(size)):
            p = model(image)[:, :, 0, r, c].softmax(-1)
            image[:, 0, r, c] = torch.multinomial(p, 1, generator=generator).squeeze(1)
    return image


def var_as_std(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    var = torch.exp(log_var)
    return mean + var * noise, 0.5 * (mean**2 + var - log_var - 1).sum(-1)


def papers_sign(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    std = torch.exp(0.5 * log_var)
    return mean + std * noise, 0.5 * (1 + log_var - mean.pow(2) - log_var.exp()).sum(1)


def mean_of_kl(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    std = torch.exp(0.5 * log_var)
    return mean + std * noise, -0.5 * (1 + log_var - mean.pow(2) - log_var.exp()).mean(1)


def drawn_by_torch(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        z = mean + (log_var / 2).exp() * noise
    return z, -0.5 * (1 + log_var - mean.pow(2) - log_var.exp()).sum(1)


def keras_batch_mean(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    kl = -0.5 * (1 + log_var - mean.pow(2) - log_var.exp()).sum(1)
    return mean + (log_var / 2).exp() * noise, kl.mean()


def mean_of_logs(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    return (log_joint - log_posterior).mean(dim=0)


def bare_exp(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    return torch.log((torch.exp(log_joint) / torch.exp(log_posterior)).mean(0))


def no_log_k(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    return torch.logsumexp(log_joint - log_posterior, dim=0)


def joint_only(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    return torch.logsumexp(log_joint, dim=0) - math.log(log_joint.shape[0])


def wrong_axis(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    w = log_joint - log_posterior
    return torch.logsumexp(w, dim=-1) - math.log(w.shape[-1])


WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("15.1", one_colour_only, "centre"),
    ("15.1", forgot_the_rest_of_the_row, "end to end"),
    ("15.1", by_modulo, "interleaved"),
    ("15.2", in_nats, "nats"),
    ("15.2", one_number, "over the batch"),
    ("15.2", whole_picture, "whole picture"),
    ("15.2", by_log2_of_softmax, "after the softmax"),
    ("15.2", no_minus, "below 0"),
    ("15.3", asked_once, "never sees"),
    ("15.3", into_another_picture, "never sees"),
    ("15.3", likeliest, "likeliest"),
    ("15.3", no_generator, "generator"),
    ("15.3", columns_first, "columns"),
    ("15.3", from_below, "last pixel"),
    ("15.4", var_as_std, "standard deviation"),
    ("15.4", papers_sign, "sign turned"),
    ("15.4", mean_of_kl, "averaged over the latent"),
    ("15.4", drawn_by_torch, "no gradient"),
    ("15.4", keras_batch_mean, "one number for the batch"),
    ("15.5", mean_of_logs, "ELBO"),
    ("15.5", bare_exp, "0 or infinity"),
    ("15.5", no_log_k, "of the sum"),
    ("15.5", joint_only, "leave out"),
    ("15.5", wrong_axis, "over the pictures"),
]


@pytest.mark.parametrize(("id", "answer", "word"), WRONG, ids=[f"{id} {a.__name__}" for id, a, _ in WRONG])
def test_a_wrong_answer_gets_the_hint_for_its_mistake(id: str, answer: Callable[..., Any], word: str) -> None:
    check_hint(BY_ID[id], answer, word, "value", "raises", "kind")
