"""S01.3: AlexNet against torchvision, the paper's variant against its size, a small one on digits."""

import functools
import re
from collections.abc import Callable
from typing import Any

import pytest
import sklearn.datasets
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from lecture_utils.backbones import alexnet as alexnet_module
from lecture_utils.backbones.alexnet import AlexNet, alexnet, alexnet_2012, alexnet_small
from lecture_utils.nn.norm import LocalResponseNorm
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S01.3")

# Convolutions and linear layers, torchvision's name → ours. Its AlexNet (Krizhevsky 2014) has no local
# response normalisation, so ours is compared with `lrn=False`, where an `nn.Identity` keeps the place.
NAMES = {
    "features.0": "features.0",
    "features.3": "features.4",
    "features.6": "features.8",
    "features.8": "features.10",
    "features.10": "features.12",
    "classifier.1": "classifier.1",
    "classifier.4": "classifier.4",
    "classifier.6": "classifier.6",
}


def renamed(theirs: nn.Module) -> dict[str, Tensor]:
    """torchvision's tensors under our names."""
    parts = [(name.rpartition("."), value) for name, value in theirs.state_dict().items()]
    return {f"{NAMES[layer]}.{kind}": value for (layer, _, kind), value in parts}


@functools.cache
def lively() -> tuple[nn.Module, Tensor, Tensor]:
    """torchvision's AlexNet with a small classifier, in which the picture counts, and two batches."""
    torch.manual_seed(0)
    theirs = torchvision.models.AlexNet(num_classes=10)
    theirs.classifier[1], theirs.classifier[4] = nn.Linear(9216, 24), nn.Linear(24, 24)
    theirs.classifier[6] = nn.Linear(24, 10)
    a, b = torch.randn(2, 2, 3, 97, 180)
    liven(theirs.eval(), a, b)
    return theirs, a, b


def compare(module: Any) -> None:
    """Hold a module's AlexNet, with a small classifier, against torchvision's with the same weights."""
    theirs, *pictures = lively()
    ours = module.AlexNet(classes=10, hidden=24).eval()
    ours.load_state_dict(renamed(theirs))
    assert_parity(ours, theirs, *pictures)


def test_with_a_small_classifier_it_equals_torchvision() -> None:
    compare(alexnet_module)


