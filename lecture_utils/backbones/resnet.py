"""Residual networks, and the plain networks they were compared with.

K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016: figure 2 (block),
section 3.3 (shortcuts), table 1 (ResNet-18 and -50 for ImageNet), figure 5 (bottleneck), section 4.2 (the
CIFAR-10 networks of depth 6n + 2).

Departures: a bottleneck strides in its 3×3 convolution, as torchvision does; the paper strides in the first
1×1, which throws three of four inputs away. Initialisation is He et al. (ICCV 2015), `lecture_utils.nn.init`.

Shapes: B batch, C channels, H height, W width, K classes.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.nn.init import he_init_
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.checks import check_images, check_sizes, check_wholes


class PadShortcut(nn.Module):
    """Option A of section 3.3: keep every `stride`-th position and add channels of zeros."""

    def __init__(self, extra_channels: int, stride: int) -> None:
        super().__init__()
        check_sizes("pad shortcut", stride=stride)
        check_sizes("pad shortcut", least=0, extra_channels=extra_channels)
        self.extra_channels, self.stride = extra_channels, stride

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_images(x, maps=True)
        x = x[:, :, :: self.stride, :: self.stride]  # (B, C, H/s, W/s)
        return F.pad(x, (0, 0, 0, 0, 0, self.extra_channels))  # (B, C + extra, H/s, W/s)


def make_shortcut(
    kind: str, in_channels: int, out_channels: int, stride: int, norm: type[nn.Module]
) -> nn.Module | None:
    """The path around a block: the identity wherever shapes allow it, else `kind`.

    Parameters
    ----------
    kind : "identity", "projection" or "none"
        Option A (zeros for the new channels), option B (a strided 1×1 convolution), or no shortcut: a plain
        network.
    """
    check_sizes("shortcut", in_channels=in_channels, out_channels=out_channels, stride=stride)
    if kind not in ("identity", "projection", "none"):
        raise ValueError(f"shortcut: got {kind!r}, want 'identity', 'projection' or 'none'")
    if kind == "none":
        return None
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    if kind == "identity":
        return PadShortcut(out_channels - in_channels, stride)
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions, F(x), and the shortcut: y = ReLU(F(x) + x) (eq. 1 and figure 2)."""

    expansion = 1  # output channels per inner channel

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        stride: int = 1,
        shortcut: str = "projection",
        norm: type[nn.Module] = FusedBatchNorm2d,
    ) -> None:
        super().__init__()
        check_sizes("block", in_channels=in_channels, channels=channels, stride=stride)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.norm1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = norm(channels)
        self.shortcut = make_shortcut(shortcut, in_channels, channels, stride, norm)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_images(x, self.conv1.in_channels, maps=True)
        y = F.relu(self.norm1(self.conv1(x)))  # (B, C', H/s, W/s)
        y = self.norm2(self.conv2(y))  # (B, C', H/s, W/s): F(x)
        if self.shortcut is not None:
            y = y + self.shortcut(x)  # F(x) + x
        return F.relu(y)


