"""The auto-encoder of latent diffusion: a picture as a small map, nearly without loss, S16.3.

R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022, section 3.1: a
convolutional VAE whose divergence has a tiny weight ("KL-reg."), so that its code is a map that is still a
picture in all but size; and appendix G: the code is divided by its standard deviation, so that the noise
schedule fits it.

Simplified: no adversarial and no perceptual loss; differences between neighbouring pixels stand in for them,
which blur would lose. The first halving is a fold of p × p pixels into channels instead of a strided
convolution at full size, which costs most of the time.

Shapes: B batch, C channels, H × W picture, Z channels of the code, h × w its sides.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.generative.diffusion.attention_blocks import Attention
from lecture_utils.generative.diffusion.resnet_blocks import Downsample, ResNetBlock, Upsample, check_groups
from lecture_utils.generative.elbo import kl_to_standard_normal
from lecture_utils.ops.checks import check_images, check_number, check_sizes, check_tensor


class MapAttention(nn.Module):
    """One head of attention among a map's pixels, added to it: (B, C, H, W) → (B, C, H, W)."""

    def __init__(self, channels: int, *, groups: int = 8) -> None:
        super().__init__()
        check_groups("map attention", groups, channels)
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.attention = Attention(channels, 1, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Let each pixel look at all."""
        check_images(x, self.norm.num_channels, like=self.norm.weight, maps=True)
        tokens = self.norm(x).flatten(2).transpose(1, 2)  # (B, H · W, C)
        return x + self.attention(tokens).transpose(1, 2).unflatten(2, x.shape[2:])


class KLAutoEncoder(nn.Module):
    """Pictures (B, C, H, W) in [0, 1] ↔ codes (B, Z, h, w), h = H / (p · 2 to the number of widths - 1).

    Parameters
    ----------
    channels : int
        C.
    widths : sequence of int
        Channels of the levels, from the finest; multiples of `groups`.
    latent : int
        Z.
    fold : int
        p.
    groups : int
        Of the group norms.

    Attributes
    ----------
    scale : Tensor
        One number, by which codes are multiplied to have deviation 1; `measure_scale` sets it.

    Raises
    ------
    ValueError
        If the widths do not fit; when called, for pictures or codes of other sizes.
    """

    scale: Tensor

    def __init__(
        self,
        channels: int = 3,
        widths: Sequence[int] = (48, 80),
        *,
        latent: int = 4,
        fold: int = 2,
        groups: int = 8,
    ) -> None:
        super().__init__()
        check_sizes("KL auto-encoder", channels=channels, latent=latent, fold=fold, levels=len(widths))
        check_groups("KL auto-encoder", groups, *widths)
        self.channels, self.latent, self.fold = channels, latent, fold
        self.factor = fold * 2 ** (len(widths) - 1)
        colours, deep = channels * fold**2, widths[-1]

        def block(width: int) -> ResNetBlock:
            return ResNetBlock(width, width, None, groups=groups, eps=1e-6)

        def middle() -> list[nn.Module]:
            return [block(deep), MapAttention(deep, groups=groups), block(deep)]

        def end(width: int, out: int) -> list[nn.Module]:
            return [nn.GroupNorm(groups, width, eps=1e-6), nn.SiLU(), nn.Conv2d(width, out, 3, padding=1)]

        down: list[nn.Module] = [nn.PixelUnshuffle(fold), nn.Conv2d(colours, widths[0], 3, padding=1)]
        up: list[nn.Module] = [nn.Conv2d(latent, deep, 3, padding=1), *middle()]
        for fine, coarse in itertools.pairwise(widths):
            down += [block(fine), Downsample(fine, coarse)]
        for fine, coarse in reversed(list(itertools.pairwise(widths))):
            up += [Upsample(coarse, fine), block(fine), block(fine)]
        self.encoder = nn.Sequential(*down, *middle(), *end(deep, 2 * latent))
        self.decoder = nn.Sequential(*up, *end(widths[0], colours), nn.PixelShuffle(fold))
        self.register_buffer("scale", torch.ones(()))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of q(z | x): (B, C, H, W) in [0, 1] → (B, Z, h, w) twice."""
        check_images(x, self.channels, like=self.scale)
        if x.shape[2] % self.factor or x.shape[3] % self.factor:
            got = f"{x.shape[2]} × {x.shape[3]}"
            raise ValueError(f"images: got {got}, want sides that are multiples of {self.factor}")
        mean, log_var = self.encoder(2 * x - 1).chunk(2, dim=1)
        return mean, log_var.clamp(-30, 20)

    def decode(self, z: Tensor) -> Tensor:
        """Return pictures of codes: (B, Z, h, w) → (B, C, H, W), about in [0, 1]."""
        check_images(z, self.latent, like=self.scale, maps=True)
        return (self.decoder(z) + 1) / 2

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:  # (B, C, H, W), (B, Z, h, w)
        """Encode, draw a code, decode: (B, C, H, W)."""
        return self.decode(drawn(*self.encode(x), noise))

    def to_latent(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return what a diffusion model works on: codes times `scale`; drawn with `noise`, else the means."""
        mean, log_var = self.encode(x)
        return self.scale * (mean if noise is None else drawn(mean, log_var, noise))

    def from_latent(self, latent: Tensor) -> Tensor:
        """Return pictures of such codes, (B, Z, h, w) → (B, C, H, W)."""
        check_images(latent, self.latent, like=self.scale, maps=True)
        return self.decode(latent / self.scale)

    @torch.no_grad()
    def measure_scale(self, x: Tensor, noise: Tensor) -> float:
        """Set `scale` to 1 / the deviation of the drawn codes of pictures (B, C, H, W), and return it."""
        code = drawn(*self.encode(x), noise)
        self.scale.copy_(1 / code.std(correction=0))
        return float(self.scale)


class Losses(NamedTuple):
    """What the auto-encoder is trained by, scalars."""

    total: Tensor
    pixels: Tensor
    divergence: Tensor  # nats a number of the code


def drawn(mean: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
    """Return a draw from q(z | x), mean + deviation · noise, all (B, Z, h, w)."""
    check_tensor(mean, "mean", "B", "Z", "h", "w", some=True)
    check_tensor(log_var, "log_var", *mean.shape)
    check_tensor(noise, "noise", *mean.shape)
    return mean + (log_var / 2).exp() * noise


def picture_loss(got: Tensor, want: Tensor) -> Tensor:
    """Return the mean absolute error of pixels and of their differences, plus the squared one → scalar.

    The differences are between neighbours, right and below: edges that are blurred cost there.
    """
    check_images(want)
    check_tensor(got, "pictures", *want.shape)
    error = got - want
    edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return error.abs().mean() + error.square().mean() + edges


def losses(model: KLAutoEncoder, x: Tensor, noise: Tensor, *, weight: float = 1e-4) -> Losses:
    """Return the loss of pictures (B, C, H, W): `picture_loss` + weight × nats a number of the code.

    Parameters
    ----------
    model : KLAutoEncoder
    x : Tensor
        (B, C, H, W) in [0, 1].
    noise : Tensor
        (B, Z, h, w), standard normal.
    weight : float
        0 or more; tiny, since the code is not meant to be drawn from N(0, I).

    Raises
    ------
    ValueError
        For shapes that do not fit or a negative weight.
    """
    check_number(weight, "weight", 0)
    mean, log_var = model.encode(x)
    pixels = picture_loss(model.decode(drawn(mean, log_var, noise)), x)
    nats = kl_to_standard_normal(mean.flatten(1), log_var.flatten(1)).mean() / mean[0].numel()
    return Losses(pixels + weight * nats, pixels, nats)
