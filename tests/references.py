"""The solutions of exercises beside the package's functions: what they are tried on, and that they agree."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lecture_utils.exercises import compare
from lecture_utils.exercises.exercise import Exercise


def cases_of(exercise: Exercise, seed: int = 0) -> list[tuple[Any, ...]]:
    """What an exercise is tried on."""
    assert exercise.cases is not None
    return list(exercise.cases(np.random.default_rng(seed)))


def check_reference(exercise: Exercise, theirs: Callable[..., Any], *, seeds: int = 2) -> None:
    """Assert that the solution and the package's function give the same in all cases of some seeds."""
    use = exercise.use or (lambda answer, *case: answer(*case))
    for seed in range(seeds):
        for case in cases_of(exercise, seed):
            ours = use(exercise.reference, *case)
            assert compare.difference(use(theirs, *case), ours) is None
