"""The lab of chapter 13: a CLIP of two encoders, a classifier whose accuracy is chance, and what a miss is.

Step 1 (`lab_towers`, `lab_assemble`) assembles a CLIP and trains it, step 2 (`lab_debug`) finds two faults in
how embeddings are compared, and step 3 (`lab_interpret`) reads a table of pictures against captions.
"""

from lecture_utils.chapters.ch13.lab_assemble import STEP_1
from lecture_utils.chapters.ch13.lab_debug_check import STEP_2
from lecture_utils.chapters.ch13.lab_interpret import STEP_3
from lecture_utils.exercises.exercise import Lab

__all__ = ["LAB"]

LAB = Lab("13.L", "A CLIP of your own, and why it fails", (STEP_1, STEP_2, STEP_3))
