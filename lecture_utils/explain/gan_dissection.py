"""GAN dissection: which units of a generator paint an object, and what if they are switched off or on?

D. Bau, J.-Y. Zhu, H. Strobelt, B. Zhou, J. Tenenbaum, W. Freeman, A. Torralba, "GAN Dissection: Visualizing
and Understanding Generative Adversarial Networks", ICLR 2019, sections 3.1 (dissection: agreement of a unit's
thresholded, up-sampled map with a segmentation of the generated picture) and 3.2 (intervention: the units are
forced off, or forced on in a region, and what appears or goes is measured).

Agreement alone is correlation. An intervention changes the units and nothing else, so what changes in the
picture is their effect.

Simplified: a unit's threshold is the level that it exceeds as often as the concept is there (the paper picks
the one at which the mutual information is the largest share of the joint entropy), on the pictures that are
judged (the paper holds out others); units are ranked by agreement, and the best are cut together (the paper
then optimises the set). Insertion and ablation are measured apart (the paper's average causal effect is their
difference), and the level that is inserted is a high quantile of the unit (an option of the authors' code;
their default is its mean where the class is present).

Shapes: N pictures, Z latent numbers, U units, h × w of a layer's maps, K concepts, H × W of the pictures.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.explain.dissection import Dissection, dissect, unit_thresholds
from lecture_utils.explain.hooks import activations, find_layer
from lecture_utils.explain.target import class_numbers
from lecture_utils.ops.checks import (
    check_classes,
    check_finite,
    check_float,
    check_images,
    check_number,
    check_whole,
)
from lecture_utils.ops.precision import precise

# Pictures (N, C, H, W) → which concept each pixel shows, (N, H, W) int64.
Segment = Callable[[Tensor], Tensor]
BATCH = 128  # pictures at a time


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
        bool: only there; one for all pictures, or one for each that passes. Everywhere when omitted.

    Raises
    ------
    ValueError
        For an unknown layer, a unit that it does not have, a value or region of another shape, or a value
        that is not finite.
    """
    chosen = unit_numbers(units)
    if not isinstance(value, Tensor):
        check_number(value, "value")
    level = torch.as_tensor(value)
    if level.dtype == torch.bool or not bool(torch.isfinite(level).all()):
        raise ValueError(f"value: got {value}, want finite numbers")
    if level.ndim > 1 or (level.ndim == 1 and len(level) != len(chosen)):
        raise ValueError(f"value: got shape {tuple(level.shape)}, want one number, or one for each unit")
    if region is not None and not isinstance(region, Tensor):
        raise ValueError(f"region: got {type(region).__name__}, want a torch.bool Tensor (h, w) or (N, h, w)")
    if region is not None and (region.dtype != torch.bool or region.ndim not in (2, 3)):
        got = f"{region.dtype} {tuple(region.shape)}"
        raise ValueError(f"region: got {got}, want torch.bool (h, w) or (N, h, w)")

    def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:  # (N, U, h, w)
        if not isinstance(output, Tensor) or output.ndim != 4:
            got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(f"layer: got {layer!r}, which gives {got}, want maps (N, U, h, w)")
        check_units(chosen, output.shape[1])
        n, _, h, w = output.shape
        if region is not None and region.shape not in ((h, w), (1, h, w), (n, h, w)):
            raise ValueError(f"region: got {tuple(region.shape)}, want ({h}, {w}) or ({n}, {h}, {w})")
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


def generate(generator: nn.Module, z: Tensor, *, batch: int = BATCH) -> Tensor:
    """Pictures (N, C, H, W) of finite latent vectors (N, Z), N ≥ 1, without gradients, on the CPU."""
    check_latent(z)
    check_whole(batch, "batch")
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
    check_latent(z)
    if isinstance(names, str) or len(names) == 0:
        raise ValueError(f"names: got {names!r}, want a sequence of at least one")
    maps = activations(generator, z, layer)  # (N, U, h, w)
    check_images(maps)
    ids = concept_ids(generate(generator, z), segment)  # (N, H, W)
    iou, levels = torch.zeros(2, maps.shape[1], len(names)).unbind()
    for k in range(len(names)):
        there = (ids == k)[:, None]  # (N, 1, H, W)
        share = precise(there).mean().item()
        if 0 < share < 1:
            levels[:, k] = unit_thresholds(maps, share)
            iou[:, k] = dissect(maps, there, [names[k]], thresholds=levels[:, k]).iou[:, 0]
    return Dissection(iou, levels, tuple(names))


