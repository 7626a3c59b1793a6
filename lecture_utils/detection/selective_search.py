"""Selective search (S07.4): boxes that may hold an object, from regions that are merged step by step.

J. Uijlings, K. van de Sande, T. Gevers, A. Smeulders, "Selective Search for Object Recognition", IJCV 2013:
grouping (section 3.1, algorithm 1), similarities and many strategies (3.2), order (3.3).
Nothing is learned. The first regions come from P. Felzenszwalb, D. Huttenlocher, "Efficient Graph-Based Image
Segmentation", IJCV 2004, as scikit-image has it.

Simplified: five of the paper's eight colour spaces. The paper's "fast" set of strategies is the default: two
colour spaces, two sizes of first regions, two sums of similarities.

Shapes: H × W picture, C channels of a colour space, R regions, N boxes.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from skimage.color import rgb2hsv, rgb2lab
from skimage.segmentation import felzenszwalb
from torch import Tensor

from lecture_utils.ops.checks import check_choice, check_number, check_rgb, check_sizes

COLOUR_BINS, TEXTURE_BINS, DIRECTIONS = 25, 10, 8
STEEPEST = 0.4  # the slope that a step from 0 to 1 has under a Gaussian of sigma 1: 1/√(2π)


@dataclass(frozen=True)
class Region:
    """A part of the picture.

    Attributes
    ----------
    size : int
        Pixels.
    box : tuple of int
        x1, y1, x2, y2 around them.
    colour, texture : ndarray
        Histograms (25·C,) and (80·C,), each of sum 1.
    """

    size: int
    box: tuple[int, int, int, int]
    colour: np.ndarray
    texture: np.ndarray


Regions = Sequence[Region]
Pairs = Iterable[tuple[int, int]]  # numbers of two regions each


def merge(a: Region, b: Region) -> Region:
    """The union of two regions; its histograms are means, weighted by size: no pixel is read."""
    size = a.size + b.size
    return Region(
        size=size,
        box=box_around(a, b),
        colour=(a.size * a.colour + b.size * b.colour) / size,
        texture=(a.size * a.texture + b.size * b.texture) / size,
    )


def box_around(a: Region, b: Region) -> tuple[int, int, int, int]:
    """The smallest box that holds both."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.box, b.box
    return min(ax1, bx1), min(ay1, by1), max(ax2, bx2), max(ay2, by2)


def colour_similarity(a: Region, b: Region, pixels: int) -> float:
    """What two histograms of colour have in common, in [0, 1]."""
    return float(np.minimum(a.colour, b.colour).sum())


def texture_similarity(a: Region, b: Region, pixels: int) -> float:
    """What two histograms of slopes have in common, in [0, 1]."""
    return float(np.minimum(a.texture, b.texture).sum())


def size_similarity(a: Region, b: Region, pixels: int) -> float:
    """Near 1 for small regions, which then merge first."""
    return 1 - (a.size + b.size) / pixels


def fill_similarity(a: Region, b: Region, pixels: int) -> float:
    """Near 1 where the box around both holds little else: one fills the other's gap."""
    x1, y1, x2, y2 = box_around(a, b)
    return 1 - ((x2 - x1) * (y2 - y1) - a.size - b.size) / pixels


SIMILARITIES: dict[str, Callable[[Region, Region, int], float]] = {
    "colour": colour_similarity,
    "texture": texture_similarity,
    "size": size_similarity,
    "fill": fill_similarity,
}


def similarity(a: Region, b: Region, *, pixels: int, names: Sequence[str] = tuple(SIMILARITIES)) -> float:
    """Add up how alike two regions of a picture are, in each of the named ways."""
    return sum(SIMILARITIES[name](a, b, pixels) for name in names)


class Strategy(NamedTuple):
    """One way to group: colour space, size of the first regions, and which similarities are added up."""

    space: str = "hsv"
    k: float = 100  # the larger, the larger the first regions
    similarities: tuple[str, ...] = tuple(SIMILARITIES)


FAST = tuple(
    Strategy(space, k, parts)
    for space, k, parts in itertools.product(
        ("hsv", "lab"), (50, 100), (tuple(SIMILARITIES), ("texture", "size", "fill"))
    )
)


def group(
    regions: Regions, neighbours: Pairs, pixels: int, similarities: Sequence[str] = tuple(SIMILARITIES)
) -> list[Region]:
    """Merge the two most similar neighbours until one region is left (algorithm 1).

    Parameters
    ----------
    regions : sequence of Region
        The first ones.
    neighbours : iterable of (int, int)
        Pairs of numbers of regions that touch.
    pixels : int
        Of the whole picture.
    similarities : sequence of str
        Which are added up.

    Returns
    -------
    list of Region
        The first ones, then each merged one as it came about: the last is the whole picture.
    """
    regions = list(regions)
    alike = functools.partial(similarity, pixels=pixels, names=similarities)
    similar = {(i, j): alike(regions[i], regions[j]) for i, j in neighbours}
    while similar:
        i, j = max(similar, key=similar.__getitem__)
        new = len(regions)
        regions.append(merge(regions[i], regions[j]))
        gone = [pair for pair in similar if i in pair or j in pair]
        touching = {n: None for pair in gone for n in pair if n not in (i, j)}  # in a fixed order
        for pair in gone:
            del similar[pair]
        similar |= {(n, new): alike(regions[n], regions[new]) for n in touching}
    return regions


