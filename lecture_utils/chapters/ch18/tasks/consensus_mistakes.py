"""Chapter 18, exercise 18.4: the usual mistakes, each with its hint (`consensus` has the exercise).

Shapes: P data, R rounds of s data each.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lecture_utils.chapters.ch18.solutions import ransac
from lecture_utils.exercises.exercise import mistake

__all__ = ["MISTAKES"]


def _consensus(
    data: Tensor,
    fit: Callable[..., Tensor],
    distances: Callable[..., Tensor],
    samples: Tensor,
    within: float,
    certainty: float,
    *,
    score: Callable[[Tensor], float] = lambda off: float((off > 0).sum()),
    least: float = 0,
    last: bool = False,
    clean: Callable[[float, int], float] = lambda share, s: share**s,
    enough: Callable[[float, int, float], bool] = lambda clean, n, sure: (1 - clean) ** n <= 1 - sure,
    own: bool = False,
) -> tuple[Tensor, int]:
    """RANSAC with one part exchanged; `score` sees by how much each datum is nearer than `within`."""
    best, highest, rounds = torch.zeros(len(data), dtype=torch.bool), least, 0
    for rounds, sample in enumerate(samples, start=1):
        spare = within - distances(fit(data[sample]), data)
        if score(spare) > highest or (last and score(spare) == highest):
            best, highest = spare > 0, score(spare)
        share = float((spare > 0 if own else best).double().mean())
        if enough(clean(share, len(sample)), rounds, certainty):
            break
    return best, rounds


@mistake(
    "You put the share of outliers into the formula. A sample is of use if *none* of its data is an "
    "outlier: which share, to the power of what, is the probability of that?"
)
def _share_of_outliers(*given: Any) -> Any:
    return _consensus(*given, clean=lambda share, s: (1 - share) ** s)


@mistake(
    "You take 1 - eˢ, with e the share of outliers, for the probability of a clean sample. But eˢ says that "
    "all of it are outliers; one is enough to spoil it."
)
def _not_all_outliers(*given: Any) -> Any:
    return _consensus(*given, clean=lambda share, s: 1 - (1 - share) ** s)


@mistake("Your sample counts as clean if one datum is an inlier. All s of them have to be.")
def _one_inlier_is_enough(*given: Any) -> Any:
    return _consensus(*given, clean=lambda share, s: share)


@mistake(
    "Your exponent is the number of data. How many of them are drawn for a hypothesis, and have to be "
    "inliers?"
)
def _power_of_all_data(*given: Any) -> Any:
    return _consensus(*given, clean=lambda share, s: share ** len(given[0]))


@mistake(
    "You end when the probability of having missed falls below `certainty`. What should be that high is the "
    "probability of having hit."
)
def _missed_for_hit(*given: Any) -> Any:
    return _consensus(*given, enough=lambda clean, n, sure: (1 - clean) ** n <= sure)


@mistake(
    "You add up the chances of the rounds. Two rounds of a chance of a half make no certainty: all of them "
    "miss with which probability?"
)
def _chances_added(*given: Any) -> Any:
    return _consensus(*given, enough=lambda clean, n, sure: n * clean >= sure)


@mistake(
    "While there is no inlier, your formula divides by log(1), which is 0, and says minus infinity: done. "
    "No inlier means that no number of rounds is enough."
)
def _minus_infinity(*given: Any) -> Any:
    def formula(clean: float, rounds: int, sure: float) -> bool:
        return rounds >= float(math.log(1 - sure) / torch.log(torch.tensor(1.0 - clean).double()))

    return _consensus(*given, enough=formula)


@mistake("You go through all samples. As soon as the certainty is reached, the rest is wasted time.")
def _to_the_end(*given: Any) -> Any:
    return _consensus(*given, enough=lambda clean, n, sure: False)


@mistake(
    "You reckon with the inliers of the present hypothesis. What is known of the true share is what the "
    "best one so far has shown."
)
def _share_of_the_present(*given: Any) -> Any:
    return _consensus(*given, own=True)


@mistake(
    "You square the distances and compare them with `within`, which is a distance. Below 1 that lets far "
    "too many pass: square both, or none."
)
def _squared_distances(data: Tensor, fit: Any, distances: Any, samples: Tensor, *rest: float) -> Any:
    return ransac(data, fit, lambda model, all: distances(model, all).square(), samples, *rest)


@mistake(
    "Your best hypothesis is the one with the least sum of distances. That is least squares' trap again: a "
    "single outlier can decide it. Only the number of inliers counts."
)
def _least_sum(data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, sure: float) -> Any:
    return _consensus(
        data, fit, distances, samples, within, sure, score=lambda spare: float(spare.sum()), least=-torch.inf
    )


@mistake("Of several with equally many inliers the first is to stay. The last wins with you: > or >=?")
def _last_with_as_many(*given: Any) -> Any:
    return _consensus(*given, last=True)


@mistake(
    "You return the inliers of the last hypothesis that was tried. The best one may have come before it."
)
def _latest(data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, sure: float) -> Any:
    _, rounds = ransac(data, fit, distances, samples, within, sure)
    return distances(fit(data[samples[rounds - 1]]), data) < within, rounds


@mistake("Your rounds are one too few. The one in which it ends was a round as well; Python counts from 0.")
def _rounds_from_0(*given: Any) -> Any:
    best, rounds = ransac(*given)
    return best, rounds - 1


@mistake("You return the outliers. True is wanted for who agrees with the hypothesis.")
def _outliers(*given: Any) -> Any:
    best, rounds = ransac(*given)
    return ~best, rounds


@mistake(
    "Your exponent is one too small: after the first round n is 1, and Python's count is still at 0. So you "
    "go on for a round too many."
)
def _exponent_from_0(*given: Any) -> Any:
    return _consensus(*given, enough=lambda clean, n, sure: (1 - clean) ** (n - 1) <= 1 - sure)


@mistake(
    "You round the number of rounds down. With fewer than the formula says the certainty is not reached: up."
)
def _rounded_down(*given: Any) -> Any:
    def formula(clean: float, rounds: int, sure: float) -> bool:
        if clean in (0.0, 1.0):
            return clean == 1.0
        return rounds >= int(math.log(1 - sure) / math.log(1 - clean))

    return _consensus(*given, enough=formula)


@mistake(
    "You ask only after a better hypothesis whether it may end. Each further round that finds none makes it "
    "surer as well: ask after every round."
)
def _asked_when_better(
    data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, certainty: float
) -> Any:
    best, rounds = torch.zeros(len(data), dtype=torch.bool), 0
    for rounds, sample in enumerate(samples, start=1):
        inliers = distances(fit(data[sample]), data) < within
        if inliers.sum() > best.sum():
            best = inliers
            if (1 - best.double().mean() ** len(sample)) ** rounds <= 1 - certainty:
                break
    return best, rounds


@mistake(
    "You count who agrees among the sample's own data. They agree nearly always, as the hypothesis was "
    "fitted to them: ask all the data."
)
def _sample_asked(
    data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, certainty: float
) -> Any:
    best, most, rounds = torch.zeros(len(data), dtype=torch.bool), 0, 0
    for rounds, sample in enumerate(samples, start=1):
        model = fit(data[sample])
        agree = int((distances(model, data[sample]) < within).sum())
        if agree > most:
            best, most = distances(model, data) < within, agree
        if (1 - best.double().mean() ** len(sample)) ** rounds <= 1 - certainty:
            break
    return best, rounds


@mistake(
    "You fit once more to all inliers at the end, and return whom that fit agrees with. It is a good idea, "
    "and the notebook does it afterwards; wanted here are the inliers of the best hypothesis itself."
)
def _fitted_again(
    data: Tensor, fit: Any, distances: Any, samples: Tensor, within: float, certainty: float
) -> Any:
    best, rounds = ransac(data, fit, distances, samples, within, certainty)
    return distances(fit(data[best]), data) < within, rounds


MISTAKES = (
    _share_of_outliers, _not_all_outliers, _one_inlier_is_enough, _power_of_all_data, _missed_for_hit,
    _chances_added, _minus_infinity, _to_the_end, _share_of_the_present, _squared_distances, _least_sum,
    _last_with_as_many, _latest, _rounds_from_0, _outliers, _exponent_from_0, _rounded_down,
    _asked_when_better, _sample_asked, _fitted_again,
)  # fmt: skip