def top_units(found: Dissection, concept: str, count: int) -> list[int]:
    """The `count` units that agree best with a concept, the best first."""
    check_whole(count, "count")
    if concept not in found.names or count > len(found.iou):
        raise ValueError(
            f"top_units: got {count} units of {concept!r}, want 1 to {len(found.iou)} of one of {found.names}"
        )
    return found.iou[:, found.names.index(concept)].topk(count).indices.tolist()


def concept_shares(pictures: Tensor, segment: Segment, count: int) -> Tensor:
    """Share of each picture that each concept covers: (N, C, H, W) → (N, K), rows sum to 1."""
    check_whole(count, "count")
    ids = concept_ids(pictures, segment).flatten(1)  # (N, H·W)
    return torch.stack([precise(ids == k).mean(dim=1) for k in range(count)], dim=1)


def concept_ids(pictures: Tensor, segment: Segment) -> Tensor:
    """Call `segment` on pictures (N, C, H, W); raise ValueError unless it gives integers (N, H, W)."""
    check_images(pictures)
    check_finite(pictures, "pictures")
    ids = segment(pictures)
    check_classes(ids, "segment's answer", len(pictures), "H", "W")
    return ids


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

    No units: the pictures as they are. A region (N, h, w) has one part for each latent vector.

    Raises
    ------
    ValueError
        As `edited` does, or for a region of other than N parts.
    """
    check_latent(z)
    own = region is not None and region.ndim == 3 and len(region) != 1  # each picture has its own region
    if own and len(region) != len(z):  # type: ignore[arg-type]
        raise ValueError(f"region: got {tuple(region.shape)}, want (h, w) or ({len(z)}, h, w)")  # type: ignore[union-attr]
    pictures = []
    for rows in torch.arange(len(z), device=z.device).split(BATCH):
        here = region[rows.to(region.device)] if own else region  # type: ignore[index, union-attr]
        with edited(generator, layer, units, value, here):
            pictures.append(generate(generator, z[rows]))
    return concept_shares(torch.cat(pictures), segment, count)


def high_values(maps: Tensor, units: Sequence[int], quantile: float = 0.99) -> Tensor:
    """The level that each unit exceeds at only 1 - `quantile` of all places: (N, U, h, w) → (len(units),).

    What `edited` takes to switch units on: high, yet no higher than the generator itself makes them.
    """
    check_number(quantile, "quantile", 0, 1)
    check_images(maps)
    check_finite(maps, "maps")
    chosen = unit_numbers(units)
    check_units(chosen, maps.shape[1])
    values = maps[:, chosen].transpose(0, 1).flatten(1).sort(dim=1).values  # (units, N·h·w), ascending
    return values[:, round(quantile * (values.shape[1] - 1))]


def unit_numbers(units: Sequence[int] | Tensor) -> Tensor:
    """Return unit numbers as (n,) int64; raise ValueError for other than whole numbers (and for True)."""
    numbers = class_numbers(units) if len(units) else torch.zeros(0, dtype=torch.int64)
    if numbers is None or numbers.ndim != 1:
        raise ValueError(f"units: got {units!r}, want whole numbers")
    return numbers


def check_latent(z: Tensor) -> None:
    """Raise ValueError unless z is finite (N, Z) with N ≥ 1."""
    check_float(z, name="z")
    if z.ndim != 2 or 0 in z.shape:
        raise ValueError(f"z: got shape {tuple(z.shape)}, want (N, Z) with N ≥ 1")
    check_finite(z, "z")


def check_units(units: Tensor, count: int) -> None:
    """Raise ValueError unless all unit numbers lie in 0 … count - 1."""
    if len(units) and not (int(units.min()) >= 0 and int(units.max()) < count):
        raise ValueError(f"units: got {units.tolist()}, want numbers from 0 to {count - 1}")
