"""Clothes: what is skin, shirt, trousers, shoe, hair on a body, told from the model alone."""

import dataclasses

import pytest
import torch

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people import clothes, sample_people
from lecture_utils.data.toyworld.people.scene import COLOURED
from tests.body.stick import stick_body

MODEL = stick_body()
PLAIN = torch.eye(6)[:, :3] + 0.1 * torch.arange(6)[:, None]  # six colours that differ


def worn(
    sleeve: float, leg: float, hairline: float = 0.7, pattern: int = 0, model: SMPL = MODEL
) -> torch.Tensor:
    """Which of the six colours each vertex has, (V,), -1 for eyes and the like."""
    own = sample_people(1, 0, model).clothes
    look = dataclasses.replace(
        own, colour=PLAIN[None, None], pattern=torch.tensor([[pattern]]), sleeve=torch.tensor([[sleeve]]),
        leg=torch.tensor([[leg]]), hairline=torch.tensor([[hairline]]), period_m=torch.tensor([[0.1]]),
    )  # fmt: skip
    made = clothes.tailor(model)
    colour = clothes.dress(made.known, made, look, 0, 0)
    same = (colour[:, None] - PLAIN).abs().amax(-1) < 1e-6
    return torch.where(same.any(1), same.float().argmax(1), -1)


def at(name: str, worn_by: torch.Tensor, model: SMPL = MODEL) -> set[str]:
    """What the vertices wear that follow one joint most."""
    mine = model.weights.argmax(1) == joint_index(name)
    return {COLOURED[i] if i >= 0 else "other" for i in worn_by[mine].tolist()}


def test_each_part_wears_its_own():
    got = worn(sleeve=0.3, leg=1.2)
    assert at("spine3", got) == {"shirt"} and at("left_shoulder", got) == {"shirt", "skin"}
    assert at("right_elbow", got) == {"skin"} and at("left_hand", got) == {"skin"}
    assert at("left_knee", got) == {"trousers", "shoes"} and "shoes" in at("right_foot", got)
    assert "hair" in at("head", got) and "skin" in at("head", got)
    bare = worn(sleeve=0.97, leg=0.5, hairline=1.0)
    assert at("right_elbow", bare) == {"shirt", "skin"} and at("left_hand", bare) == {"skin"}  # to the wrist
    assert "hair" not in at("head", bare) and "skin" in at("right_knee", bare)


def test_left_and_right_are_dressed_alike():
    from tests.body.stick import mirror_of

    got = worn(sleeve=0.4, leg=0.6)
    assert float((got == got[mirror_of(MODEL)]).float().mean()) > 0.99


@pytest.mark.parametrize("pattern", [1, 2, 3, 4])
def test_patterns_show_both_colours(pattern):
    got = worn(0.97, 1.2, pattern=pattern)[MODEL.weights[:, joint_index("spine3")] > 0.5]
    assert (got == COLOURED.index("shirt")).any() and (got == COLOURED.index("pattern")).any()


def test_a_body_of_another_size_is_dressed_the_same():
    parts = dict(MODEL.named_buffers())
    other = SMPL(**{**parts, "template": 1.3 * MODEL.template + 0.2}, parents=MODEL.parents)
    a, b = worn(0.3, 0.6), worn(0.3, 0.6, model=other)
    assert float((a == b).float().mean()) > 0.97
