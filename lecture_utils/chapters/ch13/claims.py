"""Chapter 13: what the lecture claims about senses in one space, measured.

Each claim is one function of a seed, with a rule that was fixed before any run; `ledger.run` applies it. They
stand in files of their own: `fusion_claims` (C13.4).
"""

from lecture_utils.chapters.ch13.fusion_claims import c13_4_neglect

__all__ = ["c13_4_neglect"]
