"""The terms of the loss: closed forms, and the way they push."""

import math

import pytest
import torch

from lecture_utils.body.multiply.avatar import Avatar
from lecture_utils.body.multiply.layers import render_layers
from lecture_utils.body.multiply.objectives import (
    bone_balls,
    calm_loss,
    mask_loss,
    order_loss,
    picture_loss,
    room_loss,
)
from tests.body.multiply.scenes import crossing
from tests.body.stick import stick_body

pytestmark = pytest.mark.system("S20.6")
BONE = (-1, 0)  # two joints, one bone, three balls


def test_order_pushes_the_wrong_person_back() -> None:
    """Person 1 walks in front; here it is put behind, while the refined masks still show it in front."""
    own, body = crossing(frames=6), stick_body()
    places = own.translations[:, 2:3].clone()
    places[:, :, 1] = places.flip(0)[:, :, 1]
    places.requires_grad_()
    people = [Avatar(body, 200, seed=p)(own.poses[p, 2:3], places[p]).frame(0) for p in range(2)]
    layers = render_layers(people, own.camera, own.background)
    loss = order_loss(people, layers, own.masks[2].float(), own.camera)
    assert loss.item() > 0
    (push,) = torch.autograd.grad(loss, places)
    assert push[0, 0, 1] < 0 < push[1, 0, 1]  # against the gradient: 0 goes away from the camera, 1 comes


def test_order_in_order_costs_nothing() -> None:
    own, body = crossing(frames=6), stick_body()
    people = [Avatar(body, 200, seed=p)(own.poses[p], own.translations[p]).frame(2) for p in range(2)]
    layers = render_layers(people, own.camera, own.background)
    assert order_loss(people, layers, (layers.masks > 0.5).float(), own.camera).item() == 0
    alone = render_layers(people[:1], own.camera, own.background)
    assert order_loss(people[:1], alone, alone.masks, own.camera).item() == 0


def test_room_by_two_bones() -> None:
    joints = torch.tensor([[[0.0, 0, 0], [0, 0.6, 0]]])
    thick, thin = torch.tensor([0.1]), torch.tensor([0.05])
    far = room_loss(joints, joints + torch.tensor([0.2, 0, 0]), thick, thin, BONE)
    near = room_loss(joints, joints + torch.tensor([0.12, 0, 0]), thick, thin, BONE)
    assert far.item() == 0
    assert near.item() == pytest.approx(3 * 0.03**2, rel=1e-4)  # each ball meets its opposite, 3 cm deep
    same = joints.clone().requires_grad_()
    room_loss(same, joints, thick, thin, BONE).backward()
    assert same.grad is not None and torch.isfinite(same.grad).all()


def test_balls_stand_evenly_on_a_bone() -> None:
    balls = bone_balls(torch.tensor([[0.0, 0, 0], [0, 6, 0]]), BONE)
    assert balls.shape == (1, 3, 3) and balls[0, :, 1].tolist() == pytest.approx([1, 3, 5])


def test_steady_motion_is_calm() -> None:
    t = torch.arange(5.0)[:, None, None]
    straight = t * torch.tensor([0.1, -0.2, 0.3]) + torch.zeros(5, 2, 3)
    assert calm_loss(straight).item() == pytest.approx(0, abs=1e-12)
    thrown = 0.5 * 0.2 * t**2 * torch.tensor([0.0, 0, -1]) + straight
    assert calm_loss(thrown).item() == pytest.approx(0.2**2, rel=1e-5)
    assert calm_loss(thrown[:2]).item() == 0


def test_differences_are_means_and_people_add_up() -> None:
    own = crossing(frames=6)
    people = [Avatar(stick_body(), 100, seed=p)(own.poses[p], own.translations[p]).frame(0) for p in range(2)]
    layers = render_layers(people, own.camera, own.background)
    assert picture_loss(layers, layers.image + 0.25).item() == pytest.approx(0.25, rel=1e-4)
    both, one = torch.tensor([True, True]), torch.tensor([False, True])
    assert mask_loss(layers, layers.masks - 0.5, both).item() == pytest.approx(2 * 0.5, rel=1e-4)
    assert mask_loss(layers, layers.masks - 0.5, one).item() == pytest.approx(0.5, rel=1e-4)
    assert math.isclose(mask_loss(layers, layers.masks, both).item(), 0)
