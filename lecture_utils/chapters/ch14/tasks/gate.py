"""Chapter 14, exercise 14.5: gated cross-attention (reference: `solutions.gated_cross_attention`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch14.solutions import gated_cross_attention
from lecture_utils.exercises.draws import Given, floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE", "Look", "Think", "use_gated"]


class Look(Given):
    """Text (B, N, D) looks at latents (B, R, D) -> (B, N, D)."""

    def forward(self, text: Tensor, latents: Tensor) -> Tensor:
        """Attention whose queries have gone through a matrix (D, D)."""
        weights = (text @ self.numbers @ latents.transpose(1, 2)).softmax(-1)  # (B, N, R)
        return weights @ latents


class Think(Given):
    """(B, N, D) -> (B, N, D), token by token."""

    def forward(self, text: Tensor) -> Tensor:
        """A matrix (D, D), and a tanh."""
        return (text @ self.numbers).tanh() + 0.5


def _layers(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    def layer(batch: int, new: int, latents: int, dim: int, alpha: list[float]) -> tuple[Any, ...]:
        parts = Look(normal(rng, dim, dim)), Think(normal(rng, dim, dim))
        return normal(rng, batch, new, dim), normal(rng, batch, latents, dim, scale=2), *parts, floats(alpha)

    yield layer(1, 1, 1, 1, [0.0, 0.0])  # shut
    yield layer(1, 1, 2, 2, [1.0, 0.0])
    yield layer(1, 2, 1, 2, [0.0, -0.7])
    yield layer(1, 2, 3, 2, [0.5, 1.5])
    yield layer(2, 3, 2, 3, [-1.2, 0.8])
    yield layer(3, 2, 4, 4, [2.0, -0.4])


def use_gated(
    answer: Callable[..., Any], text: Tensor, latents: Tensor, attend: Any, mlp: Any, alpha: Tensor
) -> Any:
    """The text, and the gradients by the numbers of the gates, and by the attention's."""
    by = [alpha.clone().requires_grad_(), attend.numbers]
    made = answer(text, latents, attend, mlp, by[0])
    if not isinstance(made, Tensor) or not made.is_floating_point():
        return made
    found: Any = [None, None]
    if made.requires_grad:
        found = torch.autograd.grad(made.square().sum(), by, allow_unused=True)
    gradients = [torch.zeros_like(x) if g is None else g for g, x in zip(found, by, strict=True)]
    return {"text": made.detach()} | dict(
        zip(("gradient by alpha", "gradient of the attention"), gradients, strict=True)
    )


def _layer(
    text: Tensor,
    latents: Tensor,
    attend: Any,
    mlp: Any,
    alpha: Tensor,
    *,
    gate: Callable[[Tensor], Any] = torch.tanh,
    which: tuple[int, int] = (0, 1),
    add: Callable[[Tensor, Any, Tensor], Tensor] = lambda text, gate, branch: text + gate * branch,
) -> Tensor:
    """The layer with one part exchanged."""
    text = add(text, gate(alpha[which[0]]), attend(text, latents))
    return add(text, gate(alpha[which[1]]), mlp(text))


@mistake(
    "Your gates are the numbers themselves. tanh keeps them between -1 and 1, however far alpha is moved."
)
def _bare(*given: Any) -> Tensor:
    return _layer(*given, gate=lambda a: a)


@mistake(
    "Your gates are sigmoids: at 0 they are half open, and the language model is disturbed before anything "
    "is learned. Which function is 0 at 0?"
)
def _sigmoid(*given: Any) -> Tensor:
    return _layer(*given, gate=torch.sigmoid)


@mistake("Your gates begin open: you multiply by one more than tanh. At alpha 0 nothing is to come through.")
def _one_more(*given: Any) -> Tensor:
    return _layer(*given, gate=lambda a: 1 + a.tanh())


@mistake("There are no gates: both branches come in whole, whatever alpha says.")
def _open(*given: Any) -> Tensor:
    return _layer(*given, gate=lambda a: 1.0)


@mistake("One gate stands before both branches. Each has a number of its own in alpha.")
def _one_gate(*given: Any) -> Tensor:
    return _layer(*given, which=(0, 0))


@mistake("Your gates are exchanged: the first number is the attention's, the second the MLP's.")
def _exchanged(*given: Any) -> Tensor:
    return _layer(*given, which=(1, 0))


