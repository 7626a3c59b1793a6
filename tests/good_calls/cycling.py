"""Good calls of CycleGAN: its generator, its losses, its buffer and a round of its game."""

import torch
from torch import Tensor

from lecture_utils.generative.cyclegan import cyclegan, generator, image_buffer
from lecture_utils.generative.pix2pix.patchgan import PatchGAN
from tests.bad_calls import count, floats, images, made, number
from tests.good_calls.makers import Call

PICTURES, MAPS, SCORES = images(2, 3, 8, 8), floats(2, 4, 8, 8), floats(2, 1, 2, 2)
WIDE = {"before": count(4), "after": count(6)}
TRANSLATE = {"to_b": torch.sigmoid, "to_a": torch.sigmoid}


def score(x: Tensor) -> Tensor:
    """The first channel as a map of scores."""
    return x[:, :1]


def small() -> generator.Generator:
    """Two channels, one block."""
    torch.manual_seed(0)
    return generator.Generator(width=2, halvings=1, blocks=1, kernel=3)


def pair() -> cyclegan.CycleGAN:
    """There and back."""
    return cyclegan.CycleGAN(small(), small())


def tell() -> PatchGAN:
    """One halving."""
    return PatchGAN(layers=1, width=2, norm="instance")


def game() -> cyclegan.Game:
    """With two pictures kept of each domain."""
    return cyclegan.Game(pair(), tell(), tell(), buffer=2)


GOOD: dict[str, dict[str, Call]] = {
    "generative.cyclegan.generator": {
        "InstanceNorm2d": {"eps": number(1e-5)},
        "InstanceNorm2d.forward": {"self": made(generator.InstanceNorm2d), "x": MAPS},
        "FusedInstanceNorm2d.forward": {"self": made(generator.FusedInstanceNorm2d), "x": MAPS},
        "conv": {**WIDE, "kernel": count(3), "stride": count(2)},
        "c7s1": {**WIDE, "kernel": count(3)},
        "d": WIDE,
        "u": WIDE,
        "R": {"width": count(4)},
        "R.forward": {"self": made(lambda: generator.R(4)), "x": MAPS},
        "Generator": {"width": count(2), "halvings": count(1), "blocks": count(1), "kernel": count(3)},
        "Generator.forward": {"self": made(small), "x": PICTURES},
    },
    "generative.cyclegan.image_buffer": {
        "ImageBuffer": {"size": count(2, zero=True), "seed": count(1, zero=True)},
        "ImageBuffer.swap": {"self": made(lambda: image_buffer.ImageBuffer(2)), "images": PICTURES},
    },
    "generative.cyclegan.losses": {
        "least_squares_discriminator": {"real": SCORES, "fake": SCORES},
        "least_squares_generator": {"fake": SCORES},
        "distance": {"images": PICTURES, "target": PICTURES},
        "cycle_loss": {"a": PICTURES, "b": PICTURES, **TRANSLATE},
        "identity_loss": {"a": PICTURES, "b": PICTURES, **TRANSLATE},
        "generator_objective": {"a": PICTURES, "b": PICTURES, **TRANSLATE, "discriminator_a": score,
            "discriminator_b": score, "cycle": number(10.0), "identity": number(5.0)},
    },
    "generative.cyclegan.cyclegan": {
        "CycleGAN": {"to_b": made(small), "to_a": made(small)},
        "CycleGAN.forward": {"self": made(pair), "a": PICTURES},
        "CycleGAN.from_b": {"self": made(pair), "b": PICTURES},
        "Game": {"model": made(pair), "discriminator_a": made(tell), "discriminator_b": made(tell),
            "rate": number(1e-3), "cycle": number(10.0), "identity": number(5.0),
            "buffer": count(2, zero=True), "seed": count(1, zero=True)},
        "Game.play": {"self": made(game), "a": PICTURES, "b": PICTURES},
        "Game.translate": {"self": made(game), "a": PICTURES, "b": PICTURES},
        "Game.tell_apart": {"self": made(game), "domain": "a", "real": PICTURES, "fake": PICTURES},
        "step": {"optimizer": made(lambda: torch.optim.SGD([torch.zeros(2, requires_grad=True)])),
            "loss": made(lambda: torch.zeros(2, requires_grad=True).sum())},
    },
}  # fmt: skip
