"""A sanity check: a map that explains a network must change when the network forgets what it has learned.

J. Adebayo, J. Gilmer, M. Muelly, I. Goodfellow, M. Hardt, B. Kim, "Sanity Checks for Saliency Maps", NeurIPS
2018, section 3 (cascading randomisation; rank correlation).

Departure: a layer's numbers are drawn anew from a normal distribution with the mean and the spread that they
had, not from the layer's initialisation, so that the signal neither dies nor explodes on its way; the running
statistics of batch norms stay.

Shapes: B maps, H × W of a map.
"""

import copy
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from lecture_utils.explain.hooks import find_layer
from lecture_utils.explain.maps import check_maps
from lecture_utils.ops.checks import check_finite, check_tensor, check_whole
from lecture_utils.ops.precision import precise


def weight_layers(model: nn.Module) -> list[str]:
    """Return the names of the modules that hold parameters themselves, in the order of registration."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"model: got {type(model).__name__}, want an nn.Module")
    return [name for name, part in model.named_modules() if list(part.parameters(recurse=False))]


def cascade(
    model: nn.Module, *, seed: int = 0, layers: Sequence[str] | None = None
) -> Iterator[tuple[str, nn.Module]]:
    """Randomise layer after layer, from the last to the first, and keep what was randomised before.

    Parameters
    ----------
    model : nn.Module
        Not changed.
    seed : int
        Of the new numbers.
    layers : sequence of str, optional
        Names, last layer first; a name stands for all that is below it. By default every module with
        parameters, from the last registered on.

    Yields
    ------
    name, model
        The layer just randomised, and one and the same copy of the model, randomised so far: use it before
        you ask for the next.

    Raises
    ------
    ValueError
        For an unknown layer, one without parameters, or a model that has none.
    """
    if layers is None and not weight_layers(model):
        raise ValueError(f"model: got {type(model).__name__} without parameters, want one that has some")
    names = weight_layers(model)[::-1] if layers is None else list(layers)
    for name in names:
        if not list(find_layer(model, name).parameters()):
            raise ValueError(f"layer: got {name!r}, which has no parameters, want one that has")
    randomised = copy.deepcopy(model)
    check_whole(seed, "seed", None)
    generator = torch.Generator().manual_seed(seed)
    for name in names:
        for parameter in find_layer(randomised, name).parameters():
            redraw_(parameter, generator)
        yield name, randomised


@torch.no_grad()
def redraw_(parameter: Tensor, generator: torch.Generator) -> None:
    """Replace numbers by others from a normal distribution of the same mean and spread."""
    normal = torch.randn(parameter.shape, generator=generator).to(parameter)
    parameter.copy_(parameter.mean() + parameter.std(correction=0) * normal)


def average_ranks(values: Tensor) -> Tensor:
    """Rank the values of each row (B, n), from 1; equal values share the mean of their ranks."""
    check_tensor(values, "values", "B", "n", some=True, finite=True)
    ordered = values.sort(1).values
    below = torch.searchsorted(ordered, values.contiguous())
    up_to = torch.searchsorted(ordered, values.contiguous(), right=True)
    return precise(below + up_to + 1) / 2


def rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Spearman's correlation of each pair of maps, (B,) in double precision; 0 where a map is constant.

    Parameters
    ----------
    a, b : Tensor
        (B, H, W) both.

    Raises
    ------
    ValueError
        For other shapes, or values that are not finite.
    """
    check_maps(a)
    check_maps(b)
    if a.shape != b.shape:
        raise ValueError(f"maps: got shapes {tuple(a.shape)} and {tuple(b.shape)}, want the same")
    check_finite(a, "maps")
    check_finite(b, "maps")
    ranks = [average_ranks(maps.flatten(1)) for maps in (a, b)]
    x, y = (rank - rank.mean(1, keepdim=True) for rank in ranks)
    length = (x.square().sum(1) * y.square().sum(1)).sqrt()
    return (x * y).sum(1) / length.masked_fill(length == 0, 1)


def cascading_randomisation(
    model: nn.Module,
    explain: Callable[[nn.Module], Tensor],
    *,
    seed: int = 0,
    layers: Sequence[str] | None = None,
) -> list[tuple[str, float]]:
    """Follow how an explanation changes while the network is randomised from the top.

    Parameters
    ----------
    model : nn.Module
        Trained; not changed.
    explain : function
        From a model to maps (B, H, W) of the same images and targets.
    seed, layers
        As for `cascade`.

    Returns
    -------
    list of (str, float)
        The layer just randomised, and the mean rank correlation with the trained model's maps. The first,
        with the name "", is that of the trained model with itself.

    Raises
    ------
    ValueError
        As `cascade` and `rank_correlation` do.
    """
    trained = explain(model)
    found = [("", rank_correlation(trained, trained).mean().item())]
    for name, randomised in cascade(model, seed=seed, layers=layers):
        found.append((name, rank_correlation(trained, explain(randomised)).mean().item()))
    return found
