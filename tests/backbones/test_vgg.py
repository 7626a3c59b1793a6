"""S01.4: VGG-16 against torchvision, the other configurations against the paper's table."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.vgg import make_layers

from lecture_utils.backbones import vgg
from lecture_utils.backbones.vgg import CONFIGURATIONS, VGG, vgg16
from lecture_utils.nn.norm import FusedBatchNorm2d
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S01.4")
TORCHVISION = {"A": "vgg11", "B": "vgg13", "D": "vgg16", "E": "vgg19"}


def shared(ours: VGG, theirs: nn.Module) -> VGG:
    """torchvision's tensors under our names, shared and not copied: VGG-16 is 553 MB.

    Its `features` are one flat chain, ours are five stages, with the same layers in the same order.
    """
    flat = [m for stage in ours.stages for m in stage]
    plain = {FusedBatchNorm2d: nn.BatchNorm2d}
    assert [plain.get(type(m), type(m)) for m in flat] == [type(m) for m in theirs.features]
    ours.load_state_dict(renamed(ours, theirs), assign=True)
    return ours


def renamed(ours: VGG, theirs: nn.Module) -> dict[str, Tensor]:
    """torchvision's tensors under our names."""
    prefix = [f"stages.{i}.{j}" for i, stage in enumerate(ours.stages) for j in range(len(stage))]
    state = {}
    for name, value in theirs.state_dict().items():
        part, index, kind = name.split(".")
        if kind != "num_batches_tracked":
            state[f"{prefix[int(index)]}.{kind}" if part == "features" else name] = value
    return state


@functools.cache
def lively() -> tuple[nn.Module, Tensor, Tensor]:
    """A narrow VGG-16 of torchvision's in which the picture counts, and two batches of pictures."""
    torch.manual_seed(0)
    rows = [[4], [4, "M"], [8], [8, "M"], 3 * [16] + ["M"], 3 * [32] + ["M"], 3 * [32] + ["M"]]
    theirs = torchvision.models.VGG(make_layers([x for row in rows for x in row]), num_classes=10)
    theirs.classifier[0], theirs.classifier[3] = nn.Linear(32 * 49, 24), nn.Linear(24, 24)
    theirs.classifier[6] = nn.Linear(24, 10)
    a, b = torch.randn(2, 2, 3, 64, 97)
    liven(theirs.eval(), a, b)
    return theirs, a, b


def compare(module: Any) -> None:
    """Hold a module's VGG-16, narrow, against torchvision's, with the same weights."""
    theirs, *pictures = lively()
    ours = module.VGG("D", classes=10, width=4, hidden=24).eval()
    ours.load_state_dict(renamed(ours, theirs))
    assert_parity(ours, theirs, *pictures)


def test_a_narrow_one_equals_torchvision() -> None:
    compare(vgg)


FAULTS = {
    "average pools": ("nn.MaxPool2d(2)", "nn.AvgPool2d(2)"),
    "largest before the classifier": ("nn.AdaptiveAvgPool2d(grid)", "nn.AdaptiveMaxPool2d(grid)"),
    "columns before rows": ("x = x.flatten(1)", "x = x.mT.flatten(1)"),
    "leaky convolutions": ("layers.append(nn.ReLU())", "layers.append(nn.LeakyReLU())"),
    "no relu in the classifier": (
        "nn.Linear(hidden, hidden), nn.ReLU()",
        "nn.Linear(hidden, hidden), nn.Identity()",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_sees(fault: str) -> None:
    wrong = planted("lecture_utils.backbones.vgg", FAULTS[fault])
    with pytest.raises(AssertionError, match="outputs differ by"):
        compare(wrong)


@pytest.mark.slow
def test_vgg16_outputs_equal_torchvision() -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.vgg16().eval()
    pictures = [*torch.randn(2, 1, 3, 224, 224), *torch.randn(2, 2, 3, 33, 70)]
    liven(theirs, *pictures[:2])
    with torch.device("meta"):
        ours = vgg16().eval()
    assert_parity(shared(ours, theirs), theirs, *pictures)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("configuration", TORCHVISION)
def test_every_configurations_features_equal_torchvision(configuration: str, batch_norm: bool) -> None:
    torch.manual_seed(0)
    with torch.device("meta"):
        ours = VGG(configuration, batch_norm=batch_norm).eval()
        theirs = getattr(torchvision.models, TORCHVISION[configuration] + "_bn" * batch_norm)().eval()
    theirs.to_empty(device="cpu").classifier.to("meta")
    for layer in theirs.features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            for name, value in layer.state_dict().items():
                value.copy_(torch.rand(value.shape) + 0.5 * ("weight" in name or "var" in name))
    shared(ours, theirs)
    x = torch.randn(1, 3, 64, 48)
    with torch.inference_mode():
        got, want = ours.stages(x), theirs.features(x)
    scale = want.std()
    torch.testing.assert_close(got / scale, want / scale, rtol=0, atol=1e-4)


# Layers with weights (table 1) and parameters in millions (table 2).
@pytest.mark.parametrize(
    ("configuration", "depth", "millions"),
    [("A", 11, 133), ("B", 13, 133), ("C", 16, 134), ("D", 16, 138), ("E", 19, 144)],
)
def test_depth_and_size_are_the_papers(configuration: str, depth: int, millions: int) -> None:
    with torch.device("meta"):
        net = VGG(configuration)
    count = sum(p.numel() for p in net.parameters())
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()) == depth
    assert round(count / 1e6) == millions
    if configuration == "D":
        assert count == 138_357_544
        assert [c.kernel_size for c in net.modules() if isinstance(c, nn.Conv2d)] == 13 * [(3, 3)]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_stages_halve_the_image_and_double_the_channels(configuration: str) -> None:
    net, x, shapes = VGG(configuration, width=8, hidden=16), torch.rand(1, 3, 224, 224), []
    for stage in net.stages:
        x = stage(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(8, 112, 112), (16, 56, 56), (32, 28, 28), (64, 14, 14), (64, 7, 7)]


def test_overfits_one_batch(overfit: Callable[..., None]) -> None:
    torch.manual_seed(0)
    net = VGG("A", classes=10, width=8, hidden=64, grid=1, dropout=0.0)
    x, y = torch.rand(10, 3, 32, 32), torch.arange(10)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    overfit(net, x, y, optimizer)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(32, 32), (33, 65)])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_odd_sizes_batch_of_one_types_and_devices(
    size: tuple[int, int], dtype: torch.dtype, device: str
) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA")
    net = VGG("A", classes=5, in_channels=1, width=4, hidden=8, grid=1).to(device, dtype)
    out = net(torch.rand(1, 1, *size, dtype=dtype, device=device))
    assert out.shape == (1, 5) and out.dtype == dtype
    out.sum().backward()


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="configuration: got 'F', want one of A, B, C, D, E"):
        VGG("F")
    assert list(CONFIGURATIONS) == ["A", "B", "C", "D", "E"]
    net = VGG("A", width=2, hidden=4, grid=1)
    for bad, message in [
        (torch.zeros(3, 32, 32), "for one image use x"),
        (torch.zeros(1, 4, 32, 32), "got 4 channels"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "divide 8-bit values by 255"),
        (torch.zeros(1, 3, 31, 64), "got 31 × 64 pixels, want 32 × 32 or more"),
    ]:
        with pytest.raises(ValueError, match=message):
            net(bad)
