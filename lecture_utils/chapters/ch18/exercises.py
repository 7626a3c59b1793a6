"""Chapter 18: the checked exercises of part a (views and points)."""

from lecture_utils.chapters.ch18.geometry_exercises import EXERCISES as GEOMETRY

__all__ = ["EXERCISES"]

EXERCISES = [*GEOMETRY]
