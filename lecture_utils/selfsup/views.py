"""The views that DINO compares: two large crops and several small ones, recoloured each in its own way.

M. Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021, section 3.1
("multi-crop"); the kinds of colour changes are those of J.-B. Grill et al., "Bootstrap Your Own Latent",
NeurIPS 2020, appendix B (jitter, grey, blur, solarise).

Departures from the authors' code (main_dino.py). One set of odds for all views: there, first global, second
global and local views are blurred with probability 1, 0.1 and 0.5 and solarised with 0, 0.2 and 0. Colours
are always jittered (there in 80 %); a gain for each channel takes the place of saturation; the hue turns by
up to 180 degrees unless told otherwise (there 36), and in the YIQ plane, not in HSV; blur is a 3 × 3 kernel.
Crops are squares of the picture's own shape (there: aspect ratios of 3/4 to 4/3), and are shrunk without
smoothing. Added: crops may be turned. All is done a batch at a time in torch.

Shapes: B batch, C = 3 channels, H and W height and width.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_images, check_number, check_numbers, check_whole
from lecture_utils.ops.photometric import YIQ, filter_channels, turn_hue

COLOURS = {"strength", "hue", "grey", "blurred", "solarised"}  # what `recolour` can be told


def crop_batch(
    images: Tensor,
    size: int,
    scale: tuple[float, float],
    *,
    turn: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Cut one random square out of each image, sized `scale` of its area, mirrored at random.

    Parameters
    ----------
    images : Tensor
        (B, C, H, W), floating point.
    size : int
        Side of the crops in pixels.
    scale : (float, float)
        Smallest and largest share of the area, above 0 and at most 1.
    turn : float
        Largest turn of the square either way, in degrees. DINO does not turn its crops.

    Returns
    -------
    Tensor
        (B, C, size, size), bilinear; what a turned square has outside the image is mirrored at its edge.

    Raises
    ------
    ValueError
        For other shapes, types or ranges.
    """
    check_images(images)
    check_whole(size, "crops, size")
    check_scale(scale)
    check_number(turn, "crops, turn")
    batch = len(images)
    low, high = scale
    share = low + (high - low) * torch.rand(batch, generator=generator)
    side = share.sqrt()  # of the image's side, which spans [-1, 1]
    centre = (torch.rand(batch, 2, generator=generator) * 2 - 1) * (1 - side)[:, None]
    mirror = torch.where(torch.rand(batch, generator=generator) < 0.5, -1.0, 1.0)
    angle = math.radians(turn) * (torch.rand(batch, generator=generator) * 2 - 1)
    cos, sin = side * angle.cos(), side * angle.sin()
    theta = torch.stack([mirror * cos, -sin, centre[:, 0], mirror * sin, cos, centre[:, 1]], dim=1)
    theta = theta.reshape(batch, 2, 3)  # where in the image each place of the crop comes from
    grid = F.affine_grid(theta.to(images), [batch, images.shape[1], size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def jitter_colour(
    images: Tensor, strength: float = 0.4, *, generator: torch.Generator | None = None
) -> Tensor:
    """Change each image's brightness, contrast and colour balance at random; (B, C, H, W) in [0, 1].

    Each factor is drawn evenly from 1 - `strength` to 1 + `strength`, `strength` in [0, 1]; the balance has
    one for each channel.
    """
    check_images(images, unit_range=True)
    check_number(strength, "jitter, strength", 0, 1)

    def factor(*shape: int) -> Tensor:
        draw = 1 + strength * (torch.rand(len(images), *shape, generator=generator) * 2 - 1)
        return draw.to(images)

    x = images * factor(1, 1, 1)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = (x - mean) * factor(1, 1, 1) + mean
    return (x * factor(images.shape[1], 1, 1)).clamp(0, 1)


def blur(images: Tensor) -> Tensor:
    """Weigh each pixel with its neighbours, 1-2-1 in both directions; the edge goes on: (B, C, H, W)."""
    check_images(images)
    line = torch.tensor([1.0, 2.0, 1.0]).to(images) / 4
    return filter_channels(F.pad(images, (1, 1, 1, 1), mode="replicate"), line[:, None] * line)


def recolour(
    images: Tensor,
    *,
    strength: float = 0.4,
    hue: float = math.pi,
    grey: float = 0.2,
    blurred: float = 0.5,
    solarised: float = 0.1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Change colours so much that they no longer tell two pictures apart.

    Parameters
    ----------
    images : Tensor
        (B, 3, H, W) in [0, 1].
    strength : float
        Of brightness, contrast and colour balance, as in `jitter_colour`.
    hue : float
        Largest turn in radians, 0 or more; π allows every colour.
    grey, blurred, solarised : float
        Probabilities of losing colour, of a blur, and of bright values being turned over.

    Returns
    -------
    Tensor
        (B, 3, H, W) in [0, 1].

    Raises
    ------
    ValueError
        For another shape or type, values outside [0, 1], or a setting out of its range.
    """
    check_images(images, 3, unit_range=True)
    check_number(hue, "colours, hue", 0)
    for share, name in ((grey, "grey"), (blurred, "blurred"), (solarised, "solarised")):
        check_number(share, f"colours, {name}", 0, 1)
    count = len(images)

    def chosen(share: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1, generator=generator) < share).to(images.device)

    turn = (torch.rand(count, generator=generator) * 2 - 1) * hue
    x = turn_hue(images, turn.to(images.device)).clamp(0, 1)
    x = jitter_colour(x, strength, generator=generator)
    luma = torch.einsum("c,bchw->bhw", YIQ[0].to(x), x)[:, None].expand_as(x)
    x = torch.where(chosen(grey), luma, x)
    x = torch.where(chosen(blurred), blur(x), x)
    return torch.where(chosen(solarised) & (x > 0.5), 1 - x, x)


def multi_crop(
    images: Tensor,
    *,
    global_size: int,
    local_size: int,
    local_views: int = 4,
    global_scale: tuple[float, float] = (0.4, 1.0),
    local_scale: tuple[float, float] = (0.05, 0.4),
    turn: float = 0.0,
    colours: Mapping[str, float] | None = None,
    generator: torch.Generator | None = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """Cut two large crops (40 % of the area and more) and several small ones (5 to 40 %), and recolour them.

    Section 3.1 of the paper; these shares are the defaults of the authors' code.

    Parameters
    ----------
    images : Tensor
        (B, 3, H, W) in [0, 1].
    global_size, local_size : int
        Sides of the crops in pixels.
    local_views : int
        Number of small crops.
    global_scale, local_scale : (float, float)
        Smallest and largest share of the area.
    turn : float
        Of `crop_batch`, in degrees.
    colours : mapping, optional
        Settings of `recolour` other than its defaults.

    Returns
    -------
    large, small : list of Tensor
        2 of (B, 3, global_size, global_size) and `local_views` of (B, 3, local_size, local_size), in [0, 1].

    Raises
    ------
    ValueError
        As `crop_batch` and `recolour`.
    """
    check_whole(local_views, "local_views", 0)
    unknown = sorted(set(colours or {}) - COLOURS)
    if unknown:
        raise ValueError(f"colours: got {unknown}, want of {sorted(COLOURS)}")

    def view(size: int, scale: tuple[float, float]) -> Tensor:
        crop = crop_batch(images, size, scale, turn=turn, generator=generator)
        return recolour(crop, **(colours or {}), generator=generator)

    large = [view(global_size, global_scale) for _ in range(2)]
    return large, [view(local_size, local_scale) for _ in range(local_views)]


def check_scale(scale: tuple[float, float]) -> None:
    """Raise ValueError unless `scale` is two shares of an area, above 0, at most 1, the smaller first."""
    check_numbers(scale, "crops, scale", 2)
    if not 0 < scale[0] <= scale[1] <= 1:
        raise ValueError(f"crops: got scale {scale}, want two shares in (0, 1], the smaller first")
