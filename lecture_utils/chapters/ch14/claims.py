"""Chapter 14: what the lecture claims about models that see and speak, measured.

Each claim is one function of a seed, with a rule that was fixed before any run; `ledger.run` applies it. They
stand in files of their own, one to a system.
"""

from lecture_utils.chapters.ch14.attention_claims import c14_1_looks
from lecture_utils.chapters.ch14.blip_claims import c14_4_aware
from lecture_utils.chapters.ch14.gate_claims import c14_2_gates
from lecture_utils.chapters.ch14.llava_claims import c14_3_stages
from lecture_utils.chapters.ch14.program_claims import c14_5_programs

__all__ = ["c14_1_looks", "c14_2_gates", "c14_3_stages", "c14_4_aware", "c14_5_programs"]
