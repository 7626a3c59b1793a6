"""3-D U-Net (S18.3): a volume labelled voxel by voxel, learned from a few labelled slices.

Ö. Çiçek, A. Abdulkadir, S. S. Lienkamp, T. Brox, O. Ronneberger, "3D U-Net: Learning Dense Volumetric
Segmentation from Sparse Annotation", MICCAI 2016: the network (section 2, figure 2), and the loss whose
weight is 0 where nobody labelled (section 2). Soft Dice: F. Milletari, N. Navab, S.-A. Ahmadi, "V-Net", 3DV
2016, section 3.

Against the 2-D U-Net: convolutions of 3 × 3 × 3, pools of 2 × 2 × 2, batch norm before each ReLU, and the
number of channels doubles before a pool, not after it, so that no narrow place loses what the pool leaves.

Simplified: no elastic deformation. `padding="same"` pads with zeros and is not in the paper. The paper counts
19,069,955 parameters; that is this network without the 2,336 scales of batch norm.

Shapes: B batch, C channels, D × H × W volume, K classes; with valid convolutions d × h × w output.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import (
    check_choice,
    check_classes,
    check_sizes,
    check_tensor,
    check_type,
    check_wholes,
)
from lecture_utils.segmentation.unet import Padding, output_size

SMALL = 1e-6  # keeps a class that neither occurs nor is predicted from dividing 0 by 0


class UNet3D(nn.Module):
    """Analysis and synthesis path with skips by concatenation, in three dimensions.

    Parameters
    ----------
    classes : int
        K.
    in_channels : int
        C: 3 in the paper.
    width : int
        Channels of the very first convolution, 32 in the paper; the second of a level has twice as many.
    levels : int
        How often the volume is halved: 3 in the paper.
    padding : "valid" or "same"
        Valid convolutions shrink the volume by 2 each; "same" keeps the size.

    Raises
    ------
    ValueError
        For another padding; from `forward`, for input that is not floating point (B, C, D, H, W), or a size
        that cannot be halved evenly at every level (the nearest that can are named).
    """

    def __init__(
        self,
        classes: int,
        *,
        in_channels: int = 3,
        width: int = 32,
        levels: int = 3,
        padding: Padding = "valid",
    ) -> None:
        super().__init__()
        check_sizes("3-D U-Net", classes=classes, in_channels=in_channels, width=width, levels=levels)
        check_choice(padding, "padding", "valid", "same")
        self.in_channels, self.levels, self.padding = in_channels, levels, padding
        widths = [width * 2 ** (level + 1) for level in range(levels + 1)]  # 64, 128, 256, 512
        self.down = nn.ModuleList(
            two_convolutions_3d(before, after // 2, after, padding)  # 32 64, 64 128, 128 256, 256 512
            for before, after in zip([in_channels, *widths[:-1]], widths, strict=True)
        )
        finer = list(
            zip(reversed(widths[:-1]), reversed(widths[1:]), strict=True)
        )  # (256, 512), (128, 256), …
        self.up = nn.ModuleList(nn.ConvTranspose3d(deep, deep, 2, stride=2, bias=False) for _, deep in finer)
        self.join = nn.ModuleList(
            two_convolutions_3d(skip + deep, skip, skip, padding) for skip, deep in finer
        )
        self.score = nn.Conv3d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, D, H, W)
        check_tensor(x, "volumes", "B", self.in_channels, "D", "H", "W", some=True)
        check_type(x, self.score.weight, name="volumes")
        for size in x.shape[2:]:
            output_size(size, levels=self.levels, padding=self.padding)  # refuses what cannot work
        maps = []
        for level, convolutions in enumerate(self.down):
            x = convolutions(x if level == 0 else F.max_pool3d(x, 2))  # (B, 64, …), …, (B, 512, …)
            maps.append(x)
        for up, join, finer in zip(self.up, self.join, reversed(maps[:-1]), strict=True):
            x = up(x)  # twice the side, as many channels
            x = join(torch.cat([middle(finer, x.shape[2:]), x], dim=1))
        return self.score(x)  # (B, K, d, h, w): 44 × 44 × 28 of 132 × 132 × 116


def two_convolutions_3d(before: int, between: int, after: int, padding: Padding) -> nn.Sequential:
    """Two 3 × 3 × 3 convolutions, each with batch norm (whose shift takes the bias's place) and a ReLU."""
    check_sizes("two convolutions", before=before, between=between, after=after)
    check_choice(padding, "padding", "valid", "same")
    edge = 1 if padding == "same" else 0
    return nn.Sequential(
        nn.Conv3d(before, between, 3, padding=edge, bias=False), nn.BatchNorm3d(between), nn.ReLU(),
        nn.Conv3d(between, after, 3, padding=edge, bias=False), nn.BatchNorm3d(after), nn.ReLU(),
    )  # fmt: skip


def middle(x: Tensor, size: Sequence[int]) -> Tensor:
    """Cut the middle (B, C, d, h, w) of this size d, h, w out of a larger map (B, C, D, H, W)."""
    check_tensor(x, "x", "B", "C", "D", "H", "W", some=True)
    check_wholes(size, "size", 3)
    if any(have < want for have, want in zip(x.shape[2:], size, strict=True)):
        raise ValueError(f"x: got {tuple(x.shape[2:])}, want {tuple(size)} or more")
    for axis, want in enumerate(size, start=2):
        x = x.narrow(axis, (x.shape[axis] - want) // 2, want)
    return x


def sparse_cross_entropy(
    scores: Tensor, labels: Tensor, labelled: Tensor, class_weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy over the labelled voxels alone: all others weigh 0, and so do not teach anything.

    Parameters
    ----------
    scores : Tensor
        (B, K, D, H, W).
    labels : Tensor
        (B, D, H, W) int64; any class where nobody labelled.
    labelled : Tensor
        (B, D, H, W) bool, such as a few slices of the volume.
    class_weights : Tensor, optional
        (K,) not negative: less for the background, more for what is small.

    Returns
    -------
    Tensor
        Scalar: the weighted mean.

    Raises
    ------
    ValueError
        For other shapes or types, labels that are no class, or no voxel of any weight.
    """
    check_voxels(scores, labels)
    check_tensor(labelled, "labelled", *labels.shape, kind="bool")
    weights = labelled.to(scores)
    if class_weights is not None:
        check_tensor(class_weights, "class_weights", scores.shape[1], finite=True)
        if bool((class_weights < 0).any()):
            raise ValueError("class_weights: got one below 0, want 0 or more")
        weights = weights * class_weights.to(scores)[labels]
    total = weights.sum()
    if not bool(total > 0):
        raise ValueError("labelled: got no voxel of any weight, want one or more")
    return (weights * F.cross_entropy(scores, labels, reduction="none")).sum() / total


def soft_dice_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """1 − the mean over classes of 2 Σ p g / (Σ p² + Σ g²), p the softmax and g the truth as 0 and 1.

    A class counts as much as any other, however few voxels it has. A class that does not occur in the batch
    is left out.

    Parameters
    ----------
    scores : Tensor
        (B, K, D, H, W).
    labels : Tensor
        (B, D, H, W) int64.

    Raises
    ------
    ValueError
        For other shapes or types, or labels that are no class.
    """
    check_voxels(scores, labels)
    probability = scores.softmax(dim=1)
    truth = F.one_hot(labels, scores.shape[1]).movedim(-1, 1).to(scores)  # (B, K, D, H, W)
    axes = (0, 2, 3, 4)
    both = (probability * truth).sum(axes)  # (K,)
    either = probability.square().sum(axes) + truth.square().sum(axes)
    dice = 2 * both / (either + SMALL)
    return 1 - dice[truth.sum(axes) > 0].mean()


def check_voxels(scores: Tensor, labels: Tensor) -> None:
    """Raise ValueError unless scores are finite (B, K, D, H, W), and labels int64 (B, D, H, W) below K."""
    check_tensor(scores, "scores", "B", "K", "D", "H", "W", some=True, finite=True)
    check_classes(labels, "labels", len(scores), *scores.shape[2:], classes=scores.shape[1])
    if labels.dtype != torch.int64:
        raise ValueError(f"labels: got {labels.dtype}, want int64")
