"""Chapter 13, exercise 13.8: ZeroCap's loss (reference: `crossing_solutions.zerocap_loss`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch13.crossing_solutions import zerocap_loss
from lecture_utils.exercises.draws import floats, normal, with_gradients
from lecture_utils.exercises.exercise import Exercise, mistake
from lecture_utils.multimodal.zerocap import Guidance

__all__ = ["EXERCISE"]


def _words(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[1.0, 0.0]]), floats([[0.0, 0.0]]), floats([[1.0, 0.0]]), Guidance(1.0, 0.0)  # CLIP alone
    yield (
        floats([[1.0, 0.0]]),
        floats([[0.0, 0.0]]),
        floats([[1.0, 0.0]]),
        Guidance(0.0, 1.0),
    )  # fluency alone
    for sentences, words, clip, fluency in (
        (1, 3, 1.0, 0.5),
        (2, 4, 1.0, 0.2),
        (3, 6, 0.7, 1.5),
        (4, 9, 2.0, 0.2),
    ):
        logits, plain = normal(rng, sentences, words, scale=2), normal(rng, sentences, words, scale=2)
        target = torch.zeros(sentences, words)
        for row in target:  # some candidates, and 0 for all other words
            candidates = rng.permutation(words)[: max(2, words // 2)]
            row[candidates] = floats(rng.dirichlet(np.ones(len(candidates))))
        yield logits, plain, target, Guidance(clip, fluency)


def _use(
    answer: Callable[..., Any], logits: Tensor, plain: Tensor, target: Tensor, guidance: Guidance
) -> Any:
    """The loss of each sentence, and its gradient by the logits."""
    return with_gradients(answer, (logits, plain, target, guidance), of=(0,))


def _agree(log_p: Tensor, target: Tensor) -> Tensor:
    return -(target * log_p).sum(-1)


def _stay(log_p: Tensor, log_plain: Tensor) -> Tensor:
    return (log_p.exp() * (log_p - log_plain)).sum(-1)


def _loss(
    logits: Tensor,
    plain: Tensor,
    target: Tensor,
    guidance: Guidance,
    *,
    agree: Callable[[Tensor, Tensor], Tensor] = _agree,
    stay: Callable[[Tensor, Tensor], Tensor] = _stay,
    total: Callable[[Tensor], Tensor] = lambda each: each,
) -> Tensor:
    """The loss with one part exchanged."""
    log_p, log_plain = logits.log_softmax(-1), plain.log_softmax(-1)
    clip, fluency = guidance.clip_weight, guidance.fluency
    return total(clip * agree(log_p, target) + fluency * stay(log_p, log_plain))


@mistake(
    "Your divergence runs the other way: the plain model's probabilities stand before the logarithms. It is "
    "the moved model that pays for words which the plain one would never say."
)
def _reversed(*given: Any) -> Tensor:
    return _loss(*given, stay=lambda log_p, log_plain: (log_plain.exp() * (log_plain - log_p)).sum(-1))


@mistake(
    "Your fluency is the cross-entropy of the two models. It is smallest where the moved one says nothing "
    "but the plain one's favourite word: take the moved model's own entropy off, and to stay is best."
)
def _cross_entropy(*given: Any) -> Tensor:
    return _loss(*given, stay=lambda log_p, log_plain: -(log_p.exp() * log_plain).sum(-1))


@mistake("The fluency has weight 1 with you. `guidance.fluency` says how much it counts.")
def _fluency_unweighted(logits: Tensor, plain: Tensor, target: Tensor, guidance: Guidance) -> Tensor:
    return _loss(logits, plain, target, Guidance(guidance.clip_weight, 1.0))


@mistake("CLIP has weight 1 with you. `guidance.clip_weight` says how much it counts.")
def _clip_unweighted(logits: Tensor, plain: Tensor, target: Tensor, guidance: Guidance) -> Tensor:
    return _loss(logits, plain, target, Guidance(1.0, guidance.fluency))


@mistake("The two weights are exchanged: `clip_weight` belongs to the target, `fluency` to the plain model.")
def _weights_exchanged(logits: Tensor, plain: Tensor, target: Tensor, guidance: Guidance) -> Tensor:
    return _loss(logits, plain, target, Guidance(guidance.fluency, guidance.clip_weight))


@mistake(
    "CLIP alone pulls: nothing keeps the sentence a sentence. The divergence from the plain model is missing."
)
def _clip_alone(*given: Any) -> Tensor:
    return _loss(*given, stay=lambda log_p, log_plain: 0 * log_p.sum(-1))


@mistake("Nothing of CLIP is in your loss: the cross-entropy under its target is missing.")
def _fluency_alone(*given: Any) -> Tensor:
    return _loss(*given, agree=lambda log_p, target: 0 * log_p.sum(-1))


@mistake("Your cross-entropy lacks its minus: the loss falls as the model disagrees with CLIP.")
def _sign(*given: Any) -> Tensor:
    return _loss(*given, agree=lambda log_p, target: (target * log_p).sum(-1))


@mistake("You take the divergence off. It is a cost: the farther from the plain model, the larger the loss.")
def _taken_off(*given: Any) -> Tensor:
    return _loss(*given, stay=lambda log_p, log_plain: -_stay(log_p, log_plain))


@mistake(
    "You take one mean over all sentences. Each has a context of its own to move, and so a loss of its own."
)
def _mean_over_sentences(*given: Any) -> Tensor:
    return _loss(*given, total=torch.mean)


@mistake("You add the sentences up to one number. Each has a loss of its own: sum over the words alone.")
def _sum_over_sentences(*given: Any) -> Tensor:
    return _loss(*given, total=torch.sum)


@mistake("You take the mean over the words. A cross-entropy and a divergence are sums over all V of them.")
def _mean_over_words(logits: Tensor, plain: Tensor, target: Tensor, guidance: Guidance) -> Tensor:
    return zerocap_loss(logits, plain, target, guidance) / logits.shape[-1]


@mistake(
    "You multiply the target by the bare logits. Their log_softmax is missing: logarithms of probabilities "
    "are wanted."
)
def _bare_logits(logits: Tensor, plain: Tensor, target: Tensor, guidance: Guidance) -> Tensor:
    stay = _stay(logits.log_softmax(-1), plain.log_softmax(-1))
    return guidance.clip_weight * _agree(logits, target) + guidance.fluency * stay


@mistake(
    "You take CLIP's favourite for the only right word. Its target is a distribution: other candidates have "
    "their share."
)
def _favourite(*given: Any) -> Tensor:
    return _loss(*given, agree=lambda log_p, target: F.nll_loss(log_p, target.argmax(-1), reduction="none"))


@mistake(
    "You share out the model's probability among CLIP's candidates alone. Then words that CLIP was not "
    "asked about cost nothing, however likely they are."
)
def _among_candidates(*given: Any) -> Tensor:
    def agree(log_p: Tensor, target: Tensor) -> Tensor:
        among = log_p.masked_fill(target == 0, -torch.inf).log_softmax(-1)
        return -(target * among.masked_fill(target == 0, 0)).sum(-1)

    return _loss(*given, agree=agree)


WRONG: Any = (
    _reversed, _cross_entropy, _fluency_unweighted, _clip_unweighted, _weights_exchanged, _clip_alone,
    _fluency_alone, _sign, _taken_off, _mean_over_sentences, _sum_over_sentences, _mean_over_words,
    _bare_logits, _favourite, _among_candidates,
)  # fmt: skip
EXERCISE = Exercise(
    "13.8",
    "Two pulls on a sentence",
    zerocap_loss,
    _words,
    difficulty=3,
    minutes=10,
    use=_use,
    hints=(
        "Both parts are sums over the V words of one sentence. In the first CLIP's probabilities weigh the "
        "moved model's logarithms; in the second the moved model's own weigh a difference of two logarithms.",
        "logits.log_softmax(-1) gives log p of the moved model, the same of `plain` that of the unmoved "
        "one. The divergence is the sum of p · (log p - log plain).",
        "-(target * log_p).sum(-1) and (log_p.exp() * (log_p - log_plain)).sum(-1), each with its weight of "
        "`guidance`, added up. No mean: the result is (B,).",
    ),
    mistakes=WRONG,
)
