"""S04.4: the image that a network likes best is called by its name; priors keep it smooth."""

import pytest
import torch
from torch import nn

from lecture_utils import zoo
from lecture_utils.explain.class_visualisation import (
    UNREGULARISED,
    gaussian_blur,
    regulariser,
    uphill,
    visualise_class,
)

pytestmark = pytest.mark.system("S04.4")


def roughness(images: torch.Tensor) -> float:
    return float(images.diff(dim=2).abs().mean() + images.diff(dim=3).abs().mean())


def test_the_result_is_classified_as_its_target() -> None:
    model = zoo.load("shapes_resnet")
    made = visualise_class(model, range(8), size=32, steps=64)
    with torch.inference_mode():
        probability = model(made.image).softmax(1)  # afresh, not as reported
    torch.testing.assert_close(probability.diagonal(), made.probability)
    assert float(made.probability.min()) > 0.99
    assert float(made.image.min()) >= 0 and float(made.image.max()) <= 1


def test_without_priors_it_is_noise_and_fools_the_network_all_the_same() -> None:
    model = zoo.load("shapes_resnet")
    smooth = visualise_class(model, [0, 6], size=32, steps=40)
    noise = visualise_class(model, [0, 6], size=32, steps=40, **UNREGULARISED)
    assert float(noise.probability.min()) > 0.99
    assert roughness(noise.image) > 3 * roughness(smooth.image)


class Linear(nn.Module):
    """Scores that are linear in the pixels."""

    def __init__(self, side: int = 6, classes: int = 3) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * side * side, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.flatten(1))


def linear() -> Linear:
    torch.manual_seed(0)
    return Linear().eval()


def test_on_a_linear_score_the_closed_form() -> None:
    """Without priors, a linear score is largest at 1 where its weight is positive and at 0 elsewhere."""
    model = linear()
    made = visualise_class(model, 1, size=6, steps=400, rate=0.2, **UNREGULARISED)
    want = (model.layer.weight[1] > 0).float().reshape(1, 3, 6, 6)
    assert (made.image - want).abs().mean() < 0.02


def test_with_l2_the_optimum_is_where_gradient_and_prior_balance() -> None:
    """f(I) = w·I and Reg(I) = λ mean (I − 0.5)² balance at I = 0.5 + w n / 2λ, n numbers an image."""
    model, n, strength = linear(), 108, 40.0
    settings = UNREGULARISED | {"l2": strength}
    made = visualise_class(model, 2, size=6, steps=500, rate=0.02, **settings)
    want = 0.5 + model.layer.weight[2].detach().reshape(1, 3, 6, 6) * n / (2 * strength)
    assert float(want.min()) > 0.1 and float(want.max()) < 0.9  # no clipping
    assert float((made.image - want).abs().max()) < 0.01


@pytest.mark.parametrize("objective", ["logit", "log_prob"])
def test_the_step_is_the_scaled_gradient(objective: str) -> None:
    model = linear().double()
    x = torch.rand(2, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 2])
    x.requires_grad_()
    scores = model(x) if objective == "logit" else model(x).log_softmax(1)
    goal = scores[0, 0] + scores[1, 2] - regulariser(x, 2.0, 3.0).sum()
    (gradient,) = torch.autograd.grad(goal, x)
    got = uphill(model, x, target, objective, 2.0, 3.0)
    torch.testing.assert_close(got, gradient / gradient.abs().mean((1, 2, 3), keepdim=True))


def test_jitter_shifts_the_image_back_after_the_step() -> None:
    still = visualise_class(linear(), 0, size=6, steps=7, rate=0.0, **UNREGULARISED)
    shaken = visualise_class(linear(), 0, size=6, steps=7, rate=0.0, **UNREGULARISED | {"jitter": 3})
    assert torch.equal(still.image, shaken.image)
    moved = visualise_class(linear(), 0, size=6, steps=7, **UNREGULARISED | {"jitter": 3})
    assert not torch.allclose(
        moved.image, visualise_class(linear(), 0, size=6, steps=7, **UNREGULARISED).image
    )


def test_blur_keeps_constants_and_total_and_equals_scipy() -> None:
    from scipy.ndimage import gaussian_filter

    x = torch.rand(2, 3, 17, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    got = gaussian_blur(x, 1.3)
    want = gaussian_filter(x.numpy(), (0, 0, 1.3, 1.3), mode="nearest", radius=(0, 0, 4, 4))
    torch.testing.assert_close(got, torch.from_numpy(want))
    torch.testing.assert_close(gaussian_blur(torch.ones(1, 1, 5, 5), 2.0), torch.ones(1, 1, 5, 5))
    assert torch.equal(gaussian_blur(x, 0), x) and gaussian_blur(x[..., :1, :1], 2).shape == (2, 3, 1, 1)


def test_frames_repeats_and_the_model_stay_as_they_are() -> None:
    model = linear()
    before = [p.clone() for p in model.parameters()]
    a, b = (visualise_class(model, [0, 1], size=6, steps=10, every=4) for _ in range(2))
    assert torch.equal(a.image, b.image) and a.frames.shape == (3, 2, 3, 6, 6) and a.frame_steps == [0, 4, 8]
    assert visualise_class(model, 0, size=6, steps=2).frames.shape == (0, 1, 3, 6, 6)
    assert all(torch.equal(p, q) and p.grad is None for p, q in zip(model.parameters(), before, strict=True))


def test_bad_input_is_told() -> None:
    model = linear()
    for bad, message in (
        (lambda: visualise_class(linear().train(), 0, size=6), "training mode"),
        (lambda: visualise_class(model, 3, size=6), r"got \[3\], want class numbers from 0 to 2"),
        (lambda: visualise_class(model, 0, size=6, objective="loss"), "'loss'"),
        (lambda: visualise_class(model, 0, size=6, steps=0), "steps=0"),
        (lambda: visualise_class(model, 0, size=6, blur=(1.0, -1.0)), r"blur=\(1.0, -1.0\)"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
