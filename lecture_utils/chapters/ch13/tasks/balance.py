"""Chapter 13, exercise 13.7: a loss for each sense (reference: `crossing_solutions.balanced_loss`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch13.crossing_solutions import balanced_loss
from lecture_utils.exercises.draws import normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE", "Two"]

Senses = tuple[Tensor, Tensor]


class Two(nn.Module):
    """A net of two senses, small: encoders (D, F) and (D, G), a head (K, 2 D), and two of (K, D)."""

    def __init__(self, numbers: list[Tensor]) -> None:
        super().__init__()
        self.looks, self.reads, self.head, *_ = (self._layer(n) for n in numbers)
        self.heads = nn.ModuleList(self._layer(n) for n in numbers[3:])

    @staticmethod
    def _layer(weight: Tensor) -> nn.Linear:
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        layer.weight.data.copy_(weight)
        return layer

    def features(self, senses: Senses) -> Senses:
        """What each encoder makes of its sense, (B, D) and (B, D)."""
        return torch.tanh(self.looks(senses[0])), torch.tanh(self.reads(senses[1]))

    def fused(self, seen: Tensor, read: Tensor) -> Tensor:
        """Logits (B, K) of both together."""
        return self.head(torch.cat([seen, read], 1))

    def forward(self, seen: Tensor, read: Tensor) -> Tensor:
        """Logits (B, K)."""
        return self.fused(*self.features((seen, read)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Two) and all(
            torch.equal(a, b) for a, b in zip(self.parameters(), other.parameters(), strict=True)
        )

    __hash__ = nn.Module.__hash__

    def __repr__(self) -> str:
        return f"a small net of two senses, {self.head.out_features} classes"


def _nets(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    for batch, dim, classes in ((1, 1, 2), (2, 2, 2), (3, 2, 3), (4, 3, 3), (6, 4, 5), (8, 4, 8)):
        shapes = ((dim, 3), (dim, 4), (classes, 2 * dim), (classes, dim), (classes, dim))
        senses = normal(rng, batch, 3), normal(rng, batch, 4)
        label = torch.tensor(rng.integers(0, classes, batch))
        yield Two([normal(rng, *shape) for shape in shapes]), senses, label


def use_balanced(answer: Callable[..., Any], model: Any, senses: Senses, label: Tensor) -> Any:
    """The loss, and its gradient by the weights of encoders and heads."""
    made = answer(model, senses, label)
    if not isinstance(made, Tensor) or not made.is_floating_point():
        return made
    parts = {"picture encoder": model.looks, "text encoder": model.reads, "fused head": model.head}
    parts |= {"picture's head": model.heads[0], "text's head": model.heads[1]}
    weights = [part.weight for part in parts.values()]
    gradients: Any = [None] * len(weights)
    if made.requires_grad:
        gradients = torch.autograd.grad(made.sum(), weights, allow_unused=True)
    told = {
        f"gradient of the {name}": torch.zeros_like(weight) if g is None else g
        for name, weight, g in zip(parts, weights, gradients, strict=True)
    }
    return {"loss": made.detach()} | told


def _loss(
    model: Any,
    senses: Senses,
    label: Tensor,
    *,
    alone: Callable[[Any, Tensor, Tensor], list[Tensor]] = lambda model, seen, read: [
        model.heads[0](seen),
        model.heads[1](read),
    ],
    joint: float = 1,
    each: float = 1,
) -> Tensor:
    """The loss with one part exchanged."""
    seen, read = model.features(senses)
    own = torch.stack([F.cross_entropy(logits, label) for logits in alone(model, seen, read)]).sum()
    return joint * F.cross_entropy(model.fused(seen, read), label) + each * own


@mistake(
    "Only what both say together counts. Then the sense that is learned first answers for both, and the "
    "other encoder hardly gets a gradient any more."
)
def _joint_alone(*given: Any) -> Tensor:
    return _loss(*given, each=0)


@mistake("What both say together does not count: the fused head never learns.")
def _senses_alone(*given: Any) -> Tensor:
    return _loss(*given, joint=0)


@mistake("Only the picture has a loss of its own. The text is to answer for itself as well.")
def _picture_alone(*given: Any) -> Tensor:
    return _loss(*given, alone=lambda model, seen, read: [model.heads[0](seen)])


@mistake("Only the text has a loss of its own. It is the picture that falls behind.")
def _text_alone(*given: Any) -> Tensor:
    return _loss(*given, alone=lambda model, seen, read: [model.heads[1](read)])


@mistake("The heads are exchanged: the first of `model.heads` is the picture's, the second the text's.")
def _exchanged(*given: Any) -> Tensor:
    return _loss(*given, alone=lambda model, seen, read: [model.heads[1](seen), model.heads[0](read)])


@mistake(
    "You detach the features before the heads: those learn, and the encoders get nothing of it. It is the "
    "encoders that the further losses are for."
)
def _detached(*given: Any) -> Tensor:
    return _loss(
        *given,
        alone=lambda model, seen, read: [model.heads[0](seen.detach()), model.heads[1](read.detach())],
    )


@mistake("You take the mean of the three. Their sum is asked for, each with weight 1.")
def _mean(*given: Any) -> Tensor:
    return balanced_loss(*given) / 3


@mistake("You take the mean of the two further losses. Each of them has weight 1.")
def _half_each(*given: Any) -> Tensor:
    return _loss(*given, each=0.5)


@mistake(
    "You add the logits up, and take one cross-entropy of the sum. Each of the three has to find the class "
    "by itself."
)
def _logits_added(model: Any, senses: Senses, label: Tensor) -> Tensor:
    seen, read = model.features(senses)
    return F.cross_entropy(model.fused(seen, read) + model.heads[0](seen) + model.heads[1](read), label)


@mistake("You take a softmax before the cross-entropy, which takes one by itself. Give it the logits.")
def _softmax_twice(model: Any, senses: Senses, label: Tensor) -> Tensor:
    seen, read = model.features(senses)
    three = model.fused(seen, read), model.heads[0](seen), model.heads[1](read)
    return torch.stack([F.cross_entropy(logits.softmax(-1), label) for logits in three]).sum()


@mistake(
    "A sense alone goes through the fused head with zeros for the other one. Each sense has a head of its "
    "own, in `model.heads`."
)
def _fused_with_zeros(*given: Any) -> Tensor:
    def alone(model: Any, seen: Tensor, read: Tensor) -> list[Tensor]:
        return [model.fused(seen, torch.zeros_like(read)), model.fused(torch.zeros_like(seen), read)]

    return _loss(*given, alone=alone)


@mistake("You fuse in the wrong order: first what was seen, then what was read.")
def _turned(model: Any, senses: Senses, label: Tensor) -> Tensor:
    seen, read = model.features(senses)
    three = model.fused(read, seen), model.heads[0](seen), model.heads[1](read)
    return torch.stack([F.cross_entropy(logits, label) for logits in three]).sum()


@mistake("You add up over the batch. Cross-entropy takes the mean over it, unless told otherwise.")
def _sum_over_batch(model: Any, senses: Senses, label: Tensor) -> Tensor:
    return len(label) * balanced_loss(model, senses, label)


WRONG: Any = (
    _joint_alone, _senses_alone, _picture_alone, _text_alone, _exchanged, _detached, _mean, _half_each,
    _logits_added, _softmax_twice, _fused_with_zeros, _turned, _sum_over_batch,
)  # fmt: skip
EXERCISE = Exercise(
    "13.7",
    "A loss for each sense",
    balanced_loss,
    _nets,
    difficulty=2,
    minutes=8,
    use=use_balanced,
    hints=(
        "Three times the same question, which class is it: to both senses together, to the picture alone, "
        "to the text alone. Which part of the model gives the logits of each?",
        "seen, read come from model.features(senses), once for all three. Then model.fused(seen, read), "
        "model.heads[0](seen) and model.heads[1](read), each with F.cross_entropy(…, label).",
    ),
    mistakes=WRONG,
)
