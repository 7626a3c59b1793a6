"""SSIM: scikit-image's values, its limits, and a gradient."""

import pytest
import torch
from skimage.metrics import structural_similarity

from lecture_utils.ops import ssim
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.5")


def pair(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    smooth = torch.linspace(0, 3, shape[-1], dtype=torch.float64).sin().expand(shape)
    a = (0.5 * smooth + 0.5 * torch.rand(shape, dtype=torch.float64)).clamp(0, 1)
    return a, (a + 0.15 * torch.randn_like(a)).clamp(0, 1)


def theirs(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.tensor(
        [
            structural_similarity(
                x.numpy(), y.numpy(), channel_axis=0, data_range=1.0, gaussian_weights=True, sigma=1.5,
                use_sample_covariance=False,
            )
            for x, y in zip(a, b, strict=True)
        ],
        dtype=torch.float64,
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(2, 3, 30, 41), (1, 1, 11, 11), (3, 2, 11, 26)])
def test_values_are_those_of_scikit_image(shape):
    a, b = pair(*shape)
    torch.testing.assert_close(ssim.ssim(a, b), theirs(a, b), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "fault",
    [
        ("C1, C2 = 0.01**2, 0.03**2", "C1, C2 = 0.01, 0.03"),
        ("WINDOW, SIGMA = 11, 1.5", "WINDOW, SIGMA = 9, 1.5"),
        ("(2 * covariance + C2)", "(covariance + C2)"),
        ("bb - mean_b**2, ab", "bb, ab"),
    ],
)
def test_a_planted_fault_is_seen(fault):
    a, b = pair(2, 3, 30, 41)
    assert (planted("lecture_utils.ops.ssim", fault).ssim(a, b) - theirs(a, b)).abs().max() > 1e-4


def test_equal_pictures_give_1_and_it_is_symmetric():
    a, b = pair(2, 3, 20, 17)
    torch.testing.assert_close(ssim.ssim(a, a), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(ssim.ssim(a, b), ssim.ssim(b, a))
    assert bool((ssim.ssim_map(a, b) < 1).all())
    assert ssim.ssim_map(a, b).shape == (2, 3, 10, 7)


def test_gradient():
    a, b = pair(1, 1, 12, 13)
    assert torch.autograd.gradcheck(lambda x: ssim.ssim(x, b), (a.requires_grad_(),))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (torch.rand(1, 3, 10, 20), torch.rand(1, 3, 10, 20), "10 × 20 pixels, want 11"),
        (torch.rand(1, 3, 20, 20), torch.rand(1, 1, 20, 20), "want the same shape"),
        (torch.rand(3, 20, 20), torch.rand(3, 20, 20), r"use x\[None\]"),
        (torch.rand(1, 3, 20, 20) / 0, torch.rand(1, 3, 20, 20), "NaN or infinite"),
    ],
)
def test_what_does_not_fit_is_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        ssim.ssim(a, b)
