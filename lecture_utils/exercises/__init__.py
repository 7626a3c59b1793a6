"""Checked exercises, prediction questions, and the learner's progress. Imports no torch by itself."""

from lecture_utils.exercises.checker import Exercise, check
from lecture_utils.exercises.progress import progress
from lecture_utils.exercises.quiz import predict

__all__ = ["Exercise", "check", "predict", "progress"]