class Bottleneck(nn.Module):
    """1×1 to fewer channels, 3×3 there, 1×1 back to four times as many, and the shortcut (figure 5)."""

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        stride: int = 1,
        shortcut: str = "projection",
        norm: type[nn.Module] = FusedBatchNorm2d,
    ) -> None:
        super().__init__()
        check_sizes("block", in_channels=in_channels, channels=channels, stride=stride)
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.norm1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.norm2 = norm(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.norm3 = norm(out_channels)
        self.shortcut = make_shortcut(shortcut, in_channels, out_channels, stride, norm)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_images(x, self.conv1.in_channels, maps=True)
        y = F.relu(self.norm1(self.conv1(x)))  # (B, C', H, W)
        y = F.relu(self.norm2(self.conv2(y)))  # (B, C', H/s, W/s)
        y = self.norm3(self.conv3(y))  # (B, 4C', H/s, W/s): F(x)
        if self.shortcut is not None:
            y = y + self.shortcut(x)  # F(x) + x
        return F.relu(y)


def make_stage(
    block: type[BasicBlock] | type[Bottleneck],
    in_channels: int,
    channels: int,
    blocks: int,
    *,
    stride: int,
    shortcut: str,
    norm: type[nn.Module],
) -> nn.Sequential:
    """`blocks` blocks in a row; the first one strides and widens."""
    check_sizes("stage", blocks=blocks)
    layers: list[nn.Module] = []
    for i in range(blocks):
        layers.append(
            block(in_channels, channels, stride=stride if i == 0 else 1, shortcut=shortcut, norm=norm)
        )
        in_channels = channels * block.expansion
    return nn.Sequential(*layers)


class ResNet(nn.Module):
    """The ImageNet network of table 1: stem, four stages, global average pooling, one linear layer.

    Parameters
    ----------
    block : type
        `BasicBlock` or `Bottleneck`.
    blocks : tuple of 4 int
        Blocks in the stages conv2_x to conv5_x.
    classes, in_channels, width : int
        K, C of the input, and channels of the stem (64 in the paper).
    shortcut, norm, zero_init_last
        As for `CifarNet`.

    Raises
    ------
    ValueError
        For sizes below 1, an unknown shortcut, or input that is not floating point (B, in_channels, H, W) of
        the weights' type.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        blocks: tuple[int, int, int, int],
        *,
        classes: int = 1000,
        in_channels: int = 3,
        width: int = 64,
        shortcut: str = "projection",
        norm: type[nn.Module] = FusedBatchNorm2d,
        zero_init_last: bool = False,
    ) -> None:
        super().__init__()
        check_sizes("ResNet", classes=classes, in_channels=in_channels, width=width)
        check_wholes(blocks, "ResNet, blocks", 4)
        self.in_channels = in_channels
        conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.stem = nn.Sequential(conv1, norm(width), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1))
        self.stages = nn.Sequential()
        channels_in = width
        for k, count in enumerate(blocks):
            channels, stride = width * 2**k, 1 if k == 0 else 2
            stage = make_stage(
                block, channels_in, channels, count, stride=stride, shortcut=shortcut, norm=norm
            )
            self.stages.append(stage)
            channels_in = channels * block.expansion
        self.head = nn.Linear(channels_in, classes)
        init_residual_(self, zero_last=zero_init_last)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_images(x, self.in_channels, like=self.head.weight)
        x = self.stem(x)  # (B, 64, H/4, W/4)
        x = self.stages(x)  # (B, 512 or 2048, H/32, W/32)
        x = x.mean(dim=(2, 3))  # (B, 512 or 2048): global average pooling
        return self.head(x)  # (B, K)


def resnet18(
    *, classes: int = 1000, in_channels: int = 3, norm: type[nn.Module] = FusedBatchNorm2d
) -> ResNet:
    """ResNet-18: two basic blocks a stage, 11.7 M parameters."""
    return ResNet(BasicBlock, (2, 2, 2, 2), classes=classes, in_channels=in_channels, norm=norm)


def resnet50(
    *, classes: int = 1000, in_channels: int = 3, norm: type[nn.Module] = FusedBatchNorm2d
) -> ResNet:
    """ResNet-50: 3, 4, 6 and 3 bottleneck blocks, 25.6 M parameters."""
    return ResNet(Bottleneck, (3, 4, 6, 3), classes=classes, in_channels=in_channels, norm=norm)


class CifarNet(nn.Module):
    """The small networks of section 4.2, plain or residual: 6n + 2 layers with weights.

    One 3×3 convolution, three stages of n blocks with `width`, 2·`width` and 4·`width` channels, of which the
    second and the third halve the image, global average pooling and one linear layer.

    Parameters
    ----------
    depth : int
        6n + 2: 8, 14, 20, 32, 44, 56, 110, …
    residual : bool
        With shortcuts, or a plain network of the same layers.
    width, in_channels, classes : int
        16, 3 and 10 in the paper.
    shortcut : "identity" or "projection"
        What carries a residual over a change of shape. With "identity" (option A, the paper's choice here)
        the plain and the residual network have the same parameters, number for number.
    norm : type
        Called with the channels, makes a layer. `nn.Identity` takes normalisation out.
    zero_init_last : bool
        Start the last scale of each residual block at 0, so that the block starts as the identity (P. Goyal
        et al., "Accurate, Large Minibatch SGD", 2017, section 5.1).

    Raises
    ------
    ValueError
        For another depth, an unknown shortcut, or input that is not floating point (B, in_channels, H, W) of
        the weights' type.
    """

    def __init__(
        self,
        depth: int,
        *,
        residual: bool,
        width: int = 16,
        in_channels: int = 3,
        classes: int = 10,
        shortcut: str = "identity",
        norm: type[nn.Module] = FusedBatchNorm2d,
        zero_init_last: bool = False,
    ) -> None:
        super().__init__()
        check_sizes("CifarNet", classes=classes, in_channels=in_channels, width=width)
        if not isinstance(depth, int) or depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth: got {depth}, want 6n + 2 with n ≥ 1: 8, 14, 20, 32, …")
        if shortcut not in ("identity", "projection"):
            raise ValueError(f"shortcut: got {shortcut!r}, want 'identity' or 'projection'")
        kind = shortcut if residual else "none"
        self.in_channels, n = in_channels, (depth - 2) // 6
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False), norm(width), nn.ReLU()
        )
        self.stages = nn.Sequential(
            make_stage(BasicBlock, width, width, n, stride=1, shortcut=kind, norm=norm),
            make_stage(BasicBlock, width, 2 * width, n, stride=2, shortcut=kind, norm=norm),
            make_stage(BasicBlock, 2 * width, 4 * width, n, stride=2, shortcut=kind, norm=norm),
        )
        self.head = nn.Linear(4 * width, classes)
        init_residual_(self, zero_last=zero_init_last)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_images(x, self.in_channels, like=self.head.weight)
        x = self.stem(x)  # (B, 16, H, W)
        x = self.stages(x)  # (B, 64, H/4, W/4)
        x = x.mean(dim=(2, 3))  # (B, 64): global average pooling
        return self.head(x)  # (B, K)


def init_residual_(model: nn.Module, *, zero_last: bool = False) -> None:
    """He initialisation; with `zero_last`, each residual block also starts as the identity."""
    he_init_(model)
    for block in model.modules():
        if zero_last and isinstance(block, BasicBlock | Bottleneck) and block.shortcut is not None:
            last = block.norm2 if isinstance(block, BasicBlock) else block.norm3
            for scale in list(last.parameters())[:1]:  # γ; nothing where `norm` has no parameters
                nn.init.zeros_(scale)
