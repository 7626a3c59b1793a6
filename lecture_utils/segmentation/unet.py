"""U-Net: down for context, up for place, and at every level what was seen on the way down handed across.

O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI
2015: the network (section 2, figure 1), overlap-tile prediction (section 2, figure 2), the weights that press
touching cells apart (section 3, equation 2).

Simplified: dropout at the end of the contracting path is an option that is off by default; elastic
deformation is left out. `padding="same"` pads every convolution with zeros, as most of today's U-Nets do, and
is not in the paper.

Shapes: B batch, C channels, H × W picture, K classes; with valid convolutions h × w output, smaller than
H × W.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.nn.init import he_init_
from lecture_utils.ops.checks import (
    check_choice,
    check_classes,
    check_images,
    check_number,
    check_sizes,
    check_whole,
)

Padding = Literal["valid", "same"]


class UNet(nn.Module):
    """Contracting and expanding path with skips by concatenation.

    Parameters
    ----------
    classes : int
        K.
    in_channels : int
        C: 1 in the paper.
    width : int
        Channels of the first level, 64 in the paper; they double at every level.
    levels : int
        How often the map is halved: 4 in the paper.
    padding : "valid" or "same"
        Valid convolutions shrink the map by 2 each and never see a border; "same" keeps the size.
    skips : bool
        Hand finer maps across. Without, zeros take their place, so that the number of weights stays.
    dropout : float
        Of the two deepest levels of the contracting path.

    Raises
    ------
    ValueError
        For another padding; from `forward`, for input that is not floating point (B, C, H, W), or a size that
        cannot be halved evenly at every level (the nearest that can are named).
    """

    def __init__(
        self,
        classes: int,
        *,
        in_channels: int = 1,
        width: int = 64,
        levels: int = 4,
        padding: Padding = "valid",
        skips: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_sizes("U-Net", classes=classes, in_channels=in_channels, width=width, levels=levels)
        check_choice(padding, "padding", "valid", "same")
        check_number(dropout, "dropout", 0, 1)
        self.in_channels, self.levels, self.padding, self.skips = in_channels, levels, padding, skips
        widths = [width * 2**level for level in range(levels + 1)]  # 64, 128, 256, 512, 1024
        self.down = nn.ModuleList(
            two_convolutions(before, after, padding)
            for before, after in zip([in_channels, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.join = nn.ModuleList(two_convolutions(2 * w, w, padding) for w in reversed(widths[:-1]))
        self.dropout = nn.Dropout2d(dropout)
        self.score = nn.Conv2d(width, classes, 1)
        he_init_(self)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_images(x, self.in_channels)
        for size in x.shape[2:]:
            output_size(size, levels=self.levels, padding=self.padding)  # refuses what cannot work
        maps = []
        for level, convolutions in enumerate(self.down):
            x = convolutions(x if level == 0 else F.max_pool2d(x, 2))  # (B, 64, 568, 568) … (B, 1024, 28, 28)
            if level >= self.levels - 1:
                x = self.dropout(x)
            maps.append(x)
        for up, join, finer in zip(self.up, self.join, reversed(maps[:-1]), strict=True):
            x = up(x)  # twice the side, half the channels
            finer = centre_crop(finer, x.shape[2], x.shape[3])
            x = join(torch.cat([finer if self.skips else torch.zeros_like(finer), x], dim=1))
        return self.score(x)  # (B, K, h, w): 388 of 572


def two_convolutions(before: int, after: int, padding: Padding) -> nn.Sequential:
    """Two 3 × 3 convolutions, each with a ReLU."""
    check_sizes("two convolutions", before=before, after=after)
    check_choice(padding, "padding", "valid", "same")
    edge = 1 if padding == "same" else 0
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=edge), nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=edge), nn.ReLU(),
    )  # fmt: skip


def centre_crop(x: Tensor, height: int, width: int) -> Tensor:
    """Cut the middle (B, C, height, width) out of a larger map."""
    check_images(x, maps=True)
    check_sizes("centre crop", height=height, width=width)
    top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
    return x[:, :, top : top + height, left : left + width]


def sizes(size: int, *, levels: int = 4, padding: Padding = "valid") -> list[int] | None:
    """Follow one axis through the net: the size after each pair of convolutions, down and up.

    For 572 pixels that is [568, 280, 136, 64, 28, 52, 100, 196, 388], as figure 1 has it; None where a pool
    would meet an odd size, or nothing is left.
    """
    check_sizes("U-Net", size=size, levels=levels)
    check_choice(padding, "padding", "valid", "same")
    shrink = 4 if padding == "valid" else 0
    seen = [size - shrink]
    for _ in range(levels):
        if seen[-1] % 2 or seen[-1] // 2 <= shrink:
            return None
        seen.append(seen[-1] // 2 - shrink)
    for _ in range(levels):
        seen.append(2 * seen[-1] - shrink)
    return seen if seen[-1] > 0 else None


def output_size(size: int, *, levels: int = 4, padding: Padding = "valid") -> int:
    """How many pixels of an axis of `size` the net labels: 388 of 572.

    Raises
    ------
    ValueError
        For a size that cannot be halved evenly at every level; the nearest that can are named.
    """
    found = sizes(size, levels=levels, padding=padding)
    if found is None:
        step = 2**levels
        near = [n for n in range(1, size + 20 * step) if sizes(n, levels=levels, padding=padding)]
        below, above = [n for n in near if n < size][-1:], [n for n in near if n > size][:1]
        want = " or ".join(map(str, below + above))
        raise ValueError(
            f"size: got {size} pixels, want one that halves evenly {levels} times, such as {want}"
        )
    return found[-1]


def overlap_tile(model: UNet, images: Tensor, *, tile: int) -> Tensor:
    """Label pictures of any size tile by tile, the border mirrored for context (figure 2).

    Parameters
    ----------
    model : UNet
        With valid convolutions.
    images : Tensor
        (B, C, H, W).
    tile : int
        Side of the input tile, such as 572.

    Returns
    -------
    Tensor
        (B, K, H, W): each pixel as if the whole picture had been given at once; exactly so where the
        output's side is a multiple of 2^levels, nearly where not (the paper's 388), since the pools of
        neighbouring tiles then fall on different pixels.

    Raises
    ------
    ValueError
        For a tile that cannot work, or a picture too small to mirror its border.
    """
    check_images(images, model.in_channels)
    check_whole(tile, "tile")
    inner = output_size(tile, levels=model.levels, padding=model.padding)
    height, width = images.shape[2:]
    edge = (tile - inner) // 2
    right, below = edge + -width % inner, edge + -height % inner
    if max(right, below, edge) >= min(height, width):
        raise ValueError(
            f"images: got {height} × {width} pixels, want more than {max(right, below, edge)} a side"
        )
    padded = F.pad(images, (edge, right, edge, below), mode="reflect")
    rows = [
        torch.cat([model(padded[:, :, y : y + tile, x : x + tile]) for x in range(0, width, inner)], dim=3)
        for y in range(0, height, inner)
    ]
    return torch.cat(rows, dim=2)[:, :, :height, :width]


def border_weights(instances: Tensor, *, w0: float = 10.0, sigma: float = 5.0) -> Tensor:
    """Weigh each pixel's loss, so that the narrow gaps between touching objects are learned (equation 2).

    w(x) = w_c(x) + w0 · exp(−(d1 + d2)² / 2σ²) on the background, with d1 and d2 the distances in pixels to
    the nearest and the second nearest object; w_c balances the classes object and background.

    Parameters
    ----------
    instances : Tensor
        (H, W) integers, 0 background, an object's own number elsewhere.
    w0, sigma : float
        The paper's 10 and about 5 pixels.

    Returns
    -------
    Tensor
        (H, W) float32, on the device of `instances`.

    Raises
    ------
    ValueError
        For another shape or type, or numbers out of range.
    """
    from scipy.ndimage import distance_transform_edt

    check_classes(instances, "instances", "H", "W")
    check_number(w0, "w0", 0)
    check_number(sigma, "sigma", 0, above=True)
    if instances.numel() == 0:
        raise ValueError(f"instances: got the empty shape {tuple(instances.shape)}, want one pixel or more")
    is_object = instances > 0
    share = is_object.double().mean().clamp(1e-6, 1 - 1e-6)
    weights = torch.where(is_object, 0.5 / share, 0.5 / (1 - share))  # each class weighs the same in all
    numbers = [n for n in instances.unique().tolist() if n > 0]
    if len(numbers) >= 2:
        away = [torch.from_numpy(distance_transform_edt((instances != n).cpu().numpy())) for n in numbers]
        d1, d2 = torch.stack(away).topk(2, dim=0, largest=False).values.to(instances.device)
        weights = weights + ~is_object * w0 * torch.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    return weights.float()
