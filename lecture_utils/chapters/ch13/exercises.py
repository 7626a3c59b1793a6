"""Chapter 13: the exercises of part a (one space) and part b (crossing senses), and the lab."""

from lecture_utils.exercises.exercise import Exercise

__all__ = ["EXERCISES"]

EXERCISES: list[Exercise] = []
