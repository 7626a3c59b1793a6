"""Chapter 13: what the lecture claims about senses in one space, measured.

Each claim is one function of a seed, with a rule that was fixed before any run; `ledger.run` applies it. They
stand in files of their own: `clip_claims` (C13.1, C13.2, C13.3), `fusion_claims` (C13.4), `imagebind_claims`
(C13.5), `shift_claims` (C13.6).
"""

from lecture_utils.chapters.ch13.clip_claims import (
    c13_1_templates,
    c13_2_unseen_pairs,
    c13_3_temperature,
)
from lecture_utils.chapters.ch13.fusion_claims import c13_4_neglect
from lecture_utils.chapters.ch13.imagebind_claims import c13_5_emergent
from lecture_utils.chapters.ch13.shift_claims import c13_6_shifts

__all__ = [
    "c13_1_templates",
    "c13_2_unseen_pairs",
    "c13_3_temperature",
    "c13_4_neglect",
    "c13_5_emergent",
    "c13_6_shifts",
]
