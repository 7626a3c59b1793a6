"""The regressor: its output is rotations, its start the mean, each iteration a correction; losses by hand."""

import pytest
import torch

from lecture_utils.body.spin import losses, regressor
from lecture_utils.ops.camera import project
from lecture_utils.ops.rotation import axis_angle_to_matrix, rotation_angle_deg
from tests.body.spin.pictures import BODY, JOINTS, SIZE, cameras, crops, network, people
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.5")


def lively(seed: int = 0) -> regressor.Regressor:
    """A network whose corrections are as large as they come."""
    net = network(seed)
    with torch.no_grad():
        net.correction.weight.mul_(100)
        net.encoder[-2].weight.mul_(20)
    return net


def test_what_comes_out_is_rotations():
    with torch.no_grad():
        guess = lively()(crops(4)[0].images)
    eye = torch.eye(3).expand(4, 24, 3, 3)
    torch.testing.assert_close(guess.rotations @ guess.rotations.mT, eye, rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.linalg.det(guess.rotations), torch.ones(4, 24))
    assert (guess.shape.shape, guess.camera.shape) == ((4, 10), (4, 3))
    assert rotation_angle_deg(guess.rotations[0], guess.rotations[1]).max() > 1, "pictures make a difference"


def test_the_first_guess_is_the_mean_and_the_others_add_to_it():
    net, images = lively().eval(), crops(3)[0].images
    start = axis_angle_to_matrix(people(1)[0])[0]
    net.start_pose.copy_(start[..., :2].mT.flatten())
    with torch.no_grad():
        guesses = net.iterates(net.encoder(images))
        features, numbers = net.norm(net.encoder(images)), net.start().expand(3, -1)
        for _ in range(3):  # by hand
            numbers = numbers + net.correction(net.mlp(torch.cat([features, numbers], 1)))
    assert len(guesses) == 4
    torch.testing.assert_close(guesses[0].rotations, start.expand(3, 24, 3, 3))
    assert guesses[0].shape.eq(0).all()
    torch.testing.assert_close(guesses[3].shape, numbers[:, 144:154])
    torch.testing.assert_close(guesses[3].camera, numbers[:, 154:])
    torch.testing.assert_close(net(images).rotations, guesses[3].rotations)


def test_at_first_the_network_says_hardly_more_than_the_mean():
    guess = network()(crops(4)[0].images)
    assert rotation_angle_deg(guess.rotations, regressor.mean_rotations().expand(4, 24, 3, 3)).max() < 5


def test_gradients_are_finite_and_reach_every_weight():
    net, (batch, _) = network(), crops(4)
    loss = losses.picture_loss(net(batch.images), JOINTS, batch.joints2d, batch.confidence, cameras(4))
    loss.backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all() and weight.grad.abs().max() > 0, name


def test_joints_without_the_skin_are_the_bodys():
    pose, shape, place = people(3)
    want = BODY(shape, pose, place).joints
    torch.testing.assert_close(JOINTS(shape, axis_angle_to_matrix(pose), place), want, rtol=1e-5, atol=1e-5)


def losses_are_right(module) -> bool:
    """Two persons, of which one counts; what the losses are can be said by hand."""
    pose, shape, _ = people(2)
    guess = regressor.Estimate(axis_angle_to_matrix(pose), shape, torch.tensor([[0.9, 0, 0], [0.1, 0, 0]]))
    turned = guess.rotations.clone()
    turned[0] += 0.5  # no rotation, but a difference that can be told
    turned[1] += 9
    rotations, shapes = module.parameter_losses(guess, turned, shape + 2, torch.tensor([True, False]))
    none = module.parameter_losses(guess, turned, shape, torch.tensor([False, False]))
    joints2d = torch.zeros(1, 4, 2)
    pixels = torch.tensor([[[3.0, 4], [0, 0], [60, 80], [0, 0]]])
    confidence = torch.tensor([[1.0, 1, 0, 0.5]])
    seen = module.reprojection_loss(pixels, joints2d, confidence, 10)
    off = module.reprojection_error_px(pixels, joints2d, confidence)
    scale = module.scale_loss(guess.camera)
    got = [float(x) for x in (rotations, shapes, *none, seen, off[0], scale)]
    want = [0.25, 4.0, 0.0, 0.0, (0.6**2 + 0.8**2) / 8, 5 / 2.5, (2.718281828**-18 + 2.718281828**-2) / 2]
    return got == pytest.approx(want, rel=1e-4, abs=1e-6)


def test_losses_are_what_they_are_by_hand():
    assert losses_are_right(losses)


@pytest.mark.parametrize(
    "fault",
    [
        ("usable.to(shape) / usable.sum()", "(0 * usable.to(shape) + 1) / usable.sum()"),
        ("off = (pixels - joints2d) / (size / 2)", "off = (pixels - joints2d) / size"),
        ("(confidence[..., None] * off.square())", "(off.square())"),
        ("return (confidence * distance).sum(1)", "return distance.sum(1)"),
        ("(-20 * camera[:, 0])", "(20 * camera[:, 0])"),
    ],
)
def test_a_fault_in_a_loss_is_seen(fault):
    assert not losses_are_right(planted("lecture_utils.body.spin.losses", fault))


def test_the_right_guess_has_no_loss():
    batch, joints = crops(3)
    pixels, _ = project(joints, cameras(3))
    assert losses.reprojection_loss(pixels, batch.joints2d, batch.confidence, SIZE) < 1e-10


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: regressor.Regressor(torch.nn.Identity(), 0), "features"),
        (lambda: regressor.Regressor(torch.nn.Identity(), 4, dropout=2), "dropout"),
        (
            lambda: regressor.Regressor(torch.nn.Identity(), 4, start_rotations=torch.ones(24, 3, 3)),
            "rotation",
        ),
        (lambda: regressor.Regressor(torch.nn.Flatten(), 5)(torch.rand(2, 3, 4, 4)), "features"),
        (
            lambda: JOINTS(torch.zeros(2, 11), torch.eye(3).expand(2, 24, 3, 3), torch.zeros(2, 3)),
            "at most 10",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
