"""Volume rendering: closed forms of a constant medium and of a slab, a plain loop, values and gradients."""

import math

import pytest
import torch
from torch import Tensor

from lecture_utils.rendering import volume
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.4")
NEAR, FAR = 2.0, 4.0


def fog(rays: int = 5, samples: int = 7, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Densities, colours, distances and far ends, float64."""
    draw = torch.Generator().manual_seed(seed)
    density = 3 * torch.rand(rays, samples, generator=draw, dtype=torch.float64)
    colour = torch.rand(rays, samples, 3, generator=draw, dtype=torch.float64)
    distance = NEAR + 2 * torch.rand(rays, samples, generator=draw, dtype=torch.float64).sort(dim=1).values
    return density, colour, distance, torch.full((rays,), FAR + 0.5, dtype=torch.float64)


def by_loop(
    density: Tensor, colour: Tensor, distance: Tensor, far: Tensor, background: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Equation 3 ray by ray, sample by sample: colour, depth, opacity."""
    seen = []
    for sigma, c, t, end in zip(density, colour, distance, far, strict=True):
        light, total, depth, stopped = 1.0, 0.0, 0.0, 0.0
        for i in range(len(t)):
            step = (t[i + 1] if i + 1 < len(t) else end) - t[i]
            alpha = 1 - torch.exp(-sigma[i] * step)
            total, depth = total + light * alpha * c[i], depth + light * alpha * t[i]
            stopped, light = stopped + light * alpha, light * (1 - alpha)
        seen.append((total + light * background, depth + light * end, stopped))
    return tuple(torch.stack(part) for part in zip(*seen, strict=True))


def agrees_with_the_loop(module) -> bool:
    density, colour, distance, far = fog()
    got = module.composite(density, colour, distance, far, background=0.3)
    want = by_loop(density, colour, distance, far, 0.3)
    return all(
        torch.allclose(a, b, atol=1e-12)
        for a, b in zip((got.colour, got.depth_m, got.opacity), want, strict=True)
    )


def test_compositing_is_equation_3_sample_by_sample():
    assert agrees_with_the_loop(volume)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("before = thickness.cumsum(dim=1) - thickness", "before = thickness.cumsum(dim=1)"),
        ("append=far_m[:, None])", "prepend=distance_m[:, :1])"),  # δ_i = t_i − t_{i−1}
        ("return -torch.expm1(-density * step_m)", "return density * step_m"),
        ("passed[:, None] * background", "background"),
        ("passed * far_m", "0"),
        ("return torch.exp(-before)", "return 1 - before"),
    ],
)
def test_a_planted_fault_is_seen(right, wrong):
    assert not agrees_with_the_loop(planted("lecture_utils.rendering.volume", (right, wrong)))


@pytest.mark.parametrize("samples", [1, 2, 33])
@pytest.mark.parametrize("sigma", [0.0, 0.4, 30.0])
def test_a_constant_medium_is_rendered_exactly(sigma, samples):
    """Opacity 1 − exp(−σ (far − t_1)), whatever the samples between; and its derivative by σ."""
    rate = torch.tensor(sigma, dtype=torch.float64, requires_grad=True)
    distance = torch.linspace(NEAR, FAR, samples + 1, dtype=torch.float64)[:-1][None]
    colour = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64).expand(1, samples, 3)
    far = torch.tensor([FAR], dtype=torch.float64)
    out = volume.composite(rate.expand(1, samples), colour, distance, far)
    passed = math.exp(-sigma * (FAR - NEAR))
    torch.testing.assert_close(out.opacity, torch.tensor([1 - passed], dtype=torch.float64))
    torch.testing.assert_close(out.colour, colour[:, 0] * (1 - passed) + passed)
    (slope,) = torch.autograd.grad(out.opacity.sum(), rate)
    torch.testing.assert_close(slope, torch.tensor((FAR - NEAR) * passed, dtype=torch.float64))


