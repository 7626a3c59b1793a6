"""AlexNet, the network that began the deep-learning years of vision.

A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NeurIPS 2012, section 3. Five convolutions, rectified linear units (3.1), local response normalisation (3.3),
pools that overlap (3.4), three fully connected layers with dropout (4.2).

One class, three settings. `alexnet_2012` is the paper's network: normalisation on, and the second, fourth and
fifth convolution in two groups (its two GPUs; 60.97 M parameters). `alexnet` is the single-tower variant of
A. Krizhevsky, "One Weird Trick for Parallelizing Convolutional Neural Networks", 2014, which is
torchvision's: 61.10 M parameters and no local response normalisation at all. `alexnet_small` is for images of
16 to 64 pixels.

Departures: He initialisation in place of N(0, 0.01²) with some biases 1; an adaptive average pool before the
classifier, so that any image size works (it does nothing at 224 pixels).

Shapes: B batch, C channels, H height, W width, K classes.
"""

from torch import Tensor, nn

from lecture_utils.nn.init import he_init_
from lecture_utils.nn.norm import LocalResponseNorm
from lecture_utils.ops.checks import check_images, check_number, check_sizes, check_wholes


class AlexNet(nn.Module):
    """Five convolutions, of which the first, second and fifth are pooled, then three fully connected layers.

    Parameters
    ----------
    classes, in_channels : int
        K and the input's C.
    widths : tuple of 5 int
        Filters of the convolutions.
    first_kernel, first_stride, first_padding : int
        Of the first convolution: 11, 4 and 2 for ImageNet.
    groups : int
        Groups of the second, fourth and fifth convolution: 2 in the paper, one for each of its GPUs.
    lrn : bool
        Local response normalisation after the first and the second convolution, as in the paper.
    grid : int
        Height and width of the map that the classifier reads: 6 for ImageNet.
    hidden : int
        Units of the two hidden fully connected layers.
    dropout : float
        Share of the units that training drops before each of them.

    Raises
    ------
    ValueError
        From `forward`, for input that is not floating point (B, in_channels, H, W) of the weights' type, or
        too small for three pools.
    """

    def __init__(
        self,
        *,
        classes: int = 1000,
        in_channels: int = 3,
        widths: tuple[int, int, int, int, int] = (64, 192, 384, 256, 256),
        first_kernel: int = 11,
        first_stride: int = 4,
        first_padding: int = 2,
        groups: int = 1,
        lrn: bool = False,
        grid: int = 6,
        hidden: int = 4096,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        check_sizes(
            "AlexNet", classes=classes, in_channels=in_channels, grid=grid, hidden=hidden, groups=groups
        )
        check_sizes("AlexNet", first_kernel=first_kernel, first_stride=first_stride)
        check_sizes("AlexNet", least=0, first_padding=first_padding)
        check_wholes(widths, "AlexNet, widths", 5)
        if any(width % groups for width in widths):
            raise ValueError(f"AlexNet: got widths {widths}, want five multiples of {groups}, the groups")
        self.in_channels = in_channels
        # The shortest side of an image that three pools survive.
        self.smallest = 14 * first_stride + first_kernel - 2 * first_padding
        first = nn.Conv2d(in_channels, widths[0], first_kernel, first_stride, first_padding)
        self.features = alexnet_features(first, widths, groups=groups, lrn=lrn)
        self.pool = nn.AdaptiveAvgPool2d(grid)
        self.classifier = alexnet_classifier(widths[-1] * grid * grid, hidden, classes, dropout=dropout)
        he_init_(self)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W), for ImageNet (B, 3, 224, 224)
        check_images(x, self.in_channels, like=next(self.parameters()))
        if min(x.shape[2:]) < self.smallest:
            raise ValueError(
                f"images: got {x.shape[2]} × {x.shape[3]} pixels, want {self.smallest} or more a side"
            )
        x = self.features(x)  # (B, 256, 6, 6)
        x = self.pool(x)  # (B, 256, 6, 6): for other image sizes
        x = x.flatten(1)  # (B, 9216)
        return self.classifier(x)  # (B, K)


def alexnet_features(
    first: nn.Conv2d, widths: tuple[int, int, int, int, int], *, groups: int, lrn: bool
) -> nn.Sequential:
    """The convolutional part: figure 2 of the paper up to the fully connected layers."""
    check_wholes(widths, "widths", 5)
    check_sizes("AlexNet", groups=groups)
    w1, w2, w3, w4, w5 = widths
    return nn.Sequential(
        first, nn.ReLU(),
        LocalResponseNorm() if lrn else nn.Identity(),
        nn.MaxPool2d(3, stride=2),  # windows of 3, 2 apart: they overlap
        nn.Conv2d(w1, w2, 5, padding=2, groups=groups), nn.ReLU(),
        LocalResponseNorm() if lrn else nn.Identity(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(w2, w3, 3, padding=1), nn.ReLU(),  # one group: the paper's two GPUs meet here
        nn.Conv2d(w3, w4, 3, padding=1, groups=groups), nn.ReLU(),
        nn.Conv2d(w4, w5, 3, padding=1, groups=groups), nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
    )  # fmt: skip


def alexnet_classifier(inputs: int, hidden: int, classes: int, *, dropout: float) -> nn.Sequential:
    """The three fully connected layers, with 96 % of the 61 M parameters."""
    check_sizes("AlexNet", inputs=inputs, hidden=hidden, classes=classes)
    check_number(dropout, "AlexNet, dropout", 0, 1)
    return nn.Sequential(
        nn.Dropout(dropout), nn.Linear(inputs, hidden), nn.ReLU(),
        nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU(),
        nn.Linear(hidden, classes),
    )  # fmt: skip


def alexnet(*, classes: int = 1000) -> AlexNet:
    """The single-tower variant of 2014, which is torchvision's: 61.10 M parameters, no normalisation."""
    return AlexNet(classes=classes)


def alexnet_2012(*, classes: int = 1000) -> AlexNet:
    """The paper's network: 96 first filters, two groups, local response normalisation, 60.97 M parameters."""
    return AlexNet(classes=classes, widths=(96, 256, 384, 384, 256), groups=2, lrn=True)


def alexnet_small(*, classes: int = 10, in_channels: int = 3, width: int = 16, lrn: bool = True) -> AlexNet:
    """The same layers for images of 16 pixels or more: 5×5 first filters at stride 1, narrow, 1×1 grid."""
    widths = (width, 2 * width, 4 * width, 4 * width, 4 * width)
    return AlexNet(
        classes=classes,
        in_channels=in_channels,
        widths=widths,
        first_kernel=5,
        first_stride=1,
        lrn=lrn,
        grid=1,
        hidden=8 * width,
    )
