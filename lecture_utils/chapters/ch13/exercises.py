"""Chapter 13: the exercises of part a (one space) and part b (crossing senses), and the lab."""

from lecture_utils.chapters.ch13.lab import LAB
from lecture_utils.chapters.ch13.tasks import (
    balance,
    contrast,
    direction,
    guidance,
    merging,
    negative_sampling,
    phases,
    retrieval,
    spectrum,
    zero_shot,
)

__all__ = ["EXERCISES", "LAB"]

SPACE = (merging, negative_sampling, spectrum, contrast, zero_shot)
CROSSING = (retrieval, balance, guidance, phases, direction)
EXERCISES = [task.EXERCISE for task in (*SPACE, *CROSSING)]
