"""Chapter 18: the three steps of the lab."""

from lecture_utils.chapters.ch18.tasks.lab_cameras import STEP_2
from lecture_utils.chapters.ch18.tasks.lab_cloud import STEP_1
from lecture_utils.chapters.ch18.tasks.lab_more_views import STEP_3
from lecture_utils.exercises.exercise import Lab

__all__ = ["LAB"]


LAB = Lab("18.L", "From pictures to cameras, points, Gaussians and a new view", (STEP_1, STEP_2, STEP_3))
