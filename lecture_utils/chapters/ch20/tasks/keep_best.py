"""Chapter 20, exercise 20.9: SPIN's dictionary of best fits (reference: `fitting_solutions.keep_best`)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch20.fitting_solutions import keep_best
from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]


def _batches(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    none = torch.inf
    yield floats([[0.0]]), floats([none]), torch.tensor([0]), floats([[1.0]]), floats([5.0])  # the first fit
    yield floats([[1.0]]), floats([5.0]), torch.tensor([0]), floats([[2.0]]), floats([8.0])  # a worse one
    yield floats([[1.0]]), floats([5.0]), torch.tensor([0]), floats([[2.0]]), floats([5.0])  # as good
    yield floats([[1.0]]), floats([none]), torch.tensor([0]), floats([[2.0]]), floats([torch.nan])  # diverged
    fits, errors = floats([[1.0], [2.0], [3.0]]), floats([4.0, 6.0, 1.0])
    yield (
        fits,
        errors,
        torch.tensor([2, 1]),
        floats([[7.0], [8.0]]),
        floats([3.0, 5.0]),
    )  # one of two is better
    for pictures, batch, numbers in ((4, 2, 2), (5, 3, 2), (6, 4, 3), (9, 5, 3)):
        before, now = rng.uniform(2, 10, pictures), rng.uniform(2, 10, batch)
        before[rng.random(pictures) < 0.25] = none
        now[rng.random(batch) < 0.15] = np.nan
        rows = torch.tensor(rng.permutation(pictures)[:batch])
        known, found = rng.normal(size=(pictures, numbers)), rng.normal(size=(batch, numbers))
        yield floats(known), floats(before), rows, floats(found), floats(now)


def _kept(
    fits: Tensor,
    errors: Tensor,
    rows: Tensor,
    new_fits: Tensor,
    new_errors: Tensor,
    *,
    better: Callable[[Tensor, Tensor], Tensor] = lambda new, old: new < old,
    against: Callable[[Tensor, Tensor], Tensor] = lambda errors, rows: errors[rows],
    to: Callable[[Tensor, Tensor], Tensor] = lambda rows, which: rows[which],
    note: bool = True,
    replace: bool = True,
    taught: Callable[..., Tensor] = lambda fits, old, rows, new: fits[rows],
) -> tuple[Tensor, Tensor, Tensor]:
    """The dictionary with one part exchanged."""
    which = better(new_errors, against(errors, rows))
    kept, best = fits.clone(), errors.clone()
    if replace:
        kept[to(rows, which)] = new_fits[which]
    if note:
        best[to(rows, which)] = new_errors[which]
    return kept, best, taught(kept, fits, rows, new_fits)


@mistake(
    "You take every new fit, also those that are worse. One unlucky fit then undoes what the dictionary is "
    "for: when may a new one come in?"
)
def _newest(*given: Tensor) -> Any:
    return _kept(*given, better=lambda new, old: torch.ones_like(new, dtype=torch.bool))


@mistake("You keep the worse fit of the two: the sign of your comparison is the wrong way round.")
def _worst(*given: Tensor) -> Any:
    return _kept(*given, better=lambda new, old: new > old)


@mistake("With equal errors the old fit stays. You let the new one in: `<` is meant, and not `<=`.")
def _equal_too(*given: Tensor) -> Any:
    return _kept(*given, better=lambda new, old: new <= old)


@mistake(
    "A fit whose error is NaN gets in. Each comparison with NaN is false: ask whether the new one *is* "
    "better, and not whether it is *not* worse."
)
def _nan_gets_in(*given: Tensor) -> Any:
    return _kept(*given, better=lambda new, old: ~(new >= old))


@mistake(
    "The fits are replaced, but their errors are not noted. The next fit is then compared with one that is "
    "no longer there."
)
def _errors_not_noted(*given: Tensor) -> Any:
    return _kept(*given, note=False)


@mistake(
    "The errors are noted, but the fits stay what they were. Both belong to one picture, and change together."
)
def _fits_not_replaced(*given: Tensor) -> Any:
    return _kept(*given, replace=False)


@mistake(
    "You compare with the first entries of the dictionary. The batch's pictures stand at `rows`: the errors "
    "before are those of the same pictures."
)
def _against_first(*given: Tensor) -> Any:
    return _kept(*given, against=lambda errors, rows: errors[: len(rows)])


@mistake(
    "You choose well, but write into the first entries of the dictionary. A fit belongs at the number of "
    "its picture, which `rows` says."
)
def _written_first(*given: Tensor) -> Any:
    return _kept(*given, to=lambda rows, which: which.nonzero()[:, 0])


@mistake("You decide for the whole batch at once, by its mean error. Each picture has a best fit of its own.")
def _by_mean(*given: Tensor) -> Any:
    return _kept(*given, better=lambda new, old: (new.mean() < old.mean()).expand(len(new)))


@mistake(
    "Your dictionary is right. The network does not learn from the new fit, which may be a bad one, but "
    "from the best that there is now."
)
def _learns_from_new(*given: Tensor) -> Any:
    return _kept(*given, taught=lambda fits, old, rows, new: new)


@mistake(
    "Your dictionary is right. The network is to learn from the best fits after the batch; you give it "
    "those from before."
)
def _learns_from_old(*given: Tensor) -> Any:
    return _kept(*given, taught=lambda fits, old, rows, new: old[rows])


@mistake(
    "Your dictionary is right. What the network learns from are the fits of the batch's pictures, in the "
    "batch's order; you give those of the first pictures."
)
def _learns_from_first(*given: Tensor) -> Any:
    return _kept(*given, taught=lambda fits, old, rows, new: fits[: len(rows)])


@mistake(
    "You mix old and new fits. A mean of two poses is a third one that nobody has compared with the "
    "picture: take one or the other."
)
def _mean_of_both(fits: Tensor, errors: Tensor, rows: Tensor, new_fits: Tensor, new_errors: Tensor) -> Any:
    which = new_errors < errors[rows]
    kept, best = fits.clone(), errors.clone()
    kept[rows[which]] = (fits[rows[which]] + new_fits[which]) / 2
    best[rows[which]] = new_errors[which]
    return kept, best, kept[rows]


@mistake(
    "A picture that has never been fitted has an error of infinity, and any fit is better than none. Yours "
    "never gets its first one."
)
def _never_the_first(*given: Tensor) -> Any:
    return _kept(*given, better=lambda new, old: (new < old) & old.isfinite())


@mistake(
    "A fit whose error is NaN stays out, but the error itself is noted: `torch.minimum` hands NaN on. Use "
    "the mask for the errors too."
)
def _nan_noted(fits: Tensor, errors: Tensor, rows: Tensor, new_fits: Tensor, new_errors: Tensor) -> Any:
    kept, _, best = _kept(fits, errors, rows, new_fits, new_errors)
    noted = errors.clone()
    noted[rows] = torch.minimum(errors[rows], new_errors)
    return kept, noted, best


EXERCISE = Exercise(
    "20.9",
    "Keep the best fit",
    keep_best,
    _batches,
    difficulty=1,
    minutes=8,
    hints=(
        "First a decision for each picture of the batch: is the new error smaller than the one noted for "
        "that picture? Then two replacements, fits and errors, at the right places of copies.",
        "errors[rows] are the errors noted for the batch's pictures. A mask picks those that are better; "
        "rows[better] are their places in the dictionary, new_fits[better] what goes there.",
        "better is new_errors < errors[rows]. After fits, errors = fits.clone(), errors.clone() write "
        "new_fits[better] to fits[rows[better]] and new_errors[better] to errors[rows[better]]; the third "
        "answer is fits[rows].",
    ),
    mistakes=(
        _newest,
        _worst,
        _equal_too,
        _nan_gets_in,
        _nan_noted,
        _errors_not_noted,
        _fits_not_replaced,
        _against_first,
        _written_first,
        _by_mean,
        _learns_from_new,
        _learns_from_old,
        _learns_from_first,
        _mean_of_both,
        _never_the_first,
    ),
)
