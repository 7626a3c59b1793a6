"""The exponential moving average of a model: a slow copy that follows a fast one.

Polyak averaging in its running form; as the teacher of self-distillation: A. Tarvainen, H. Valpola, "Mean
teachers are better role models", NeurIPS 2017, section 2 (equation 2).
"""

import copy

import torch
from torch import nn


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
    """

    def __init__(self, model: nn.Module, *, momentum: float = 0.99) -> None:
        self.average = copy.deepcopy(model).requires_grad_(False).eval()
        self.momentum = check_momentum(momentum)

    @torch.no_grad()
    def update(self, model: nn.Module, momentum: float | None = None) -> None:
        """Move a step towards `model`, with another momentum if one is given (a schedule).

        Floating-point buffers, such as batch norm's running statistics, are averaged like weights; counters
        are copied.
        """
        m = self.momentum if momentum is None else check_momentum(momentum)
        ours, theirs = self.average.state_dict(), model.state_dict()
        if ours.keys() != theirs.keys():
            odd = sorted(ours.keys() ^ theirs.keys())
            raise ValueError(
                f"EMA: got a model of other tensors, want the same names; these differ: {odd[:5]}"
            )
        for name, slow in ours.items():
            if slow.is_floating_point():
                slow.lerp_(theirs[name].to(slow.dtype), 1 - m)
            else:
                slow.copy_(theirs[name])


def check_momentum(momentum: float) -> float:
    """Return the momentum if it lies in [0, 1], else raise ValueError."""
    if not 0 <= momentum <= 1:
        raise ValueError(f"EMA: got momentum {momentum}, want a number from 0 to 1")
    return momentum
