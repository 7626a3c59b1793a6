"""Chapter 01's short classes: with the same weights they answer as the package's own networks do."""

import pytest
import torch
from torch import nn

from lecture_utils.backbones import alexnet, resnet, vgg
from lecture_utils.chapters.ch01 import plain
from lecture_utils.ops import convolution


def copied(short: nn.Module, long: nn.Module) -> None:
    """Give one network the other's tensors, in order; both list them from the input to the output."""
    source = list(long.state_dict().values())
    target = {name: value for name, value in short.state_dict().items() if "num_batches" not in name}
    assert [value.shape for value in target.values()] == [value.shape for value in source]
    short.load_state_dict(dict(zip(target, source, strict=True)), strict=False)


def scaled(model: nn.Module) -> nn.Module:
    """Random weights and running values, so that two pictures get different answers."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.ndim > 1:
                value.normal_(std=(2 / value[0].numel()) ** 0.5)
            elif "var" in name:
                value.uniform_(0.5, 1.5)
            else:
                value.uniform_(0.5, 1.0)
    return model.eval()


@pytest.mark.parametrize(
    ("short", "long"),
    [
        pytest.param(plain.AlexNet, alexnet.alexnet, marks=pytest.mark.system("S01.3")),
        pytest.param(plain.ResNet, resnet.resnet18, marks=pytest.mark.system("S01.5")),
    ],
)
def test_the_short_class_answers_as_the_long_one(short: type[nn.Module], long: type[nn.Module]) -> None:
    ours, theirs = short(classes=7).eval(), scaled(long(classes=7))
    copied(ours, theirs)
    x = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        got, want = ours(x), theirs(x)
    assert (want[0] - want[1]).abs().max() > 1e-3 * want.abs().max()  # it looks at its input
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4 * want.abs().max().item())


@pytest.mark.system("S01.4")
def test_the_short_vgg_has_the_layers_of_the_long_one() -> None:
    with torch.device("meta"):  # 138 million weights, not one byte
        ours, theirs = plain.VGG(), vgg.vgg16()
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    kinds = [
        [type(m).__name__ for m in net.modules() if not list(m.children()) and "Adaptive" not in str(m)]
        for net in (ours, theirs)
    ]
    assert [k for k in kinds[0] if k != "Flatten"] == kinds[1]


@pytest.mark.system("S01.1")
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (3, 2)])
def test_col2im_adds_what_the_package_adds(stride: int, padding: int) -> None:
    size, kernel = (9, 8), (3, 2)
    places = len(range(0, 9 + 2 * padding - 2, stride)) * len(range(0, 8 + 2 * padding - 1, stride))
    columns = torch.randn(2, 4 * 6, places)
    got = plain.col2im(columns, size, kernel, stride=stride, padding=padding)
    want = convolution.col2im(columns, size, kernel, stride=stride, padding=padding)
    torch.testing.assert_close(got, want)