def selective_search(
    image: Tensor, *, strategies: Sequence[Strategy] = FAST, min_size: int = 20, seed: int = 0
) -> Tensor:
    """Boxes around the regions of all groupings, the most promising first.

    Parameters
    ----------
    image : Tensor
        (3, H, W), floating point, in [0, 1].
    strategies : sequence of Strategy
        The groupings to put together.
    min_size : int
        Pixels of the smallest first region.
    seed : int
        Of the random numbers that the order needs.

    Returns
    -------
    Tensor
        (N, 4) x1, y1, x2, y2, float32, no two equal. The later a region was made, the earlier its box tends
        to come: its place from the end of its grouping is multiplied by a random number (section 3.3), lest
        all of the largest come first.

    Raises
    ------
    ValueError
        For another shape or type, values outside [0, 1], NaN, or an unknown strategy.
    """
    check_search(image, strategies, min_size)
    rng = np.random.default_rng(seed)
    pixels = image.shape[1] * image.shape[2]
    picture = image.detach().cpu().double().permute(1, 2, 0).numpy()
    ranks: dict[tuple[int, int, int, int], float] = {}
    for (space, k), same_start in itertools.groupby(strategies, key=lambda strategy: strategy[:2]):
        colours = in_colour_space(picture, space)
        labels = felzenszwalb(colours, scale=k, sigma=0.8, min_size=min_size, channel_axis=2)
        regions, neighbours = describe(colours, labels), touching_pairs(labels)
        for strategy in same_start:
            grouped = group(regions, neighbours, pixels, strategy.similarities)
            for place, region in enumerate(reversed(grouped), start=1):
                rank = float(rng.random()) * place
                ranks[region.box] = min(rank, ranks.get(region.box, rank))
    boxes = sorted(ranks, key=ranks.__getitem__)
    return torch.tensor(boxes, dtype=torch.float32, device=image.device)


def describe(colours: np.ndarray, labels: np.ndarray) -> list[Region]:
    """Size, box and histograms of each first region: colours (H, W, C) in [0, 1], labels (H, W) from 0."""
    sizes = np.bincount(labels.ravel())
    boxes = [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(labels + 1)]
    colour = histograms(colours, labels, COLOUR_BINS)
    texture = histograms(slopes(colours) / STEEPEST, labels, TEXTURE_BINS)
    return [Region(int(n), *parts) for n, *parts in zip(sizes, boxes, colour, texture, strict=True)]


def slopes(colours: np.ndarray) -> np.ndarray:
    """How steeply each channel rises in eight directions, (H, W, 8·C), 0 where it falls; sigma 1."""
    down, right = (ndimage.gaussian_filter(colours, 1, order, axes=(0, 1)) for order in ((1, 0), (0, 1)))
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    rising = [np.cos(angle) * right + np.sin(angle) * down for angle in angles]
    return np.maximum(np.concatenate(rising, axis=2), 0)


def histograms(values: np.ndarray, labels: np.ndarray, bins: int) -> np.ndarray:
    """For each region the histograms of its values (H, W, C) in [0, 1], one after the other: (R, C·bins)."""
    regions, channels = labels.max() + 1, values.shape[2]
    place = np.clip((values * bins).astype(int), 0, bins - 1) + bins * np.arange(channels)  # (H, W, C)
    place = place + bins * channels * labels[..., None]
    counts = np.bincount(place.ravel(), minlength=regions * channels * bins).reshape(regions, -1)
    return counts / counts.sum(axis=1, keepdims=True)


def touching_pairs(labels: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of regions with pixels side by side or one above the other."""
    beside = np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()])
    below = np.stack([labels[:-1].ravel(), labels[1:].ravel()])
    pairs = np.sort(np.concatenate([beside, below], axis=1), axis=0)
    pairs = np.unique(pairs[:, pairs[0] != pairs[1]], axis=1)
    return [(int(i), int(j)) for i, j in pairs.T]


def in_colour_space(picture: np.ndarray, space: str) -> np.ndarray:
    """RGB (H, W, 3) in [0, 1] as (H, W, C) in another space, each channel in [0, 1]."""
    total = picture.sum(axis=2, keepdims=True)
    if space == "hsv":
        return rgb2hsv(picture)
    if space == "lab":
        return rgb2lab(picture) / [100, 256, 256] + [0, 0.5, 0.5]
    if space == "rgi":  # the shares of red and green, which shadows do not change, and the intensity
        return np.concatenate([picture[..., :2] / np.maximum(total, 1e-6), total / 3], axis=2)
    return total / 3 if space == "intensity" else picture


def check_search(image: Tensor, strategies: Sequence[Strategy], min_size: int) -> None:
    """Raise ValueError unless the image is (3, H, W) in [0, 1], and the strategies are known ones."""
    check_rgb(image, unit_range=True)
    if image.ndim != 3:
        raise ValueError(f"image: got shape {tuple(image.shape)}, want one picture (3, H, W)")
    check_sizes("selective search", min_size=min_size)
    if not isinstance(strategies, Sequence) or len(strategies) == 0:
        raise ValueError(f"strategies: got {strategies!r}, want one Strategy or more")
    for strategy in strategies:
        if not isinstance(strategy, Strategy) or len(strategy.similarities) == 0:
            raise ValueError(f"strategies: got {strategy!r}, want Strategy with one similarity or more")
        check_choice(strategy.space, "space", "hsv", "lab", "rgi", "rgb", "intensity")
        check_number(strategy.k, "k", 0, above=True)
        for name in strategy.similarities:
            check_choice(name, "similarities", *SIMILARITIES)
