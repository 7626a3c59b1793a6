"""Chapter 20's lab: the fit is what it says, the faults show as they should, the bar asks for thought."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.body.skeleton import MIRROR, joint_index
from lecture_utils.chapters.ch20 import lab_debug, lab_interpret
from lecture_utils.chapters.ch20.clicks import CLICKED, SIZE, Clicks, clicks
from lecture_utils.chapters.ch20.fitting_solutions import data_term, gmm_prior, place
from lecture_utils.chapters.ch20.lab import LAB
from lecture_utils.chapters.ch20.lab_fit import Fit, stance
from lecture_utils.data import photographs
from lecture_utils.data.toyworld.people.poses import sample_poses, sample_shapes
from lecture_utils.exercises.checker import labs
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.ops.rotation import axis_angle_to_matrix

STEP_1, STEP_2, STEP_3 = LAB.steps


def test_the_lab_is_the_chapters() -> None:
    assert labs("20") == [LAB]
    assert 30 <= LAB.minutes <= 40


# --- what it begins with ---------------------------------------------------------------------------
def test_clicks_lie_in_the_picture_and_hidden_joints_have_none() -> None:
    seen = clicks()
    assert photographs.load("camera").shape[1:] == SIZE
    there = seen.confidence > 0
    assert int(there.sum()) == len(CLICKED) == 12
    assert bool((seen.pixels[there] > 0).all()) and bool((seen.pixels[there] < 512).all())
    assert bool(seen.pixels[~there].isnan().all())
    assert all(
        seen.confidence[joint_index(f"{s}_{j}")] == 0 for s in ("left", "right") for j in ("knee", "foot")
    )
    assert seen.confidence[joint_index("left_shoulder")] < 0.3 < seen.confidence[joint_index("left_elbow")]


def test_the_skeleton_has_the_models_joints() -> None:
    skeleton, _ = lab_interpret.start()
    model = zoo.load("people_body")
    for pose, shape in zip(sample_poses(4, 1), sample_shapes(4, 1), strict=True):
        theirs = model(shape[None], pose[None]).joints[0]
        torch.testing.assert_close(skeleton(shape, pose), theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("turn", "front"), [(0, [0, 0, -1]), (90, [1, 0, 0]), (-90, [-1, 0, 0])])
def test_a_stance_stands_upright_and_looks_where_it_says(turn: float, front: list[float]) -> None:
    up, ahead = axis_angle_to_matrix(stance(turn))[:, 1], axis_angle_to_matrix(stance(turn))[:, 2]
    torch.testing.assert_close(up, torch.tensor([0.0, -1, 0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(ahead, torch.tensor(front, dtype=torch.float32), atol=1e-5, rtol=0)


# --- step 1 ----------------------------------------------------------------------------------------
def test_steps_bring_the_energy_down() -> None:
    skeleton, prior = lab_interpret.start()
    fit = Fit(skeleton, clicks(), prior, 90.0)
    energies = [fit.step(30.0) for _ in range(30)]
    assert energies[-1] < 0.6 * energies[0]
    assert all(bool(part.isfinite().all()) for part in (fit.pose, fit.shape, fit.translation))


def test_a_fit_written_in_another_way_is_accepted() -> None:
    class Mine:
        def __init__(self, skeleton: Any, clicks: Clicks, prior: Any, turn_deg: float) -> None:
            self.skeleton, self.clicks, self.prior = skeleton, clicks, prior
            means, _, weights = prior
            body = (weights[:, None] * means).sum(0).reshape(-1, 3)
            self.pose = torch.vstack([stance(turn_deg), body]).clone().requires_grad_(True)
            self.shape = torch.zeros(10, requires_grad=True)
            with torch.no_grad():
                joints = skeleton(self.shape, self.pose)
                where, _ = place(joints, clicks.pixels, clicks.confidence, clicks.intrinsics, clicks.bones)
            self.translation = where.clone().requires_grad_(True)
            self.adams = [torch.optim.Adam([x], lr=0.02) for x in (self.pose, self.shape, self.translation)]

        def projected(self) -> Tensor:
            x = self.clicks.intrinsics @ (self.skeleton(self.shape, self.pose) + self.translation).T
            return (x[:2] / x[2]).T

        def step(self, weight: float) -> Any:
            for adam in self.adams:
                adam.zero_grad()
            body = self.pose[1:].reshape(1, -1)
            loss = weight * gmm_prior(body, *self.prior).sum() + weight * (self.shape**2).sum()
            loss = loss + data_term(self.projected(), self.clicks.pixels, self.clicks.confidence, 50)
            loss.backward()
            for adam in self.adams:
                adam.step()
            return loss.detach()

    found = examine(STEP_1, Mine)
    assert found.state == "right", found


# --- step 2 ----------------------------------------------------------------------------------------
def test_what_was_exported_is_read_again() -> None:
    seen = clicks()
    pixels, confidence = lab_debug.read_clicks(lab_debug.exported(seen), SIZE)
    torch.testing.assert_close(pixels, seen.pixels, equal_nan=True, atol=1e-3, rtol=0)
    torch.testing.assert_close(confidence, seen.confidence)


def read_with(*, y: bool, sides: bool) -> Clicks:
    """The clicks as a colleague's file gives them, with none, one or both of the faults mended."""
    rows = lab_debug.exported(clicks())
    seen = clicks()
    right = lab_debug.read_clicks(rows, SIZE)
    wrong = lab_debug.read_clicks_faulty(rows, SIZE)
    mirror = list(MIRROR)
    pixels, confidence = (right if y else wrong) if y == sides else (None, None)
    if pixels is None and y:  # upright, and sides exchanged
        pixels, confidence = right[0][mirror], right[1][mirror]
    elif pixels is None:  # sides mended alone
        pixels, confidence = wrong[0][mirror], wrong[1][mirror]
    assert pixels is not None and confidence is not None
    bones = seen.bones if sides else torch.tensor([[mirror[a], mirror[b]] for a, b in seen.bones.tolist()])
    return seen._replace(pixels=pixels, confidence=confidence, bones=bones)


