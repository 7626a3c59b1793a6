"""The lab of chapter 14: a language model gets eyes, looks blind when it is asked, and what an accuracy says.

Step 1 (`lab_eyes`, `lab_assemble`) wires a picture into a frozen language model and trains it, step 2
(`lab_debug`) finds two faults in how a model is asked, and step 3 (`lab_interpret`) reads a table of
accuracies.
"""

from lecture_utils.chapters.ch14.lab_assemble import STEP_1
from lecture_utils.chapters.ch14.lab_debug_check import STEP_2
from lecture_utils.chapters.ch14.lab_interpret import STEP_3
from lecture_utils.exercises.exercise import Lab

__all__ = ["LAB"]

LAB = Lab("14.L", "Eyes for a language model", (STEP_1, STEP_2, STEP_3))
