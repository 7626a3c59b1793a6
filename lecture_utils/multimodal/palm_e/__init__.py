"""PaLM-E (S14.8): what sensors say stands among the words, and a plan comes out as text."""

from lecture_utils.multimodal.palm_e.control import Episode, run
from lecture_utils.multimodal.palm_e.palm_e import IGNORE, PaLME, interleave
from lecture_utils.multimodal.palm_e.planning import prompt, steps_of, write
from lecture_utils.multimodal.palm_e.policy import Body, carry_out
from lecture_utils.multimodal.palm_e.sensors import ImageEncoder, StateEncoder

__all__ = [
    "IGNORE",
    "Body",
    "Episode",
    "ImageEncoder",
    "PaLME",
    "StateEncoder",
    "carry_out",
    "interleave",
    "prompt",
    "run",
    "steps_of",
    "write",
]
