"""Chapter 09: the checked exercises, those of part a (instances) and of part b (panoptic, video) together."""

from lecture_utils.chapters.ch09.instance_exercises import EXERCISES as INSTANCE

__all__ = ["EXERCISES"]

EXERCISES = [*INSTANCE]
