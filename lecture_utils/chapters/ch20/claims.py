"""Chapter 20: what the lecture claims about bodies and about finding them in pictures, measured.

Each claim is one function of a seed, with a rule that was fixed before any run; `ledger.run` applies it. They
stand in files of their own: `body_claims` (C20.1), `smplify_claims` (C20.2), `spin_claims` (C20.3),
`multiply_claims` (C20.4).
"""

from lecture_utils.chapters.ch20.body_claims import c20_1_correctives
from lecture_utils.chapters.ch20.multiply_claims import c20_4_together
from lecture_utils.chapters.ch20.smplify_claims import c20_2_priors
from lecture_utils.chapters.ch20.spin_claims import c20_3_loop

__all__ = ["c20_1_correctives", "c20_2_priors", "c20_3_loop", "c20_4_together"]
