"""The lab of chapter 01: its network is the package's, its fault shows as the notebook says, its reading
holds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lecture_utils import zoo
from lecture_utils.backbones.resnet import BasicBlock
from lecture_utils.chapters.ch01 import lab
from lecture_utils.chapters.ch01.lab import LAB, ResidualBlock, SmallResNet, Stage, StageFaulty
from lecture_utils.data import toyworld
from lecture_utils.exercises.examine import examine
from lecture_utils.nn.norm import BatchNorm2d
from lecture_utils.training.loop import accuracy, fit, minibatches
from lecture_utils.training.losses import cross_entropy


@pytest.mark.parametrize(("in_channels", "channels", "stride"), [(4, 4, 1), (4, 8, 2), (3, 6, 1)])
def test_the_block_is_the_packages_with_option_a(in_channels: int, channels: int, stride: int) -> None:
    torch.manual_seed(0)
    ours = ResidualBlock(in_channels, channels, stride)
    theirs = BasicBlock(in_channels, channels, stride=stride, shortcut="identity", norm=BatchNorm2d)
    weights = dict(zip(theirs.state_dict(), (*ours.state_dict().values(),), strict=True))
    theirs.load_state_dict(weights)
    for mode in (True, False):  # the running values are moved in the first round
        ours.train(mode), theirs.train(mode)
        x = torch.randn(4, in_channels, 7, 6)
        torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-4)


def test_a_block_may_use_pytorchs_layers() -> None:
    class Learners(ResidualBlock):
        def __init__(self, in_channels: int, channels: int, stride: int) -> None:
            super().__init__(in_channels, channels, stride)
            self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1)  # with a bias
            for name in ("norm1", "norm2"):
                setattr(self, name, nn.BatchNorm2d(channels))

    assert examine(LAB.steps[0], Learners).state == "right"


def test_a_stub_is_untouched() -> None:
    class Stub(nn.Module):
        """A docstring."""

        def __init__(self, in_channels: int, channels: int, stride: int) -> None: ...

        def forward(self, x: torch.Tensor) -> torch.Tensor: ...  # type: ignore[empty-body]

    assert examine(LAB.steps[0], Stub).state == "untouched"
    assert examine(LAB.steps[1], Stub).state == "untouched"


def weights_of(stage: type[nn.Module], blocks: int) -> int:
    return sum(part.numel() for part in stage(3, 16, blocks, 2).parameters())


def test_the_fault_shows_in_two_numbers_from_the_third_block_on() -> None:
    assert [weights_of(StageFaulty, blocks) for blocks in (2, 3, 5)] == [weights_of(Stage, 2)] * 3
    assert weights_of(Stage, 5) > weights_of(Stage, 3) > weights_of(Stage, 2)
    torch.manual_seed(0)
    batches = torch.rand(80, 16, 3, 8, 8)
    differ = {}
    for kind in (StageFaulty, Stage):
        torch.manual_seed(0)
        stage = kind(3, 16, 4, 2)
        with torch.no_grad():
            for batch in batches:
                stage(batch)
            one, other = stage(batches[0]), stage.eval()(batches[0])
        differ[kind] = float((one - other).norm() / one.norm())
    assert differ[StageFaulty] > 2 * differ[Stage]


def test_the_network_learns_a_batch_by_heart() -> None:
    torch.manual_seed(0)
    net = SmallResNet(width=8, blocks=1, classes=8)
    assert net(torch.rand(2, 3, 32, 32)).shape == (2, 8)
    x, y = toyworld.classification(16, size=32)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    batches = minibatches(x, y, batch_size=16, seed=0)
    fit(net, batches, loss=cross_entropy, optimizer=optimizer, steps=40, progress=False)
    assert accuracy(net, x, y) == 1.0


def test_crops_keep_the_object_and_enlarge_it() -> None:
    image = torch.zeros(1, 3, 32, 32)
    image[:, :, 8:12, 20:24] = 1
    box = torch.tensor([[20.0, 8.0, 24.0, 12.0]])
    moved = lab.centre_crops(image, box, zoom=1)
    assert moved[0, 0, 14:18, 14:18].min() > 0.99 and moved.sum() == pytest.approx(3 * 16, rel=1e-4)
    large = lab.centre_crops(image, box, zoom=4)
    assert large[0, 0, 10:22, 10:22].min() > 0.99 and large.shape == (1, 3, 32, 32)


def test_the_reading_is_what_the_shipped_network_shows() -> None:
    net = zoo.load("shapes_resnet")
    objects = replace(toyworld.ONE_OBJECT, distance=(6.0, 9.0))
    scenes = toyworld.sample_scenes(150, split="test", objects=objects)
    coarse, fine = (toyworld.render(scenes, s, only=("image", "boxes", "class_id")) for s in (32, 128))
    truth = coarse.class_id[:, 0]
    found = {
        "as they are": accuracy(net, coarse.image, truth),
        "middle": accuracy(net, lab.centre_crops(coarse.image, coarse.boxes[:, 0], 1), truth),
        "enlarged": accuracy(net, lab.centre_crops(coarse.image, coarse.boxes[:, 0], 2.4), truth),
        "detail": accuracy(net, lab.centre_crops(fine.image, fine.boxes[:, 0], 2.4), truth),
    }
    assert abs(found["middle"] - found["as they are"]) < 0.1, found
    assert found["as they are"] + 0.1 < found["enlarged"] < found["detail"] - 0.1, found


def test_running_values_follow_the_data() -> None:
    torch.manual_seed(0)
    layer = lab.BatchNorm(2)
    for _ in range(100):
        layer(3 * torch.randn(8, 2, 4, 4) + 5)
    np.testing.assert_allclose(layer.mean, 5, atol=0.5)
    np.testing.assert_allclose(layer.var, 9, rtol=0.2)
    assert layer.eval()(torch.full((1, 2, 1, 1), 5.0)).abs().max() < 0.2
