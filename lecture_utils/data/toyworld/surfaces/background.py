"""Stuff: sky and ground, with texture in perspective, a horizon and perhaps a shore.

Colours here are linear light (the square of sRGB, a gamma of 2), so that light adds up as it should.

Legend: N scenes, S the image's side in pixels, rows run down.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from lecture_utils.data.toyworld.names import CAMERA_HEIGHT_M, SKY_DEPTH_M, STUFF
from lecture_utils.data.toyworld.scene import Scenes, cos_sin
from lecture_utils.data.toyworld.surfaces import texture

_TILE_M = 2.8  # metres a texture tile covers
# sRGB: near and far colour of each kind of ground, and the contrast of its texture.
_GROUND = torch.tensor(
    [
        [[0.47, 0.60, 0.30], [0.67, 0.76, 0.52]],
        [[0.28, 0.50, 0.62], [0.62, 0.77, 0.83]],
        [[0.83, 0.73, 0.55], [0.92, 0.86, 0.75]],
    ]
)
_CONTRAST = torch.tensor([0.15, 0.12, 0.075])
# sRGB: zenith and horizon of the skies between which a scene's is mixed: morning, noon, veiled, evening.
_SKY = torch.tensor(
    [
        [[0.56, 0.70, 0.86], [0.97, 0.88, 0.80]],
        [[0.37, 0.60, 0.86], [0.79, 0.89, 0.95]],
        [[0.63, 0.72, 0.80], [0.87, 0.90, 0.91]],
        [[0.55, 0.58, 0.78], [0.95, 0.82, 0.80]],
    ]
)


def pixel_centres(size: int, device: torch.device) -> Tensor:
    """Centres of a row's pixels as fractions of the side, (S,)."""
    return (torch.arange(size, device=device, dtype=torch.float32) + 0.5) / size


def shoreline(scenes: Scenes, size: int) -> Tensor:
    """y of the shore at each column of pixels, (N, S); above the horizon where there is no far ground."""
    x = pixel_centres(size, scenes.key.device)
    y, amplitude, cycles, phase = (c[:, None] for c in scenes.shore.unbind(1))
    return y + amplitude * cos_sin(2 * torch.pi * cycles * x + phase)[1]


def stuff_map(scenes: Scenes, size: int) -> Tensor:
    """Id into STUFF of every pixel behind the objects, (N, S, S) int64, by its centre."""
    y = pixel_centres(size, scenes.key.device)[None, :, None]
    ground = torch.where(
        y > shoreline(scenes, size)[:, None, :], scenes.ground[:, :1, None], scenes.ground[:, 1:, None]
    )
    return torch.where(y > scenes.horizon[:, None, None], ground, 0)


def ground_depth(scenes: Scenes, size: int) -> Tensor:
    """Depth of every row behind the objects in metres, (N, S); the sky and all beyond it at SKY_DEPTH_M."""
    below = pixel_centres(size, scenes.key.device) - scenes.horizon[:, None]
    return torch.where(
        below > 0, (CAMERA_HEIGHT_M / below.clamp_min(1e-4)).clamp(max=SKY_DEPTH_M), SKY_DEPTH_M
    )


def sun_colour(scenes: Scenes) -> Tensor:
    """Colour of the light, (N, 3) linear, from cool to warm at equal luma."""
    return 1.0 + scenes.warmth[:, None] * scenes.warmth.new_tensor([0.10, 0.0, -0.12])


