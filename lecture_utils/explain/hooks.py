"""Looking into a running network: what its layers give out, and the gradients that come back.

A forward hook is a function that PyTorch calls whenever a module has run, with its output. The network's own
code stays as it is, so any layer of any network can be looked at.

Shapes: N images, B batch, C channels, h, w of a layer's maps.
"""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_whole


class Recording(dict[str, Tensor]):
    """Outputs by layer name; `gradients` has their gradients after a backward pass."""

    @property
    def gradients(self) -> dict[str, Tensor]:
        """Gradients that `backward` left at the recorded outputs, by layer name."""
        return {name: output.grad for name, output in self.items() if output.grad is not None}

    def __missing__(self, name: str) -> Tensor:
        """Say which layers there are."""
        raise KeyError(f"nothing recorded for layer {name!r}; there are: {', '.join(self) or 'none yet'}")


@contextmanager
def record(model: nn.Module, *layers: str, gradients: bool = False) -> Iterator[Recording]:
    """Keep what the named layers give out while the model runs inside the `with` block.

    Parameters
    ----------
    model : nn.Module
        Left as it was found when the block ends, also by an error.
    layers : str
        Dotted names, as in `model.named_modules()`.
    gradients : bool
        Keep the outputs in the graph, so that `torch.autograd.grad(score, seen[name])` works, or
        `score.backward()` and then `seen.gradients[name]`. Else they are detached.

    Yields
    ------
    Recording
        A dict from layer name to output; of a layer that runs several times, the last.

    Raises
    ------
    ValueError
        For an unknown layer, one whose output is not a tensor, or `gradients` while autograd is off.

    Notes
    -----
    A copy is kept, as a later layer may overwrite an output in place (`nn.ReLU(inplace=True)` does). With
    `gradients` it is the other way round: the rest of the network goes on with the copy.
    """
    if not layers:
        raise ValueError("record: got no layer names, want at least one")
    if gradients:
        check_no_inference()
    seen = Recording()

    def keep(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> Tensor | None:
            if not isinstance(output, Tensor):
                raise ValueError(f"record: layer {name!r} gives {type(output).__name__}, want a Tensor")
            if not gradients:
                seen[name] = output.detach().clone()
                return None
            check_no_inference()
            if not torch.is_grad_enabled():
                raise ValueError("record: got gradients=True where autograd is off, want it on")
            if not output.requires_grad:  # all parameters before it are frozen: the graph starts here
                output = output.detach().requires_grad_()
            output.retain_grad()
            seen[name] = output
            return output.clone()

        return hook

    modules = {name: find_layer(model, name) for name in layers}
    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def check_no_inference() -> None:
    """Raise ValueError inside `torch.inference_mode`, in which nothing keeps what a gradient needs."""
    if torch.is_inference_mode_enabled():
        raise ValueError("gradients: got a call inside torch.inference_mode(), want it outside, or no_grad()")


def without_inference(x: Any) -> Any:
    """Return a copy of a tensor that was made in inference mode, as no gradient may pass one; else itself."""
    return x.clone() if isinstance(x, Tensor) and x.is_inference() else x


def layer_names(model: nn.Module) -> list[str]:
    """Return the dotted names of all modules of a network, without the network itself."""
    return [name for name, _ in model.named_modules() if name]


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Return the module of a dotted name, or raise ValueError with names that are like it."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"model: got {type(model).__name__}, want an nn.Module")
    if not isinstance(name, str) or not name:
        raise ValueError(f"layer: got {name!r}, want a name such as {' or '.join(layer_names(model)[:3])}")
    modules = dict(model.named_modules())
    if name in modules:
        return modules[name]
    near = difflib.get_close_matches(name, layer_names(model), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(layer_names(model)[:20])}"
    raise ValueError(f"layer: got {name!r}, which {type(model).__name__} lacks; {hint}")


def activations(model: nn.Module, images: Tensor, layer: str, *, batch: int = 256) -> Tensor:
    """Run images through the model and return what one layer gives, (N, …), on the CPU, without gradients.

    Parameters
    ----------
    model : nn.Module
        In evaluation mode, unless the batches' statistics are wanted.
    images : Tensor
        (N, …), N ≥ 1.
    layer : str
        Dotted name.
    batch : int
        Images at a time.

    Raises
    ------
    ValueError
        For no images, a batch below 1, or as `record` does.
    """
    if not isinstance(images, Tensor) or images.ndim == 0 or len(images) == 0:
        got = f"shape {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images: got {got}, want a torch.Tensor (N, …) with N ≥ 1")
    check_whole(batch, "batch")
    parts = []
    with torch.inference_mode(), record(model, layer) as seen:
        for part in images.split(batch):
            model(part)
            parts.append(seen[layer].cpu())
    return torch.cat(parts)
