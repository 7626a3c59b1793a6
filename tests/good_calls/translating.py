"""Good calls of Pix2Pix: its generator, PatchGAN, losses and a round of its game."""

import torch

from lecture_utils.generative.pix2pix import generator
from lecture_utils.generative.pix2pix.patchgan import PatchGAN
from tests.bad_calls import count, floats, images, made, number, pair, word
from tests.good_calls.makers import Call

GIVEN, PICTURES, MAPS = images(2, 5, 16, 16), images(2, 3, 16, 16), floats(2, 4, 8, 8)
SCORES = floats(2, 1, 3, 3)


def painter() -> generator.Generator:
    """Two levels, without noise."""
    torch.manual_seed(0)
    return generator.Generator(5, 3, widths=(3, 4), norm="instance", dropout=0.0)


def teller() -> PatchGAN:
    """One halving, and it sees the input."""
    torch.manual_seed(0)
    return PatchGAN(3, 5, layers=1, width=2, norm="instance")


def sgd() -> torch.optim.Optimizer:
    """Of weights that nobody uses."""
    return torch.optim.SGD([torch.zeros(2, requires_grad=True)])


LEVEL: Call = {"in_channels": count(3), "out_channels": count(2), "norm": "batch"}

GOOD: dict[str, dict[str, Call]] = {
    "generative.pix2pix.generator": {
        "Generator": {"in_channels": count(5), "channels": count(3), "widths": pair(3, 4),
            "norm": word("batch"), "dropout": number(0.5), "noisy": count(2, zero=True)},
        "Generator.forward": {"self": made(painter), "x": GIVEN},
        "Halve": LEVEL,
        "Halve.forward": {"self": made(lambda: generator.Halve(4, 2, "instance")), "x": MAPS},
        "Double": LEVEL,
        "Double.forward": {"self": made(lambda: generator.Double(4, 2, "instance")), "x": MAPS},
        "drop": {"x": MAPS, "share": number(0.0)},
    },
    "generative.pix2pix.patchgan": {
        "PatchGAN": {"channels": count(3), "condition": count(5, zero=True), "layers": count(1, zero=True),
            "width": count(2), "norm": word("none")},
        "PatchGAN.forward": {"self": made(teller), "picture": PICTURES, "condition": GIVEN},
        "patch_plan": {"layers": count(3, zero=True)},
        "patch_field": {"layers": count(3, zero=True)},
        "scores_along": {"size": count(64), "layers": count(2, zero=True)},
        "init_": {"model": made(lambda: torch.nn.Conv2d(2, 2, 1))},
        "norm_layer": {"norm": word("batch"), "channels": count(3)},
    },
    "generative.pix2pix.losses": {
        "discriminator_loss": {"real": SCORES, "fake": SCORES},
        "adversarial_loss": {"fake": SCORES},
        "l1_loss": {"fake": PICTURES, "target": PICTURES},
        "generator_objective": {"scores": SCORES, "fake": PICTURES, "target": PICTURES,
            "weight": number(100.0)},
    },
    "generative.pix2pix.training_round": {
        "play_round": {"generator": made(painter), "discriminator": made(teller), "given": GIVEN,
            "target": PICTURES, "generator_optimizer": made(sgd), "discriminator_optimizer": made(sgd),
            "weight": number(100.0)},
    },
}  # fmt: skip
