"""Pictures from waves: the waves' scale, the colours, and that the ascent climbs."""

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.explain.fourier_ascent import (
    climb_waves,
    colour_basis,
    moved_at_random,
    picture_of,
    wave_scale,
)

pytestmark = pytest.mark.system("S04.4")


class Colour(nn.Module):
    """Scores a picture by the mean of each colour."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def test_the_root_gives_back_the_covariance_up_to_a_factor() -> None:
    torch.manual_seed(0)
    pictures = (torch.randn(4, 3, 8, 8) * torch.tensor([1.0, 2.0, 0.5])[:, None, None]).clamp(-2, 2)
    pictures[:, 1] += pictures[:, 0]
    root = colour_basis(pictures)
    covariance = torch.cov(pictures.transpose(0, 1).flatten(1))
    ratio = (root @ root.T) / covariance
    torch.testing.assert_close(ratio, torch.full((3, 3), ratio[0, 0].item()), rtol=1e-3, atol=1e-3)
    assert root.norm(dim=1).max().item() == pytest.approx(1)


def test_long_waves_are_stronger_and_without_decay_all_are_equal() -> None:
    scale = wave_scale(16, 1.0)
    assert scale.shape == (16, 9)
    assert scale[0, 1] > scale[0, 4] > scale[0, 8] and scale.square().mean().item() == pytest.approx(1)
    assert scale[0, 2].item() == pytest.approx(scale[0, 4].item() * 2)
    torch.testing.assert_close(wave_scale(16, 0.0), torch.ones(16, 9))


def test_one_wave_is_a_cosine_in_the_colour_that_the_basis_says() -> None:
    waves = torch.zeros(1, 3, 16, 9, 2)
    waves[0, 0, 0, 2, 0] = 1.0  # two waves along each row, of the first independent colour
    colours = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]])
    picture = picture_of(waves, torch.ones(16, 9), colours).logit()[0]
    at = torch.arange(16) * 2 * torch.pi / 16
    torch.testing.assert_close(picture[0, 5], 2 / 16 * torch.cos(2 * at), atol=1e-4, rtol=0)
    assert picture[1:].abs().max() < 1e-4


def test_moves_keep_the_shape_and_a_flat_picture() -> None:
    flat = torch.full((3, 3, 12, 12), 0.3)
    moved = moved_at_random(flat, torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved, flat)
    x = torch.rand(3, 3, 12, 12)
    moved = moved_at_random(x, torch.Generator().manual_seed(0))
    assert moved.shape == x.shape and not torch.allclose(moved, x)


def test_it_climbs_to_the_colour_that_was_asked_for() -> None:
    net = Colour().eval()
    pictures = climb_waves(net, [0, 2], colours=torch.eye(3), size=16, steps=40)
    means = pictures.mean((2, 3))  # (2, 3)
    assert means[0, 0] > 0.8 and means[1, 2] > 0.8
    assert means[0, 2] < 0.6 and pictures.min() > 0 and pictures.max() < 1
    again = climb_waves(net, [0, 2], colours=torch.eye(3), size=16, steps=40)
    assert torch.equal(pictures, again)


def test_bad_calls_say_what_is_wanted() -> None:
    net = Colour().eval()
    with pytest.raises(ValueError, match="colours"):
        climb_waves(net, 0, colours=torch.eye(4), size=16)
    with pytest.raises(ValueError, match="target"):
        climb_waves(net, [], colours=torch.eye(3), size=16)
    with pytest.raises(ValueError, match="training mode"):
        climb_waves(Colour(), 0, colours=torch.eye(3), size=16)
