"""Speakers: toy faces with the voices that go with them, and nothing between the two that nature has not.

A voice hangs on the body by two numbers. The pitch f0 follows from sex and age: G. E. Peterson and H. L.
Barney ("Control methods used in a study of the vowels", JASA 24, 1952, table II) measured means over ten
vowels of 132 Hz for 33 men, 223 Hz for 28 women and 264 Hz for 15 children. The vocal tract's length sets the
formants, which in the same table are higher by 16 % for women and 35 % for children than for men; it goes
with the height of the body (W. T. Fitch and J. Giedd, JASA 106, 1999), is longer in grown men than height
alone would have it, and shares what is left over with the length of the head. Old voices are a little
breathier.

Skin, hair, eyes, glasses and clothes have no part in the voice, nor it in them: whoever predicts them from a
voice guesses.

Simplified: one height and one sex to a line; no language, accent, health, or training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.faces.persons import normal
from lecture_utils.data.toyworld.faces.sampling import sample_faces
from lecture_utils.data.toyworld.faces.scene import Faces
from lecture_utils.data.toyworld.hashing import uniform
from lecture_utils.data.toyworld.sound.voices import Voice

F0_HZ = (264.0, 223.0, 132.0)  # children, women, men: Peterson and Barney 1952, table II
F0_SPREAD = 0.11  # of the logarithm, within a group
NEUTRAL_CM = 17.5  # the tract of `Voice.tract` = 1
WOMAN_CM, WOMAN_M, CM_A_METRE = 15.1, 1.64, 6.5  # 17.5 / 1.16; about 17.5 / 1.35 at ten years
MAN_CM = 1.5  # by which a man's tract is longer than a woman's as tall
FROM_HEAD_CM, OWN_CM = 0.35, 0.30  # spreads: what is shared with the head's length, and what is not


@dataclass(frozen=True, eq=False)
class Speakers:
    """N persons: `faces`, and a `Voice` of each; index it with a number, a slice or a tensor."""

    faces: Faces
    voices: tuple[Voice, ...]

    def __len__(self) -> int:
        return len(self.voices)

    def __getitem__(self, index: int | slice | Tensor | Sequence[int]) -> "Speakers":
        faces = self.faces[index]
        places = torch.arange(len(self))[
            index if isinstance(index, slice | Tensor) else torch.as_tensor(index)
        ]
        return Speakers(faces, tuple(self.voices[i] for i in places.reshape(-1).tolist()))


def sample_speakers(count: int, seed: int = 0, split: str = "train") -> Speakers:
    """Draw persons with faces and voices; the faces are those of `sample_faces`.

    Parameters
    ----------
    count, seed, split
        As for `sample_faces`.

    Returns
    -------
    Speakers
        Different splits of one seed share no person.

    Raises
    ------
    ValueError
        As `sample_faces` does.
    """
    faces = sample_faces(count, seed, split)
    return Speakers(faces, voices_of(faces))


def voices_of(faces: Faces) -> tuple[Voice, ...]:
    """The voice of each of N faces: of age, sex, height and the head's length, and chance.

    Raises
    ------
    ValueError
        For anything but Faces.
    """
    if not isinstance(faces, Faces):
        raise ValueError(f"faces: got {type(faces).__name__}, want Faces, as `sample_faces` gives them")
    key = faces.key.cpu().numpy().view(np.uint64)
    age, height, sex = (x.double().cpu().numpy() for x in (faces.age, faces.height_m, faces.masculinity))
    broken = np.clip((age - 10) / 7, 0, 1)  # how far a voice has come from a child's
    child, woman, man = np.log(F0_HZ)
    adult = woman + (man - woman) * sex
    pitch = child + 0.025 * (10 - age).clip(0) + broken * (adult - child) + F0_SPREAD * normal(key, "pitch")
    tract = (
        WOMAN_CM + CM_A_METRE * (height - WOMAN_M) + MAN_CM * broken * sex
        + FROM_HEAD_CM * normal(key, "head length") + OWN_CM * normal(key, "tract")
    )  # fmt: skip
    rate = 0.88 + 0.28 * uniform(key, "speech rate")
    breath = 0.02 + 0.12 * uniform(key, "breath") + 0.12 * np.clip((age - 50) / 30, 0, 1)
    numbers = np.stack(
        [np.exp(pitch).clip(55, 480), (tract / NEUTRAL_CM).clip(0.55, 1.3), rate, breath], axis=1
    )
    return tuple(Voice(*row) for row in numbers.tolist())
