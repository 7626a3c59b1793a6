"""The generated people that the body model learns from."""

import math

import pytest
import torch
from torch import Tensor

from lecture_utils.body.skeleton import MIRROR, joint_index
from lecture_utils.data.toyworld.people.figure import (
    Figure,
    blended,
    distance_and_slope,
    figure,
    piece_distances,
    posed,
    signed_distance,
)
from lecture_utils.data.toyworld.people.figure_measures import MEASURES, mean_measures, sample_measures
from lecture_utils.ops.rotation import axis_angle_to_matrix

pytestmark = pytest.mark.system("S20.3")
MEAN = mean_measures()


@pytest.fixture(scope="module")
def mean() -> Figure:
    return figure(MEAN)


def points(count: int = 300, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, generator=generator) * torch.tensor([1.8, 1.8, 0.4]) - torch.tensor(
        [0.9, 1.0, 0.2]
    )


def with_measure(name: str, value: float) -> Tensor:
    changed = MEAN.clone()
    changed[MEASURES.index(name)] = value
    return changed


def stature(person: Figure) -> float:
    """How high the crown is above the pelvis and the sole below it, read off on lines of points."""
    up = torch.linspace(0.5, 1.0, 501)[:, None] * torch.tensor([0.0, 1.0, 0.0]) + person.joints[
        15
    ] * torch.tensor([1, 0, 1.0])
    heel = person.joints[joint_index("left_ankle")]
    down = torch.linspace(0.0, 0.2, 201)[:, None] * torch.tensor([0.0, -1.0, 0.0]) + heel
    crown = up[signed_distance(up, person) < 0][:, 1].max()
    return float(crown - down[signed_distance(down, person) < 0][:, 1].min())


def test_every_joint_lies_inside(mean: Figure) -> None:
    assert (signed_distance(mean.joints, mean) < 0).all()


def test_persons_of_all_kinds_have_their_joints_inside() -> None:
    for row in sample_measures(4, 3):
        person = figure(row)
        assert (signed_distance(person.joints, person) < 0.002).all()


def test_it_is_the_same_on_both_sides(mean: Figure) -> None:
    x = points()
    flipped = x * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(signed_distance(x, mean), signed_distance(flipped, mean), atol=1e-5)
    assert torch.allclose(mean.joints[list(MIRROR)], mean.joints * torch.tensor([-1.0, 1.0, 1.0]))


def test_the_distance_is_one_near_the_surface(mean: Figure) -> None:
    """Its slope is near 1 there, and the slope given is the slope."""
    x = points(1200).requires_grad_()
    value = signed_distance(x, mean)
    (true,) = torch.autograd.grad(value.sum(), x)
    near = value.detach().abs() < 0.01
    assert near.sum() > 15
    steep = true[near].norm(dim=1)
    assert 0.8 < float(steep.median()) < 1.2
    _, said = distance_and_slope(x.detach(), mean)
    assert float(torch.cosine_similarity(said[near], true[near]).median()) > 0.98


def test_shares_add_up_to_one_and_are_near(mean: Figure) -> None:
    distances, _ = piece_distances(points(), mean)
    value, share = blended(distances, mean)
    assert torch.allclose(share.sum(0), torch.ones(share.shape[1]), atol=1e-5)
    assert (value <= distances.min(0).values + 1e-6).all()  # melting only adds


def test_the_whole_turns_with_the_root(mean: Figure) -> None:
    pose = torch.zeros(24, 3)
    pose[0] = torch.tensor([0.3, -0.8, 0.5])
    turned = axis_angle_to_matrix(pose[:1])
    x = points()
    assert torch.allclose(signed_distance(x @ turned[0].T, mean, pose), signed_distance(x, mean), atol=1e-5)


def test_a_bent_elbow_moves_the_hand_and_nothing_else(mean: Figure) -> None:
    pose = torch.zeros(24, 3)
    pose[joint_index("left_elbow"), 1] = -math.pi / 2
    placed = posed(mean, pose).joints
    assert signed_distance(placed[[joint_index("left_wrist")]], mean, pose) < 0
    assert signed_distance(mean.joints[[joint_index("left_wrist")]], mean, pose) > 0.1
    x = points()
    x = x[x[:, 0] < 0]
    assert torch.allclose(signed_distance(x, mean, pose), signed_distance(x, mean), atol=1e-6)


def test_a_twisted_wrist_keeps_its_thickness(mean: Figure) -> None:
    """What skinning loses: a ring of points on the wrist's surface is as far from the axis when twisted."""
    pose = torch.zeros(24, 3)
    pose[joint_index("left_wrist"), 0] = math.radians(120)
    wrist = mean.joints[joint_index("left_wrist")]
    angle = torch.linspace(0, 2 * math.pi, 25)[:-1]
    rays = torch.stack([torch.zeros(24), angle.cos(), angle.sin()], 1)
    steps = torch.linspace(0.005, 0.06, 56)
    grid = (wrist + torch.tensor([-0.012, 0, 0]) + steps[:, None, None] * rays).flatten(0, 1)

    def areas(pose: Tensor | None) -> float:
        inside = (signed_distance(grid, mean, pose) < 0).reshape(56, 24)
        return float((inside.sum(0).float() ** 2).mean())

    assert areas(pose) > 0.85 * areas(None)


def test_measures_do_what_they_are_called(mean: Figure) -> None:
    tall = figure(with_measure("height", float(MEAN[0]) * 1.1))
    assert stature(mean) == pytest.approx(float(MEAN[0]), abs=0.02)
    assert stature(tall) == pytest.approx(1.1 * float(MEAN[0]), abs=0.03)
    legs = figure(with_measure("legs", float(MEAN[5]) * 1.05))
    knee, head = joint_index("left_knee"), joint_index("head")
    assert legs.joints[knee, 1] < mean.joints[knee, 1] - 0.01
    assert legs.joints[head, 1] < mean.joints[head, 1] - 0.01  # the height is given
    belly = torch.tensor([[0.0, 0.075, 0.115]])
    heavy = figure(with_measure("mass", float(MEAN[1]) * 1.4))
    assert signed_distance(belly, heavy) < signed_distance(belly, mean) - 0.01


def test_people_are_drawn_anew_by_seed_and_split() -> None:
    drawn = sample_measures(500, 0)
    assert drawn.shape == (500, len(MEASURES))
    assert torch.equal(drawn, sample_measures(500, 0))
    assert not torch.equal(drawn, sample_measures(500, 1))
    assert not torch.equal(drawn, sample_measures(500, 0, "test"))
    assert 1.60 < float(drawn[:, 0].mean()) < 1.78
    assert 0.4 < float((drawn[:, 2] > 0.5).float().mean()) < 0.6


def test_bad_input_is_said() -> None:
    with pytest.raises(ValueError, match="points"):
        signed_distance(torch.zeros(3), MEAN)
    with pytest.raises(ValueError, match="measures"):
        figure(torch.zeros(11))
    with pytest.raises(ValueError, match="pose"):
        signed_distance(torch.zeros(2, 3), MEAN, torch.zeros(23, 3))
    with pytest.raises(ValueError, match="split"):
        sample_measures(3, 0, "dev")
