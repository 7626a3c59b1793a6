"""Videos of people who pass each other: what is hidden, where a fit begins, and what its measures are."""

import functools

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.body.multiply.people import People
from lecture_utils.recipes import _people_video as right

pytestmark = pytest.mark.system("S20.6")


@functools.cache
def video() -> right.Video:
    return right.people_video(3, zoo.load("people_body"), frames=12, fps=12.0, size=(48, 60))


def test_one_is_hidden_for_a_while_and_the_other_never() -> None:
    hidden = video().hidden
    assert hidden.min() > -0.1 and hidden[:, 1].max() < 0.1  # alone and together are two renderings
    assert hidden[:, 0].max() > 0.3 and hidden[0, 0] < 0.1 and hidden[-1, 0] < 0.1


def test_the_start_is_the_truth_and_noise_that_grows_where_hidden() -> None:
    own = video()
    poses, places = right.rough_start(own, 0, angle=0.0, place_m=0.0)
    assert torch.equal(poses, own.poses) and torch.equal(places, own.translations)
    one, other = (right.rough_start(own, seed)[0] for seed in (0, 1))
    assert not torch.equal(one, other)
    calm, wild = (right.rough_start(own, 0, worse=w)[0] - own.poses for w in (0.0, 4.0))
    ratio = (wild / calm)[..., 5, 0]  # (P, F)
    assert torch.allclose(ratio, 1 + 4 * own.hidden.T, atol=1e-3)


def test_noise_drifts() -> None:
    noise = right.drifting((4000, 3), torch.Generator().manual_seed(0))
    assert torch.allclose(noise.std(0), torch.ones(3), atol=0.05)
    assert float((noise[:, 0] * noise[:, 1]).mean()) == pytest.approx(right.DRIFT, abs=0.06)


def test_the_truth_measures_best() -> None:
    own, body = video(), zoo.load("people_body")
    rough = right.start(own, body, 0)
    true = People(rough.persons, own.poses, own.translations, rough.background.detach())
    good, bad = right.measured(true, own), right.measured(rough, own)
    assert good["mpjpe"] < 0.6 * bad["mpjpe"]  # what is left is the shape, which nobody has fitted yet
    assert good["iou"] > bad["iou"] + 0.1 and good["order"] == 1 and good["switches"] == 0
    swapped = People(rough.persons, own.poses.flip(0), own.translations.flip(0), rough.background.detach())
    worst = right.measured(swapped, own)
    assert worst["order"] == 0 and worst["mpjpe_hidden"] > 300
