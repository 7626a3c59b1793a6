"""Chapter 20: the exercises of part a (a body model) and part b (people from pictures), and the lab."""

from lecture_utils.chapters.ch20.tasks import kinematics, rest_body, rodrigues, six_numbers, skinning

__all__ = ["EXERCISES"]

EXERCISES = [task.EXERCISE for task in (rodrigues, six_numbers, kinematics, skinning, rest_body)]
