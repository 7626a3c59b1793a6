"""Recipes of moving people: batches keep what belongs together, no held-out pair is said or shown."""

import itertools

import pytest
import torch

from lecture_utils.data.toyworld.people.actions import ARM_NAMES, HELD_OUT_ACTIONS, LEG_NAMES, action_text
from lecture_utils.data.toyworld.people.motions import PACES, sample_motions
from lecture_utils.recipes import _people_motion as shared
from lecture_utils.recipes import _people_motion_clip as training
from lecture_utils.recipes import people_actions, people_clip

pytestmark = pytest.mark.system("S13.10")


def test_a_batch_has_each_motion_with_its_own_text_and_one_of_its_own_frames() -> None:
    number = torch.arange(50.0)
    data = training.Aligned(
        motion=number[:, None, None, None].expand(50, 2, 24, 6),
        text=number[:, None].expand(50, 4),
        image=number[:, None, None] + torch.tensor([0.0, 0.25, 0.5])[:, None].expand(3, 4),
    )
    seen = set()
    for motion, (text, image) in itertools.islice(training.drawn(data, 0), 20):
        torch.testing.assert_close(motion[:, 0, 0, 0], text[:, 0])
        torch.testing.assert_close(image[:, 0].floor(), text[:, 0])
        seen |= set((image[:, 0] % 1).tolist())
    assert seen == {0.0, 0.25, 0.5}


def test_what_clip_learns_from_has_no_held_out_pair() -> None:
    held = {
        action_text(legs, arms, subject=subject, form=form, wording=(w, w), side=side, pace=pace)
        for legs, arms in HELD_OUT_ACTIONS
        for subject, form, w, side, pace in itertools.product(
            shared.SUBJECTS, range(3), range(2), ("", "left", "right"), PACES
        )
    }
    motions = sample_motions(400, 0, frames=1)
    assert not held & set(motions.text)
    pairs = {(LEG_NAMES[i], ARM_NAMES[j]) for i, j in zip(motions.legs_id, motions.arms_id, strict=True)}
    assert not pairs & set(HELD_OUT_ACTIONS)


def test_every_sentence_fits_into_the_text_encoder() -> None:
    tokenizer = shared.motion_tokenizer(people_clip.MERGES)
    longest = [
        action_text(legs, arms, form=form, wording=(w, w), side="right", pace="quickly")
        for legs, arms in shared.ALL_PAIRS
        for form, w in itertools.product(range(3), range(2))
    ]
    assert tokenizer.batch(longest, people_clip.LENGTH).shape[1] == people_clip.LENGTH


def test_the_judge_learns_a_few_motions_by_heart_and_shares_none_with_those_it_judges() -> None:
    torch.manual_seed(0)
    judge = people_actions.build()
    motion, actions = people_actions.judged_motions(12, 0, "train")
    optimizer = torch.optim.Adam(judge.parameters(), 1e-2)
    for _ in range(25):
        loss = people_actions.both_entropies(judge, motion, actions)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(torch.stack(judge.eval().names(motion), dim=1), actions)
    others = shared.rotations_of(sample_motions(12, 0))
    assert float(torch.cdist(motion.flatten(1), others.flatten(1)).min()) > 0.1
