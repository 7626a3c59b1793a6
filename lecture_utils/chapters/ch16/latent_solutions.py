"""Chapter 16, part b: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `generative.diffusion.kl_autoencoder`,
`generative.diffusion.layout`, `generative.unclip`. The tests hold each of these equal to its counterpart
there; the papers are named there too.

Shapes: B pictures, Z × h × w numbers of a code, K boxes or draws, F frequencies, D width of an embedding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Latent", "best_drawn", "fourier_features", "slerp"]


class Latent:
    """What a latent diffusion model learns: an auto-encoder's codes, drawn and brought to deviation 1."""

    @staticmethod
    def latent_scale(codes: Tensor) -> float:
        """The number by which codes (B, Z, h, w) are multiplied to have deviation 1, all numbers together."""
        return float(1 / codes.std())

    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        """A scaled draw of what the encoder says, (B, Z, h, w).

        `mean` and `log_var` are the encoder's Gaussian: its mean and the logarithm of its variance; `noise`
        is from N(0, I). The whole draw is multiplied by `scale`.
        """
        return (mean + (log_var / 2).exp() * noise) * scale


def fourier_features(boxes: Tensor, frequencies: int) -> Tensor:
    """Sines and cosines of boxes' corners, (B, K, 8 F), as GLIGEN hands them to its network.

    `boxes` (B, K, 4) are x1, y1, x2, y2 as shares of the sides. There are F = `frequencies` of them:
    100^(0/F), 100^(1/F), … 100^((F - 1)/F), in radians for a whole side. The order: frequency by frequency,
    the lowest first; of each frequency first four sines, of x1, y1, x2, y2, and then their four cosines.
    """
    frequency = 100 ** (torch.arange(frequencies) / frequencies)  # (F,)
    angle = frequency[:, None] * boxes[:, :, None, :]  # (B, K, F, 4)
    return torch.cat([angle.sin(), angle.cos()], dim=-1).flatten(2)  # (B, K, F · 8)


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The direction a share of the way from `a` to `b` (…, D) along the great circle, of unit length.

    The lengths of `a` and `b` do not count. With θ the angle between them, it points along
    sin((1 - share) θ) a + sin(share θ) b, both of unit length. Where the two are nearly the same (θ under
    1e-4, or not to be told from 0), it is still right: nothing is divided by 0.
    """
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    angle = (a * b).sum(-1, keepdim=True).clamp(-1, 1).arccos().clamp(min=1e-4)  # (…, 1)
    return F.normalize(((1 - share) * angle).sin() * a + (share * angle).sin() * b, dim=-1)


def best_drawn(candidates: Tensor, text: Tensor) -> Tensor:
    """Of K embeddings drawn for each sentence the one that is nearest to the sentence's, (B, D), as drawn.

    `candidates` (B, K, D), `text` (B, D). Nearest is the largest cosine: lengths do not count.
    """
    near = F.cosine_similarity(candidates, text[:, None], dim=-1)  # (B, K)
    return candidates[torch.arange(len(candidates)), near.argmax(1)]
