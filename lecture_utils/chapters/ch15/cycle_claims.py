"""Chapter 15: whether translated pictures stop depending on their inputs without the cycle loss (C15.3).

The claim is one function of a seed. Its rules are fixed here, before any run; `ledger.run` applies them.
"""

from lecture_utils.chapters.ch15.cycle_study import arm
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.generative.cyclegan.losses import CYCLE, IDENTITY
from lecture_utils.training.kit import Figures


def weighed(seed: int, budget: str, point: float) -> Figures:
    """The same with a weight of the cycle loss between 0 and 10."""
    scores = arm(seed, budget, point)
    return {"gap": arm(seed, budget, CYCLE)["found"] - scores["found"], "scores": scores}


@claim(
    "C15.3",
    statement="Without the cycle loss, translated pictures stop depending on their inputs: fewer than half "
    "can be matched with the scene that they were made from, and fewer than with it.",
    paper='J.-Y. Zhu, T. Park, P. Isola, A. Efros, "Unpaired Image-to-Image Translation using '
    'Cycle-Consistent Adversarial Networks", ICCV 2017, section 5.1.4, tables 4 and 5 ("GAN alone" against '
    "CycleGAN) and figure 7",
    rule=(Rule("gap", above=0.0), Rule("found_without", below=0.5)),
    seeds=3,
    note="Day and dusk at 16 × 16 pixels, 500 steps of 8 pictures of each domain, no identity loss; arms of "
    "a seed have the same first weights and pictures. A translated picture is compared, less the mean "
    "picture of its kind, with the exact pictures of 64 test scenes in the other light, its own among them "
    "(chance 0.016; an unchanged copy 1); 1,024 pictures each way. Half is midway between following the "
    "input and not depending on it. In the record too: what a linear reader gets back of the input from the "
    "output with noise of 0.05, the distance to the exact picture, the Fréchet distance to the other domain "
    "in the course's features; the arm with both cycle and identity loss; and generators without the "
    "shortcuts of their residual blocks, without the cycle loss. Boundary: the weight of the cycle loss, 10 "
    "in the paper (there for pictures in [-1, 1], so that 10 here is 5 there).",
    names={
        "gap": "share matched with the cycle loss (weight 10) minus the share without",
        "found_without": "share matched with its scene, without the cycle loss",
        "found_with": "share matched with its scene, with the cycle loss",
        "found_without_shortcut": "share matched, without the cycle loss and without shortcuts",
    },
    boundary=Boundary("weight of the cycle loss", (0.1, 1.0), weighed),
)
def c15_3_cycle(seed: int, budget: str) -> Figures:
    """Shares of pictures that are matched with their scene, in each arm."""
    arms = {
        "with": arm(seed, budget, CYCLE),
        "without": arm(seed, budget, 0.0),
        "without_shortcut": arm(seed, budget, 0.0, shortcut=False),
        "with_identity": arm(seed, budget, CYCLE, IDENTITY),
    }
    found = {f"found_{name}": scores["found"] for name, scores in arms.items()}
    return {"gap": found["found_with"] - found["found_without"], **found, "arms": arms}
