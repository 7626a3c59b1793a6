"""FCN: a classifier made convolutional, its coarse scores brought up again with the help of finer maps.

J. Long, E. Shelhamer, T. Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015: dense
layers as convolutions (section 3.1), up-sampling by transposed convolution (3.3), skips that add *scores* of
finer layers (4.2, figure 3).

Departures: the paper pads every picture by 100 pixels and crops the result; here a picture is padded to the
next multiple of 32 by repeating its border, and the first dense layer pads its map to keep the size. The
paper trains 32s, then 16s from it, then 8s, each at a lower rate: `FCN.refined` makes the next one.

Shapes: B batch, C channels, H × W picture, K classes, k × k the map that the classifier's first dense layer
read.
"""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.backbones.vgg import VGG
from lecture_utils.ops.checks import check_images, check_sizes
from lecture_utils.ops.upsampling import bilinear_kernel

STRIDES = (32, 16, 8, 4)  # 4s is not in the paper: it found diminishing returns below 8 (section 4.2)


def convolutional(linear: nn.Linear, kernel: int = 1) -> nn.Conv2d:
    """Turn a dense layer that reads a flattened (C, kernel, kernel) map into a convolution with its weights.

    On a map of just that size it gives the same numbers; on a larger one it answers at every place.

    Parameters
    ----------
    linear : nn.Linear
        With C·kernel² inputs, in the order of `Tensor.flatten`.
    kernel : int
        Side of the map that it reads: 7 in VGG-16's first dense layer, 1 in the others.

    Raises
    ------
    ValueError
        When the number of inputs is no multiple of kernel².
    """
    check_sizes("convolutional", kernel=kernel)
    if linear.in_features % kernel**2:
        raise ValueError(f"kernel: got {kernel}, want one whose square divides {linear.in_features} inputs")
    conv = nn.Conv2d(
        linear.in_features // kernel**2, linear.out_features, kernel, bias=linear.bias is not None
    )
    with torch.no_grad():
        conv.weight.copy_(linear.weight.view(conv.weight.shape))  # (O, C·k·k) -> (O, C, k, k)
        if linear.bias is not None and conv.bias is not None:
            conv.bias.copy_(linear.bias)
    return conv.to(linear.weight)


def fully_convolutional(classifier: VGG) -> nn.Sequential:
    """The same classifier with its dense layers as convolutions, none of them padded.

    Parameters
    ----------
    classifier : VGG
        Copied, with its stages' padding as it is.

    Returns
    -------
    nn.Sequential
        (B, C, H, W) to scores (B, K, h, w), one place every 32 pixels: for the size that the classifier was
        made for one place, with its very numbers.
    """
    layers: list[nn.Module] = []
    for layer in classifier.classifier:
        if isinstance(layer, nn.Linear):
            layers.append(convolutional(layer, 1 if layers else side_read(classifier)))
        else:
            layers.append(nn.Dropout2d(layer.p) if isinstance(layer, nn.Dropout) else copy.deepcopy(layer))
    return nn.Sequential(copy.deepcopy(classifier.stages), *layers).train(classifier.training)


def without_padding(network: nn.Module) -> nn.Module:
    """A copy whose convolutions see no border: they are slid only where they fit.

    Each output is then the same wherever in a picture its window lies, so that sliding is exact.
    """
    network = copy.deepcopy(network)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.padding = (0, 0)
    return network


