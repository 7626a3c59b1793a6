"""GAN dissection: which units of a generator paint an object, and what if they are switched off or on?

D. Bau, J.-Y. Zhu, H. Strobelt, B. Zhou, J. Tenenbaum, W. Freeman, A. Torralba, "GAN Dissection: Visualizing
and Understanding Generative Adversarial Networks", ICLR 2019, sections 3.1 (dissection: agreement of a unit's
thresholded, up-sampled map with a segmentation of the generated picture) and 3.2 (intervention: the units are
forced off, or forced on in a region, and what appears or goes is measured).

Agreement alone is correlation. An intervention changes the units and nothing else, so what changes in the
picture is their effect.

Simplified: a unit's threshold is the level that it exceeds as often as the concept is there (the paper picks
the level with most mutual information); units are ranked by agreement, and the best are cut together (the
paper then optimises the set).

Shapes: N pictures, Z latent numbers, U units, h × w of a layer's maps, K concepts, H × W of the pictures.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.explain.dissection import Dissection, dissect, unit_thresholds
from lecture_utils.explain.hooks import activations, find_layer

Segment = Callable[
    [Tensor], Tensor
]  # pictures (N, C, H, W) → which concept each pixel shows, (N, H, W) int64


@contextmanager
def edited(
    generator: nn.Module,
    layer: str,
    units: Sequence[int],
    value: float | Tensor = 0.0,
    region: Tensor | None = None,
) -> Iterator[None]:
    """Inside the `with` block the units of a layer give `value` instead of what they compute.

    Parameters
    ----------
    generator : nn.Module
        Its weights stay as they are, and it is as before when the block ends, also by an error.
    layer : str
        Dotted name of a module that gives (N, U, h, w).
    units : sequence of int
        Which channels.
    value : float or Tensor, (len(units),)
        0 ablates them; a high value inserts what they paint.
    region : Tensor, (h, w) or (N, h, w), optional
        bool: only there. Everywhere when omitted.

    Raises
    ------
    ValueError
        For an unknown layer, a unit that it does not have, or a value or region of another shape.
    """
    chosen = torch.as_tensor(list(units), dtype=torch.int64)
    level = torch.as_tensor(value)
    if level.ndim > 1 or (level.ndim == 1 and len(level) != len(chosen)):
        raise ValueError(f"value: got shape {tuple(level.shape)}, want one number, or one for each unit")
    if region is not None and (region.dtype != torch.bool or region.ndim not in (2, 3)):
        got = f"{region.dtype} {tuple(region.shape)}"
        raise ValueError(f"region: got {got}, want torch.bool (h, w) or (N, h, w)")

    def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:  # (N, U, h, w)
        check_units(chosen, output.shape[1])
        if region is not None and region.shape[-2:] != output.shape[-2:]:
            raise ValueError(
                f"region: got {tuple(region.shape)}, want (…, {output.shape[2]}, {output.shape[3]})"
            )
        forced = level.to(output).reshape(-1, 1, 1).expand(len(chosen), *output.shape[2:])  # (units, h, w)
        out = output.clone()
        if region is None:
            out[:, chosen] = forced
        else:
            inside = region.to(output.device).reshape(-1, 1, *output.shape[2:])  # (1 or N, 1, h, w)
            out[:, chosen] = torch.where(inside, forced, output[:, chosen])
        return out

    handle = find_layer(generator, layer).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def generate(generator: nn.Module, z: Tensor, *, batch: int = 128) -> Tensor:
    """Pictures (N, C, H, W) of latent vectors (N, Z), without gradients, on the CPU."""
    if len(z) == 0:
        raise ValueError(f"z: got shape {tuple(z.shape)}, want (N, Z) with N ≥ 1")
    with torch.inference_mode():
        parts = [generator(part).cpu() for part in z.split(batch)]
    return torch.cat(parts).clone()


def dissect_generator(
    generator: nn.Module, layer: str, z: Tensor, segment: Segment, names: Sequence[str]
) -> Dissection:
    """Compare where each unit is strong with where each concept is in the generated pictures.

    A unit is held to be on, for a concept, in as large a share of all places as the concept covers: then a
    unit that is strong just where the concept is has an IoU of 1, whether that is a ball or the sky.

    Parameters
    ----------
    generator, layer
        As for `edited`.
    z : Tensor, (N, Z)
        Latent vectors: the pictures to look at.
    segment : callable
        Pictures → concept ids.
    names : sequence of str
        The K concepts, by id.

    Returns
    -------
    Dissection
        `iou` (U, K) and `thresholds` (U, K); a concept that no picture shows has IoU 0. `top_units` ranks the
        units of a concept.
    """
    maps = activations(generator, z, layer)  # (N, U, h, w)
    ids = segment(generate(generator, z))  # (N, H, W)
    iou, levels = torch.zeros(2, maps.shape[1], len(names)).unbind()
    for k in range(len(names)):
        there = (ids == k)[:, None]  # (N, 1, H, W)
        share = there.double().mean().item()
        if 0 < share < 1:
            levels[:, k] = unit_thresholds(maps, share)
            iou[:, k] = dissect(maps, there, [names[k]], thresholds=levels[:, k]).iou[:, 0]
    return Dissection(iou, levels, tuple(names))


def top_units(found: Dissection, concept: str, count: int) -> list[int]:
    """The `count` units that agree best with a concept, the best first."""
    if concept not in found.names or not 0 < count <= len(found.iou):
        raise ValueError(
            f"top_units: got {count} units of {concept!r}, want 1 to {len(found.iou)} of one of {found.names}"
        )
    return found.iou[:, found.names.index(concept)].topk(count).indices.tolist()


def concept_shares(pictures: Tensor, segment: Segment, count: int) -> Tensor:
    """Share of each picture that each concept covers: (N, C, H, W) → (N, K), rows sum to 1."""
    ids = segment(pictures).flatten(1)  # (N, H·W)
    return torch.stack([(ids == k).double().mean(dim=1) for k in range(count)], dim=1)


def shares_after(
    generator: nn.Module,
    layer: str,
    z: Tensor,
    segment: Segment,
    count: int,
    *,
    units: Sequence[int] = (),
    value: float | Tensor = 0.0,
    region: Tensor | None = None,
) -> Tensor:
    """Share of each picture (N, K) that each concept covers, with the units forced to a value (`edited`).

    No units: the pictures as they are.
    """
    with edited(generator, layer, units, value, region):
        return concept_shares(generate(generator, z), segment, count)


def high_values(maps: Tensor, units: Sequence[int], quantile: float = 0.99) -> Tensor:
    """The level that each unit exceeds at only 1 - `quantile` of all places: (N, U, h, w) → (len(units),).

    What `edited` takes to switch units on: high, yet no higher than the generator itself makes them.
    """
    if not 0 <= quantile <= 1:
        raise ValueError(f"quantile: got {quantile}, want a number from 0 to 1")
    chosen = torch.as_tensor(list(units), dtype=torch.int64)
    check_units(chosen, maps.shape[1])
    values = maps[:, chosen].transpose(0, 1).flatten(1).sort(dim=1).values  # (units, N·h·w), ascending
    return values[:, round(quantile * (values.shape[1] - 1))]


def check_units(units: Tensor, count: int) -> None:
    """Raise ValueError unless all unit numbers lie in 0 … count - 1."""
    if len(units) and not (int(units.min()) >= 0 and int(units.max()) < count):
        raise ValueError(f"units: got {units.tolist()}, want numbers from 0 to {count - 1}")
