"""Voices: the four numbers by which one speaker of toy words differs from another.

The length of the vocal tract scales all formants (G. Fant, Acoustic Theory of Speech Production, 1960: a tube
of length L resonates at odd multiples of c / 4L), and goes with the pitch as it does among people: Peterson
and Barney 1952 found a mean f0 of 132, 223 and 264 Hz for men, women and children, and formants about a sixth
and a third above the men's.
"""

from dataclasses import dataclass

import numpy as np

from lecture_utils.data.toyworld import checks
from lecture_utils.data.toyworld.hashing import between, scene_keys
from lecture_utils.data.toyworld.names import SPLITS
from lecture_utils.ops.checks import check_number

TRACT, RATE, BREATH = (0.74, 1.06), (0.85, 1.2), (0.0, 0.25)
F0_HZ, STEEPNESS, SPREAD = 130.0, 2.7, 0.15  # f0 = 130 Hz · tract^-2.7, give or take 15 %
STREAM = 1 << 20  # keeps voices' keys apart from scenes'


@dataclass(frozen=True)
class Voice:
    """A speaker.

    Parameters
    ----------
    f0_hz : float
        Mean pitch, 50 to 500.
    tract : float
        Length of the vocal tract over 17.5 cm, 0.5 to 1.5; formants go as 1 / tract.
    rate : float
        Speed of speech, 0.25 to 4; 1 is calm.
    breath : float
        Share of noise in the voice, 0 to 1.

    Raises
    ------
    ValueError
        For a number out of range.
    """

    f0_hz: float = 120.0
    tract: float = 1.0
    rate: float = 1.0
    breath: float = 0.05

    def __post_init__(self) -> None:
        check_number(self.f0_hz, "Voice.f0_hz", 50, 500)
        check_number(self.tract, "Voice.tract", 0.5, 1.5)
        check_number(self.rate, "Voice.rate", 0.25, 4)
        check_number(self.breath, "Voice.breath", 0, 1)


def sample_voices(count: int, seed: int = 0, split: str = "train") -> list[Voice]:
    """Draw speakers; different splits of one seed share none, and speaker i is the same whatever the count.

    Raises
    ------
    ValueError
        For a negative count or seed, or an unknown split.
    """
    checks.check_request(count, seed, split)
    key = scene_keys(seed, STREAM + SPLITS.index(split), count)
    tract, rate = between(key, "voice tract", TRACT), between(key, "voice rate", RATE)
    f0_hz = F0_HZ * tract**-STEEPNESS * np.exp(between(key, "voice f0", (-SPREAD, SPREAD)))
    breath = between(key, "voice breath", BREATH)
    return [Voice(*row) for row in np.stack([f0_hz, tract, rate, breath], axis=1).tolist()]
