"""Chapter 01's experiments: their parts do what the claims say they do."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils.backbones.resnet import CifarNet
from lecture_utils.chapters.ch01 import claims as ch01


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (-3, 0), (0, 2), (0, -2), (1, -2), (0, 0)])
def test_shift_moves_and_loses_nothing_on_the_canvas(dx: int, dy: int) -> None:
    images = torch.zeros(2, 1, 12, 12)
    images[:, :, 4:8, 4:8] = torch.rand(2, 1, 4, 4)
    moved = ch01.shifted(images, dx, dy)
    assert moved.shape == images.shape
    assert torch.equal(moved[:, :, 4 + dy : 8 + dy, 4 + dx : 8 + dx], images[:, :, 4:8, 4:8])
    torch.testing.assert_close(moved.sum((1, 2, 3)), images.sum((1, 2, 3)))  # summed in another order


def test_shift_over_the_edge_does_not_come_back() -> None:
    images = torch.ones(1, 1, 4, 4)
    assert ch01.shifted(images, 3, 0).sum() == 4
    assert ch01.shifted(images, 0, 5).sum() == 0


def test_the_small_mlp_has_as_many_weights_as_the_conv_net() -> None:
    conv, small = ch01.parameters(ch01.conv_net(pooled=True)), ch01.parameters(ch01.mlp(30))
    assert abs(small / conv - 1) < 0.01
    assert ch01.parameters(ch01.mlp(256)) > 8 * conv


def test_all_arms_of_the_shift_claim_take_the_same_pictures() -> None:
    x = torch.rand(3, 1, 28, 28)
    for model in (ch01.conv_net(pooled=True), ch01.conv_net(pooled=False), ch01.mlp(30)):
        assert model(x).shape == (3, 10)


def test_accuracy_by_shift_looks_in_all_four_directions() -> None:
    """A model that only knows whether there is light in the right half."""

    class LightAtTheRight(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            right = x[..., x.shape[-1] // 2 :].sum((1, 2, 3))
            return torch.stack([torch.full_like(right, 0.5), right], dim=1)

    images = torch.zeros(1, 1, 8, 8)
    images[0, 0, 4, 4] = 1.0
    assert ch01.accuracy_by_shift(LightAtTheRight(), (images, torch.ones(1).long()), [0, 2]) == [1.0, 0.75]


@pytest.mark.parametrize(
    "start", [ch01.Start(), ch01.Start(layers=8), ch01.Start(as_paper=True), ch01.Start(times=4.0)]
)
def test_nets_of_the_race_differ_only_in_activation_and_scale(start: ch01.Start) -> None:
    nets = [ch01.activation_net(name, 8, start) for name in ch01.ACTIVATIONS]
    shapes = [[tuple(p.shape) for p in net.parameters()] for net in nets]
    assert shapes[0] == shapes[1]
    layers = [m for m in nets[0] if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == start.layers
    assert nets[1](torch.rand(2, 3, 16, 16)).shape == (2, 8)


def test_starts_have_the_width_that_they_name() -> None:
    torch.manual_seed(0)
    own = ch01.activation_net("tanh", 8, ch01.Start())[3].weight.std()
    wide = ch01.activation_net("tanh", 8, ch01.Start(times=4.0))[3].weight.std()
    paper = ch01.activation_net("tanh", 8, ch01.Start(as_paper=True))[3]
    assert (wide / own).item() == pytest.approx(4, rel=0.05)
    assert paper.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not paper.bias.any()


def test_a_run_stops_at_the_target_and_at_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ch01, "TARGET", 1.0)
    assert ch01.run_to_target("ReLU", 0.03, ch01.Start(), 5, 40).steps == 0
    monkeypatch.setattr(ch01, "TARGET", 0.0)
    run = ch01.run_to_target("ReLU", 0.0, ch01.Start(), 6, 40)
    assert (run.steps, len(run.errors)) == (40, 3)
    assert len(set(run.errors)) == 1  # rate 0: nothing learned


def test_a_run_that_diverges_counts_as_the_cap() -> None:
    run = ch01.run_to_target("ReLU", 1e6, ch01.Start(), 7, 80)
    assert run.steps == 80
    assert len(run.errors) < 5


def test_idle_share_counts_closed_gates() -> None:
    x = torch.tensor([[-3.0, -0.1, 0.1, 3.0]])
    assert ch01.idle_share(nn.Sequential(nn.ReLU()), x) == 0.5  # off below zero
    assert ch01.idle_share(nn.Sequential(nn.Tanh()), x) == 0.5  # flat at both ends
    assert ch01.idle_share(nn.Sequential(nn.Identity(), nn.Tanh(), nn.ReLU()), x) == 0.5


@pytest.mark.system("S01.2")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_three_small_kernels_for_one_large(seed: int) -> None:
    figures = ch01.c01_3_stack(seed, "quick")
    assert figures["weights_in_49ths"] == 27
    assert figures["seen_by_three"] == figures["seen_by_one"] == 7
    assert figures["weights"]["one 7×7"] == 49 * figures["channels"] ** 2


def test_training_errors_leave_the_model_as_it_was() -> None:
    torch.manual_seed(0)
    model = ch01.small_net(8, residual=True).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x, y = torch.rand(300, 3, 16, 16), torch.randint(0, 8, (300,))
    errors = ch01.training_errors(model, (x, y))
    assert not model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    wrong = (model(x).argmax(1) != y).float().mean().item()
    assert errors["eval"] == pytest.approx(wrong)
    assert 0 <= errors["train"] <= 1


def test_plain_and_residual_pairs_have_the_same_weights() -> None:
    for depth in (ch01.SHALLOW, ch01.DEEP):
        assert ch01.parameters(ch01.small_net(depth, True)) == ch01.parameters(ch01.small_net(depth, False))


def test_thinned_keeps_the_mean() -> None:
    curve = list(np.random.default_rng(0).random(2000))
    short = ch01.thinned(curve)
    assert len(short) == 40
    assert np.mean(short) == pytest.approx(np.mean(curve), abs=1e-4)


def test_slope_is_in_decades_a_layer() -> None:
    depths = [8, 20, 56]
    assert ch01.decades_a_layer(depths, [10 ** (-0.1 * d) for d in depths]) == pytest.approx(-0.1)
    assert math.isfinite(ch01.decades_a_layer(depths, [1.0, 0.0, 0.0]))


def test_first_gradient_is_that_of_the_first_layer() -> None:
    """Against a second derivation: the library weights are smaller, so without norm the gradient is too."""
    he = ch01.first_gradient(14, residual=False, normed=False, he=True, seed=0)
    library = ch01.first_gradient(14, residual=False, normed=False, he=False, seed=0)
    assert 0 < library < he


def test_library_init_has_a_sixth_of_the_variance() -> None:
    torch.manual_seed(0)
    he = CifarNet(8, residual=False, width=64).stages[0][0].conv1.weight
    model = CifarNet(8, residual=False, width=64)
    ch01.library_init_(model)
    ratio = (model.stages[0][0].conv1.weight.var() / he.var()).item()
    assert ratio == pytest.approx(1 / 6, rel=0.05)


def test_four_regimes() -> None:
    assert len({name for name, _, _ in ch01.regimes()}) == 4
