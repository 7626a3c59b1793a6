"""Chapter 09: the checked exercises of part a (instances) and part b (panoptic, video), and the lab."""

from lecture_utils.chapters.ch09.instance_exercises import EXERCISES as INSTANCE
from lecture_utils.chapters.ch09.lab import LAB
from lecture_utils.chapters.ch09.panoptic_exercises import EXERCISES as PANOPTIC

__all__ = ["EXERCISES", "LAB"]

EXERCISES = [*INSTANCE, *PANOPTIC]
