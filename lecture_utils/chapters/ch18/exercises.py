"""Chapter 18: the exercises of part a (views and points) and part b (radiance fields), and the lab."""

from lecture_utils.chapters.ch18.tasks import (
    block_matching,
    consensus,
    eight_points,
    fine_samples,
    fog,
    front_to_back,
    largest_feature,
    projection,
    shadow,
    triangulation,
    two_clouds,
    waves,
)
from lecture_utils.chapters.ch18.tasks.lab import LAB

__all__ = ["EXERCISES", "LAB"]

VIEWS = (projection, block_matching, eight_points, consensus, triangulation)
CLOUDS = (two_clouds, largest_feature)
RADIANCE = (fog, waves, fine_samples, shadow, front_to_back)
EXERCISES = [task.EXERCISE for task in (*VIEWS, *CLOUDS, *RADIANCE)]
