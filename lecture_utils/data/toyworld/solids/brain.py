"""A toy brain (S18.3): nested ellipsoids, bent, turned and noisy, with the exact label of every voxel.

After the phantom of L. Shepp and B. Logan, "The Fourier reconstruction of a head section", IEEE Transactions
on Nuclear Science 21, 1974. As in magnetic resonance, the same tissue is brighter here and darker there (the
coil's bias field), and a voxel on a border has a mixed value.

Legend: D × H × W voxels, along z, y and x.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lecture_utils.data.toyworld.checks import check_request
from lecture_utils.data.toyworld.hashing import between, scene_keys, uniform
from lecture_utils.data.toyworld.names import SPLITS
from lecture_utils.ops.checks import check_number, check_wholes
from lecture_utils.ops.rotation import axis_angle_to_matrix

TISSUES = ("background", "skull", "grey matter", "white matter", "ventricle", "lesion")
_BRIGHTNESS = (0.03, 0.85, 0.46, 0.66, 0.17, 0.82)
_RADII = (0.68, 0.82, 0.74)  # half axes of the head along x, y, z; the volume reaches from -1 to 1
_LAYERS = (1.0, 0.86, 0.66)  # of the head, of what is inside the skull, of the white matter
_FINE = 2  # a voxel's brightness is the mean of so many points along each axis


def brain(
    seed: int = 0, size: tuple[int, int, int] = (32, 32, 32), *, split: str = "train", noise: float = 0.06
) -> tuple[Tensor, Tensor]:
    """Draw one toy brain; in about half of them there is a lesion.

    Parameters
    ----------
    seed, split
        0 to 2**63 - 1; "train", "val" or "test": different splits share no brain.
    size : (int, int, int)
        D, H, W, each 8 or more.
    noise : float
        Standard deviation of the noise; tissues that touch differ by 0.16 or more.

    Returns
    -------
    volume : Tensor
        (1, D, H, W) float32, about 0 to 1.
    labels : Tensor
        (D, H, W) int64, index into `TISSUES`: what the middle of the voxel is.

    Raises
    ------
    ValueError
        On anything out of range.
    """
    volumes, labels = brains(seed, 1, size, split=split, noise=noise)
    return volumes[0], labels[0]


def brains(
    seed: int = 0,
    count: int = 8,
    size: tuple[int, int, int] = (32, 32, 32),
    *,
    split: str = "train",
    noise: float = 0.06,
) -> tuple[Tensor, Tensor]:
    """Draw `count` toy brains, as `brain` has them: volumes (B, 1, D, H, W) and labels (B, D, H, W).

    Brain 0 is the one that `brain` draws from the same seed.
    """
    check_request(count, seed, split)
    check_wholes(size, "size", 3, 8)
    check_number(noise, "noise", 0)
    key = scene_keys(seed, SPLITS.index(split), count)
    drawn = [_draw(key[i : i + 1], size, noise) for i in range(count)]
    if not drawn:
        return torch.zeros(0, 1, *size), torch.zeros(0, *size, dtype=torch.int64)
    volumes, labels = zip(*drawn, strict=True)
    return torch.stack(volumes), torch.stack(labels)


def _draw(key: np.ndarray, size: tuple[int, int, int], noise: float) -> tuple[Tensor, Tensor]:
    labels = _tissue(key, _grid(size))
    fine = _tissue(key, _grid([_FINE * n for n in size]))
    clean = F.avg_pool3d(torch.tensor(_BRIGHTNESS)[fine][None], _FINE)  # (1, D, H, W)
    u = uniform(key, "brain noise", *size)[0].clip(1e-12, 1 - 1e-12)
    grain = noise * math.sqrt(2) * torch.erfinv(torch.from_numpy(2 * u - 1))
    return clean * _bias(key, _grid(size)) + grain.float(), labels


def _grid(size: tuple[int, int, int] | list[int]) -> Tensor:
    """Middles of the voxels (D, H, W, 3), as x, y, z in [-1, 1]."""
    z, y, x = ((torch.arange(n) + 0.5) / n * 2 - 1 for n in size)
    return torch.stack(torch.meshgrid(z, y, x, indexing="ij")[::-1], dim=-1)


def _tissue(key: np.ndarray, at: Tensor) -> Tensor:
    """Label (D, H, W) of points (D, H, W, 3)."""
    at = _bent(key, at - _numbers(key, "brain place", -0.04, 0.04, 3))
    at = at @ axis_angle_to_matrix(_numbers(key, "brain turn", -0.45, 0.45, 3))
    head = torch.tensor(_RADII) * _numbers(key, "brain size", 0.92, 1.05, 3)
    labels = torch.zeros(at.shape[:-1], dtype=torch.int64)
    for tissue, layer in enumerate(_LAYERS, start=1):
        labels[_inside(at, torch.zeros(3), layer * head)] = tissue
    open_up = _numbers(key, "brain ventricles", 0.8, 1.3, 1)
    for side in (-1.0, 1.0):  # two ventricles, leaning outwards
        lean = axis_angle_to_matrix(torch.tensor([0.0, 0.35 * side, 0.25 * side]))
        labels[_inside((at - torch.tensor([0.17 * side, 0.0, 0.06])) @ lean, torch.zeros(3),
                       open_up * torch.tensor([0.11, 0.34, 0.17]))] = 4  # fmt: skip
    if uniform(key, "brain lesion")[0] < 0.5:
        way = F.normalize(_numbers(key, "lesion way", -1, 1, 3) + 1e-3, dim=0)
        place = 0.46 * head * way
        radius = _numbers(key, "lesion size", 0.14, 0.22, 3)
        labels[_inside(at, place, radius) & (labels >= 2) & (labels <= 3)] = 5
    return labels


def _bent(key: np.ndarray, at: Tensor) -> Tensor:
    """Move points by slow waves, so that no border stays an ellipsoid; less than any border's distance."""
    waves = _numbers(key, "brain waves", 1.2, 2.8, 3, 3)
    phase = _numbers(key, "brain phase", 0, 2 * math.pi, 3)
    return at + 0.05 * torch.sin(at @ waves + phase)


def _bias(key: np.ndarray, at: Tensor) -> Tensor:
    """The coil's sensitivity (D, H, W): a slow factor of 1 ± 0.2."""
    slope = _numbers(key, "brain bias", -1, 1, 3)
    wave = torch.sin(at @ _numbers(key, "brain bias wave", 0.5, 1.5, 3) + slope[0])
    return 1 + 0.12 * (at @ slope) / 1.5 + 0.08 * wave


def _inside(at: Tensor, centre: Tensor, radii: Tensor) -> Tensor:
    return ((at - centre) / radii).square().sum(-1) < 1


def _numbers(key: np.ndarray, name: str, low: float, high: float, *shape: int) -> Tensor:
    return torch.from_numpy(between(key, name, (low, high), *shape)[0]).float()
