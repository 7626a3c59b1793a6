"""Chapter 15's lab, step 3: what the weight of the divergence buys, and what it costs.

I. Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework",
ICLR 2017. Here β goes both ways from 1, the weight for which the loss is minus a bound of log p(x).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from lecture_utils.chapters.ch15.lab_debug import Symptoms, Trained, symptoms, trained
from lecture_utils.exercises.exercise import Exercise, Mistake, parts

__all__ = ["BETAS", "READINGS", "REASONS", "STEP_3", "by_beta", "table"]

BETAS = (0.1, 0.3, 1.0, 3.0, 10.0)
READINGS = {
    "A": "The one with β = 0.1: it decodes new digits best.",
    "B": "The one with β = 1: below it the latent numbers cost too much, above it they tell too little.",
    "C": "The one with β = 10: its clouds lie where samples are drawn from.",
    "D": "That cannot be said: each β has another loss, and losses of different kinds cannot be compared.",
}
REASONS = {
    "1": "The log-likelihood of a picture, given its own z, falls with each larger β.",
    "2": "What the latent numbers cost falls with each larger β, to about nothing.",
    "3": "The log-likelihood minus what the latent numbers cost is largest in the middle row.",
    "4": "The smaller β is, the more is lost where a picture is decoded from another one's z.",
}


def by_beta(
    loss: Callable[..., Tensor], betas: Sequence[float] = BETAS, *, seed: int = 0
) -> dict[float, Trained]:
    """Train one VAE for each β, by a loss that lets its weight rise to `most`."""
    return {beta: trained(loss, seed, most=beta) for beta in betas}


def table(models: Mapping[float, Trained], split: str = "val") -> dict[float, Symptoms]:
    """Measure each, with β 1 in the bound, whatever it was trained with."""
    return {beta: symptoms(its, split) for beta, its in models.items()}


def _reads(letter: str) -> Callable[[Any], bool]:
    return lambda answer: parts(answer)[0] == letter


STEP_3 = Exercise(
    "15.L3",
    "Which is the best model of digits?",
    ("B", "3"),
    None,
    difficulty=2,
    minutes=10,
    choices=(("A", "B", "C", "D"), ("1", "2", "3", "4")),
    hints=(
        "The best model of digits is the one that finds new digits likeliest. How likely is a picture, by a "
        "bound that means the same for all five?",
        "A reason can be true and carry nothing: all four are true. Which one speaks of both columns, what z "
        "brings and what it costs?",
    ),
    mistakes=(
        Mistake(
            ("B", "1"),
            "The reading is right. But this reason speaks of decoding alone, and by it β 0.1 would be the "
            "best.",
        ),
        Mistake(
            ("B", "2"),
            "The reading is right. But this reason speaks of the cost alone, and by it β 10 would be best.",
        ),
        Mistake(
            ("B", "4"),
            "The reading is right. The reason says that z tells more for a small β. Whether it is worth its "
            "cost is another matter.",
        ),
        Mistake(
            ("A", "1"),
            "To decode from its own z is not all: somebody has to find that z, and it was found by looking "
            "at the picture. What does this cost in the same row?",
            when=_reads("A"),
        ),
        Mistake(
            ("C", "2"),
            "Its clouds are the prior because z tells nothing. Look at the number of active units, and at "
            "how it decodes: it is no better than the blind model.",
            when=_reads("C"),
        ),
        Mistake(
            ("D", "3"),
            "The losses cannot be compared, that is so. But the last column is the same bound on log p(x) "
            "for all five, whatever they were trained with.",
            when=_reads("D"),
        ),
    ),
)
