"""Voices hang on bodies as Peterson and Barney measured it, and on nothing else of a face."""

import numpy as np
import pytest
import torch

from lecture_utils.data.toyworld import faces as toy
from lecture_utils.data.toyworld.faces.speakers import voices_of
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.7")

# Peterson and Barney 1952, table II: F1, F2, F3 of ten vowels, men, women, children, and mean f0.
TABLE_II = {
    "men": ((270, 390, 530, 660, 730, 570, 440, 300, 640, 490),
            (2290, 1990, 1840, 1720, 1090, 840, 1020, 870, 1190, 1350),
            (3010, 2550, 2480, 2410, 2440, 2410, 2240, 2240, 2390, 1690)),
    "women": ((310, 430, 610, 860, 850, 590, 470, 370, 760, 500),
              (2790, 2480, 2330, 2050, 1220, 920, 1160, 950, 1400, 1640),
              (3310, 3070, 2990, 2850, 2810, 2710, 2680, 2670, 2780, 1960)),
    "children": ((370, 530, 690, 1010, 1030, 680, 560, 430, 850, 560),
                 (3200, 2730, 2610, 2320, 1370, 1060, 1410, 1170, 1590, 1820),
                 (3730, 3600, 3570, 3320, 3170, 3180, 3310, 3260, 3360, 2160)),
}  # fmt: skip
F0_HZ = {"men": 132, "women": 223, "children": 264}


def groups(faces):
    grown = faces.age > 18
    return {
        "men": grown & (faces.masculinity > 0.5),
        "women": grown & (faces.masculinity < 0.5),
        "children": (faces.age > 8.5) & (faces.age < 11.5),
    }


def off(faces, voices):
    """Largest relative error of the groups' mean pitch and tract, against the table."""
    f0, tract = (np.array([getattr(v, name) for v in voices]) for name in ("f0_hz", "tract"))
    errors = []
    for name, which in groups(faces).items():
        longer = np.exp(np.log(np.array(TABLE_II["men"]) / np.array(TABLE_II[name])).mean())
        errors += [f0[which].mean() / F0_HZ[name] - 1, tract[which].mean() / longer - 1]
    return max(map(abs, errors))


def test_pitch_and_tract_of_men_women_and_children_are_those_of_the_table():
    speakers = toy.sample_speakers(6000, 0)
    assert off(speakers.faces, speakers.voices) < 0.04


@pytest.mark.parametrize(
    "fault",
    [
        ("child, woman, man = np.log(F0_HZ)", "woman, child, man = np.log(F0_HZ)"),
        ("MAN_CM * broken * sex", "MAN_CM * broken"),
        ("CM_A_METRE * (height - WOMAN_M)", "CM_A_METRE * 0"),
    ],
)
def test_another_rule_is_not(fault):
    copy = planted("lecture_utils.data.toyworld.faces.speakers", fault)
    speakers = copy.sample_speakers(6000, 0)
    assert off(speakers.faces, speakers.voices) > 0.04


def test_groups_overlap_and_looks_have_no_part_in_the_voice():
    speakers = toy.sample_speakers(6000, 0)
    faces = speakers.faces
    f0, tract = (torch.tensor([getattr(v, name) for v in speakers.voices]) for name in ("f0_hz", "tract"))
    parts = groups(faces)
    assert f0[parts["men"]].max() > f0[parts["women"]].min()
    looks = (faces.skin_id, faces.hair_id, faces.eye_id, faces.glasses, faces.hair_style, faces.clothes[:, 0])
    both = torch.corrcoef(torch.stack([f0, tract, *(look.float() for look in looks)]))
    assert both[:2, 2:].abs().max() < 0.05
    body = torch.corrcoef(torch.stack([tract, faces.head_length, faces.height_m]))
    assert body[0, 1] > 0.7 and body[0, 2] > 0.7
    same = parts["women"] & (faces.age > 20)  # within one group, what is left over is shared
    assert torch.corrcoef(torch.stack([tract[same], faces.head_length[same]]))[0, 1] > 0.3


def test_speakers_are_indexed_together():
    speakers = toy.sample_speakers(6, 1, "val")
    some = speakers[torch.tensor([4, 1])]
    assert some.voices == (speakers.voices[4], speakers.voices[1])
    assert torch.equal(some.faces.key, speakers.faces.key[[4, 1]])
    assert len(speakers[1:4]) == 3 and speakers[2].voices == (speakers.voices[2],)
    assert toy.sample_speakers(3, 1, "val").voices == speakers.voices[:3]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="faces: got list"):
        voices_of([])
    with pytest.raises(ValueError, match="count: got 0"):
        toy.sample_speakers(0)
