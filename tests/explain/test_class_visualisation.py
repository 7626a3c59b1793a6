"""S04.4: the image that a network likes best is called by its name; priors keep it smooth."""

import math

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


def test_the_regulariser_by_hand() -> None:
    x = torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for i, image in enumerate(x):
        grey = sum((v - 0.5) ** 2 for v in image.flatten().tolist()) / 60
        across = sum(
            (image[c, y, z + 1] - image[c, y, z]) ** 2 for c in range(3) for y in range(4) for z in range(4)
        )
        down = sum(
            (image[c, y + 1, z] - image[c, y, z]) ** 2 for c in range(3) for y in range(3) for z in range(5)
        )
        want = 2 * grey + 7 * (across / 48 + down / 45)
        torch.testing.assert_close(regulariser(x, 2.0, 7.0)[i], torch.as_tensor(want))


def test_it_starts_from_faint_noise_around_grey() -> None:
    settings = UNREGULARISED | {"rate": 0.0}
    made = visualise_class(linear(), [0, 2], size=6, steps=3, every=2, seed=5, **settings)
    noise = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(made.frames[0], 0.5 + 0.05 * noise)
    torch.testing.assert_close(made.image, made.frames[0])  # a rate of 0 moves nothing
    assert not torch.equal(
        made.frames[0], visualise_class(linear(), [0, 2], size=6, steps=2, every=2).frames[0]
    )


def test_the_step_shrinks_along_a_line_to_a_tenth() -> None:
    made = visualise_class(linear(), 1, size=6, steps=6, rate=0.01, every=1, **UNREGULARISED)
    moved = made.frames.diff(dim=0).abs().mean((1, 2, 3, 4))  # the mean change of a pixel
    want = 0.01 * torch.tensor([1.0, 0.8, 0.6, 0.4, 0.2, 0.1])
    torch.testing.assert_close(moved, want, rtol=1e-3, atol=1e-6)


def test_the_blur_falls_from_its_first_to_its_last() -> None:
    settings = UNREGULARISED | {"rate": 0.0, "blur": (1.2, 0.4)}
    made = visualise_class(linear(), 0, size=6, steps=3, every=1, **settings)
    for step, sigma in enumerate((1.2, 0.8, 0.4)):
        torch.testing.assert_close(made.frames[step + 1], gaussian_blur(made.frames[step], sigma))


@pytest.mark.parametrize("sigma", [0.2, 0.3, 1 / 3, 0.5, 2.0])
def test_blur_equals_scipy_also_where_it_reaches_one_pixel(sigma: float) -> None:
    from scipy.ndimage import gaussian_filter

    x = torch.rand(1, 2, 17, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    reach = math.ceil(3 * sigma)
    want = gaussian_filter(x.numpy(), (0, 0, sigma, sigma), mode="nearest", radius=(0, 0, reach, reach))
    got = gaussian_blur(x, sigma)
    torch.testing.assert_close(got, torch.from_numpy(want))
    assert not torch.equal(got, x)


def test_targets_of_any_whole_kind_and_inference_mode_is_named() -> None:
    model, np = linear(), pytest.importorskip("numpy")
    want = visualise_class(model, [2], size=6, steps=2).image
    for target in (2, np.int64(2), torch.tensor(2), torch.tensor([2]), np.array([2])):
        assert torch.equal(visualise_class(model, target, size=6, steps=2).image, want)
    with torch.inference_mode(), pytest.raises(ValueError, match=r"inside torch\.inference_mode"):
        visualise_class(model, 0, size=6, steps=2)


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
        (lambda: visualise_class(model, 0, size=6, steps=0), "steps: got 0"),
        (lambda: visualise_class(model, 0, size=1), "size: got 1, want a whole number of 2"),
        (lambda: visualise_class(model, 0, size=6.5), "size: got 6.5"),
        (lambda: visualise_class(model, 0, size=6, rate=float("nan")), "rate: got nan"),
        (lambda: visualise_class(model, 0, size=6, l2=-1), "l2: got -1"),
        (lambda: visualise_class(model, 0, size=6, jitter=-1), "jitter: got -1"),
        (lambda: visualise_class(model, 0, size=6, every=-1), "every: got -1"),
        (lambda: visualise_class(model, 0, size=6, blur=1.0), "blur: got 1.0"),
        (lambda: visualise_class(model, [], size=6), r"target: got \[\]"),
        (lambda: visualise_class(model, True, size=6), "target: got True"),
        (lambda: visualise_class(model, [0, 0.5], size=6), r"target: got \[0, 0.5\]"),
        (lambda: regulariser(torch.zeros(3, 6, 6), 1.0, 1.0), r"use x\[None\]"),
        (lambda: regulariser(torch.zeros(1, 3, 1, 6), 1.0, 1.0), "at least 2 pixels a side"),
        (lambda: regulariser(torch.zeros(1, 3, 6, 6), -1.0, 1.0), "l2: got -1"),
        (lambda: gaussian_blur(torch.zeros(1, 3, 6, 6), float("nan")), "sigma: got nan"),
        (lambda: gaussian_blur(torch.zeros(1, 3, 6, 6).byte(), 1.0), "uint8"),
        (lambda: visualise_class(model, 0, size=6, blur=(1.0, -1.0)), r"blur, last: got -1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
