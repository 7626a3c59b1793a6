"""The views that DINO compares: two large crops and several small ones, recoloured each in its own way.

M. Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021, section 3.1
("multi-crop"); colours as in J.-B. Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020, appendix B
(jitter, grey, blur, solarise).

Added: crops may be turned. Simplified: the hue turns in the YIQ plane; blur is a 3 × 3 kernel; all is done a
batch at a time in torch.

Shapes: B batch, C = 3 channels, H and W height and width.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

# Luma and two axes of colour (the NTSC system): a turn in the plane of the last two changes the hue alone.
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


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
        (B, C, H, W).
    size : int
        Side of the crops in pixels.
    scale : (float, float)
        Smallest and largest share of the area.
    turn : float
        Largest turn of the square either way, in degrees. DINO does not turn its crops.

    Returns
    -------
    Tensor
        (B, C, size, size), bilinear; what a turned square has outside the image is mirrored at its edge.
    """
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
    """Change each image's brightness, contrast and colour balance at random; (B, C, H, W) in [0, 1]."""

    def factor(*shape: int) -> Tensor:
        draw = 1 + strength * (torch.rand(len(images), *shape, generator=generator) * 2 - 1)
        return draw.to(images)

    x = images * factor(1, 1, 1)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = (x - mean) * factor(1, 1, 1) + mean
    return (x * factor(images.shape[1], 1, 1)).clamp(0, 1)


def turn_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn each picture's hue by `turn` (B,) radians: (B, 3, H, W), not clamped."""
    yiq = _YIQ.to(images)
    cos, sin, zero = turn.cos(), turn.sin(), torch.zeros_like(turn)
    rows = [[zero + 1, zero, zero], [zero, cos, -sin], [zero, sin, cos]]
    rotation = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2).to(images)  # (B, 3, 3)
    return torch.einsum("bij,bjhw->bihw", torch.linalg.inv(yiq) @ rotation @ yiq, images)


def blur(images: Tensor) -> Tensor:
    """Weigh each pixel with its neighbours, 1-2-1 in both directions: (B, C, H, W)."""
    line = torch.tensor([1.0, 2.0, 1.0]).to(images) / 4
    kernel = (line[:, None] * line).expand(images.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), kernel, groups=images.shape[1])


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
        Of brightness, contrast and colour balance.
    hue : float
        Largest turn in radians; π allows every colour.
    grey, blurred, solarised : float
        Probabilities of losing colour, of a blur, and of bright values being turned over.

    Returns
    -------
    Tensor
        (B, 3, H, W) in [0, 1].
    """
    count = len(images)

    def chosen(share: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1, generator=generator) < share).to(images.device)

    turn = (torch.rand(count, generator=generator) * 2 - 1) * hue
    x = turn_hue(images, turn.to(images.device)).clamp(0, 1)
    x = jitter_colour(x, strength, generator=generator)
    luma = torch.einsum("c,bchw->bhw", _YIQ[0].to(x), x)[:, None].expand_as(x)
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
    """Cut two large crops (over 40 % of the area) and several small ones (5 to 40 %) (section 3.1).

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
    """

    def view(size: int, scale: tuple[float, float]) -> Tensor:
        crop = crop_batch(images, size, scale, turn=turn, generator=generator)
        return recolour(crop, **(colours or {}), generator=generator)

    large = [view(global_size, global_scale) for _ in range(2)]
    return large, [view(local_size, local_scale) for _ in range(local_views)]
