"""Lambert's law by its formula, and textures against torch's own lookup."""

import pytest
import torch
from torch.nn import functional as F

from lecture_utils.rendering.rasteriser import shading
from tests.mutants import planted

pytestmark = pytest.mark.system("S19.1")


def drawn(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_light_falls_off_with_the_cosine():
    light = torch.tensor([0.0, 0.0, 3.0], dtype=torch.float64)
    degrees = torch.tensor([0.0, 60, 90, 120], dtype=torch.float64)
    tilt = degrees.deg2rad()
    normal = 2 * torch.stack([tilt.sin(), 0 * tilt, tilt.cos()], dim=-1)
    got = shading.shade(normal, torch.full((4, 3), 0.5, dtype=torch.float64), light, ambient=0.2)
    want = 0.5 * (0.2 + 0.8 * torch.tensor([1.0, 0.5, 0.0, 0.0]).double())
    torch.testing.assert_close(got, want[:, None].expand(4, 3), atol=1e-7, rtol=0)
    plain = shading.shade(0 * normal, torch.ones(4, 1, dtype=torch.float64), light, ambient=0.2)
    torch.testing.assert_close(plain, torch.full((4, 1), 0.2, dtype=torch.float64))


def looked_up(module=shading) -> float:
    texture, uv = drawn(3, 5, 7), 1.4 * drawn(2, 50, 2) - 0.2
    got = module.sample_texture(texture, uv)
    want = F.grid_sample(
        texture[None], (2 * uv - 1)[None].reshape(1, 2, 50, 2), padding_mode="border", align_corners=False
    )
    return float((got - want[0].permute(1, 2, 0)).abs().max())


def test_a_texture_is_looked_up_as_torch_does():
    assert looked_up() < 1e-12


FAULTS = {
    "half a pixel off": ("uv[..., 0] * width - 0.5", "uv[..., 0] * width"),
    "up for down": ("(1 - b) * upper + b * lower", "b * upper + (1 - b) * lower"),
    "nearest": ("a, b = x - left, y - top", "a, b = (x - left).round(), (y - top).round()"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault):
    assert looked_up(planted("lecture_utils.rendering.rasteriser.shading", FAULTS[fault])) > 1e-3


def test_a_texture_has_gradients():
    texture, uv = drawn(2, 4, 3).requires_grad_(), (0.6 * drawn(6, 2) + 0.21).requires_grad_()
    assert torch.autograd.gradcheck(shading.sample_texture, (texture, uv))


def test_bad_input_is_refused():
    ones = torch.ones(4, 3)
    with pytest.raises(ValueError, match="to_light: got"):
        shading.shade(ones, ones, torch.zeros(3))
    with pytest.raises(ValueError, match="ambient: got 2"):
        shading.shade(ones, ones, torch.ones(3), ambient=2)
    with pytest.raises(ValueError, match="albedo: got"):
        shading.shade(ones, ones[:2], torch.ones(3))
    with pytest.raises(ValueError, match="texture: got"):
        shading.sample_texture(ones, ones[:, :2])
