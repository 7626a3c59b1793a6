"""The lab of chapter 15: a VAE from the ELBO, one whose latent numbers say nothing, and what β does.

Step 1 (`lab_vae`, `lab_assemble`) writes a VAE of black-and-white digits and trains it, step 2 (`lab_debug`)
finds out why another one ignores its latent numbers, and step 3 (`lab_interpret`) reads a table of betas.
"""

from lecture_utils.chapters.ch15.lab_assemble import STEP_1
from lecture_utils.chapters.ch15.lab_debug_check import STEP_2
from lecture_utils.chapters.ch15.lab_interpret import STEP_3
from lecture_utils.exercises.exercise import Lab

__all__ = ["LAB"]

LAB = Lab("15.L", "A VAE from the ELBO", (STEP_1, STEP_2, STEP_3))
