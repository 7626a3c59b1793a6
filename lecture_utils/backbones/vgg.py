"""VGG: nothing but 3×3 convolutions and 2×2 pools, stacked deep.

K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
table 1. Configuration D is VGG-16. Its deeper activations still serve as the perceptual loss of image
synthesis (J. Johnson, A. Alahi, L. Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and
Super-Resolution", ECCV 2016).

Departures: He initialisation, so that the deep configurations train without a shallow one to start from (the
paper's section 3.1); an adaptive average pool before the classifier, so that any image size works (it does
nothing at 224 pixels); configuration A-LRN is left out: the paper found that local response normalisation did
not help. `batch_norm=True` puts batch normalisation after every convolution, as most later VGGs have it: a
narrow one hardly learns without.

Shapes: B batch, C channels, H height, W width, K classes.
"""

from torch import Tensor, nn

from lecture_utils.nn.init import he_init_
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.checks import check_images, check_number, check_sizes, check_wholes

# Table 1: the kernel sizes of the convolutions in each of the five stages; a 2×2 pool ends a stage.
CONFIGURATIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "A": ((3,), (3,), (3, 3), (3, 3), (3, 3)),  # VGG-11: 8 convolutions and 3 fully connected layers
    "B": ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3)),  # VGG-13
    "C": ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1)),
    "D": ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),  # VGG-16
    "E": ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3)),  # VGG-19
}


class VGG(nn.Module):
    """Five stages of small convolutions, each pooled to half the size, then three fully connected layers.

    Parameters
    ----------
    configuration : str
        Column of the paper's table 1: "A", "B", "C", "D" (VGG-16) or "E".
    classes, in_channels : int
        K and the input's C.
    width : int
        Channels of the first stage, 64 in the paper; they double at every stage up to eight times as many.
    grid : int
        Height and width of the map that the classifier reads: 7 for 224 pixels.
    hidden : int
        Units of the two hidden fully connected layers.
    dropout : float
        Share of the units that training drops after each of them.
    batch_norm : bool
        Normalise after every convolution.

    Raises
    ------
    ValueError
        For an unknown configuration; from `forward`, for input that is not floating point (B, in_channels, H,
        W) of the weights' type, or an image of less than 32 pixels a side, of which five pools leave nothing.
    """

    def __init__(
        self,
        configuration: str = "D",
        *,
        classes: int = 1000,
        in_channels: int = 3,
        width: int = 64,
        grid: int = 7,
        hidden: int = 4096,
        dropout: float = 0.5,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        if configuration not in CONFIGURATIONS:
            raise ValueError(f"configuration: got {configuration!r}, want one of {', '.join(CONFIGURATIONS)}")
        check_sizes("VGG", classes=classes, in_channels=in_channels, width=width, grid=grid, hidden=hidden)
        self.in_channels = channels = in_channels
        self.stages = nn.Sequential()
        for k, kernels in enumerate(CONFIGURATIONS[configuration]):
            self.stages.append(vgg_stage(channels, width * min(2**k, 8), kernels, batch_norm=batch_norm))
            channels = width * min(2**k, 8)
        self.pool = nn.AdaptiveAvgPool2d(grid)
        self.classifier = vgg_classifier(channels * grid * grid, hidden, classes, dropout=dropout)
        he_init_(self)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W), for ImageNet (B, 3, 224, 224)
        check_images(x, self.in_channels, like=next(self.parameters()))
        if min(x.shape[2:]) < 32:
            raise ValueError(
                f"images: got {x.shape[2]} × {x.shape[3]} pixels, want 32 × 32 or more for five 2×2 pools"
            )
        x = self.stages(x)  # (B, 512, H/32, W/32)
        x = self.pool(x)  # (B, 512, 7, 7): for other image sizes
        x = x.flatten(1)  # (B, 25088)
        return self.classifier(x)  # (B, K)


def vgg_stage(
    in_channels: int, channels: int, kernels: tuple[int, ...], *, batch_norm: bool = False
) -> nn.Sequential:
    """Convolutions that keep the size, each with a ReLU (and batch norm before it), then a 2×2 pool."""
    check_sizes("VGG stage", in_channels=in_channels, channels=channels)
    check_wholes(kernels, "VGG stage, kernels")
    layers: list[nn.Module] = []
    for kernel in kernels:
        layers.append(nn.Conv2d(in_channels, channels, kernel, padding=kernel // 2))
        if batch_norm:
            layers.append(FusedBatchNorm2d(channels))
        layers.append(nn.ReLU())
        in_channels = channels
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def vgg_classifier(inputs: int, hidden: int, classes: int, *, dropout: float) -> nn.Sequential:
    """The three fully connected layers, with 89 % of VGG-16's parameters."""
    check_sizes("VGG", inputs=inputs, hidden=hidden, classes=classes)
    check_number(dropout, "VGG, dropout", 0, 1)
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )  # fmt: skip


def vgg16(*, classes: int = 1000) -> VGG:
    """VGG-16, the paper's configuration D: 138.4 M parameters."""
    return VGG("D", classes=classes)
