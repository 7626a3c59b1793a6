"""Chapter 13: the exercises of part a (one space) and part b (crossing senses), and the lab."""

from lecture_utils.chapters.ch13.lab import LAB
from lecture_utils.chapters.ch13.tasks import contrast, merging, negative_sampling, spectrum, zero_shot

__all__ = ["EXERCISES", "LAB"]

SPACE = (merging, negative_sampling, spectrum, contrast, zero_shot)
EXERCISES = [task.EXERCISE for task in (*SPACE,)]
