"""Textures: periodic noise tiles for clouds, grass, water and sand, and the patterns painted on objects.

The tiles are made once from hashed lattice noise (value noise: Perlin, "An image synthesizer", SIGGRAPH
1985, is the classic source of the idea) and kept at several blurs, so that ground far away is smooth
instead of noisy (Williams, "Pyramidal parametrics", SIGGRAPH 1983, without the smaller sizes).

Legend: T texels along a tile's side, L blur levels.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.hashing import mix
from lecture_utils.data.toyworld.names import STUFF

TEXELS = 128
LEVELS = 10  # the blur's sigma grows by sqrt(2) a level
STRIDE = TEXELS + 2  # a tile with its wrapped border


def _lattice(rows: int, columns: int, name: int) -> np.ndarray:
    place = np.arange(rows * columns, dtype=np.uint64) + np.uint64(name) * np.uint64(1 << 32)
    return (mix(mix(place)) >> np.uint64(11)).reshape(rows, columns) * (2.0 / (1 << 53)) - 1.0


def _along(values: np.ndarray, axis: int) -> np.ndarray:
    """Stretch periodic lattice values to T texels along an axis, with a smooth quintic between neighbours."""
    cells = values.shape[axis]
    at = (np.arange(TEXELS) + 0.5) * cells / TEXELS
    i = at.astype(int)
    t = at - i
    t = t * t * t * (t * (6 * t - 15) + 10)
    shape = [1, 1]
    shape[axis] = TEXELS
    t = t.reshape(shape)
    return np.take(values, i % cells, axis) * (1 - t) + np.take(values, (i + 1) % cells, axis) * t


def _fractal(octaves: list[tuple[int, int, float]], name: int) -> np.ndarray:
    """Sum of periodic value noise: (rows, columns, weight) per octave; zero mean, unit deviation."""
    total = np.zeros((TEXELS, TEXELS))
    for k, (rows, columns, weight) in enumerate(octaves):
        total += weight * _along(_along(_lattice(rows, columns, 16 * name + k), 0), 1)
    return (total - total.mean()) / total.std()


def _tile(stuff: str) -> np.ndarray:
    if stuff == "sky":
        cloud = _fractal([(4, 2, 1.0), (8, 5, 0.6), (16, 10, 0.3), (32, 20, 0.14)], 1)
        t = np.clip((cloud - 0.1) / 1.7, 0, 1)
        return t * t * (3 - 2 * t)
    octaves = {
        "grass": [(5, 5, 0.5), (13, 16, 0.5), (26, 40, 0.6), (40, 64, 0.6)],
        "water": [(20, 3, 0.8), (40, 6, 0.8), (64, 12, 0.4)],
        "sand": [(6, 4, 0.7), (18, 5, 0.9), (64, 64, 0.35)],
    }[stuff]
    return np.clip(_fractal(octaves, 2 + STUFF.index(stuff)), -2.2, 2.2)


def _blurs(tile: np.ndarray) -> list[np.ndarray]:
    """The tile under periodic Gaussian blurs; level 0 is sharp."""
    f = np.fft.fftfreq(TEXELS)
    square = f[:, None] ** 2 + f[None, :] ** 2
    spectrum = np.fft.fft2(tile)
    sigmas = [0.0] + [0.7 * 2 ** (level / 2) for level in range(LEVELS - 1)]
    return [np.fft.ifft2(spectrum * np.exp(-2 * (np.pi * s) ** 2 * square)).real for s in sigmas]


@lru_cache(maxsize=4)
def atlas(device: torch.device) -> Tensor:
    """All tiles at all levels under one another, (1, 1, len(STUFF) * L * (T + 2), T + 2) float32.

    Clouds lie in [0, 1]; the others have zero mean and unit deviation.
    """
    tiles = [np.pad(b, 1, mode="wrap") for stuff in STUFF for b in _blurs(_tile(stuff))]
    return torch.from_numpy(np.concatenate(tiles).astype(np.float32)).to(device)[None, None]


def atlas_row(stuff: Tensor, level: Tensor) -> Tensor:
    """First row of a tile in the atlas, border included."""
    return (stuff * LEVELS + level) * STRIDE


def smooth_wave(x: Tensor, sharpness: Tensor) -> Tensor:
    """A square wave of period 1 in [0, 1] with soft flanks, each about 1 / `sharpness` periods wide."""
    triangle = ((x - x.floor()) - 0.5).abs() - 0.25  # -0.25..0.25
    return (triangle * sharpness).clamp(-0.5, 0.5) + 0.5


def pattern(
    x: Tensor,
    y: Tensor,
    material: Tensor,
    angle_cos: Tensor,
    angle_sin: Tensor,
    period: Tensor,
    phase: Tensor,
    texel: Tensor,
) -> Tensor:
    """How much of the second colour an object's surface shows.

    Parameters
    ----------
    x, y : Tensor (P,)
        In the shape's own frame.
    material : Tensor (P,)
        Index into MATERIALS.
    angle_cos, angle_sin, period, phase : Tensor (P,)
        Of the pattern; the period in shape units.
    texel : Tensor (P,)
        Width of a pixel in shape units; flanks are never sharper, and a pattern too fine for the pixels fades
        to its mean.

    Returns
    -------
    Tensor (P,)
        In [0, 1].
    """
    u = (x * angle_cos + y * angle_sin) / period + phase
    v = (y * angle_cos - x * angle_sin) / period + phase
    footprint = texel / period  # in periods
    sharpness = 1.0 / footprint.clamp_min(0.04)
    stripes = smooth_wave(u, sharpness)
    across = smooth_wave(0.5 * v, sharpness * 2)
    along = smooth_wave(0.5 * u, sharpness * 2)
    checks = along + across - 2 * along * across
    du, dv = u - u.floor() - 0.5, v - v.floor() - 0.5
    dots = ((0.30 - (du * du + dv * dv).sqrt()) * sharpness + 0.5).clamp(0, 1)
    chosen = torch.where(material == 1, stripes, torch.where(material == 2, checks, dots))
    mean = torch.where(material == 3, 0.28, 0.5)
    fade = (1.6 - 2.0 * footprint).clamp(0, 1)
    return torch.where(material == 0, 0.0, mean + fade * (chosen - mean))
