"""Chapter 15, part a: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `generative.pixel`, `generative.vae`. The
tests hold each of these equal to its counterpart there; the papers are named there too.

Shapes: B pictures, C colours, S side, L levels a colour can have, Z latent numbers, K latent vectors drawn
for each picture, k side of a kernel, I and O channels in and out.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["bits_per_dim", "draw_latent", "importance_log_likelihood", "pixel_mask", "sample_digits"]


def pixel_mask(kind: str, size: int, in_channels: int, out_channels: int, colours: int = 1) -> Tensor:
    """What a kernel of PixelCNN may see, (O, I, k, k) bool: True where a weight may stay.

    All rows above the centre, and in the centre's row all to the left of it. At the centre itself colours
    count: the channels, in and out, are cut into `colours` equal groups in a row (for 3: red, green, blue).
    Kind "A" sees there the groups before its own, kind "B" its own too.
    """
    group_in = torch.arange(in_channels) * colours // in_channels  # (I,): 0 0 1 1 2 2, say
    group_out = torch.arange(out_channels) * colours // out_channels  # (O,)
    centre = size // 2
    mask = torch.zeros(out_channels, in_channels, size, size, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    earlier = group_in < group_out[:, None]  # (O, I)
    mask[:, :, centre, centre] = earlier if kind == "A" else earlier | (group_in == group_out[:, None])
    return mask


def bits_per_dim(logits: Tensor, image: Tensor) -> Tensor:
    """How many bits a model needs for each number of a picture, in the mean over the picture, (B,).

    `logits` (B, L, C, S, S) say for each colour of each pixel how likely each of L levels is; `image`
    (B, C, S, S) int64 are the levels that are there. By the chain rule a picture's probability is the product
    of all its numbers'. A number of probability 1/2 costs one bit.
    """
    log_p = logits.log_softmax(1).gather(1, image[:, None])[:, 0]  # (B, C, S, S), in nats
    return -log_p.flatten(1).mean(1) / math.log(2)


def sample_digits(model: Callable[[Tensor], Tensor], n: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw n pictures, pixel by pixel, row by row, each row from the left: (n, 1, S, S) int64.

    `model(image)` takes levels (n, 1, S, S) int64 and gives logits (n, L, 1, S, S) of every pixel's level,
    made of the pixels before it alone. Each pixel is drawn from its probabilities with `generator`, and
    stands in the picture before the next one is asked for.
    """
    image = torch.zeros(n, 1, size, size, dtype=torch.int64)
    for row in range(size):
        for column in range(size):
            p = model(image)[:, :, 0, row, column].softmax(1)  # (n, L)
            image[:, 0, row, column] = torch.multinomial(p, 1, generator=generator)[:, 0]
    return image


def draw_latent(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """A point of each picture's cloud, z (B, Z), and the cloud's distance from N(0, I), (B,) in nats.

    `mean` and `log_var` (B, Z) are the encoder's Gaussian: its mean and the logarithm of its variance. The
    point is made of `noise` (B, Z), drawn from N(0, I), so that gradients go to the mean and to the variance.
    The distance is the Kullback-Leibler divergence KL(N(mean, var) ‖ N(0, I)), summed over Z.
    """
    z = mean + (log_var / 2).exp() * noise
    kl = (mean.square() + log_var.exp() - 1 - log_var).sum(1) / 2
    return z, kl


def importance_log_likelihood(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    """Estimate log p(x) of each picture by K latent vectors from its encoder's cloud, (B,).

    For each vector z that was drawn from q(z|x), `log_joint` (K, B) is log p(x, z) and `log_posterior` (K, B)
    is log q(z|x). The evidence p(x) is the mean of p(x, z) / q(z|x) over such vectors.
    """
    return (log_joint - log_posterior).logsumexp(0) - math.log(len(log_joint))
