"""The exponential moving average of a model: a slow copy that follows a fast one.

Polyak averaging in its running form; as the teacher of self-distillation: A. Tarvainen, H. Valpola, "Mean
teachers are better role models", NeurIPS 2017, section 2 (equation 2).
"""

import copy

import torch
from torch import Tensor, nn


class EMA:
    """Keep `average` = momentum · `average` + (1 - momentum) · model, one update at a time.

    After t updates with weights w₁ … w_t the average is mᵗ w₀ + (1 - m) Σ m^(t-k) w_k: a geometric series, in
    which about 1 / (1 - m) of the latest models have a say.

    Parameters
    ----------
    model : nn.Module
        The fast model. It is copied; the copy takes no gradients.
    momentum : float
        m in [0, 1]: 0 copies the model, 1 never moves.

    Raises
    ------
    ValueError
        For a momentum outside [0, 1], or a model whose tensors are not those of the average.

    Notes
    -----
    A tensor that the model uses in two places (tied weights) is moved once, as in the authors' loop over
    parameters; to walk over the names in the state would move it twice.
    """

    def __init__(self, model: nn.Module, *, momentum: float = 0.99) -> None:
        if not isinstance(model, nn.Module):
            raise ValueError(f"EMA: got {type(model).__name__}, want an nn.Module")
        self.momentum = check_momentum(momentum)
        self.average = copy.deepcopy(model).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, model: nn.Module, momentum: float | None = None) -> None:
        """Move a step towards `model`, with another momentum if one is given (a schedule).

        Floating-point buffers, such as batch norm's running statistics, are averaged like weights; counters
        are copied.
        """
        m = self.momentum if momentum is None else momentum
        check_momentum(m)
        for slow, fast in self.pairs(model):
            if slow.is_floating_point():
                slow.lerp_(fast.to(slow.dtype), 1 - m)
            else:
                slow.copy_(fast)

    def pairs(self, model: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """Return each tensor of the average, once even where it has two names, with that of `model`."""
        ours, theirs = self.average.state_dict(), model.state_dict()
        shapes = [{name: tuple(value.shape) for name, value in state.items()} for state in (ours, theirs)]
        if shapes[0] != shapes[1]:
            odd = sorted({name for name, _ in shapes[0].items() ^ shapes[1].items()})
            raise ValueError(
                f"EMA: got a model of other tensors, want the same names and shapes; these differ: {odd[:5]}"
            )
        distinct = {(slow.data_ptr(), slow.shape): (slow, theirs[name]) for name, slow in ours.items()}
        return list(distinct.values())


def check_momentum(momentum: float) -> float:
    """Return the momentum if it lies in [0, 1], else raise ValueError."""
    if not isinstance(momentum, int | float) or not 0 <= momentum <= 1:
        raise ValueError(f"EMA: got momentum {momentum}, want a number from 0 to 1")
    return momentum
