"""Stylisation: losses against loops, a space whose answer is known, and what the optimisation changes."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lecture_utils.multimodal import stylisation
from lecture_utils.multimodal.styles import ColourMap, Pixels
from lecture_utils.multimodal.stylisation import (
    StyleWeights,
    directional_loss,
    global_loss,
    patch_loss,
    patches,
    stylise,
    total_variation,
)
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.9")


def units(count: int, dim: int = 6, *, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return nn.functional.normalize(torch.randn(count, dim, generator=random), dim=1)


def pictures(count: int = 2, size: int = 16, *, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


class MeanColour(nn.Module):
    """A CLIP of which everything is known: where a picture lies says its mean red, green and blue."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(3))

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.normalize(self.gain * images.mean((2, 3)), dim=1)


RED, BLUE = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 1.0]])


def direction_by_hand(styled: Tensor, source: Tensor, target: Tensor, origin: Tensor) -> list[float]:
    out = []
    for a, b, c, d in zip(*(x.double().numpy() for x in (styled, source, target, origin)), strict=True):
        change, wanted = a - b, c - d
        out.append(1 - float(change @ wanted) / (np.linalg.norm(change) * np.linalg.norm(wanted)))
    return out


def as_by_hand(module: object) -> bool:
    given = [units(5, seed=i) for i in range(4)]
    got = module.directional_loss(*given)  # type: ignore[attr-defined]
    return bool(np.allclose(got.numpy(), direction_by_hand(*given), atol=1e-5))


def test_direction_is_the_paper_s() -> None:
    assert as_by_hand(stylisation)
    a, b = units(4), units(4, seed=1)
    assert torch.allclose(global_loss(a, b), 1 - torch.einsum("bd,bd->b", a, b), atol=1e-6)


@pytest.mark.parametrize(
    "fault",
    [
        ("change = styled - source", "change = styled"),
        ("wanted = target_text - source_text", "wanted = target_text + source_text"),
        ("return 1 - F.cosine_similarity(change", "return F.cosine_similarity(change"),
    ],
)
def test_a_planted_fault_is_seen(fault: tuple[str, str]) -> None:
    assert not as_by_hand(planted(stylisation.__name__, fault))


def test_direction_where_nothing_has_changed_is_one_and_has_a_gradient() -> None:
    source = units(3)
    styled = source.clone().requires_grad_()
    loss = directional_loss(styled, source, units(1, seed=1), units(1, seed=2))
    loss.sum().backward()
    assert torch.allclose(loss, torch.ones(3))
    assert styled.grad is not None and bool(styled.grad.isfinite().all()) and float(styled.grad.norm()) > 0


def test_both_styles_begin_as_the_identity_and_a_colour_map_treats_equal_colours_alike() -> None:
    images = pictures()
    assert torch.equal(Pixels(2, 16)(images), images)
    style = ColourMap(2)
    assert torch.allclose(style(images), images)
    with torch.no_grad():
        style.leave.normal_(0, 0.1)
    order = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    shuffled = images.flatten(2)[..., order].reshape(images.shape)
    assert torch.allclose(style(shuffled).flatten(2), style(images).flatten(2)[..., order], atol=1e-6)


def test_patches_are_enlarged_windows_in_the_order_of_the_pictures() -> None:
    images = torch.stack([torch.zeros(3, 12, 12), torch.ones(3, 12, 12)])
    cut = patches(images, 5, generator=torch.Generator().manual_seed(0))
    assert cut.shape == (10, 3, 12, 12)
    assert cut.flatten(1).mean(1).tolist() == [0.0] * 5 + [1.0] * 5
    whole = patches(pictures(), 2, share=1.0, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(whole, pictures().repeat_interleave(2, dim=0))


def test_patches_that_are_there_already_count_nothing() -> None:
    each = torch.tensor([[0.2, 0.9, 1.5], [0.1, 0.2, 0.3]])
    assert patch_loss(each, 0.7).tolist() == pytest.approx([0.8, 0.0])


def test_total_variation_of_a_step_and_of_stripes() -> None:
    flat = torch.full((1, 3, 8, 8), 0.3)
    step = flat.clone()
    step[..., 4:] = 0.8
    assert total_variation(flat).item() == 0
    assert total_variation(step).item() == pytest.approx(0.5 / 7)
    assert total_variation(step.mT).item() == pytest.approx(0.5 / 7)


@pytest.mark.parametrize("style", [Pixels(2, 16), ColourMap(2)], ids=["pixels", "colours"])
def test_red_turns_blue_and_clip_stays_as_it_was(style: nn.Module) -> None:
    clip, images = MeanColour(), torch.tensor([0.8, 0.2, 0.2])[:, None, None].expand(2, 3, 16, 16) * 1.0
    images = images * (0.9 + 0.2 * pictures())
    images = images.clamp(0, 1)
    result = stylise(images, clip, RED, BLUE, style, steps=60, weights=StyleWeights(content=0.1))
    assert bool((result.score > result.before + 0.1).all())
    assert result.losses[-1] < result.losses[0]
    assert len(result.losses) == 60
    assert bool(((result.images >= 0) & (result.images <= 1)).all())
    assert clip.gain.grad is None
    assert torch.equal(clip.gain, torch.ones(3))


def test_content_keeps_the_structure() -> None:
    images, structure = pictures(), []
    for content in (0.0, 5.0):
        weights = StyleWeights(globally=1.0, direction=1.0, patch=0.0, content=content, variation=0.0)
        result = stylise(images, MeanColour(), RED, BLUE, Pixels(2, 16), steps=40, weights=weights)
        structure.append(float(result.structure.mean()))
    assert structure[1] > structure[0]


def test_each_picture_is_styled_for_itself() -> None:
    images, weights = pictures(), StyleWeights(patch=0.0)
    both = stylise(images, MeanColour(), RED, BLUE, Pixels(2, 16), steps=5, weights=weights)
    alone = stylise(images[1:], MeanColour(), RED, BLUE, Pixels(1, 16), steps=5, weights=weights)
    assert torch.allclose(both.images[1:], alone.images, atol=1e-5)


def test_bad_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="two that mean the same"):
        directional_loss(units(2), units(2, seed=1), units(1), units(1))
    with pytest.raises(ValueError, match=r"in \[0, 1\]|range"):
        stylise(2 * pictures() + 1, MeanColour(), RED, BLUE, Pixels(2, 16))
    with pytest.raises(ValueError, match=r"StyleWeights\.content"):
        StyleWeights(content=-1)
    assert math.isfinite(StyleWeights().content)