def test_each_fault_has_the_symptom_that_the_hints_speak_of() -> None:
    skeleton, prior = lab_interpret.start()
    told = {
        (y, sides): lab_debug.symptoms(
            lab_debug.fitted(skeleton, read_with(y=y, sides=sides), prior, 90.0, (30.0, 10.0, 5.0))
        )
        for y in (False, True)
        for sides in (False, True)
    }
    assert all(told[False, sides].error_px > 30 for sides in (False, True)), "never near the clicks"
    assert told[True, False].error_px < 12 and told[True, True].error_px < 12, "both reach the clicks"
    assert told[True, False].chest < 0 < told[True, True].chest, "one shows us his back"


# --- step 3 ----------------------------------------------------------------------------------------
def test_the_bar_is_missed_by_the_usual_choices_and_reached_by_the_reference() -> None:
    assert lab_interpret.conditions_met(STEP_3.reference) == 4
    found = lab_interpret._of(STEP_3.reference)
    assert found.error_px < lab_interpret.MOST_PX - 0.5 and found.beyond_deg < lab_interpret.MOST_DEG - 3
    naive = [(30, 10, 5, None, None), (0, 0, 0, 0, 0), (100, 100, 100, 0, 0)]
    assert all(lab_interpret.conditions_met(choice) < 4 for choice in naive)


@pytest.mark.nightly
def test_neighbours_of_the_reference_reach_the_bar_too() -> None:
    for choice in ((30, 10, 3, 0, 0), (40, 12, 5, 0.05, -0.05)):
        assert lab_interpret.conditions_met(choice) == 4, lab_interpret._of(choice)


def test_two_bodies_with_the_same_pixels_and_hands_far_apart() -> None:
    """What step 3 is about."""
    found, other = (lab_interpret._of((30, 10, 5, *hands)) for hands in ((0.0, 0.0), (None, None)))
    assert abs(found.error_px - other.error_px) < 2
    assert other.right_hand_m < -0.25 < 0.1 < other.left_hand_m, "nearer than the chin that it touches"


@pytest.mark.parametrize(
    "choice", [(1, 2), (30, 10, -5, 0, 0), (30, 10, 5, 0), (30, None, 5, 0, 0), (1, 2, 3, np.nan, 0)]
)
def test_what_is_no_choice_is_told_so(choice: Any) -> None:
    found = examine(STEP_3, choice)
    assert found.reason == "raises" and "want three weights" in found.problem
    assert known_mistake(STEP_3, choice, found) is None


@pytest.mark.parametrize("choice", [[30, 10, 5, 0, 0], torch.tensor([30.0, 10, 5, 0, 0])])
def test_a_list_or_a_tensor_will_do(choice: Any) -> None:
    assert examine(STEP_3, choice).state == "right"
