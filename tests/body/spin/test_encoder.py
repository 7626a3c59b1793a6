"""The encoder that finds joints: means and losses by hand, shifts, gradients, one batch."""

import math

import pytest
import torch

from lecture_utils.body.spin import encoder
from tests.body.spin.pictures import SIZE, crops
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.5")


def places_are_right(module) -> bool:
    """Maps of 2 × 4 cells, on a crop of 8 × 16 pixels, with all their weight where it can be said."""
    scores = torch.full((1, 3, 2, 4), -40.0)
    scores[0, 0, 1, 3] = 0  # the last cell
    scores[0, 1, 0, 0] = scores[0, 1, 0, 1] = 0  # between two
    scores[0, 2] = 0  # everywhere
    got = module.mean_places(scores)[0]
    return torch.allclose(got, torch.tensor([[0.75, 0.5], [-0.5, -0.5], [0, 0]]), atol=1e-5)


def loss_is_right(module) -> bool:
    """A joint a quarter of the way between two cells; another of no confidence; another beyond the border."""
    scores = torch.randn(1, 3, 2, 4, generator=torch.Generator().manual_seed(0))
    joints2d = torch.tensor([[[7.0, 2], [3, 3], [99, -5]]])
    got = module.place_loss(scores, joints2d, torch.tensor([[1.0, 0, 0.5]]))
    log = scores[0].flatten(1).log_softmax(-1).unflatten(-1, (2, 4))
    want = -(0.75 * log[0, 0, 1] + 0.25 * log[0, 0, 2] + 0.5 * log[2, 0, 3]) / 1.5
    return bool(torch.isclose(got, want))


def test_mean_places_and_the_loss_by_hand():
    assert places_are_right(encoder) and loss_is_right(encoder)


@pytest.mark.parametrize(
    "fault",
    [
        ("share.sum(2) @ across, share.sum(3) @ down", "share.sum(3) @ down, share.sum(2) @ across"),
        ("(2 * torch.arange(n).to(share) + 1) / n - 1", "2 * torch.arange(n).to(share) / n - 1"),
        ("share = scores.flatten(2).softmax(-1).unflatten(-1", "share = scores.flatten(2).unflatten(-1"),
    ],
)
def test_a_fault_in_the_mean_is_seen(fault):
    assert not places_are_right(planted("lecture_utils.body.spin.encoder", fault))


@pytest.mark.parametrize(
    "fault",
    [
        ("joints2d[..., axis] / STRIDE - 0.5)", "joints2d[..., axis] / STRIDE)"),
        ("(1 - (at[..., None] - cells).abs())", "(1 - (at[..., None] - cells).square())"),
        ("(confidence * entropy).sum()", "entropy.sum()"),
        (".clamp(0, count - 1)", ".clamp(0, count)"),
    ],
)  # fmt: skip
def test_a_fault_in_the_loss_is_seen(fault):
    assert not loss_is_right(planted("lecture_utils.body.spin.encoder", fault))


def test_the_loss_is_least_where_the_mean_is_the_joint():
    scores = torch.zeros(1, 1, 4, 4, requires_grad=True)
    joints2d = torch.tensor([[[6.5, 9.0]]])
    optimizer = torch.optim.Adam([scores], 0.3)
    for _ in range(300):
        loss = encoder.place_loss(scores, joints2d, torch.ones(1, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    got = 8 * (encoder.mean_places(scores.detach()) + 1)
    torch.testing.assert_close(got, joints2d, atol=0.05, rtol=0)


def net() -> encoder.JointEncoder:
    torch.manual_seed(0)
    return encoder.JointEncoder(width=8, local=2)


def test_features_are_places_sureness_and_what_is_seen():
    model, images = net().eval(), torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        features = model(images).unflatten(1, (24, 5))
        scores, local = model.maps(images)
    assert scores.shape == (2, 24, 8, 12) and local.shape == (2, 2, 8, 12) and model.features == 24 * 5
    share = scores.flatten(2).softmax(-1)
    torch.testing.assert_close(features[..., :2], encoder.mean_places(scores))
    torch.testing.assert_close(features[..., 2], share.amax(-1))
    torch.testing.assert_close(features[..., 3:], torch.einsum("bjp,bdp->bjd", share, local.flatten(2)))


def test_a_shift_by_whole_cells_of_all_levels_shifts_the_maps():
    """Far from the border, 16 pixels to the right are 4 cells to the right."""
    model = net().eval()
    images = torch.zeros(1, 3, 160, 160)
    images[..., 64:80, 48:64] = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        one, other = (model.maps(x)[0][0, :, 12:24] for x in (images, images.roll(16, -1)))
    torch.testing.assert_close(one[..., 12:20], other[..., 16:24], atol=1e-4, rtol=1e-3)
    assert (one[..., 12:20] - other[..., 12:20]).abs().max() > 1e-2


def test_gradients_are_finite_and_one_batch_is_learned():
    batch, _ = crops(4)
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    best = math.log(16)
    for step in range(60):
        loss = encoder.place_loss(model.maps(batch.images)[0], batch.joints2d, batch.confidence)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            for name, weight in model.named_parameters():
                if not name.startswith("what"):
                    assert weight.grad.isfinite().all() and weight.grad.abs().max() > 0, name
        optimizer.step()
    off = SIZE / 2 * (encoder.mean_places(model.maps(batch.images)[0].detach()) + 1) - batch.joints2d
    assert loss < 0.6 * best and off.norm(dim=-1).mean() < 1.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: encoder.JointEncoder(0), "joints"),
        (lambda: net()(torch.rand(1, 3, 24, 32)), "multiples of 16"),
        (lambda: encoder.place_loss(torch.zeros(1, 3, 2, 2), torch.rand(1, 2, 2), torch.ones(1, 2)), "want"),
        (lambda: encoder.mean_places(torch.zeros(1, 0, 2, 2)), "scores"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
