"""The LSTM cell of Show, Attend and Tell (S14.1), from scratch (Hochreiter and Schmidhuber 1997).

S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 1997, with the forget gate of
F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget", Neural Computation 2000; equations 1 to 3 of
K. Xu et al., "Show, Attend and Tell", ICML 2015.

One bias where `nn.LSTMCell` has two, whose sum it is; the four blocks of rows stand in that cell's order.

Shapes: B batch, I numbers read, H numbers of the state.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_sizes, check_tensor

State = tuple[Tensor, Tensor]
Step = Callable[[Tensor, State, Tensor, Tensor, Tensor], State]


def lstm_step(x: Tensor, state: State, weight_x: Tensor, weight_h: Tensor, bias: Tensor) -> State:
    """One step of an LSTM: read x, forget some of c, add what is new, and let some of it out as h.

    Parameters
    ----------
    x : Tensor
        (B, I).
    state : (Tensor, Tensor)
        h and c, (B, H) each, of the step before.
    weight_x, weight_h, bias : Tensor
        (4H, I), (4H, H) and (4H,): the rows of the input gate, the forget gate, what is new, and the output
        gate, in this order.

    Returns
    -------
    (Tensor, Tensor)
        h and c, (B, H) each; h lies between -1 and 1, c anywhere.

    Raises
    ------
    ValueError
        For shapes that do not fit together.
    """
    h, c = check_state(state)
    check_tensor(x, "x", len(h), "I")
    check_tensor(weight_x, "weight_x", 4 * h.shape[1], x.shape[1])
    check_tensor(weight_h, "weight_h", 4 * h.shape[1], h.shape[1])
    check_tensor(bias, "bias", 4 * h.shape[1])
    gates = x @ weight_x.T + h @ weight_h.T + bias  # (B, 4H)
    let_in, keep, new, let_out = gates.chunk(4, dim=1)  # (B, H) each: i, f, g, o
    c = keep.sigmoid() * c + let_in.sigmoid() * new.tanh()  # eq. 2
    h = let_out.sigmoid() * c.tanh()  # eq. 3
    return h, c


def check_state(state: State) -> State:
    """Return h and c, or raise ValueError unless they are (B, H) each."""
    if not isinstance(state, tuple | list) or len(state) != 2:
        raise ValueError(f"state: got {type(state).__name__}, want the pair (h, c)")
    check_tensor(state[0], "h", "B", "H", some=True)
    check_tensor(state[1], "c", *state[0].shape)
    return state[0], state[1]


class LSTMCell(nn.Module):
    """The weights of an LSTM, and its step.

    Parameters
    ----------
    reads, dim : int
        I and H.
    step : callable
        As `lstm_step`: x, (h, c), weights and bias → (h, c).

    Raises
    ------
    ValueError
        For a size below 1; when called, as `lstm_step`.
    """

    def __init__(self, reads: int, dim: int, *, step: Step = lstm_step) -> None:
        super().__init__()
        check_sizes("LSTM cell", reads=reads, dim=dim)
        self.step = step
        bound = 1 / math.sqrt(dim)  # as nn.LSTMCell starts
        self.weight_x = nn.Parameter(torch.empty(4 * dim, reads).uniform_(-bound, bound))
        self.weight_h = nn.Parameter(torch.empty(4 * dim, dim).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(4 * dim))
        with torch.no_grad():
            self.bias[dim : 2 * dim] = 1  # at first, keep: gradients reach back over many words

    def forward(self, x: Tensor, state: State) -> State:
        """(B, I) and the state (B, H), (B, H) → the next state."""
        return self.step(x, state, self.weight_x, self.weight_h, self.bias)
