"""The convolutional parts of a diffusion model's U-Net: step embedding, residual blocks, up and down, S16.2.

J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, appendix B; scale and
shift of the normalised map by the step: P. Dhariwal, A. Nichol, "Diffusion Models Beat GANs on Image
Synthesis", NeurIPS 2021, section 3.1 ("adaptive group normalization"). Laid out as in Stable Diffusion's
code, so that its weights would fit.

Simplified: no dropout.

Shapes: B batch, C channels, H × W map, E width of the step's embedding.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import check_images, check_number, check_sizes, check_tensor


def step_encoding(t: Tensor, dim: int) -> Tensor:
    """Return (B, dim) cosines, then sines, of steps (B,): what position encodings are to a sequence.

    The frequencies fall from 1 to about 1 / 10,000 radians a step, so that near steps have near codes, and
    all of a thousand are told apart.

    Parameters
    ----------
    t : Tensor, (B,)
        Steps, integers or floating point.
    dim : int
        Even.

    Raises
    ------
    ValueError
        For an odd width, or steps of another shape.
    """
    check_sizes("step encoding", dim=dim)
    check_tensor(t, "t", "B", kind="any", finite=True, some=True)
    if dim % 2:
        raise ValueError(f"step encoding: got width {dim}, want an even one")
    frequency = torch.exp(-math.log(10_000) * torch.arange(dim // 2, device=t.device) / (dim // 2))
    angle = t[:, None].float() * frequency  # (B, dim / 2)
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


class StepEmbedding(nn.Module):
    """The code of a step through two layers: (B,) → (B, E).

    Parameters
    ----------
    dim : int
        Width of the code, even.
    width : int
        E.
    """

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        check_sizes("step embedding", dim=dim, width=width)
        self.dim = dim
        self.first, self.second = nn.Linear(dim, width), nn.Linear(width, width)

    def forward(self, t: Tensor) -> Tensor:
        """Embed steps (B,) → (B, E)."""
        code = step_encoding(t, self.dim).to(self.first.weight.dtype)
        return self.second(F.silu(self.first(code)))


class ResNetBlock(nn.Module):
    """Norm, activation, convolution, twice, beside an identity; the step scales and shifts in between.

    Parameters
    ----------
    channels, out_channels : int
        Multiples of `groups`. Where they differ, the identity is a 1 × 1 convolution.
    embedding : int, optional
        E; None for a block that knows of no step, as in an auto-encoder.
    groups, eps : int, float
        Of the group norms.
    scale_shift : bool
        The embedding scales and shifts the normalised map; False: it is added before the norm, as in DDPM.

    Raises
    ------
    ValueError
        For channels that are no multiple of the groups; when called, for inputs that do not fit.

    Notes
    -----
    The second convolution starts at zero, so that the block starts as its shortcut.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        embedding: int | None,
        *,
        groups: int = 8,
        scale_shift: bool = True,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        check_groups("ResNet block", groups, channels, out_channels)
        check_sizes("ResNet block", embedding=1 if embedding is None else embedding)
        check_number(eps, "eps", 0, above=True)
        self.scale_shift = scale_shift
        self.norm1 = nn.GroupNorm(groups, channels, eps)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        wide = out_channels * (2 if scale_shift else 1)
        self.to_step = None if embedding is None else nn.Linear(embedding, wide)
        self.norm2 = nn.GroupNorm(groups, out_channels, eps)
        self.conv2 = zero(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.shortcut = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor, step: Tensor | None = None) -> Tensor:
        """Map (B, C, H, W) and embedded steps (B, E) → (B, C', H, W)."""
        self.check(x, step)
        y = self.conv1(F.silu(self.norm1(x)))  # (B, C', H, W)
        if self.to_step is None or step is None:
            y = self.norm2(y)
        elif self.scale_shift:
            scale, shift = self.to_step(F.silu(step))[..., None, None].chunk(2, dim=1)  # (B, C', 1, 1)
            y = self.norm2(y) * (1 + scale) + shift
        else:
            y = self.norm2(y + self.to_step(F.silu(step))[..., None, None])
        return self.shortcut(x) + self.conv2(F.silu(y))

    def check(self, x: Tensor, step: Tensor | None) -> None:
        """Raise ValueError unless maps and embedded steps fit the block."""
        check_images(x, self.conv1.in_channels, like=self.conv1.weight, maps=True)
        if (step is None) != (self.to_step is None):
            got, want = ("no step", "one") if step is None else ("a step", "none")
            raise ValueError(f"ResNet block: got {got}, want {want}: it was made so")
        if self.to_step is not None and step is not None:
            check_tensor(step, "step", len(x), self.to_step.in_features)


class Downsample(nn.Module):
    """A convolution of stride 2: (B, C, H, W) → (B, C', H / 2, W / 2), H and W even."""

    def __init__(self, channels: int, out_channels: int | None = None) -> None:
        super().__init__()
        out_channels = channels if out_channels is None else out_channels
        check_sizes("downsample", channels=channels, out_channels=out_channels)
        self.conv = nn.Conv2d(channels, out_channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the map."""
        check_images(x, self.conv.in_channels, like=self.conv.weight, maps=True)
        if x.shape[2] % 2 or x.shape[3] % 2:
            raise ValueError(f"downsample: got a map of {x.shape[2]} × {x.shape[3]}, want even sides")
        return self.conv(x)


class Upsample(nn.Module):
    """Every pixel four times, then a convolution: (B, C, H, W) → (B, C', 2H, 2W)."""

    def __init__(self, channels: int, out_channels: int | None = None) -> None:
        super().__init__()
        out_channels = channels if out_channels is None else out_channels
        check_sizes("upsample", channels=channels, out_channels=out_channels)
        self.conv = nn.Conv2d(channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Double the map."""
        check_images(x, self.conv.in_channels, like=self.conv.weight, maps=True)
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


def zero(layer: nn.Conv2d) -> nn.Conv2d:
    """Set a layer's weights to 0, in place, and return it."""
    for value in layer.parameters():
        nn.init.zeros_(value)
    return layer


def check_groups(what: str, groups: int, *channels: int) -> None:
    """Raise ValueError unless each number of channels is a multiple of the groups."""
    check_sizes(what, groups=groups)
    for number in channels:
        check_sizes(what, channels=number)
        if number % groups:
            raise ValueError(f"{what}: got {number} channels and {groups} groups, want a multiple")
