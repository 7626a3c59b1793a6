"""Shading (S19.1): colours of pixels from normals and light, and from pictures wrapped around a mesh.

J. Lambert, "Photometria", 1760: a matt thing is as bright as the light falls on it steeply, from wherever one
looks. Simplified: no highlights, and no shadow of one thing on another.

Shapes: N views, H × W pixels, C channels, "…" any number of axes in front.
"""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor


def shade(normal: Tensor, albedo: Tensor, to_light: Tensor, *, ambient: float = 0.4) -> Tensor:
    """Light matt surfaces by a sun, and by light from all sides.

    Parameters
    ----------
    normal : Tensor
        (…, 3), of any length but 0; where it is 0, only light from all sides is seen.
    albedo : Tensor
        (…, C), the share of the light that is given back, in [0, 1].
    to_light : Tensor
        (3,), the direction to the sun, in the normals' axes, of any length but 0.
    ambient : float
        Light from all sides, in [0, 1]; the sun has the rest.

    Returns
    -------
    Tensor
        (…, C): albedo · (ambient + (1 - ambient) · max(0, n · l)).
    """
    check_tensor(normal, "normal", "…", 3, finite=True)
    check_tensor(albedo, "albedo", *normal.shape[:-1], "C", finite=True)
    check_tensor(to_light, "to_light", 3, finite=True)
    check_number(ambient, "ambient", 0, 1)
    if float(to_light.norm()) < 1e-12:
        raise ValueError(f"to_light: got {to_light.tolist()}, want any length but 0")
    unit = torch.nn.functional.normalize(to_light.to(normal), dim=0)
    lambert = (torch.nn.functional.normalize(normal, dim=-1) @ unit).clamp_min(0)  # (…,): the cosine
    return albedo * (ambient + (1 - ambient) * lambert)[..., None]


def sample_texture(texture: Tensor, uv: Tensor) -> Tensor:
    """Look up a picture at places between its pixels: the mean of the four around, by nearness (bilinear).

    Parameters
    ----------
    texture : Tensor
        (C, H, W).
    uv : Tensor
        (…, 2): u to the right and v down, from 0 to 1 over the whole picture, so that the middle of the first
        pixel is at (0.5 / W, 0.5 / H). Beyond its rim the picture goes on as its last pixels.

    Returns
    -------
    Tensor
        (…, C), with gradients with respect to both.
    """
    check_tensor(texture, "texture", "C", "H", "W", finite=True, some=True)
    check_tensor(uv, "uv", "…", 2, finite=True)
    height, width = texture.shape[1:]
    x = (uv[..., 0] * width - 0.5).clamp(0, width - 1)  # in pixels, 0 at the middle of the first
    y = (uv[..., 1] * height - 0.5).clamp(0, height - 1)
    left, top = x.detach().long(), y.detach().long()
    right, below = (left + 1).clamp_max(width - 1), (top + 1).clamp_max(height - 1)
    a, b = x - left, y - top  # (…,) each, in [0, 1)
    upper = (1 - a) * texture[:, top, left] + a * texture[:, top, right]  # (C, …)
    lower = (1 - a) * texture[:, below, left] + a * texture[:, below, right]
    return ((1 - b) * upper + b * lower).movedim(0, -1)
