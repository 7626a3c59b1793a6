"""Good calls of the conditional GAN, of the game's theory, and of mode coverage."""

from lecture_utils.generative import dcgan
from lecture_utils.generative.conditional_gan import (
    ConcatDiscriminator,
    ConditionalGenerator,
    Given,
    ProjectionDiscriminator,
)
from tests.bad_calls import count, floats, images, labels, made, number, pair
from tests.good_calls.makers import Call

COUNTS = (3, 4)


def painter() -> ConditionalGenerator:
    return ConditionalGenerator(COUNTS, latent=4, embed=2, widths=(8, 6, 4)).eval()


PAINTER = made(painter)
PICTURES, NAMED = images(2, 3, 16, 16), labels(3, 2, 2)
JUDGE: Call = {"counts": pair(*COUNTS), "widths": pair(4, 6), "channels": count(3)}
PROBABILITIES = floats(5, of=lambda x: x)

GOOD: dict[str, dict[str, Call]] = {
    "generative.conditional_gan": {
        "ConditionalGenerator": {
            "counts": pair(*COUNTS),
            "latent": count(4),
            "embed": count(2),
            "widths": pair(8, 6),
            "channels": count(3),
        },
        "ConditionalGenerator.forward": {"self": PAINTER, "z": floats(2, 4), "labels": NAMED},
        "ConditionalGenerator.sample": {"self": PAINTER, "n": count(2), "seed": count(0, zero=True)},
        "ConcatDiscriminator": JUDGE,
        "ConcatDiscriminator.forward": {
            "self": made(lambda: ConcatDiscriminator(COUNTS, widths=(4, 6))),
            "x": PICTURES,
            "labels": NAMED,
        },
        "ProjectionDiscriminator": JUDGE,
        "ProjectionDiscriminator.forward": {
            "self": made(lambda: ProjectionDiscriminator(COUNTS, widths=(4, 6))),
            "x": PICTURES,
            "labels": NAMED,
        },
        "Given": {"player": PAINTER, "labels": NAMED},
        "Given.forward": {
            "self": made(lambda: Given(painter(), NAMED.make())),
            "x": floats(2, 4),
        },
    },
    "generative.dcgan": {
        "Discriminator.features": {
            "self": made(lambda: dcgan.Discriminator(widths=(4, 6))),
            "x": PICTURES,
        },
    },
    "generative.gan_loss": {
        "saturating_generator_loss": {"fake": floats(4)},
        "optimal_discriminator": {"p": PROBABILITIES, "q": PROBABILITIES},
        "game_value": {"d": PROBABILITIES, "p": PROBABILITIES, "q": PROBABILITIES, "cell": number(0.2)},
    },
    "metrics.mode_coverage": {
        "mode_coverage": {
            "samples": floats(6, 2),
            "centres": floats(3, 2),
            "deviation": number(0.3),
            "within": number(3.0),
        },
    },
}
