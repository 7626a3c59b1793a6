"""He initialisation keeps the size of a signal through many rectified layers."""

import math

import pytest
import torch
from torch import nn

from lecture_utils.nn.init import he_init_


@pytest.mark.system("S01.5")
def test_the_variance_is_two_over_fan_in_and_biases_are_zero() -> None:
    layers = nn.Sequential(nn.Conv2d(16, 64, 3), nn.Conv2d(32, 64, 5, groups=4), nn.Linear(300, 200))
    he_init_(layers)
    for layer, fan_in in zip(layers, (16 * 9, 8 * 25, 300), strict=True):
        assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / fan_in), rel=0.05)
        assert float(layer.weight.detach().mean().abs()) < 0.01
        assert bool((layer.bias == 0).all())


@pytest.mark.system("S01.5")
def test_a_signal_keeps_its_second_moment_through_thirty_rectified_layers() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(*[m for _ in range(30) for m in (nn.Linear(512, 512), nn.ReLU())])
    x = torch.randn(64, 512)
    with torch.no_grad():
        small = float(net(x).pow(2).mean())  # PyTorch's default shrinks it by six a layer
        he_init_(net)
        kept = float(net(x).pow(2).mean() * 2)  # a ReLU halves what the last layer gave
    assert small < 1e-3
    assert 1 / 4 < kept / 2 < 4
