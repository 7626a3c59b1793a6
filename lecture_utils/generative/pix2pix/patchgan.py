"""PatchGAN: a discriminator that judges every patch of a picture by itself (S15.5, Pix2Pix).

P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, "Image-to-Image Translation with Conditional Adversarial Networks",
CVPR 2017, sections 3.2.2 and 6.1.2: 4 × 4 convolutions C64-C128-C256-C512 with leaky ReLUs, of which all but
the last two halve the map, and one score a place. Each score sees a patch of 70 × 70 pixels; fewer or more
halvings see 16, 34, 142 or 286, and the "PixelGAN" of 1 × 1 convolutions sees one pixel.

Simplified: the widths are scaled by `width` (64 in the paper); pictures lie in [0, 1] as everywhere in this
course and are stretched to [−1, 1] at the door. The paper's code and not its text pads every convolution
with one zero a side, and gives the last two convolutions stride 1; so do we.

Shapes: B batch, C channels, H × W picture, h × w map of scores.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_choice, check_images, check_sizes, check_whole

Norm = Literal["batch", "instance", "none"]
SLOPE = 0.2  # of the leaky ReLU below zero


class PatchGAN(nn.Module):
    """From a picture, and what it was made from, to a map of scores: positive for "real" (logits).

    Parameters
    ----------
    channels : int
        Of the picture that is judged.
    condition : int
        Channels of the input that lies beside it; 0 for a discriminator that does not see the input.
    layers : int
        How often the map is halved: 3 in the paper (patches of 70 × 70). 0 is the PixelGAN.
    width : int
        Channels of the first convolution, 64 in the paper; they double up to eight times as many.
    norm : "batch", "instance" or "none"
        After every convolution but the first and the last.

    Raises
    ------
    ValueError
        For sizes out of range; from `forward`, for other shapes, or a picture too small to leave one score.
    """

    def __init__(
        self, channels: int = 3, condition: int = 0, *, layers: int = 3, width: int = 64, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        check_sizes("PatchGAN", channels=channels, width=width)
        check_sizes("PatchGAN", condition=condition, layers=layers, least=0)
        check_choice(norm, "norm", "batch", "instance", "none")
        self.channels, self.condition, self.layers = channels, condition, layers
        plan = patch_plan(layers)
        widths = [channels + condition, *(width * min(2**i, 8) for i in range(len(plan) - 1)), 1]
        parts: list[nn.Module] = []
        for i, (kernel, stride) in enumerate(plan):
            middle = 0 < i < len(plan) - 1
            normed = middle and norm != "none"  # the norm shifts, so the convolution need not
            padding = 1 if kernel == 4 else 0
            parts.append(nn.Conv2d(widths[i], widths[i + 1], kernel, stride, padding, bias=not normed))
            if normed:
                parts.append(norm_layer(norm, widths[i + 1]))
            if i < len(plan) - 1:
                parts.append(nn.LeakyReLU(SLOPE))
        self.body = nn.Sequential(*parts)
        init_(self)

    def forward(self, picture: Tensor, condition: Tensor | None = None) -> Tensor:  # (B, C, H, W) each
        check_images(picture, self.channels, maps=True, like=next(self.parameters()))
        for side in picture.shape[2:]:  # not shown
            scores_along(side, self.layers)  # refuses what is too small
        check_pair(picture, condition, self.condition)
        seen = picture if condition is None else torch.cat([condition, picture], dim=1)
        return self.body(2 * seen - 1)  # (B, 1, h, w): one score a patch


def patch_plan(layers: int) -> list[tuple[int, int]]:
    """(kernel, stride) of each convolution of a PatchGAN that halves the map `layers` times.

    [(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)] for 3; for 0 the PixelGAN's three 1 × 1 convolutions.
    """
    check_whole(layers, "layers", 0)
    return [(4, 2)] * layers + [(4, 1)] * 2 if layers else [(1, 1)] * 3


def patch_field(layers: int) -> int:
    """Side in pixels of the patch that one score sees: 1, 16, 34, 70, 142, 286 for 0 to 5 halvings.

    From the score down: n outputs of a convolution with kernel k and stride s see (n − 1)·s + k inputs.
    """
    size = 1
    for kernel, stride in reversed(patch_plan(layers)):
        size = (size - 1) * stride + kernel
    return size


def scores_along(size: int, layers: int) -> int:
    """How many scores an axis of `size` pixels gets: 30 of 256 with 3 halvings.

    Raises
    ------
    ValueError
        For an axis too short for one score.
    """
    check_whole(size, "size")
    left = size
    for kernel, stride in patch_plan(layers):
        left = (left + (2 if kernel == 4 else 0) - kernel) // stride + 1
        if left < 1:
            least = 3 * 2**layers
            raise ValueError(f"picture: got {size} pixels a side, want {least} or more for {layers} halvings")
    return left


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """The norm of that name, with a learned scale and shift; batch norm always by the batch at hand."""
    check_choice(norm, "norm", "batch", "instance")
    check_whole(channels, "channels")
    if norm == "batch":
        return nn.BatchNorm2d(channels, track_running_stats=False)
    return nn.InstanceNorm2d(channels, affine=True)


def init_(model: nn.Module) -> None:
    """Draw the paper's first weights (section 6.2): deviation 0.02, about 0, norms' scales about 1."""
    for layer in model.modules():
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif weight is not None and "Norm" in type(layer).__name__:
            nn.init.normal_(weight, 1.0, 0.02)
        if bias is not None:
            nn.init.zeros_(bias)


def check_pair(picture: Tensor, condition: Tensor | None, channels: int) -> None:
    """Raise ValueError unless the condition has `channels` channels and the picture's B, H and W."""
    if (condition is None) != (channels == 0):
        got = "none" if condition is None else f"one of shape {tuple(condition.shape)}"
        raise ValueError(f"condition: got {got}, want {f'(B, {channels}, H, W)' if channels else 'none'}")
    if condition is not None:
        check_images(condition, channels, maps=True)
        if condition.shape[0] != picture.shape[0] or condition.shape[2:] != picture.shape[2:]:
            raise ValueError(
                f"condition: got {tuple(condition.shape)}, want the B, H and W of {tuple(picture.shape)}"
            )
