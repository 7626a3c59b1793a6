"""Chapter 15: what each part of Pix2Pix's objective is for, measured (C15.2).

The rules are fixed here, before any run; `ledger.run` applies them.
"""

import functools

from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.recipes._translated import (
    ARMS,
    LOOSE,
    Arm,
    outputs,
    started,
    train_arm,
    translated,
)
from lecture_utils.recipes._translated_measured import agreement, frechet, measured
from lecture_utils.training.kit import Figures, size

STARTED, STEPS, TESTED = 500, 500, 500
WEIGHTS = (10.0, 1000.0)


begun = functools.cache(started)


@functools.cache
def scores(arm: Arm, seed: int, steps: int, tested: int) -> dict[str, float]:
    """Train a generator with one objective, and measure its pictures of test maps."""
    first = begun(seed, steps=min(steps, STARTED))
    generator, _ = train_arm(arm, seed, steps=steps, setting=LOOSE, start=first)
    pairs = translated(tested, seed=seed, split="test")
    return measured(outputs(generator, pairs.labels), pairs)


def compared(seed: int, budget: str, arms: dict[str, Arm]) -> dict[str, dict[str, float]]:
    """Measures of some arms, by name."""
    steps, tested = size(budget, quick=(3, 16), full=(STEPS, TESTED))
    return {name: scores(arm, seed, steps, tested) for name, arm in arms.items()}


def weighed(seed: int, budget: str, weight: float) -> Figures:
    """The whole objective with another weight of the L1 distance, against L1 alone."""
    arms = {"L1": ARMS["L1"], "L1 + cGAN": ARMS["L1 + cGAN"]._replace(weight=weight)}
    found = compared(seed, budget, arms)
    return {
        "sharper": found["L1 + cGAN"]["detail"] - found["L1"]["detail"],
        "agreement": found["L1 + cGAN"]["agreement"],
        "frechet": found["L1 + cGAN"]["frechet"],
    }


def limits(seed: int, budget: str) -> dict[str, float]:
    """What real pictures get: those of the maps, and others."""
    tested = size(budget, quick=16, full=TESTED)
    pairs, others = (translated(tested, seed=seed + away, split="test") for away in (0, 1000))
    return {
        "agreement": agreement(pairs.image, pairs.labels)["pixels"],
        "agreement_of_others": agreement(others.image, pairs.labels)["pixels"],
        "frechet": frechet(others.image, pairs.image),
    }


@claim(
    "C15.2",
    statement="L1 alone blurs; a discriminator that does not see the input lets the generator ignore it; one "
    "that does keeps the input, but leaves artefacts; with L1 there are fewer of them.",
    paper='P. Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017, '
    "section 4.2, figure 4 and table 1",
    rule=(Rule("sharper", above=0.0), Rule("kept", above=0.0), Rule("cleaner", above=0.0)),
    seeds=3,
    note="Five trainings a seed, which differ in their objective: the same generator to begin with, which "
    "has learned from L1 alone for 500 batches of 8 pairs (label map, picture of 32 × 32), then 500 "
    "more in the same order, at the same untuned rates, with patches of 16 × 16. So L1 alone has 1,000. "
    "From random weights the game without L1 ended in noise (pilots of 500 to 1,000 batches on seed 0, "
    "with seven settings of rates and norms), which is why there is a beginning, a generator ten times "
    "slower than its discriminator, and a gradient penalty (R1), none of which the paper has. A pilot "
    "saw cGAN on seed 0 before the run; the rules are older. Measured on 500 test maps. Detail: root "
    "mean square of the differences of pixels that touch, as a share of the real pictures'. Agreement: "
    "the share of pixels at which a segmenter, trained on other real pictures, reads the map's stuff or "
    "an object (the paper's FCN score); beside it stand that of the real pictures, and of real pictures "
    "that belong to other maps. Fréchet distance to the real pictures in features of shapes_resnet: "
    "artefacts make it larger, and blur too. The axis was named before the run: the weight of the L1 "
    "distance in the whole objective, of which L1 alone is the end at infinity, and the conditional "
    "game alone the end at 0.",
    names={
        "sharper": "detail with L1 + cGAN minus that with L1 alone, as shares of the real pictures' detail",
        "kept": "agreement with the map: discriminator that sees it (cGAN) minus one that does not (GAN)",
        "cleaner": "Fréchet distance: cGAN alone minus L1 + cGAN",
    },
    boundary=Boundary("weight of the L1 distance", WEIGHTS, weighed),
)
def c15_2_objectives(seed: int, budget: str) -> Figures:
    """Measures of the five arms of the paper's table 1."""
    found = compared(seed, budget, ARMS)
    return {
        "sharper": found["L1 + cGAN"]["detail"] - found["L1"]["detail"],
        "kept": found["cGAN"]["agreement"] - found["GAN"]["agreement"],
        "cleaner": found["cGAN"]["frechet"] - found["L1 + cGAN"]["frechet"],
        "arms": found,
        "real": limits(seed, budget),
    }
