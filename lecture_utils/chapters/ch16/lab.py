"""The lab of chapter 16: a diffusion model of digits, two faults in walks, and four calls for a digit.

Step 1 (`lab_ddpm`, `lab_assemble`) writes a DDPM and trains it, step 2 (`lab_debug`) finds from samples and
figures what is wrong with samplers, and step 3 (`lab_interpret`) spends four calls of the network.
"""

from lecture_utils.chapters.ch16.lab_assemble import STEP_1
from lecture_utils.chapters.ch16.lab_debug_check import STEP_2
from lecture_utils.chapters.ch16.lab_interpret import STEP_3
from lecture_utils.exercises.exercise import Lab

__all__ = ["LAB"]

LAB = Lab("16.L", "DDPM, from noised pictures to samples", (STEP_1, STEP_2, STEP_3))
