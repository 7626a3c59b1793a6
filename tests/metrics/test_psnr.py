"""PSNR against scikit-image."""

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from lecture_utils.metrics.psnr import psnr

pytestmark = pytest.mark.system("S03.1")


def test_equals_scikit_image() -> None:
    a, b = torch.rand(3, 3, 7, 5), torch.rand(3, 3, 7, 5)
    want = [peak_signal_noise_ratio(y.numpy(), x.numpy(), data_range=1) for x, y in zip(a, b, strict=True)]
    torch.testing.assert_close(
        psnr(a, b).double(), torch.tensor(want, dtype=torch.float64), rtol=1e-5, atol=1e-5
    )


def test_counts_only_what_it_is_told() -> None:
    truth = torch.zeros(1, 3, 4, 4)
    picture = truth.clone()
    picture[..., 0, 0] = 0.1
    where = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    where[..., 0, 0] = True
    assert psnr(picture, truth, where).item() == pytest.approx(20, abs=1e-4)
    assert psnr(picture, truth, ~where).item() == float("inf")


def test_bad_input_is_told() -> None:
    x = torch.rand(1, 3, 4, 4)
    with pytest.raises(ValueError, match=r"\(1, 3, 4, 3\)"):
        psnr(x, x[..., :3])
    with pytest.raises(ValueError, match="nothing counts"):
        psnr(x, x, torch.zeros(1, 1, 4, 4, dtype=torch.bool))
    for bad, message in (
        (lambda: psnr(255 * x, x), "images: got values from"),
        (lambda: psnr(x, 255 * x), "truth: got values from"),
        (lambda: psnr((255 * x).byte(), (255 * x).byte()), "uint8"),
        (lambda: psnr(x * torch.nan, x), "no NaN"),
        (lambda: psnr(x[0], x[0]), r"use x\[None\]"),
        (lambda: psnr(x, x, torch.ones(1, 1, 4, 4)), "where: got torch.float32"),
        (lambda: psnr(x, x, torch.ones(1, 2, 4, 4, dtype=torch.bool)), "want 1 or 3 channels"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
