"""Chapter 15: what the lecture claims about generative models, measured.

Each claim is one function of a seed, with a rule that was fixed before any run; `ledger.run` applies it. They
stand in the files that are imported here.
"""

from lecture_utils.chapters.ch15.cycle_claims import c15_3_cycle
from lecture_utils.chapters.ch15.latent_claims import c15_1_noise
from lecture_utils.chapters.ch15.pix2pix_claims import c15_2_objectives

__all__ = ["c15_1_noise", "c15_2_objectives", "c15_3_cycle"]
