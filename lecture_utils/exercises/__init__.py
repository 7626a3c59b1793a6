"""Checked exercises, prediction questions, and the learner's progress. Imports no torch by itself."""

from lecture_utils.exercises.checker import check
from lecture_utils.exercises.quiz import predict
from lecture_utils.exercises.table import progress

__all__ = ["check", "predict", "progress"]
