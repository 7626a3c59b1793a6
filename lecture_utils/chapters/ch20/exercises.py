"""Chapter 20: the exercises of part a (a body model) and part b (people from pictures), and the lab."""

from lecture_utils.chapters.ch20.lab import LAB
from lecture_utils.chapters.ch20.tasks import (
    data_term,
    keep_best,
    kinematics,
    layers,
    placement,
    pose_prior,
    rest_body,
    rodrigues,
    six_numbers,
    skinning,
)

__all__ = ["EXERCISES", "LAB"]

BODY = (rodrigues, six_numbers, kinematics, skinning, rest_body)
FITTING = (placement, data_term, pose_prior, keep_best, layers)
EXERCISES = [task.EXERCISE for task in (*BODY, *FITTING)]
