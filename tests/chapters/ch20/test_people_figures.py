"""Chapter 20, part b: what its figures draw is what they were given."""

import pytest
import torch

from lecture_utils.body.skeleton import joint_index
from lecture_utils.chapters.ch20 import (
    crowd_figures,
    fitting_claim_figures,
    people_figures,
    regressor_figures,
)
from lecture_utils.data.toyworld.people.render import PeopleViews
from lecture_utils.ops.camera import Cameras, pinhole, project
from tests.body.stick import stick_body

pytestmark = pytest.mark.system("S20.4")


def test_a_detectors_noise_grows_as_confidence_falls() -> None:
    exact = torch.full((4000, 24, 2), 50.0)
    found, confidence = people_figures.detected(exact, noise_px=2.0)
    off = (found - exact)[..., 0]
    for low, high, want in ((0.95, 1.0, 2.2), (0.4, 0.45, 5.8)):
        own = off[(confidence >= low) & (confidence <= high)]
        assert own.std().item() == pytest.approx(want, rel=0.04)
    assert confidence.min() >= 0.4 and confidence.max() <= 1
    with pytest.raises(ValueError, match="noise_px: got -1"):
        people_figures.detected(exact, noise_px=-1)


def test_hidden_joints_are_the_other_persons() -> None:
    pixels = torch.rand(1, 2, 24, 2, generator=torch.Generator().manual_seed(0)) * 100
    seen = torch.ones(1, 2, 24, dtype=torch.bool)
    seen[0, 0, [3, 7]] = False
    nothing = torch.zeros(1, 3, 2, 2)
    views = PeopleViews(nothing, nothing[:, 0], nothing[:, 0].long(), pixels, pixels, seen, None)  # type: ignore[arg-type]
    mixed, sure = people_figures.mixed_up(views, doubt=0.5)
    assert torch.equal(mixed[0, [3, 7]], pixels[0, 1, [3, 7]])
    assert sure[0, [3, 7]].tolist() == [0.5, 0.5]
    rest = [j for j in range(24) if j not in (3, 7)]
    assert (mixed[0, rest] - pixels[0, 0, rest]).abs().max() < 25


def test_points_stood_up_are_seen_where_they_were() -> None:
    points = torch.rand(1, 40, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.0, 0, 2])
    k = pinhole((64, 48), 40.0)[None]
    lens = Cameras(torch.eye(3)[None], torch.zeros(1, 3), k, (64, 48))
    there = project(points[0], lens)[0]
    turned = regressor_figures.standing_cameras(lens)
    torch.testing.assert_close(project(regressor_figures.stood_up(points[0]), turned)[0], there)
    down = regressor_figures.stood_up(torch.tensor([0.0, 1, 2]))
    assert down.tolist() == [0.0, 2.0, -1.0]  # y down is -z, ahead is y


def test_two_who_hug_have_an_arm_before_and_an_arm_behind() -> None:
    camera, anna, ben, behind = crowd_figures.hug(stick_body())
    assert behind.shape == (3, *camera.size)
    depth = [project(one.points, camera)[1][0] for one in (anna, ben)]
    chest = [project(one.joints, camera)[1][0, joint_index("spine3")] for one in (anna, ben)]
    for own, other in ((0, 1), (1, 0)):  # each has points before the other's chest, and points behind it
        assert depth[own].min() < chest[other] - 0.1 and depth[own].max() > chest[other] + 0.1
    assert (anna.joints[joint_index("head"), 2] - ben.joints[joint_index("head"), 2]).abs() > 0


def test_trusted_frames_are_marked() -> None:
    frames = torch.arange(4)
    agreement = torch.tensor([[0.9, 0.7], [0.2, 0.4], [0.5, 0.5], [1.0, 0.8]])
    trusted = torch.tensor([True, False, False, True])
    fig = crowd_figures.trust_figure(frames, agreement, torch.tensor([0.0, 0.9, 0.5, 0.0]), trusted)
    marks = {line.get_label(): list(line.get_ydata()) for line in fig.axes[0].lines}
    assert marks["trusted"] == pytest.approx([0.8, 0.9])
    assert marks["not"] == pytest.approx([0.3, 0.5])


@pytest.mark.parametrize("name", ["arms_figure", "teachers_figure"])
def test_a_claims_figure_has_a_dot_a_seed(name: str) -> None:
    arms = ["full", "no priors"] if name == "arms_figure" else ["SPIN", "SMPLify"]
    scores = [
        {arm: {"flips": 0.1 * s, "mpjpe_mm": 100.0 + s + k} for k, arm in enumerate(arms)} for s in range(3)
    ]
    fig = getattr(fitting_claim_figures, name)(scores, "a title")
    drawn = sorted(x for line in fig.axes[-1].lines for x in line.get_xdata())
    assert drawn == pytest.approx(sorted(100.0 + s + k for s in range(3) for k in range(2)))
    assert len(fig.axes[-1].lines) == 2


def test_the_mans_figure_has_two_panels_a_body() -> None:
    body = stick_body()
    lens = Cameras(torch.eye(3)[None], torch.zeros(1, 3), pinhole((64, 64), 40.0)[None], (64, 64))
    skin = body.template * torch.tensor([1.0, -1, -1]) + torch.tensor([0.0, 0, 4])
    fig = people_figures.man_figure(torch.rand(3, 64, 64), {"one": skin, "two": skin}, body.faces, lens, "t")
    assert [ax.get_title() for ax in fig.axes][::2] == ["one", "two"]
