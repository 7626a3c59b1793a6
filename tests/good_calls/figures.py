"""Good calls of the figures that a body model learns from: data.toyworld.people.figure and its measures."""

from torch import Tensor

from lecture_utils.data.toyworld.people.figure import Figure, figure
from lecture_utils.data.toyworld.people.figure_measures import mean_measures
from tests.bad_calls import count, floats, made, word
from tests.good_calls.makers import Call


def mean_and(x: Tensor) -> Tensor:
    """A person within some per mille of the mean."""
    return mean_measures() * (1 + 0.01 * x)


def person() -> Figure:
    """The mean person."""
    return figure(mean_measures())


MEASURES, POSE, PERSON = floats(12, of=mean_and), floats(24, 3), made(person)

GOOD: dict[str, dict[str, Call]] = {
    "data.toyworld.people.figure_measures": {
        "sample_measures": {"count": count(2), "seed": count(0, zero=True), "split": word("train")},
    },
    "data.toyworld.people.figure": {
        "figure": {"measures": MEASURES},
        "posed": {"person": PERSON, "pose": POSE},
        "signed_distance": {"points": floats(5, 3), "measures": MEASURES, "pose": POSE},
    },
}  # fmt: skip
