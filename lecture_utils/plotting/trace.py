"""What a network does to one input, seen by forward hooks: modules, output shapes, parameters."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class Step:
    """One module that ran: its dotted name, when it first ran, how often, its output shape without batch."""

    name: str
    module: nn.Module
    order: int
    output: tuple[int, ...]
    calls: int = 1
    parameters: int = 0
    children: list["Step"] = field(default_factory=list)


def trace(model: nn.Module, x: Tensor) -> dict[str, Step]:
    """Run a model once, in eval mode and without gradients, and note every module that ran.

    Parameters
    ----------
    model : nn.Module
        Left as it was found: training flags and running statistics do not change.
    x : Tensor (B, …)
        An input; its batch axis is dropped from the shapes.

    Returns
    -------
    dict of dotted name to Step, in the order of the first call; the model itself is "".

    Raises
    ------
    ValueError
        If x is not a tensor with a batch axis.
    """
    if not isinstance(x, Tensor) or x.dim() < 2:
        got = tuple(getattr(x, "shape", ())) or type(x).__name__
        raise ValueError(f"wants an input tensor with a batch axis, got {got}")
    steps: dict[str, Step] = {}
    clock = [0]

    def before(name: str) -> Any:
        def hook(module: nn.Module, args: Any) -> None:
            clock[0] += 1
            if name in steps:
                steps[name].calls += 1
            else:
                size = sum(p.numel() for p in module.parameters())
                steps[name] = Step(name, module, clock[0], (), parameters=size)

        return hook

    def after(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            tensor = _first_tensor(output)
            steps[name].output = () if tensor is None else tuple(tensor.shape[1:])

        return hook

    modes = {module: module.training for module in model.modules()}
    handles = []
    for name, module in model.named_modules():
        handles += [module.register_forward_pre_hook(before(name)), module.register_forward_hook(after(name))]
    try:
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    return steps


def _first_tensor(output: Any) -> Tensor | None:
    """Find the first tensor in what a module returned."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, Sequence):
        return next((t for t in map(_first_tensor, output) if t is not None), None)
    return None


def layer_table(model: nn.Module, x: Tensor) -> list[dict[str, Any]]:
    """List the layers of a model in the order in which they run.

    Parameters
    ----------
    model : nn.Module
    x : Tensor (B, …)

    Returns
    -------
    list of dict
        "layer" (dotted name), "type", "output" (shape without batch, a tuple), "parameters" (int); the last
        row is the total. Feed it to `show_table`.
    """
    steps = trace(model, x)
    leaves = [
        step for name, step in steps.items() if not any(n.startswith(name + ".") for n in steps) and name
    ]
    rows = [
        {"layer": s.name, "type": type(s.module).__name__, "output": s.output, "parameters": s.parameters}
        for s in leaves
    ]
    root = steps[""]
    rows.append(
        {"layer": "total", "type": type(model).__name__, "output": root.output, "parameters": root.parameters}
    )
    return rows
