"""The lab of chapter 20: forward kinematics, projection and priors fit a body to a man in a photograph.

Step 1 (`lab_fit`, `lab_assemble`) assembles the fit, step 2 (`lab_debug`) finds two faults in how clicks are
read, and step 3 (`lab_interpret`) chooses among bodies that have the same pixels. `clicks` has what was
clicked.
"""

from lecture_utils.chapters.ch20.lab_assemble import STEP_1
from lecture_utils.chapters.ch20.lab_debug_check import STEP_2
from lecture_utils.chapters.ch20.lab_interpret import STEP_3
from lecture_utils.exercises.exercise import Lab

__all__ = ["LAB"]

LAB = Lab("20.L", "A body for the man behind the camera", (STEP_1, STEP_2, STEP_3))
