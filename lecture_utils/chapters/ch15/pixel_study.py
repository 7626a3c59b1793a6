"""Chapter 15: what the notebook asks of the pixel networks: the shipped ones, completions, what a pixel sees.

Shapes: N digits, K completions of each, C = 1 colour, L = 17 levels, 8 × 8 pixels.
"""

import functools

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.generative.pixel.fast_sampling import fast_sample
from lecture_utils.generative.pixel.likelihood import pixel_bits
from lecture_utils.generative.pixel.pixelcnn import PixelCNN
from lecture_utils.ops.checks import check_sizes
from lecture_utils.recipes._digits_pixels import levels_of
from lecture_utils.training.loop import predictions

__all__ = ["bits_by_pixel", "completions", "entropy", "one_of_each", "opened", "shipped_pixels"]


@functools.lru_cache(maxsize=2)
def shipped_pixels(name: str = "digits_pixelcnn") -> PixelCNN:
    """The course's own, "digits_pixelcnn" or "digits_pixelrnn", in evaluation mode."""
    model = zoo.load(name)
    assert isinstance(model, PixelCNN)
    return model.eval()


def one_of_each(split: str = "test", *, skip: int = 0) -> Tensor:
    """A digit of each class, the first of the split but `skip`, as levels (10, 1, 8, 8)."""
    from lecture_utils.data import digits

    labels = digits.load(8, split)[1]
    rows = [int((labels == digit).nonzero()[skip, 0]) for digit in range(10)]
    return levels_of(split)[rows]


def completions(model: PixelCNN, image: Tensor, k: int, *, rows: int = 4, seed: int = 0) -> Tensor:
    """Go on with the upper `rows` rows of digits (N, 1, H, W), k times each: (N, k, 1, H, W) levels."""
    check_sizes("completions", k=k)
    given = image.repeat_interleave(k, 0)  # (N·k, 1, H, W)
    size = image.shape[2], image.shape[3]
    drawn = fast_sample(model, len(given), size, seed=seed, given=given, rows=rows)
    return drawn.unflatten(0, (len(image), k))


def bits_by_pixel(model: nn.Module, split: str = "test") -> Tensor:
    """What each pixel of a digit costs on average, (8, 8) bits."""
    image = levels_of(split)
    return pixel_bits(predictions(model, image, 100), image).mean((0, 1))


def entropy(logits: Tensor) -> Tensor:
    """Bits of doubt in a distribution over levels, (L, …) logits → (…)."""
    log_p = logits.log_softmax(0)
    return -(log_p.exp() * log_p).sum(0) / torch.log(torch.tensor(2.0))


def opened(model: PixelCNN, seed: int = 0) -> PixelCNN:
    """Draw weights anew, in place, so that no ReLU is shut: then a gradient tells which paths there are.

    A trained network, or a fresh one, may have paths on which nothing comes through for any picture.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in model.parameters():
            fan = value[0].numel() if value.ndim > 1 else 1
            drawn = torch.randn(value.shape, generator=generator)
            value.copy_(drawn / fan**0.5 if value.ndim > 1 else 0.5 + 0.3 * drawn)
    return model.eval()
