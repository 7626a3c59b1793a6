"""Muon for the matrices of a transformer's layers, AdamW for all else.

Muon is momentum whose matrix is made orthogonal before it is applied: K. Jordan et al., "Muon: An optimizer
for hidden layers in neural networks", 2024; the step's size is matched to AdamW's, so that one rate serves.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lecture_utils.ops.checks import check_number


class MuonAndAdamW(torch.optim.Optimizer):
    """The two as one optimiser with one rate and one schedule.

    Parameters
    ----------
    model : nn.Module
        What is trained: all of its parameters.
    layers : nn.Module
        The part of it whose matrices Muon moves: a transformer's layers.
    rate : float
        Learning rate.
    decay : float
        Weight decay of Muon's matrices; AdamW's parameters have none.

    Raises
    ------
    ValueError
        If the layers have no matrix, are no part of the model, or a rate or decay is out of range.
    """

    def __init__(self, model: nn.Module, layers: nn.Module, rate: float, *, decay: float = 0.05) -> None:
        check_number(rate, "rate", 0)
        check_number(decay, "decay", 0)
        matrices = [p for p in layers.parameters() if p.ndim == 2]
        own = {id(p) for p in model.parameters()}
        if not matrices or any(id(p) not in own for p in matrices):
            got = f"{len(matrices)} matrices, {sum(id(p) in own for p in matrices)} of them the model's"
            raise ValueError(f"layers: got {got}, want a part of the model with at least one matrix")
        others = [p for p in model.parameters() if all(p is not m for m in matrices)]
        muon = torch.optim.Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        adam = torch.optim.AdamW(others, lr=rate, weight_decay=0.0, betas=(0.9, 0.98), fused=True)
        self.parts = muon, adam
        super().__init__(muon.param_groups + adam.param_groups, {})  # the same groups: one schedule for both

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Let both take their step."""
        for part in self.parts:
            part.step()
