"""A diffusion model of labelled pictures: pixels are noised and denoised (S16.1, S16.2).

J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020. Pictures are in [0, 1]
outside and in [-1, 1] inside, as in its section 3.3; loss and samples are those of `model.Diffusion`.

Shapes: B batch, C channels, H × W picture.
"""

from torch import Tensor

from lecture_utils.generative.diffusion.model import Diffusion
from lecture_utils.ops.checks import check_float, check_images, check_tensor


class LabelledDiffusion(Diffusion):
    """Learns from pictures (B, C, H, W) in [0, 1] and their labels, and makes pictures of labels.

    Parameters
    ----------
    net, condition, schedule, shape, kind, drop
        As in `Diffusion`, with the shape (C, H, W). The condition is a `LabelTokens`, which takes labels (B,
        K), or whatever else makes tokens.

    Raises
    ------
    ValueError
        As in `Diffusion`; when called, for what are no such pictures.
    """

    clip = 1.0

    def to_signal(self, x: Tensor) -> Tensor:
        """Return pixels in [-1, 1] of pictures (B, C, H, W) in [0, 1]."""
        check_images(x, unit_range=True, maps=True)
        check_tensor(x, "images", "B", *self.shape)
        return 2 * x - 1

    def from_signal(self, signal: Tensor) -> Tensor:
        """Return pictures in [0, 1] of pixels (B, C, H, W) in [-1, 1]."""
        check_float(signal, name="signal")
        return (signal + 1) / 2
