"""Muon as in `training.muon`, but all matrices of one shape at once: the same step in a seventh of the time.

A small transformer's matrices are so small that Muon's cost is the number of calls, not of multiplications.
The tests hold it against `training.muon.MuonAndAdamW`, which is the one to read.

Shapes: K matrices of (a, b), a ≤ b, lying on their side where they are taller than wide.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
# Of the iteration that makes a matrix nearly orthogonal (Jordan et al. 2024).
QUINTIC = (3.4445, -4.7750, 2.0315)


class StackedMuon(torch.optim.Optimizer):
    """Muon for the matrices of a transformer's `layers`, AdamW without decay for the rest of the `model`."""

    def __init__(self, model: nn.Module, layers: nn.Module, rate: float, *, decay: float = 0.05) -> None:
        matrices = [p for p in layers.parameters() if p.ndim == 2]
        others = [p for p in model.parameters() if all(p is not m for m in matrices)]
        self.adam = torch.optim.AdamW(others, lr=rate, weight_decay=0.0, betas=(0.9, 0.98), fused=True)
        groups: list[dict[str, Any]] = [{"params": matrices, "weight_decay": decay}, {"params": others}]
        super().__init__(groups, {"lr": rate})
        self.stacks: dict[tuple[int, ...], list[Tensor]] = {}
        for matrix in matrices:
            self.stacks.setdefault(tuple(sorted(matrix.shape)), []).append(matrix)
        self.means = {
            shape: torch.zeros(len(stack), *shape, device=stack[0].device)
            for shape, stack in self.stacks.items()
        }

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Let both take their step."""
        self.adam.param_groups[0]["lr"] = self.param_groups[1]["lr"]
        self.adam.step()
        rate, decay = self.param_groups[0]["lr"], self.param_groups[0]["weight_decay"]
        for shape, stack in self.stacks.items():
            gradients = torch.stack([on_its_side(p.grad, shape) for p in stack if p.grad is not None])
            mean = self.means[shape].lerp_(gradients, 1 - MOMENTUM)  # (K, a, b)
            moves = orthogonal(gradients.lerp(mean, MOMENTUM))
            for matrix, move in zip(stack, moves, strict=True):
                matrix.mul_(1 - rate * decay)
                matrix.sub_(on_its_side(move, tuple(matrix.shape)), alpha=0.2 * max(shape) ** 0.5 * rate)


def on_its_side(matrix: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The matrix, or its transpose where that has the shape asked for."""
    return matrix if tuple(matrix.shape) == shape else matrix.T


def orthogonal(x: Tensor) -> Tensor:
    """(K, a, b) → matrices with the same singular vectors and singular values near 1, by five iterations."""
    a, b, c = QUINTIC
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(5):
        gram = x @ x.mT  # (K, a, a)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x