def _rows(scenes: Scenes, size: int) -> tuple[Tensor, Tensor]:
    """Colour and texture colour by row, (N, 2, S, 3) each: far and near ground, or the sky."""
    device = scenes.key.device
    y = pixel_centres(size, device)
    horizon = scenes.horizon[:, None]
    sky_share = ((horizon - y) * size + 0.5).clamp(0, 1)  # (N, S), one pixel of softness
    kind = scenes.ground.flip(1) - 1  # (N, 2): far, near
    palette = _GROUND.to(device)[kind].square()  # (N, 2, near/far, 3)
    # (N, 1, S, 1): 1 at the horizon
    away = (1.0 - (y - horizon) / (1.0 - horizon)).clamp(0, 1).square()[:, None, :, None]
    ground = palette[:, :, :1] * (1 - away) + palette[:, :, 1:] * away
    lit = scenes.brightness * (0.80 + 0.22 * -scenes.light[:, 1])
    ground = ground * (scenes.tint * sun_colour(scenes) * lit[:, None])[:, None, None]
    contrast = _CONTRAST.to(device)[kind][:, :, None, None] * ground * (1 - 0.75 * away)
    place = scenes.sky[:, 0] * len(_SKY)
    first = place.long() % len(_SKY)
    skies = _SKY.to(device).square()
    t = (place - place.floor()).clamp(0, 1)
    smooth = (t * t * (3 - 2 * t))[:, None, None]
    mixed = torch.lerp(skies[first], skies[(first + 1) % len(_SKY)], smooth)  # (N, 2, 3)
    up = (1.0 - y / horizon).clamp(0, 1)[:, :, None]  # (N, S, 1): 1 at the top
    sky = torch.lerp(mixed[:, 1:], mixed[:, :1], up) * scenes.brightness[:, None, None]
    white = torch.lerp(sky, scenes.brightness[:, None, None] * 0.97, 0.88)
    cloud = (white - sky) * (0.25 + 0.75 * scenes.sky[:, 1])[:, None, None] * (up * 4).clamp(0, 1)
    share = sky_share[:, None, :, None]
    return torch.lerp(ground, sky[:, None], share), torch.lerp(contrast, cloud[:, None], share)


def _texture(scenes: Scenes, size: int, near: Tensor) -> Tensor:
    """Texture at every pixel, (N, S, S): clouds, and the ground's blurred to what a pixel covers."""
    device = scenes.key.device
    n = len(scenes)
    xy = pixel_centres(size, device)
    below = xy - scenes.horizon[:, None]
    is_sky = below <= 0
    z = CAMERA_HEIGHT_M / below.clamp_min(1.0 / (2 * size))  # (N, S) metres
    # Texels per image width and texel row, by row of pixels.
    across = torch.where(is_sky, 0.55, z / _TILE_M) * texture.TEXELS
    down = torch.where(is_sky, 0.9 * xy, z / _TILE_M) * texture.TEXELS
    tall = torch.where(is_sky, 0.9, z * z / (CAMERA_HEIGHT_M * _TILE_M)) * texture.TEXELS / size
    footprint = (across / size * tall).sqrt() * 0.55
    level = (2 * torch.log2((footprint / 0.7).clamp_min(0.5)) + 1).round().clamp(0, texture.LEVELS - 1).long()
    kind = torch.where(is_sky[..., None], 0, scenes.ground.flip(1)[:, None])  # (N, S, 2): far, near
    first = texture.atlas_row(kind, level[..., None]).float()
    down = down + scenes.offset[:, 1:] * texture.TEXELS
    row = (down - torch.floor(down / texture.TEXELS) * texture.TEXELS + 0.5)[..., None] + first  # (N, S, 2)
    height = len(STUFF) * texture.LEVELS * texture.STRIDE
    row = row * (2.0 / (height - 1)) - 1.0
    u = across[..., None] * ((xy - 0.5) / texture.TEXELS) + scenes.offset[:, :1, None]  # (N, S, S) in tiles
    grid = u.new_empty(n, size, size, 2)
    grid[..., 0] = (u - u.floor()) * (2.0 * texture.TEXELS / (texture.STRIDE - 1)) + (
        1.0 / (texture.STRIDE - 1) - 1.0
    )
    grid[..., 1] = torch.where(near, row[..., 1:], row[..., :1])
    tiles = texture.atlas(device).expand(n, -1, -1, -1)
    return F.grid_sample(tiles, grid, mode="bilinear", padding_mode="border", align_corners=True)[:, 0]


def paint(scenes: Scenes, size: int) -> Tensor:
    """The picture without objects, (N, S, S, 3) linear light."""
    y = pixel_centres(size, scenes.key.device)
    below = y[None, :, None] - shoreline(scenes, size)[:, None, :]
    share = (below * size + 0.5).clamp(0, 1)  # 1: near ground
    texel = _texture(scenes, size, share >= 0.5)[..., None]
    colour, contrast = _rows(scenes, size)
    share = share[..., None]
    colour = torch.lerp(colour[:, 0, :, None], colour[:, 1, :, None], share)
    return colour + torch.lerp(contrast[:, 0, :, None], contrast[:, 1, :, None], share) * texel