class FCN(nn.Module):
    """FCN-32s, 16s or 8s on a trained VGG.

    Parameters
    ----------
    classifier : VGG
        Copied: its stages and hidden dense layers keep their weights, its last layer is left behind.
    classes : int
        K, background included.
    stride : int
        Of the finest scores: 32, 16, 8 (or 4).

    Raises
    ------
    ValueError
        For another stride, a classifier whose map has an even side, or from `forward` for input that is not
        floating point (B, C, H, W).
    """

    def __init__(self, classifier: VGG, *, classes: int, stride: int = 32) -> None:
        super().__init__()
        check_sizes("FCN", classes=classes)
        if stride not in STRIDES:
            raise ValueError(f"stride: got {stride!r}, want one of {', '.join(map(str, STRIDES))}")
        grid = side_read(classifier)
        if grid % 2 == 0:
            raise ValueError(f"classifier: got one that reads a {grid} × {grid} map, want an odd side")
        self.in_channels, self.stride = classifier.in_channels, stride
        self.stages = copy.deepcopy(classifier.stages)
        first, second = (layer for layer in classifier.classifier[:-1] if isinstance(layer, nn.Linear))
        share = next(layer.p for layer in classifier.classifier if isinstance(layer, nn.Dropout))
        dropout = nn.Dropout2d(share)
        dense = convolutional(first, grid)
        dense.padding = (grid // 2, grid // 2)
        self.dense = nn.Sequential(dense, nn.ReLU(), dropout, convolutional(second), nn.ReLU(), dropout)
        self.score = score_layer(second.out_features, classes)
        widths = [stage_width(stage) for stage in self.stages[:-1]]  # of pool1 to pool4
        finer = [16 // 2**k for k in range(STRIDES.index(stride))]  # 16, 8: the strides of the skips
        self.skips = nn.ModuleList(score_layer(widths[depth(s) - 1], classes) for s in finer)
        self.doublings = nn.ModuleList(upsampling(classes, 2) for _ in finer)
        self.last = upsampling(classes, stride)
        self.last.requires_grad_(False)  # the paper: the final layer stays bilinear, the others learn

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_images(x, self.in_channels)
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 32, 0, -height % 32), mode="replicate")
        pools = []
        for stage in self.stages:
            x = stage(x)
            pools.append(x)  # strides 2, 4, 8, 16, 32
        scores = self.score(self.dense(x))  # (B, K, H/32, W/32)
        for skip, double, pool in zip(self.skips, self.doublings, pools[-2::-1], strict=False):
            scores = double(scores) + skip(pool)  # (B, K, H/16, W/16), then H/8
        return self.last(scores)[:, :, :height, :width]  # (B, K, H, W)

    def refined(self) -> "FCN":
        """Make the next finer net from this one: its weights, and a new score layer that starts at zero."""
        index = STRIDES.index(self.stride) + 1
        if index == len(STRIDES):
            raise ValueError(f"stride: got {self.stride}, want one that has a finer one: 32, 16 or 8")
        finer = copy.deepcopy(self)
        classes, pool = self.score.out_channels, self.stages[depth(STRIDES[index]) - 1]
        finer.stride = STRIDES[index]
        finer.skips.append(score_layer(stage_width(pool), classes).to(self.score.weight))
        finer.doublings.append(upsampling(classes, 2).to(self.score.weight))
        finer.last = upsampling(classes, finer.stride).to(self.score.weight).requires_grad_(False)
        return finer


def side_read(classifier: VGG) -> int:
    """The side of the map that a VGG's first dense layer reads: 7 in the paper's."""
    size = classifier.pool.output_size
    side = size[0] if isinstance(size, tuple) else size
    assert side is not None
    return side


def depth(stride: int) -> int:
    """The stage of VGG whose pool has this stride: 1 for 2, 4 for 16."""
    check_sizes("depth", stride=stride)
    return stride.bit_length() - 1


def stage_width(stage: nn.Module) -> int:
    """The channels that a stage of VGG gives: those of its last convolution."""
    return [layer.out_channels for layer in stage.modules() if isinstance(layer, nn.Conv2d)][-1]


def score_layer(channels: int, classes: int) -> nn.Conv2d:
    """A 1 × 1 convolution to K scores that starts at zero (section 4.2)."""
    check_sizes("score layer", channels=channels, classes=classes)
    layer = nn.Conv2d(channels, classes, 1)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def upsampling(classes: int, factor: int) -> nn.ConvTranspose2d:
    """A transposed convolution that starts as bilinear interpolation of each class's map by itself."""
    check_sizes("up-sampling", classes=classes)
    kernel = bilinear_kernel(factor)
    edge = (len(kernel) - factor) // 2
    layer = nn.ConvTranspose2d(classes, classes, len(kernel), stride=factor, padding=edge, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[range(classes), range(classes)] = kernel
    return layer


def slide(classifier: nn.Module, images: Tensor, *, window: int, stride: int) -> Tensor:
    """Run a classifier on every window of a picture, one after the other: what an FCN does in one pass.

    Parameters
    ----------
    classifier : nn.Module
        (B, C, window, window) to (B, K).
    images : Tensor
        (B, C, H, W), H and W at least `window`.
    window, stride : int
        Pixels of a window's side, and between windows.

    Returns
    -------
    Tensor
        (B, K, h, w), row by row over the picture.

    Raises
    ------
    ValueError
        For a picture smaller than the window, or settings below 1.
    """
    check_images(images)
    check_sizes("slide", window=window, stride=stride)
    height, width = images.shape[2:]
    if min(height, width) < window:
        got = f"window {window} on {height} × {width} pixels"
        raise ValueError(f"slide: got {got}, want a picture as large as the window")
    rows: list[Sequence[Tensor]] = [
        [
            classifier(images[:, :, y : y + window, x : x + window])
            for x in range(0, width - window + 1, stride)
        ]
        for y in range(0, height - window + 1, stride)
    ]
    return torch.stack([torch.stack(list(row), dim=-1) for row in rows], dim=-2)  # (B, K, h, w)