def test_depth_of_a_constant_medium_tends_to_the_integral():
    """∫ t σ exp(−σ(t − near)) dt + far · exp(−σ(far − near)), with samples at the middles of fine bins."""
    sigma, samples = 1.3, 4000
    width = (FAR - NEAR) / samples
    distance = NEAR + width * torch.arange(samples, dtype=torch.float64)[None]
    density = torch.full_like(distance, sigma)
    out = volume.composite(
        density, torch.zeros(1, samples, 3).double(), distance, torch.tensor([FAR]).double()
    )
    want = NEAR + (1 - math.exp(-sigma * (FAR - NEAR))) / sigma
    assert abs(float(out.depth_m) - want) < width


def test_a_slab_before_a_slab():
    """Red of σ = 1.5 over 0.5 m, then nothing, then blue of σ = 4 over 1 m, before white; with gradients."""
    edges = torch.tensor([[2.0, 2.5, 3.0]], dtype=torch.float64)
    density = torch.tensor([[1.5, 0.0, 4.0]], dtype=torch.float64, requires_grad=True)
    colour = torch.tensor([[[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]], dtype=torch.float64, requires_grad=True)
    out = volume.composite(density, colour, edges, torch.tensor([4.0], dtype=torch.float64))
    first, second = math.exp(-0.75), math.exp(-4)
    red, blue, white = 1 - first, first * (1 - second), first * second
    want = torch.tensor([[red + white, white, blue + white]], dtype=torch.float64)
    torch.testing.assert_close(out.colour, want)
    torch.testing.assert_close(out.weights[0], torch.tensor([red, 0, blue], dtype=torch.float64))
    by_density, by_colour = torch.autograd.grad(out.colour[0, 0], (density, colour))
    # red + white = 1 − e^{−0.5σ₁} + e^{−0.5σ₁} e^{−0.5σ₂} e^{−σ₃}
    want = [0.5 * first - 0.5 * first * second, -0.5 * first * second, -first * second]
    torch.testing.assert_close(by_density[0], torch.tensor(want, dtype=torch.float64))
    torch.testing.assert_close(by_colour[0, :, 0], torch.tensor([red, 0, blue], dtype=torch.float64))


def test_gradients_are_those_of_differences():
    density, colour, distance, far = fog(2, 4)
    density[0, 1] = 0.0
    inputs = [(x + (0.1 if x is density else 0)).requires_grad_() for x in (density, colour)]

    def seen(sigma: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out = volume.composite(sigma, c, distance, far)
        return out.colour, out.depth_m, out.opacity

    assert torch.autograd.gradcheck(seen, inputs)


def test_weights_sum_to_the_opacity_and_light_only_falls():
    density, colour, distance, far = fog()
    out = volume.composite(density, colour, distance, far)
    torch.testing.assert_close(out.weights.sum(1), out.opacity)
    step = volume.intervals(distance, far)
    light = volume.transmittance(density, step)
    assert bool((light[:, 0] == 1).all()) and bool((light.diff(dim=1) <= 0).all())
    torch.testing.assert_close(step.sum(1), far - distance[:, 0])


def test_an_opaque_wall_hides_what_is_behind_and_keeps_its_gradients_finite():
    density = torch.tensor([[0.0, 1e8, 5.0]], requires_grad=True)
    colour = torch.eye(3)[None]
    out = volume.composite(density, colour, torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([4.0]))
    torch.testing.assert_close(out.colour, torch.tensor([[0.0, 1.0, 0.0]]))
    assert float(out.depth_m.detach()) == 2.0
    (slope,) = torch.autograd.grad(out.colour.sum(), density)
    assert bool(slope.isfinite().all())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"density": -torch.ones(2, 3)}, "density: got"),
        ({"density": torch.ones(2, 4)}, "density: got"),
        ({"colour": torch.ones(2, 3)}, "colour: got"),
        ({"distance_m": torch.tensor([[3.0, 2.0, 1.0]] * 2)}, "in order"),
        ({"far_m": torch.zeros(2)}, "in order"),
        ({"density": torch.full((2, 3), torch.nan)}, "finite"),
        ({"background": 2.0}, "background: got 2"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    good = {
        "density": torch.ones(2, 3),
        "colour": torch.ones(2, 3, 3),
        "distance_m": torch.tensor([[1.0, 2.0, 3.0]] * 2),
        "far_m": torch.full((2,), 4.0),
    }
    with pytest.raises(ValueError, match=message):
        volume.composite(**good | change)
