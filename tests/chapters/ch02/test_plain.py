"""The classes that chapter 02 shows give what their twins in the package give, with the same weights."""

import pytest
import torch
from torch import nn

from lecture_utils import zoo
from lecture_utils.backbones import swin, vit
from lecture_utils.chapters.ch02 import plain
from lecture_utils.chapters.ch02.stacked_muon import StackedMuon
from lecture_utils.data import toyworld
from lecture_utils.training.muon import MuonAndAdamW


def as_their_twin(shown: nn.Module, twin: nn.Module, x: torch.Tensor, least: float = 0.1) -> None:
    """Take over the twin's weights; outputs agree, and differ between two inputs by far more."""
    shown.load_state_dict(twin.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(shown.eval()(x), twin.eval()(x), atol=1e-4, rtol=0)
        assert (twin(x)[0] - twin(x)[1]).abs().max() > least


def test_the_shown_vit_is_the_shipped_one() -> None:
    shipped = zoo.load("shapes_vit")
    shown = plain.ViT(32, 4, shipped.dim, 4, 4, 8)
    as_their_twin(shown, shipped, toyworld.classification(2, size=32, split="test")[0])


def test_the_shown_vit_has_the_packages_parts() -> None:
    twin = vit.ViT(image=16, patch=4, dim=16, heads=2, hidden=32, layers=1, classes=3)
    shown = plain.ViT(16, 4, 16, 2, 1, 3)
    assert {n: p.shape for n, p in shown.named_parameters()} == {
        n: p.shape for n, p in twin.named_parameters()
    }


@pytest.mark.parametrize("side", [32, 64])
def test_the_shown_swin_is_the_packages(side: int) -> None:
    """With a last stage of one window (nothing is shifted there), and of four."""
    torch.manual_seed(0)
    twin = swin.Swin(dim=12, depths=(2, 2), heads=(2, 4), window=4, patch=4)
    for p in twin.parameters():  # so that the logits depend on the picture
        p.data.mul_(3)
    shown = plain.Swin(12, (2, 2), (2, 4), 4)
    as_their_twin(shown, twin, torch.rand(2, 3, side, side))


def test_swins_shown_in_full_size_have_all_its_weights() -> None:
    with torch.device("meta"):
        shown, twin = plain.Swin(96, (2, 2, 6, 2), (3, 6, 12, 24), 7), swin.swin_t()
    assert [p.shape for p in shown.parameters()] == [p.shape for p in twin.parameters()]


def test_stacked_muon_steps_like_muon() -> None:
    """Up to the 16-bit numbers in which torch iterates, which part the paths by a few hundredths."""
    torch.manual_seed(0)
    start = vit.ViT(image=16, patch=4, dim=16, heads=2, hidden=32, layers=2, classes=3)
    models, x = [], torch.randn(8, 3, 16, 16)
    for kind in (MuonAndAdamW, StackedMuon):
        model = vit.ViT(image=16, patch=4, dim=16, heads=2, hidden=32, layers=2, classes=3)
        model.load_state_dict(start.state_dict())
        optimizer = kind(model, model.layers, 3e-3)
        for _ in range(5):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), torch.arange(8) % 3).backward()
            optimizer.step()
        models.append(nn.utils.parameters_to_vector(model.parameters()))
    way = models[0] - nn.utils.parameters_to_vector(start.parameters())
    assert (models[1] - models[0]).norm() < 0.05 * way.norm()