FAULTS = {
    "columns before rows": ("x = x.flatten(1)", "x = x.mT.flatten(1)"),
    "largest before the classifier": ("nn.AdaptiveAvgPool2d(grid)", "nn.AdaptiveMaxPool2d(grid)"),
    "normalisation where there is none": (
        "        LocalResponseNorm() if lrn else nn.Identity(),\n        nn.MaxPool2d(3, stride=2),  #",
        "        LocalResponseNorm(),\n        nn.MaxPool2d(3, stride=2),  #",
    ),
    "average in the first pool": (
        "nn.MaxPool2d(3, stride=2),  # windows",
        "nn.AvgPool2d(3, stride=2),  # windows",
    ),
    "no relu after the first": ("first, nn.ReLU(),", "first, nn.Identity(),"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_sees(fault: str) -> None:
    wrong = planted("lecture_utils.backbones.alexnet", FAULTS[fault])
    with pytest.raises(AssertionError, match="outputs differ by"):
        compare(wrong)


@pytest.mark.slow
def test_outputs_equal_torchvision() -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.alexnet().eval()
    pictures = [*torch.randn(2, 2, 3, 224, 224), torch.randn(1, 3, 97, 150)]
    liven(theirs, *pictures[:2])
    with torch.device("meta"):
        ours = alexnet().eval()
    ours.load_state_dict(renamed(theirs), assign=True)  # the tensors are shared, not copied: half the memory
    assert_parity(ours, theirs, *pictures)


def test_parameter_counts() -> None:
    with torch.device("meta"):
        one_tower, paper = alexnet(), alexnet_2012()
    assert sum(p.numel() for p in one_tower.parameters()) == 61_100_840
    assert sum(p.numel() for p in paper.parameters()) == 60_965_224  # the paper: "60 million parameters"


def test_the_papers_parts_are_there() -> None:
    with torch.device("meta"):
        net = alexnet_2012()
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    pools = [m for m in net.modules() if isinstance(m, nn.MaxPool2d)]
    assert [c.out_channels for c in convolutions] == [96, 256, 384, 384, 256]
    assert [c.groups for c in convolutions] == [1, 2, 1, 2, 2]
    assert all(p.kernel_size == 3 and p.stride == 2 for p in pools) and len(pools) == 3  # they overlap
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.5, 0.5]
    assert sum(isinstance(m, LocalResponseNorm) for m in net.modules()) == 2
    assert sum(isinstance(m, nn.Linear) for m in net.modules()) == 3
    assert not any(isinstance(m, LocalResponseNorm) for m in alexnet_small(lrn=False).modules())


def test_feature_shapes_at_224() -> None:
    net = AlexNet(widths=(4, 8, 8, 8, 8), hidden=8)
    sizes = []
    for layer in net.features:
        layer.register_forward_hook(
            lambda module, inputs, output: sizes.append((type(module), output.shape[-1]))
        )
    net.eval()(torch.zeros(1, 3, 224, 224))
    assert [s for t, s in sizes if t is nn.Conv2d] == [55, 27, 13, 13, 13]
    assert [s for t, s in sizes if t is nn.MaxPool2d] == [27, 13, 6]


@pytest.mark.parametrize("lrn", [True, False])
def test_overfits_one_batch(lrn: bool, overfit: Callable[..., None]) -> None:
    torch.manual_seed(0)
    net = alexnet_small(width=8, lrn=lrn).eval()  # no dropout: the point is to memorise
    x, y = torch.rand(16, 3, 16, 16), torch.arange(16) % 10
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    overfit(net, x, y, optimizer)


def test_a_small_one_learns_the_digits() -> None:
    """The bundled handwritten digits, 8 × 8 made 16 × 16; every fourth is held out."""
    digits = sklearn.datasets.load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    images, labels = F.interpolate(images, size=16, mode="bilinear"), torch.tensor(digits.target)
    held_out = torch.arange(len(labels)) % 4 == 0
    x, y = images[~held_out], labels[~held_out]
    torch.manual_seed(0)
    net = alexnet_small(in_channels=1)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(8):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    with torch.inference_mode():
        accuracy = (net.eval()(images[held_out]).argmax(dim=1) == labels[held_out]).float().mean().item()
    print(f"held-out accuracy {accuracy:.3f}")
    assert accuracy > 0.9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(15, 15), (16, 16), (17, 40)])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_odd_sizes_batch_of_one_types_and_devices(
    size: tuple[int, int], dtype: torch.dtype, device: str
) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA")
    net = alexnet_small(in_channels=1, width=4).to(device, dtype)
    out = net(torch.rand(1, 1, *size, dtype=dtype, device=device))
    assert out.shape == (1, 10) and out.dtype == dtype
    out.sum().backward()


def test_dropout_acts_in_training_only() -> None:
    net, x = alexnet_small(width=4), torch.rand(2, 3, 16, 16)
    torch.manual_seed(0)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_bad_input_is_named() -> None:
    net = alexnet_small()
    for bad, message in [
        (torch.zeros(3, 16, 16), "for one image use x"),
        (torch.zeros(1, 1, 16, 16), r"got 1 channels in shape \(1, 1, 16, 16\), want \(B, 3, H, W\)"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), "divide 8-bit values by 255"),
        (torch.zeros(1, 3, 14, 16), "got 14 × 16 pixels, want 15 or more a side"),
    ]:
        with pytest.raises(ValueError, match=message):
            net(bad)
    for widths in ((4, 4, 4, 4, 3), (4, 4, 3, 4, 4), (3, 4, 4, 4, 4), (0, 4, 4, 4, 4), (4, 4, 4, 4)):
        with pytest.raises(
            ValueError, match=f"got (widths )?{re.escape(str(widths))}, want (five multiples of 2|5 whole)"
        ):
            AlexNet(widths=widths, groups=2, hidden=4)
    with torch.device("meta"):
        assert alexnet().smallest == 63
    AlexNet(widths=(4, 4, 4, 4, 4), hidden=4)(torch.zeros(1, 3, 63, 63))  # the smallest one passes