@mistake("The MLP's branch comes in without a gate: then the text is changed even where alpha is 0.")
def _mlp_ungated(text: Tensor, latents: Tensor, attend: Any, mlp: Any, alpha: Tensor) -> Tensor:
    text = text + alpha[0].tanh() * attend(text, latents)
    return text + mlp(text)


@mistake("The attention's branch comes in without a gate: then the text is changed even where alpha is 0.")
def _attention_ungated(text: Tensor, latents: Tensor, attend: Any, mlp: Any, alpha: Tensor) -> Tensor:
    text = text + attend(text, latents)
    return text + alpha[1].tanh() * mlp(text)


@mistake("The MLP is missing, with its gate: after the attention the tokens think about what they found.")
def _no_mlp(text: Tensor, latents: Tensor, attend: Any, mlp: Any, alpha: Tensor) -> Tensor:
    return text + alpha[0].tanh() * attend(text, latents)


@mistake(
    "Your MLP gets the text as it came. It is to work on the sum, with what the attention has found in it."
)
def _side_by_side(text: Tensor, latents: Tensor, attend: Any, mlp: Any, alpha: Tensor) -> Tensor:
    return text + alpha[0].tanh() * attend(text, latents) + alpha[1].tanh() * mlp(text)


@mistake("Your MLP works on what was found alone. It gets the whole sum, text and what was found.")
def _mlp_of_found(text: Tensor, latents: Tensor, attend: Any, mlp: Any, alpha: Tensor) -> Tensor:
    found = alpha[0].tanh() * attend(text, latents)
    return text + found + alpha[1].tanh() * mlp(found)


@mistake(
    "Only the branches are left: the text itself is missing from your sums. With shut gates all would be 0."
)
def _no_residual(*given: Any) -> Tensor:
    return _layer(*given, add=lambda text, gate, branch: gate * branch)


@mistake(
    "Your gate shuts the text in the measure in which it opens the branch. The text comes through whole."
)
def _either_or(*given: Any) -> Tensor:
    return _layer(*given, add=lambda text, gate, branch: (1 - gate) * text + gate * branch)


@mistake(
    "Your tanh is around the branch. It belongs around the number: it is the gate that is tanh of alpha."
)
def _tanh_of_branch(text: Tensor, latents: Tensor, attend: Any, mlp: Any, alpha: Tensor) -> Tensor:
    text = text + alpha[0] * attend(text, latents).tanh()
    return text + alpha[1] * mlp(text).tanh()


@mistake("Your gate is around the whole sum: with alpha 0 the text itself is gone.")
def _gate_around_sum(*given: Any) -> Tensor:
    return _layer(*given, add=lambda text, gate, branch: gate * (text + branch))


@mistake(
    "You make plain numbers of the gates (float, .item() or .detach()), so that alpha gets no gradient: the "
    "gates would never open."
)
def _plain_numbers(*given: Any) -> Tensor:
    return _layer(*given, gate=lambda a: a.tanh().item())


@mistake(
    "Your attention never learns: what it finds has been detached. It is the language model that is frozen."
)
def _detached(*given: Any) -> Tensor:
    text, latents, attend, mlp, alpha = given
    return gated_cross_attention(text, latents, lambda a, b: attend(a, b).detach(), mlp, alpha)


WRONG: Any = (
    _bare, _sigmoid, _one_more, _open, _one_gate, _exchanged, _mlp_ungated, _attention_ungated, _no_mlp,
    _side_by_side, _mlp_of_found, _no_residual, _either_or, _tanh_of_branch, _gate_around_sum,
    _plain_numbers, _detached,
)  # fmt: skip
EXERCISE = Exercise(
    "14.5",
    "A gate that is shut at first",
    gated_cross_attention,
    _layers,
    difficulty=2,
    minutes=8,
    use=use_gated,
    hints=(
        "Two sums, one after the other: the text and what it found, then that and what the MLP makes of it. "
        "What each branch is multiplied by has to be 0 for alpha 0. What is this factor?",
        "The gate of the attention is alpha[0].tanh(), that of the MLP alpha[1].tanh(). Give the MLP the sum "
        "that you have by then.",
    ),
    mistakes=WRONG,
)
