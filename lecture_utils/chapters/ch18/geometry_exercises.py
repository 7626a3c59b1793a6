"""Chapter 18, part a: the checked exercises about pictures, views and clouds of points, 18.1 to 18.7."""

from lecture_utils.chapters.ch18.cloud_exercises import EXERCISES as CLOUDS
from lecture_utils.chapters.ch18.picture_exercises import EXERCISES as PICTURES
from lecture_utils.chapters.ch18.view_exercises import EXERCISES as VIEWS

__all__ = ["EXERCISES"]

EXERCISES = [*PICTURES, *VIEWS, *CLOUDS]
