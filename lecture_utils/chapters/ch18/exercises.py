"""Chapter 18: the exercises of part a (views and points) and part b (radiance fields), and the lab."""

from lecture_utils.chapters.ch18.geometry_exercises import EXERCISES as GEOMETRY
from lecture_utils.chapters.ch18.lab import LAB
from lecture_utils.chapters.ch18.radiance_exercises import EXERCISES as RADIANCE

__all__ = ["EXERCISES", "LAB"]

EXERCISES = [*GEOMETRY, *RADIANCE]
