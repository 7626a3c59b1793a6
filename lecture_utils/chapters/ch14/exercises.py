"""Chapter 14: the exercises of part a (given eyes) and part b (asked and sent), and the lab."""

from lecture_utils.chapters.ch14.lab import LAB
from lecture_utils.chapters.ch14.tasks import (
    best_query,
    causal,
    cell,
    gate,
    inputs,
    looking,
    masks,
    program,
    sensors,
    writing,
)

__all__ = ["EXERCISES", "LAB"]

EYES = (cell, looking, causal, writing, gate, inputs)
ASKED = (masks, best_query, program, sensors)
EXERCISES = [task.EXERCISE for task in (*EYES, *ASKED)]
