"""S00.1: image formation against closed forms, loops and SciPy."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import torch

from lecture_utils.imaging.formation import (
    alias_frequency,
    bayer_mask,
    bayer_mosaic,
    demosaic_bilinear,
    downsample,
    gaussian_blur,
    grating,
    project_pinhole,
    quantise,
    sample,
    zone_plate,
)

pytestmark = pytest.mark.system("S00.1")


# --- projection ------------------------------------------------------------------------------------
def test_projection_equals_the_camera_matrix() -> None:
    """x ~ K X in homogeneous coordinates (Hartley and Zisserman, eq. 6.4)."""
    points = torch.randn(4, 5, 3, dtype=torch.float64) + torch.tensor([0.0, 0.0, 6.0])
    matrix = torch.tensor([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]], dtype=torch.float64)
    homogeneous = points @ matrix.T
    want = homogeneous[..., :2] / homogeneous[..., 2:]
    torch.testing.assert_close(project_pinhole(points, 500.0, (320.0, 240.0)), want)


def test_projection_by_hand() -> None:
    points = torch.tensor([[0.0, 0.0, 2.0], [1.0, 0.0, 2.0], [0.0, 1.0, 2.0], [1.0, 1.0, 4.0]])
    got = project_pinhole(points, 100, (32, 24))
    assert got.tolist() == [[32, 24], [82, 24], [32, 74], [57, 49]]


def test_depth_is_lost_and_lines_stay_lines() -> None:
    points = torch.tensor([[0.3, -0.2, 2.0], [1.0, 0.5, 3.0]])
    scaled = points * torch.tensor([[2.0], [7.0]])
    torch.testing.assert_close(project_pinhole(points, 50, (0, 0)), project_pinhole(scaled, 50, (0, 0)))
    line = points[0] + torch.linspace(0, 1, 9)[:, None] * (points[1] - points[0])
    seen = project_pinhole(line.double(), 50, (3, 4)) - project_pinhole(line[:1].double(), 50, (3, 4))
    area = seen[:, 0] * seen[-1, 1] - seen[:, 1] * seen[-1, 0]  # of the triangle with both ends
    torch.testing.assert_close(area, torch.zeros_like(area), rtol=0, atol=1e-5)


# --- sampling --------------------------------------------------------------------------------------
def waves_seen(image: torch.Tensor) -> int:
    """The strongest frequency of the middle row, in waves a side, from its spectrum."""
    row = image[image.shape[0] // 2].double()
    return int(torch.fft.rfft(row - row.mean()).abs().argmax())


@pytest.mark.parametrize("rate", [16, 31, 64])
def test_aliasing_frequency_is_predicted_and_seen(rate: int) -> None:
    for frequency in range(1, 3 * rate):
        alias = alias_frequency(frequency, rate)
        if 0 < alias < rate / 2:
            assert waves_seen(sample(grating(frequency), rate)) == alias
            # The two differ, or add, by whole turns between samples: no sampler can tell them apart.
            assert (frequency - alias) % rate == 0 or (frequency + alias) % rate == 0


def test_alias_closed_form() -> None:
    assert [alias_frequency(f, 10) for f in (0, 3, 5, 7, 10, 12, 18, 25, 94)] == [0, 3, 5, 3, 0, 2, 2, 5, 4]
    assert alias_frequency(-3, 10) == 3 and alias_frequency(0.75, 1.0) == 0.25


@pytest.mark.parametrize("frequency", [3, 40, 61, 100])
def test_the_low_pass_filter_multiplies_contrast_by_the_sinc(frequency: int) -> None:
    """The mean over a pixel of width w multiplies the contrast of a wave f by sin(πfw) / (πfw)."""
    size, subsamples = 64, 16
    plain = sample(grating(frequency), size).double()
    filtered = sample(grating(frequency), size, low_pass=True, subsamples=subsamples).double()
    phase = math.pi * frequency / size
    # The sinc of a mean of 16 points.
    discrete = math.sin(phase) / (subsamples * math.sin(phase / subsamples))
    assert abs(discrete - math.sin(phase) / phase) < 0.01
    torch.testing.assert_close(filtered - 0.5, discrete * (plain - 0.5), rtol=0, atol=1e-4)


def test_area_sampling_equals_the_loop() -> None:
    scene, size, n = zone_plate(20.0), 5, 4
    want = torch.zeros(size, size)
    for i, j, u, v in np.ndindex(size, size, n, n):
        x, y = (j + (v + 0.5) / n) / size, (i + (u + 0.5) / n) / size
        want[i, j] += scene(torch.tensor(x), torch.tensor(y)) / n**2
    torch.testing.assert_close(sample(scene, size, low_pass=True, subsamples=n), want, rtol=0, atol=1e-5)


def test_zone_plate_has_the_frequency_it_says() -> None:
    """Its phase moves by `peak`·|2x - 1| turns a unit of x."""
    x = torch.tensor([0.1, 0.5, 0.8, 1.0], dtype=torch.float64, requires_grad=True)
    y = torch.full_like(x, 0.3)
    value = zone_plate(30.0)(x, y)
    (slope,) = torch.autograd.grad(value.sum(), x)
    turns = 30 * (2 * x - 1)
    want = -math.pi * turns * torch.sin(2 * math.pi * 30 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))
    torch.testing.assert_close(slope, want)


def test_angle_turns_the_grating() -> None:
    torch.testing.assert_close(
        sample(grating(5, math.pi / 2), 32), sample(grating(5), 32).T, rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("sigma", [0.0, 0.5, 1.0, 2.5])
def test_blur_equals_scipy(sigma: float) -> None:
    image = torch.rand(2, 3, 17, 12, dtype=torch.float64)
    want = scipy.ndimage.gaussian_filter(image.numpy(), (0, 0, sigma, sigma), mode="nearest", truncate=4.0)
    torch.testing.assert_close(gaussian_blur(image, sigma), torch.from_numpy(want), rtol=1e-9, atol=1e-9)


def test_downsampling_with_and_without_low_pass() -> None:
    fine = sample(grating(100), 256)[None]  # 100 waves on 256 pixels; every fourth pixel can carry 32
    bare, filtered = downsample(fine, 4, low_pass=False), downsample(fine, 4)
    assert bare.shape == filtered.shape == (1, 64, 64)
    assert waves_seen(bare[0]) == alias_frequency(100, 64) == 28
    inside = filtered[0, :, 4:-4]  # away from the border, whose repeated pixels are no wave
    assert bare.std() > 0.3 and inside.std() < bare.std() / 100
    torch.testing.assert_close(downsample(fine, 1), fine)
    assert torch.equal(downsample(fine[0], 4), filtered[0])  # rows and columns alone will do
    coarse = sample(grating(6), 256)[None]  # well below the limit: both keep it
    ratio = (
        downsample(coarse, 4)[0, 32, 4:-4].std() / downsample(coarse, 4, low_pass=False)[0, 32, 4:-4].std()
    )
    assert float(ratio) == pytest.approx(math.exp(-2 * math.pi**2 * 2**2 * (6 / 256) ** 2), abs=0.01)


# --- quantisation ----------------------------------------------------------------------------------
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10])
def test_quantisation_error_of_a_uniform_signal(bits: int) -> None:
    x = torch.rand(400_000, generator=torch.Generator().manual_seed(bits), dtype=torch.float64)
    step = 1 / (2**bits - 1)
    error = quantise(x, bits) - x
    assert float(error.pow(2).mean()) == pytest.approx(step**2 / 12, rel=0.02)
    assert float(error.abs().max()) <= step / 2 + 1e-12


def test_quantised_values_are_the_levels_and_stay_there() -> None:
    x = torch.linspace(0, 1, 1001, dtype=torch.float64)
    for bits in range(1, 9):
        q = quantise(x, bits)
        torch.testing.assert_close(q.unique(), torch.linspace(0, 1, 2**bits, dtype=torch.float64))
        torch.testing.assert_close(quantise(q, bits), q)
        assert bool((q.diff() >= 0).all())


# --- Bayer -----------------------------------------------------------------------------------------
def demosaic_loops(raw: torch.Tensor) -> torch.Tensor:
    """(H, W) -> (3, H, W): the mean over the nearest photosites of each colour, place by place."""
    height, width = raw.shape
    colour = lambda i, j: i % 2 + j % 2  # noqa: E731  0 red, 1 green, 2 blue
    out = torch.zeros(3, height, width, dtype=raw.dtype)
    for c, i, j in np.ndindex(3, height, width):
        near: dict[int, list[torch.Tensor]] = {}
        for u, v in np.ndindex(3, 3):
            y, x = i + u - 1, j + v - 1
            if 0 <= y < height and 0 <= x < width and colour(y, x) == c:
                near.setdefault(abs(u - 1) + abs(v - 1), []).append(raw[y, x])
        out[c, i, j] = torch.stack(near[min(near)]).mean()
    return out


@pytest.mark.parametrize("size", [(2, 2), (6, 6), (7, 9), (2, 5), (8, 3)])
def test_demosaic_equals_the_loop(size: tuple[int, int]) -> None:
    raw = torch.rand(2, 1, *size, dtype=torch.float64)
    want = torch.stack([demosaic_loops(r[0]) for r in raw])
    torch.testing.assert_close(demosaic_bilinear(raw), want)


def test_mosaic_layout_and_round_trip() -> None:
    colours = torch.tensor([1.0, 2.0, 3.0])[:, None, None].expand(3, 4, 4)
    assert bayer_mosaic(colours)[0, :2].tolist() == [[1, 2, 1, 2], [2, 3, 2, 3]]  # R G / G B
    torch.testing.assert_close(demosaic_bilinear(bayer_mosaic(colours)), colours)  # constants are exact
    image = torch.rand(2, 5, 3, 7, 8)
    raw = bayer_mosaic(image)
    assert raw.shape == (2, 5, 1, 7, 8)
    torch.testing.assert_close(bayer_mosaic(demosaic_bilinear(raw)), raw)  # what was seen stays
    assert bool((bayer_mask(7, 8).sum(dim=0) == 1).all())


def test_demosaic_is_exact_on_a_ramp() -> None:
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(10.0), indexing="ij")
    image = torch.stack([x + 2 * y, 3 * x - y, 5 + x])
    got = demosaic_bilinear(bayer_mosaic(image))
    torch.testing.assert_close(got[:, 1:-1, 1:-1], image[:, 1:-1, 1:-1])


# --- types and bad input ---------------------------------------------------------------------------
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_type_and_device_are_kept(device: str, dtype: torch.dtype) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA")
    image = torch.rand(1, 3, 9, 7, dtype=dtype, device=device)
    results = quantise(image, 3), gaussian_blur(image, 1.0), downsample(image, 2), bayer_mosaic(image)
    results += (demosaic_bilinear(results[-1]), project_pinhole(image.mT[..., :3] + 1, 10, (1, 2)))
    for result in results:
        assert result.dtype == dtype and result.device.type == device


IMAGE = torch.rand(3, 8, 8)
BAD: list[tuple[Any, tuple[Any, ...], str]] = [
    (project_pinhole, (torch.ones(4, 2), 1.0, (0, 0)), r"points: got shape \(4, 2\), want \(…, 3\)"),
    (project_pinhole, (torch.ones(4, 3), 0.0, (0, 0)), "focal: got 0.0, want a finite number above 0"),
    (project_pinhole, (torch.ones(4, 3, dtype=torch.int64), 1.0, (0, 0)), "points: got dtype torch.int64"),
    (project_pinhole, (torch.tensor([[0.0, 0, 1], [0, 0, 0], [0, 0, -1]]), 1.0, (0, 0)), "got 2 with Z ≤ 0"),
    (project_pinhole, (torch.tensor([[1.0, 1, 0]]), 1.0, (0, 0)), "got 1 with Z ≤ 0"),
    (project_pinhole, (torch.full((1, 3), math.nan), 1.0, (0, 0)), "got 1 with Z ≤ 0 or NaN"),
    (
        project_pinhole,
        (torch.tensor([[math.nan, 0, 1]]), 1.0, (0, 0)),
        "got 1 numbers that are NaN or infinite",
    ),
    (
        project_pinhole,
        (torch.tensor([[0, 0, math.inf]]), 1.0, (0, 0)),
        "got 1 numbers that are NaN or infinite",
    ),
    (project_pinhole, (torch.ones(4, 3), math.inf, (0, 0)), "focal: got inf"),
    (project_pinhole, (torch.ones(4, 3), 1.0, (0, 0, 1)), r"centre: got \(0, 0, 1\)"),
    (project_pinhole, (torch.ones(4, 3), 1.0, (0, math.nan)), r"centre: got \(0, nan\)"),
    (sample, (grating(1), 0), "got size 0"),
    (sample, (grating(1), 4.0), "got size 4.0"),
    (sample, (lambda x, y: torch.tensor(0.5), 4), r"scene: got shape \(\), want \(4, 4\)"),
    (gaussian_blur, (IMAGE, math.inf), "sigma: got inf"),
    (gaussian_blur, (IMAGE[:0], 1.0), r"shape \(0, 8, 8\)"),
    (downsample, (IMAGE, 2.0), "factor 2.0"),
    (bayer_mask, (0, 4), "height 0"),
    (demosaic_bilinear, (IMAGE[None, :0].movedim(0, 1),), "raw: got shape"),
    (gaussian_blur, (IMAGE, -1.0), "sigma: got -1.0"),
    (gaussian_blur, (IMAGE, math.nan), "sigma: got nan"),
    (gaussian_blur, (IMAGE[0, 0], 1.0), r"shape \(8,\)"),
    (downsample, (IMAGE, 0), "factor 0, want 1 ≤ factor"),
    (downsample, (IMAGE, 9), "factor 9"),
    (downsample, (IMAGE[:, :4], 5), r"shape \(3, 4, 8\) and factor 5"),
    (downsample, (IMAGE[..., :4], 5), r"shape \(3, 8, 4\) and factor 5"),
    (alias_frequency, (3, 0), "rate: got 0"),
    (alias_frequency, (math.nan, 1), "frequency: got nan"),
    (quantise, (IMAGE, 0), "bits: got 0, want 1 to 16"),
    (quantise, (IMAGE, 17), "bits: got 17"),
    (quantise, (IMAGE * 255, 8), r"quantise: got values from .* to 2\d\d.*, want all in \[0, 1\]"),
    (quantise, (torch.tensor([0.5, math.nan]), 8), "got values from nan"),
    (quantise, ((IMAGE * 255).byte(), 8), "got dtype torch.uint8, want a floating-point type; divide"),
    (bayer_mosaic, (IMAGE[:2],), r"got shape \(2, 8, 8\), want \(…, 3, H, W\)"),
    (bayer_mosaic, (IMAGE.permute(1, 2, 0),), "the channels come first here"),
    (demosaic_bilinear, (IMAGE,), r"raw: got shape \(3, 8, 8\), want \(…, 1, H, W\)"),
    (demosaic_bilinear, (IMAGE[:1, :1],), r"raw: got shape \(1, 1, 8\)"),
]


@pytest.mark.parametrize(("function", "arguments", "message"), BAD)
def test_bad_input_is_named(function: Any, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(*arguments)
