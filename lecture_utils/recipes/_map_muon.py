"""Muon for convolutions: a step along the orthogonal matrix nearest to the momentum, AdamW for all the rest.

K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024 (the Newton-Schulz iteration
and its coefficients; a kernel is a matrix of its outputs by all that they read); the step's size is matched
to AdamW's, so that one rate serves both: J. Liu et al., "Muon is Scalable for LLM Training", arXiv
2502.16982, section 2.2.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM, SIZE = 0.95, 0.2
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonal(x: Tensor, steps: int = 5) -> Tensor:
    """Return about U Vᵀ of x = U S Vᵀ, a matrix (A, B); its singular values end between 0.7 and 1.2."""
    a, b, c = NEWTON_SCHULZ
    x = x / (x.norm() + 1e-7)
    turned = len(x) > x.shape[1]
    x = x.T if turned else x
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if turned else x


class MapMuon(torch.optim.Optimizer):
    """One rate and one schedule for kernels wider than a pixel (Muon) and all other parameters (AdamW)."""

    def __init__(self, model: nn.Module, rate: float) -> None:
        moved = [p for p in model.parameters() if p.requires_grad]
        kernels = [p for p in moved if p.ndim == 4 and p.shape[-1] > 1]
        own = {id(p) for p in kernels}
        others = [p for p in moved if id(p) not in own]
        super().__init__([{"params": kernels}, {"params": others}], {"lr": rate})
        self.adam = torch.optim.AdamW(others, rate, weight_decay=0.0, betas=(0.9, 0.99), fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move all parameters by their gradients."""
        kernels, others = self.param_groups
        self.adam.param_groups[0]["lr"] = others["lr"]
        self.adam.step()
        for kernel in kernels["params"]:
            if kernel.grad is None:
                continue
            state = self.state[kernel]
            moved = state.setdefault("moved", torch.zeros_like(kernel))
            moved.mul_(MOMENTUM).add_(kernel.grad)
            matrix = (kernel.grad + MOMENTUM * moved).flatten(1)  # (outputs, inputs · places)
            size = SIZE * max(matrix.shape) ** 0.5
            kernel.add_(orthogonal(matrix).reshape(kernel.shape), alpha=-kernels["lr"] * size)
