"""Chapter 15: what the notebook asks of the pixel networks: the shipped ones, completions, what a pixel sees.

Shapes: N digits, K completions of each, C = 1 colour, L = 17 levels, 8 × 8 pixels.
"""

import functools
import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data import digits
from lecture_utils.generative.pixel.fast_sampling import fast_sample
from lecture_utils.generative.pixel.gated_pixelcnn import GatedPixelCNN
from lecture_utils.generative.pixel.likelihood import pixel_bits, sample
from lecture_utils.generative.pixel.pixelcnn import PixelCNN
from lecture_utils.ops.checks import check_sizes
from lecture_utils.recipes._digits_pixels import as_pictures, levels_of
from lecture_utils.recipes._judged import digit_fidelity, digit_judge, digits_named
from lecture_utils.training.loop import predictions

__all__ = [
    "bits_by_pixel",
    "by_every_class",
    "completions",
    "copied",
    "draw",
    "entropy",
    "one_of_each",
    "opened",
    "samples_judged",
    "shipped_gated",
    "shipped_pixels",
]

Net = TypeVar("Net", bound=nn.Module)


@functools.lru_cache(maxsize=2)
def shipped_pixels(name: str = "digits_pixelcnn") -> PixelCNN:
    """The course's own, "digits_pixelcnn" or "digits_pixelrnn", in evaluation mode."""
    model = zoo.load(name)
    assert isinstance(model, PixelCNN)
    return model.eval()


@functools.lru_cache(maxsize=1)
def shipped_gated() -> GatedPixelCNN:
    """The course's own Gated PixelCNN, which is told the class, in evaluation mode."""
    model = zoo.load("digits_gated_pixelcnn")
    assert isinstance(model, GatedPixelCNN)
    return model.eval()


def one_of_each(split: str = "test", *, skip: int = 0) -> Tensor:
    """A digit of each class, the first of the split but `skip`, as levels (10, 1, 8, 8)."""
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
    return -(log_p.exp() * log_p).sum(0) / math.log(2)


def opened(model: Net, seed: int = 0) -> Net:
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


def samples_judged(model: PixelCNN | GatedPixelCNN, n: int = 300, *, seed: int = 0) -> dict[str, float]:
    """What the judge of digits says of samples, and of as many validation digits.

    Returns
    -------
    dict of str to float
        "frechet_digits" and "frechet_digits_real" (see `recipes._judged.digit_fidelity`); "sure" and
        "sure_of_real": the mean probability of the class that it names; of a network by class also
        "right": the share of samples in which it sees the digit that was asked for.
    """
    label = torch.arange(n) % 10
    image = draw(model, n, label=label, seed=seed)
    real = as_pictures(levels_of("val")[:n])
    out = digit_fidelity(as_pictures(image))
    judge = digit_judge()
    for name, pictures in (("sure", as_pictures(image)), ("sure_of_real", real)):
        out[name] = float(predictions(judge, pictures).softmax(1).amax(1).mean())
    if isinstance(model, GatedPixelCNN):
        out["right"] = float((digits_named(as_pictures(image)) == label).float().mean())
    return out


def draw(model: PixelCNN | GatedPixelCNN, n: int, *, label: Tensor | None = None, seed: int = 0) -> Tensor:
    """Draw n digits (n, 1, 8, 8); a network by class draws the digits `label` (n,)."""
    if isinstance(model, PixelCNN):
        return fast_sample(model, n, seed=seed)
    return sample(functools.partial(model, label=label), n, seed=seed)


def copied(image: Tensor) -> dict[str, float]:
    """How far samples, levels (N, 1, 8, 8), are from the nearest training digit, and test digits from it.

    Returns
    -------
    dict of str to float
        "samples" and "fresh digits": median root mean square difference in levels; "copies": the share of
        samples that are a training digit, number for number.
    """
    pool = levels_of("train").flatten(1).float()
    out, near = {}, {}
    for name, some in (("samples", image), ("fresh digits", levels_of("test"))):
        near[name] = torch.cdist(some.flatten(1).float(), pool).amin(1) / pool.shape[1] ** 0.5
        out[name] = float(near[name].median())
    return {**out, "copies": float((near["samples"] < 1e-6).float().mean())}


@torch.inference_mode()
def by_every_class(model: GatedPixelCNN, image: Tensor) -> tuple[Tensor, Tensor]:
    """Bits per dimension of digits (N, 1, 8, 8) without being told the class, and the class by Bayes' rule.

    p(x) is the mean of p(x | class) over the classes, which are taken to be equally frequent; a class is as
    likely after the digit was seen as its share of this sum.

    Returns
    -------
    bits : Tensor (N,)
        Bits per dimension.
    posterior : Tensor (N, K)
        Probabilities of the classes.
    """
    log2_p = []
    for label in range(model.classes):
        labels = torch.full((len(image),), label)
        log2_p.append(-pixel_bits(model(image, labels), image).flatten(1).sum(1))
    nats = torch.stack(log2_p, 1).double() * math.log(2)  # (N, K)
    evidence = nats.logsumexp(1) - math.log(model.classes)
    return -evidence / math.log(2) / image[0].numel(), nats.softmax(1)
