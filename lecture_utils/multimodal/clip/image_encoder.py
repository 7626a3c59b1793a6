"""CLIP's two image encoders (S13.4): a vision transformer, and a ResNet with attention pooling.

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, section
2.4. The ViT differs from Dosovitskiy et al.'s by a layer norm before its layers. The ResNet has the three
convolutions and the pooled shortcuts of ResNet-D (T. He et al., CVPR 2019), average pooling instead of
strides (after R. Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019) and attention
pooling.

Simplified: the ResNet's stem takes all of a small picture's pixels where the paper's halves them once more.

Shapes: B batch, P patch side, N patches, W width of the tokens, C channels, D width of the joint space.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.multimodal.clip.attention_pool import AttentionPool
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.nn.transformer import EncoderLayer
from lecture_utils.ops.checks import check_images, check_sizes, check_wholes


class ViTEncoder(nn.Module):
    """Patches and a class token; transformer layers; the class token, projected into the joint space.

    Parameters
    ----------
    image, patch : int
        Sides in pixels; `image` a multiple of `patch`.
    width, heads, layers, out : int
        W, attention heads, their layers, D.
    hidden : int, optional
        Of the MLPs; 4·W where none is given.
    activation : type
        `QuickGELU` for the paper's weights.
    in_channels : int
        Of the picture.

    Raises
    ------
    ValueError
        For sizes that do not fit; when called, for pictures of another size.
    """

    def __init__(
        self,
        *,
        image: int,
        patch: int,
        width: int,
        heads: int,
        layers: int,
        out: int,
        hidden: int | None = None,
        activation: type[nn.Module] = nn.GELU,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        check_sizes("ViT encoder", image=image, patch=patch, width=width, heads=heads, layers=layers)
        check_sizes("ViT encoder", out=out, in_channels=in_channels)
        if image % patch:
            raise ValueError(f"ViT encoder: got image side {image} and patch {patch}, want a multiple")
        hidden = 4 * width if hidden is None else hidden
        self.image, self.in_channels = image, in_channels
        self.embed = nn.Conv2d(in_channels, width, patch, stride=patch, bias=False)
        self.class_token = nn.Parameter(torch.randn(width) * width**-0.5)
        self.position = nn.Parameter(torch.randn(1 + (image // patch) ** 2, width) * width**-0.5)
        self.norm_before = nn.LayerNorm(width)
        self.layers = nn.ModuleList(
            EncoderLayer(width, heads, hidden, activation=activation) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, out, bias=False)
        nn.init.normal_(self.projection.weight, std=width**-0.5)

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        return self.projection(self.norm(self.tokens(x)[:, 0]))  # (B, D)

    def tokens(self, x: Tensor) -> Tensor:
        """Return the last layer's tokens (B, 1 + N, W), class token first, before the last norm."""
        check_picture(x, self.in_channels, self.image, self.class_token)
        patches = rearrange(self.embed(x), "b w r c -> b (r c) w")  # (B, N, W)
        tokens = torch.cat([self.class_token.expand(len(x), 1, -1), patches], dim=1)  # (B, 1 + N, W)
        tokens = self.norm_before(tokens + self.position)
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens


class AntialiasedBottleneck(nn.Module):
    """1×1 to C channels, 3×3, average pooling where the map shrinks, 1×1 to 4C; the shortcut pools too."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, *, shrink: int = 1) -> None:
        super().__init__()
        check_sizes("bottleneck", in_channels=in_channels, channels=channels, shrink=shrink)
        out_channels, self.shrink = channels * self.expansion, shrink
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.norm1 = FusedBatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = FusedBatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.norm3 = FusedBatchNorm2d(out_channels)
        self.shortcut = nn.Sequential()  # the identity
        if shrink > 1 or in_channels != out_channels:
            conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
            self.shortcut = nn.Sequential(conv, FusedBatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:  # (B, C_in, H, W)
        check_images(x, self.conv1.in_channels, maps=True)
        y = F.relu(self.norm1(self.conv1(x)))  # (B, C, H, W)
        y = F.relu(self.norm2(self.conv2(y)))
        y = self.norm3(self.conv3(shrunk(y, self.shrink)))  # (B, 4C, H/s, W/s)
        return F.relu(y + self.shortcut(shrunk(x, self.shrink)))


class ResNetEncoder(nn.Module):
    """A stem of three convolutions, stages of bottlenecks, attention pooling into the joint space.

    Parameters
    ----------
    image : int
        Side in pixels.
    width : int
        Channels of the first stage's 3×3 convolutions; 64 in the paper's RN50.
    blocks : sequence of int
        Bottlenecks a stage; each stage but the first halves the map and doubles the channels.
    heads, out : int
        Of the attention pool; D.
    stem_stride : int
        Of the stem's first convolution; the paper has 2.
    in_channels : int
        Of the picture.

    Raises
    ------
    ValueError
        For sizes that do not fit; when called, for pictures of another size.
    """

    def __init__(
        self,
        *,
        image: int,
        width: int,
        blocks: tuple[int, ...],
        heads: int,
        out: int,
        stem_stride: int = 1,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        check_sizes(
            "ResNet encoder", image=image, width=width, stem_stride=stem_stride, in_channels=in_channels
        )
        check_wholes(blocks, "ResNet encoder, blocks")
        factor = stem_stride * 2 ** len(blocks)
        if image % factor or width % 2:
            want = f"a multiple of {factor}, and an even width"
            raise ValueError(f"ResNet encoder: got image side {image} and width {width}, want {want}")
        self.image, self.in_channels = image, in_channels
        self.stem = nn.Sequential(
            *convolved(in_channels, width // 2, stride=stem_stride),
            *convolved(width // 2, width // 2),
            *convolved(width // 2, width),
            nn.AvgPool2d(2),
        )
        stages, channels = [], width
        for k, count in enumerate(blocks):
            for i in range(count):
                shrink = 2 if k and i == 0 else 1
                stages.append(AntialiasedBottleneck(channels, width * 2**k, shrink=shrink))
                channels = width * 2**k * AntialiasedBottleneck.expansion
        self.stages = nn.Sequential(*stages)
        self.pool = AttentionPool(image // factor, image // factor, channels, heads=heads, out=out)
        for block in stages:
            nn.init.zeros_(block.norm3.weight)  # each block starts as its shortcut, as in the paper's code

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        return self.pool(self.maps(x))  # (B, D)

    def maps(self, x: Tensor) -> Tensor:
        """Return the feature map before pooling (B, C, H', W')."""
        check_picture(x, self.in_channels, self.image, self.pool.position)
        return self.stages(self.stem(x))  # stem (B, width, H/2, W/2), then halved a stage


def convolved(in_channels: int, channels: int, *, stride: int = 1) -> tuple[nn.Module, ...]:
    """A 3×3 convolution, batch norm and ReLU."""
    check_sizes("convolution", in_channels=in_channels, channels=channels, stride=stride)
    conv = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
    return conv, FusedBatchNorm2d(channels), nn.ReLU()


def shrunk(x: Tensor, side: int) -> Tensor:
    """Average each side × side block of a map (B, C, H, W)."""
    check_images(x, maps=True)
    check_sizes("blocks", side=side)
    return x if side == 1 else F.avg_pool2d(x, side)


def check_picture(x: Tensor, channels: int, image: int, like: Tensor) -> None:
    """Raise ValueError unless these are square pictures of the encoder's size and type."""
    check_images(x, channels, like=like)
    if x.shape[2:] != (image, image):
        raise ValueError(f"images: got {x.shape[2]} × {x.shape[3]} pixels, want {image} × {image}")
