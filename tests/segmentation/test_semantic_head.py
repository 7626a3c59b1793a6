"""UPSNet's semantic head: shared by all levels, deformable, and plain at its start."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.segmentation.semantic_head import DeformableConv, SemanticHead
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.5")


def pyramid(batch: int = 2, channels: int = 4) -> list[Tensor]:
    """Maps of 12 × 20 cells and of half and a quarter of that."""
    made = torch.Generator().manual_seed(0)
    return [torch.randn(batch, channels, 12 // s, 20 // s, generator=made) for s in (1, 2, 4)]


def head(**options: int) -> SemanticHead:
    """Three levels of 4 channels, 5 classes."""
    torch.manual_seed(0)
    return SemanticHead(4, levels=3, classes=5, **{"hidden": 8, **options})


def plain(head: SemanticHead, maps: list[Tensor]) -> Tensor:
    """The head as its equations, with ordinary convolutions: right while all offsets are 0."""
    stacked = []
    for x in maps:
        for layer in head.shared:
            conv = layer.conv if isinstance(layer, DeformableConv) else None
            x = F.conv2d(x, conv.weight, conv.bias, padding=1) if conv else layer(x)
        stacked.append(F.interpolate(x, maps[0].shape[2:], mode="bilinear", align_corners=False))
    return torch.einsum("kc,bchw->bkhw", head.last.weight[:, :, 0, 0], torch.cat(stacked, 1))


@pytest.mark.parametrize("options", [{}, {"groups": 2, "layers": 3}])
def test_at_its_start_it_is_an_ordinary_network(options: dict[str, int]) -> None:
    net, maps = head(**options), pyramid()
    got = net(maps)
    assert got.shape == (2, 5, 12, 20)
    assert torch.allclose(got, plain(net, maps), rtol=0, atol=1e-5)
    assert sum(isinstance(layer, nn.GroupNorm) for layer in net.shared) == (3 if options else 0)


@pytest.mark.parametrize(
    "fault",
    [
        ("nn.init.zeros_(self.offsets.weight)", "nn.init.normal_(self.offsets.weight)"),
        ("size = features[0].shape[2:]", "size = features[-1].shape[2:]"),
        ("[self.shared(x) for x in features]", "[self.shared(features[0]) for x in features]"),
        ("torch.cat(maps, dim=1)", "torch.cat(maps[::-1], dim=1)"),
    ],
)
def test_a_planted_fault_is_seen(fault: tuple[str, str]) -> None:
    module, maps = planted("lecture_utils.segmentation.semantic_head", fault), pyramid()
    net = head()
    torch.manual_seed(0)
    broken = module.SemanticHead(4, levels=3, classes=5, hidden=8)
    got, want = broken(maps), plain(net, maps)
    assert got.shape != want.shape or not torch.allclose(got, want, rtol=0, atol=1e-3 * float(want.std()))


def test_offsets_learn_and_move_what_is_read() -> None:
    net, maps = head(), pyramid()
    (net(maps) ** 2).mean().backward()
    first = net.shared[0]
    assert all(
        layer.offsets.weight.grad.abs().sum() > 0 for layer in net.shared if isinstance(layer, DeformableConv)
    )
    before = net(maps)
    with torch.no_grad():
        first.offsets.bias.fill_(0.7)
    assert not torch.allclose(net(maps), before)


def test_one_picture_of_a_batch_does_not_depend_on_the_others() -> None:
    net, maps = head(groups=4), pyramid()
    nn.init.normal_(net.shared[0].offsets.weight, std=0.3)
    alone = net([x[1:] for x in maps])
    assert torch.allclose(net(maps)[1:], alone, rtol=0, atol=1e-6)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="features: got 2, want a list of 3"):
        head()(pyramid()[:2])
    with pytest.raises(ValueError, match="groups: got 3, want a divisor"):
        head(groups=3)
    with pytest.raises(ValueError, match="kernel: got 2, want an odd"):
        DeformableConv(3, 3, 2)
    with pytest.raises(ValueError, match="images: got 3 channels"):
        head()([x[:, :3] for x in pyramid()])
