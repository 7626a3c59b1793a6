"""What the toy world sounds like and how it is walked: struck objects, spoken words, the camera's shake."""

from lecture_utils.data.toyworld.sound.impact import RATE, impact
from lecture_utils.data.toyworld.sound.inertial import RATE_HZ, shake
from lecture_utils.data.toyworld.sound.phonemes import WORDS
from lecture_utils.data.toyworld.sound.speech import speak
from lecture_utils.data.toyworld.sound.voices import Voice, sample_voices

__all__ = ["RATE", "RATE_HZ", "WORDS", "Voice", "impact", "sample_voices", "shake", "speak"]
