"""Chapter 14, exercise 14.1: one step of an LSTM (reference: `solutions.lstm_step`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch14.solutions import lstm_step
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

State = tuple[Tensor, Tensor]


def _steps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    zeros = floats([[0.0]] * 4)
    yield floats([[1.0]]), (floats([[0.0]]), floats([[1.0]])), zeros, zeros, floats([0.0] * 4)  # half open
    for batch, read, kept, scale in ((1, 1, 1, 2.0), (1, 2, 1, 1.0), (2, 1, 2, 1.5), (3, 4, 2, 1.0)):
        state = normal(rng, batch, kept, scale=0.7), normal(rng, batch, kept, scale=1.5)
        weights = normal(rng, 4 * kept, read, scale=scale), normal(rng, 4 * kept, kept, scale=scale)
        yield normal(rng, batch, read), state, *weights, normal(rng, 4 * kept)
    state = floats([[0.5, -0.5]]), floats([[2.0, -3.0]])
    shut = floats([-20.0, -20.0, 20.0, 20.0, 1.0, 1.0, 0.0, 0.0])  # nothing gets in, nothing is forgotten
    yield floats([[1.0]]), state, floats([[0.0]] * 8), floats([[0.0, 0.0]] * 8), shut


def _cell(
    x: Tensor,
    state: State,
    weight_x: Tensor,
    weight_h: Tensor,
    bias: Tensor,
    *,
    order: tuple[int, int, int, int] = (0, 1, 2, 3),
    gate: Callable[[Tensor], Tensor] = torch.sigmoid,
    new: Callable[[Tensor], Tensor] = torch.tanh,
    mix: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] = lambda keep, c, let, new: keep * c + let * new,
    out: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda o, c, before: o * c.tanh(),
) -> State:
    """The cell with one part exchanged."""
    h, before = state
    blocks = (x @ weight_x.T + h @ weight_h.T + bias).chunk(4, dim=-1)
    let, keep, fresh, o = (blocks[i] for i in order)
    c = mix(gate(keep), before, gate(let), new(fresh))
    return out(gate(o), c, before), c


@mistake(
    "Your input gate and your forget gate are exchanged: the first block of rows lets in, the second one "
    "keeps."
)
def _in_and_keep(*given: Any) -> State:
    return _cell(*given, order=(1, 0, 2, 3))


@mistake(
    "Your output gate and what is new are exchanged: the third block is what is new, the fourth lets out. "
    "Some libraries have it the other way round."
)
def _new_and_out(*given: Any) -> State:
    return _cell(*given, order=(0, 1, 3, 2))


@mistake("Your first gate lets out. The order of the blocks is input, forget, new, output.")
def _out_first(*given: Any) -> State:
    return _cell(*given, order=(1, 2, 3, 0))


@mistake(
    "What is new goes through a sigmoid with you, so that it can only add. tanh lets it take away as well."
)
def _new_by_sigmoid(*given: Any) -> State:
    return _cell(*given, new=torch.sigmoid)


@mistake("What is new stays as it is: its tanh is missing.")
def _new_bare(*given: Any) -> State:
    return _cell(*given, new=lambda x: x)


@mistake("Your gates go through tanh. A gate is between shut, 0, and open, 1: which function has this range?")
def _gates_by_tanh(*given: Any) -> State:
    return _cell(*given, gate=torch.tanh)


@mistake("Your gates are without a sigmoid: they let through more than all, or less than nothing.")
def _gates_bare(*given: Any) -> State:
    return _cell(*given, gate=lambda x: x)


@mistake("You let out c as it is. It may be any size: tanh comes before the output gate.")
def _out_bare(*given: Any) -> State:
    return _cell(*given, out=lambda o, c, before: o * c)


@mistake("Your h has no output gate: all that is kept is said at once.")
def _no_output_gate(*given: Any) -> State:
    return _cell(*given, out=lambda o, c, before: c.tanh())


@mistake("Your h speaks of the c before this step. Let out the new one, with what has just been read.")
def _old_cell_out(*given: Any) -> State:
    return _cell(*given, out=lambda o, c, before: o * before.tanh())


@mistake("Nothing is ever forgotten: the forget gate does not touch the old c.")
def _never_forgets(*given: Any) -> State:
    return _cell(*given, mix=lambda keep, c, let, new: c + let * new)


@mistake("All that is new comes in: the input gate does not touch it.")
def _no_input_gate(*given: Any) -> State:
    return _cell(*given, mix=lambda keep, c, let, new: keep * c + new)


@mistake(
    "Your forget gate says how much is forgotten: you keep one less of it. Its name misleads: at 1 all is "
    "kept."
)
def _forgets_by_gate(*given: Any) -> State:
    return _cell(*given, mix=lambda keep, c, let, new: (1 - keep) * c + let * new)


@mistake(
    "You let in what you forget: one gate for both. That is a GRU's idea. Here the input gate is of its own."
)
def _coupled(*given: Any) -> State:
    return _cell(*given, mix=lambda keep, c, let, new: keep * c + (1 - keep) * new)


@mistake("The forget gate keeps the old h with you. What is kept from step to step is c.")
def _keeps_h(x: Tensor, state: State, weight_x: Tensor, weight_h: Tensor, bias: Tensor) -> State:
    mix = lambda keep, c, let, new: keep * state[0] + let * new  # noqa: E731
    return _cell(x, state, weight_x, weight_h, bias, mix=mix)


@mistake("What was said before has no effect: h of the step before belongs into the sum, by weight_h.")
def _h_unused(x: Tensor, state: State, weight_x: Tensor, weight_h: Tensor, bias: Tensor) -> State:
    return _cell(x, state, weight_x, 0 * weight_h, bias)


@mistake("Your gates look at c: it is the old h that weight_h multiplies.")
def _c_into_gates(x: Tensor, state: State, weight_x: Tensor, weight_h: Tensor, bias: Tensor) -> State:
    h, c = state
    return _cell(x, (h, c), weight_x, weight_h, bias + (c - h) @ weight_h.T)


@mistake("The bias is without effect: add it to the two products.")
def _no_bias(x: Tensor, state: State, weight_x: Tensor, weight_h: Tensor, bias: Tensor) -> State:
    return _cell(x, state, weight_x, weight_h, 0 * bias)


@mistake("You return c first. Wanted are h, what it says, and then c, what it keeps.")
def _turned(*given: Any) -> State:
    h, c = lstm_step(*given)
    return c, h


@mistake(
    "The c that you return has gone through tanh. What is kept stays as it is: only h is made of its tanh."
)
def _squashed(*given: Any) -> State:
    h, c = lstm_step(*given)
    return h, c.tanh()


WRONG: Any = (
    _in_and_keep, _new_and_out, _out_first, _new_by_sigmoid, _new_bare, _gates_by_tanh, _gates_bare,
    _out_bare, _no_output_gate, _old_cell_out, _never_forgets, _no_input_gate, _forgets_by_gate, _coupled,
    _keeps_h, _h_unused, _c_into_gates, _no_bias, _turned, _squashed,
)  # fmt: skip
EXERCISE = Exercise(
    "14.1",
    "A cell that remembers",
    lstm_step,
    _steps,
    difficulty=2,
    minutes=10,
    hints=(
        "First one sum for all four blocks: what is read by weight_x, what was said by weight_h, and the "
        "bias. Cut it into four. Which of them are gates, and which one is what a gate lets through?",
        "blocks.chunk(4, dim=-1) cuts into the four parts, in the order input, forget, new, output. The new "
        "c has two parts: what is kept of the old one, and what is let in.",
        "c is sigmoid(forget) * c + sigmoid(input) * tanh(new), and h is sigmoid(output) * tanh(c) of the "
        "new c. Return h first.",
    ),
    mistakes=WRONG,
)
