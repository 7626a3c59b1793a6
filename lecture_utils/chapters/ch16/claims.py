"""Chapter 16: what the lecture claims about diffusion, measured.

Each claim is one function of a seed, with a rule that was fixed before any run; `ledger.run` applies it. They
stand in the files that are imported here.
"""

from lecture_utils.chapters.ch16.compute_claims import c16_3_compute
from lecture_utils.chapters.ch16.guidance_claims import c16_4_guidance
from lecture_utils.chapters.ch16.noising_claims import c16_1_noising
from lecture_utils.chapters.ch16.steps_claims import c16_2_steps

__all__ = ["c16_1_noising", "c16_2_steps", "c16_3_compute", "c16_4_guidance"]
