"""What step 3 of the lab of chapter 18 sees: places for three more pictures, and what comes of them.

Shapes: P points or Gaussians, H × W pixels.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lecture_utils.chapters.ch18.lab_capture import renderer
from lecture_utils.data.toyworld import solids
from lecture_utils.ops.camera import Cameras, orbit, rays

SIZE = 48  # pixels: side of the pictures of step 3
GIVEN = (0, 1)  # the pictures that are there
MORE = 3  # how many may be added
BAR = 15.0  # decibels


class Places(NamedTuple):
    """Places to take pictures from, and other views that are held out.

    Attributes
    ----------
    cameras : Cameras
        24: 0 to 11 on a low circle, one every 30°, and 12 to 23 above them on a high one.
    images, depth_m : Tensor
        (24, 3, 48, 48) in [0, 1] and (24, 48, 48) in metres, 0 where nothing is: what is seen from there.
    held_out : Cameras
        8 others, by turns lower and higher.
    truth : Tensor
        (8, 3, 48, 48): what is seen from those.
    mask : Tensor
        (8, 48, 48) bool: where they see an object.
    """

    cameras: Cameras
    images: Tensor
    depth_m: Tensor
    held_out: Cameras
    truth: Tensor
    mask: Tensor


@lru_cache(maxsize=1)
def places() -> Places:
    """Return all that step 3 can see."""
    scene = solids.showpiece(ground=False)
    ring = {"size": (SIZE, SIZE), "field_of_view_deg": 34.0}
    cameras = _together([orbit(12, elevation_deg=e, **ring) for e in (5.0, 60.0)])  # type: ignore[arg-type]
    lower, higher = (
        orbit(4, elevation_deg=e, start_deg=s, **ring)  # type: ignore[arg-type]
        for e, s in ((18.0, 20.0), (45.0, 65.0))
    )
    held_out = _together([lower, higher])[[0, 4, 1, 5, 2, 6, 3, 7]]
    taken, true = solids.render_solids(scene, cameras), solids.render_solids(scene, held_out)
    depth = torch.where(taken.mask, taken.depth_m, 0.0)
    return Places(cameras, taken.image, depth, held_out, true.image, true.mask)


def _together(parts: Sequence[Cameras]) -> Cameras:
    rotation, translation, intrinsics = (
        torch.cat([getattr(part, name) for part in parts])
        for name in ("rotation", "translation", "intrinsics")
    )
    return Cameras(rotation, translation, intrinsics, parts[0].size)


def lifted(chosen: Iterable[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gaussians on every pixel of the given and the chosen pictures: means, scales, opacities and colours.

    Each pixel that sees something is lifted to its place in the world. Its ball has a quarter of the pixel's
    width there as standard deviation, and an opacity of 0.8.
    """
    found = places()
    which = sorted({*GIVEN, *chosen})
    cameras = found.cameras[which]
    origins, directions = rays(cameras)
    along = (directions * cameras.rotation[:, None, None, 2]).sum(-1)  # z of a ray's first metre
    depth = found.depth_m[which]
    some = depth > 0
    points = (origins + directions * (depth / along)[..., None])[some]
    scales = 0.25 * (depth / cameras.intrinsics[:, 0, 0, None, None])[some]
    colours = found.images[which].permute(0, 2, 3, 1)[some]
    return points, scales, torch.full_like(scales, 0.8), colours


def new_views(chosen: Iterable[int]) -> Tensor:
    """Return the 8 held-out views (8, 3, 48, 48) of Gaussians on the given and the chosen pictures."""
    found, cloud = places(), lifted(chosen)
    with torch.no_grad():
        return torch.stack([renderer(found.held_out[i])(*cloud) for i in range(8)]).clamp(0, 1)


def object_psnr(chosen: Iterable[int]) -> list[float]:
    """PSNR in decibels of each held-out view, over the pixels in which it sees an object."""
    found = places()
    errors = (new_views(chosen) - found.truth).square().mean(1)  # (8, H, W)
    return [-10 * math.log10(float(e[own].mean())) for e, own in zip(errors, found.mask, strict=True)]


def valid(answer: Sequence[Any]) -> bool:
    """Whether these are three of the 24 places."""
    return len(answer) == MORE and all(0 <= int(number) < 24 for number in answer)


def worst_view(answer: Any) -> float:
    """PSNR of the worst held-out view with three more pictures, from places 0 to 23."""
    chosen = [int(number) for number in answer]
    if not valid(chosen):
        raise ValueError(f"more: got {answer!r}, want {MORE} numbers of places, 0 to 23")
    return _worst(tuple(sorted(chosen)))


@lru_cache(maxsize=64)
def _worst(chosen: tuple[int, ...]) -> float:
    return min(object_psnr(chosen))
