"""S04.6: gradients at the pixels against finite differences and closed forms."""

import pytest
import torch
from torch import nn

from lecture_utils import zoo
from lecture_utils.data import toyworld
from lecture_utils.explain.gradients import gradient_times_input, input_gradient, saliency, smooth_grad

pytestmark = pytest.mark.system("S04.6")


def smooth_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.LazyLinear(3)).double().eval()


def linear_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 5 * 7, 3)).double().eval()


def images(n: int = 2) -> torch.Tensor:
    return torch.rand(n, 3, 5, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_equals_finite_differences() -> None:
    model, x = smooth_net(), images()
    got = input_gradient(model, x, torch.tensor([0, 2]))
    for b, k in ((0, 0), (1, 2)):
        for at in ((0, 0, 0), (2, 4, 6), (1, 2, 3)):
            step = torch.zeros_like(x)
            step[(b, *at)] = 1e-5
            with torch.no_grad():
                slope = (model(x + step)[b, k] - model(x - step)[b, k]) / 2e-5
            assert abs(float(got[(b, *at)] - slope)) < 1e-8


def test_of_a_linear_model_the_closed_forms() -> None:
    model, x = linear_net(), images()
    weight = model[1].weight[1].detach().reshape(1, 3, 5, 7).expand(2, -1, -1, -1)
    torch.testing.assert_close(input_gradient(model, x, 1), weight)
    shares = gradient_times_input(model, x, 1)
    torch.testing.assert_close(shares.sum((1, 2, 3)), (model(x)[:, 1] - model[1].bias[1]).detach())
    torch.testing.assert_close(smooth_grad(model, x, 1, samples=3), weight)  # noise cannot change a slope
    torch.testing.assert_close(saliency(weight), weight.abs().amax(1))


def test_smooth_grad_is_the_mean_over_its_noise() -> None:
    model, x = smooth_net(), images()
    generator = torch.Generator().manual_seed(5)
    span = x.amax((1, 2, 3), keepdim=True) - x.amin((1, 2, 3), keepdim=True)
    noise = [0.1 * span * torch.randn(x.shape, generator=generator, dtype=x.dtype) for _ in range(4)]
    want = sum(input_gradient(model, x + part, 2) for part in noise) / 4
    torch.testing.assert_close(smooth_grad(model, x, 2, samples=4, noise=0.1, seed=5), want)
    torch.testing.assert_close(smooth_grad(model, x, 2, samples=2, noise=0), input_gradient(model, x, 2))


def test_smoothing_calms_the_map_of_a_real_network() -> None:
    """Two neighbouring inputs get maps that are more alike with SmoothGrad than without."""
    model = zoo.load("shapes_resnet")
    x, y = toyworld.classification(8, split="test", seed=1)
    near = x + 0.02 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))

    def alike(a: torch.Tensor, b: torch.Tensor) -> float:
        return float(torch.cosine_similarity(a.flatten(1), b.flatten(1)).mean())

    plain = alike(input_gradient(model, x, y), input_gradient(model, near, y))
    smooth = alike(smooth_grad(model, x, y, samples=16), smooth_grad(model, near, y, samples=16, seed=1))
    assert smooth > plain


def test_nothing_is_left_behind() -> None:
    model, x = zoo.load("shapes_resnet"), torch.rand(1, 3, 33, 31)
    with torch.no_grad():
        got = input_gradient(model, x, 3)
    assert got.shape == x.shape and not got.requires_grad and not x.requires_grad and x.grad is None
    assert all(p.grad is None for p in model.parameters())
    assert float(got.abs().sum()) > 0


def test_pictures_from_inference_mode_are_taken_and_a_call_inside_is_named() -> None:
    model, x = smooth_net(), images()
    model(x)
    with torch.inference_mode():
        made = x.clone()
        with pytest.raises(ValueError, match=r"inside torch\.inference_mode"):
            input_gradient(model, x, 0)
    torch.testing.assert_close(input_gradient(model, made, 0), input_gradient(model, x, 0))
    torch.testing.assert_close(gradient_times_input(model, made, 0), gradient_times_input(model, x, 0))


def test_bad_input_is_told() -> None:
    model, x = smooth_net(), images()
    model(x)
    for bad, message in (
        (lambda: input_gradient(smooth_net().train(), x, 0), "training mode"),
        (lambda: input_gradient(model, x[0], 0), r"use x\[None\]"),
        (lambda: input_gradient(model, (255 * x).byte(), 0), "uint8"),
        (lambda: input_gradient(model, x, 3), "from 0 to 2"),
        (lambda: input_gradient(model, x, lambda s: s.detach().sum()), "without a gradient"),
        (lambda: smooth_grad(model, x, 0, samples=0), "samples: got 0"),
        (lambda: smooth_grad(model, x, 0, samples=2.5), "samples: got 2.5"),
        (lambda: smooth_grad(model, x, 0, noise=float("nan")), "noise: got nan"),
        (lambda: input_gradient(model, x, lambda s: model[0].weight.sum()), "does not depend on the image"),
        (lambda: input_gradient(lambda x: x, x, 0), "model: got function, want an nn.Module"),
        (lambda: saliency(x[0]), r"use x\[None\]"),
        (lambda: smooth_grad(model, x, 0, noise=-1), "noise: got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
