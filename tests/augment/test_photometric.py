"""S05.2: light, colour and sharpness against torchvision's functional transforms."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from lecture_utils.augment import photometric as p

pytestmark = pytest.mark.system("S05.2")


def pictures(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


PAIRS = [
    (p.brightness, tv.adjust_brightness, (0.0, 0.4, 1.0, 1.9)),
    (p.contrast, tv.adjust_contrast, (0.0, 0.4, 1.0, 1.9)),
    (p.saturation, tv.adjust_saturation, (0.0, 0.4, 1.0, 1.9)),
    (p.hue, tv.adjust_hue, (-0.5, -0.2, 0.0, 0.1, 0.5)),
    (p.gamma, tv.adjust_gamma, (0.5, 1.0, 2.2)),
]


@pytest.mark.parametrize(("ours", "theirs", "factors"), PAIRS)
@pytest.mark.parametrize("size", [(16, 16), (7, 5), (1, 1)])
def test_equals_torchvision(ours: Callable, theirs: Callable, factors: tuple, size: tuple[int, int]) -> None:
    x = pictures(3, 3, *size)
    for factor in factors:
        torch.testing.assert_close(ours(x, factor), theirs(x, factor), rtol=0, atol=1e-5)
    own = torch.tensor([factors[0], factors[-1], factors[1]])  # one for each picture
    want = torch.cat([theirs(x[i : i + 1], float(f)) for i, f in enumerate(own)])
    torch.testing.assert_close(ours(x, own), want, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(p.brightness, tv.adjust_brightness), (p.contrast, tv.adjust_contrast)]
)
def test_grey_pictures_too(ours: Callable, theirs: Callable) -> None:
    x = pictures(2, 1, 9, 8)
    torch.testing.assert_close(ours(x, 1.6), theirs(x, 1.6), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(20, 20), (9, 13)])
@pytest.mark.parametrize(("sigma", "kernel"), [(0.5, 3), (1.3, 7), (2.0, 5)])
def test_blur_equals_torchvision(size: tuple[int, int], sigma: float, kernel: int) -> None:
    x = pictures(2, 3, *size)
    torch.testing.assert_close(
        p.gaussian_blur(x, sigma, kernel),
        tv.gaussian_blur(x, [kernel, kernel], [sigma, sigma]),
        rtol=0,
        atol=1e-5,
    )


def test_blur_keeps_flat_pictures_and_fits_small_ones() -> None:
    torch.testing.assert_close(
        p.gaussian_blur(torch.full((1, 2, 4, 3), 0.3), 5.0), torch.full((1, 2, 4, 3), 0.3)
    )
    assert p.gaussian_kernel(1.0, 7).sum().item() == pytest.approx(1, abs=1e-12)
    x = pictures(1, 1, 15, 15)
    assert p.gaussian_blur(x, 3.0).std() < p.gaussian_blur(x, 1.0).std() < x.std()


def test_noise_equals_torchvision_with_the_same_numbers() -> None:
    x = pictures(2, 3, 8, 9)
    got = p.gaussian_noise(x, 0.2, torch.Generator().manual_seed(5))
    torch.manual_seed(5)
    torch.testing.assert_close(got, tv.gaussian_noise(x, mean=0.0, sigma=0.2, clip=True), rtol=0, atol=1e-6)
    grey = torch.full((1, 1, 200, 200), 0.5)
    measured = (p.gaussian_noise(grey, 0.1, torch.Generator().manual_seed(0)) - grey).std().item()
    assert measured == pytest.approx(0.1, rel=0.02)


def test_cutout_equals_torchvisions_erase() -> None:
    x = pictures(2, 3, 10, 12)
    boxes = torch.tensor([[2, 3, 7, 9], [0, 0, 0, 0]])
    got = p.cutout(x, boxes, fill=0.5)
    want = tv.erase(x[:1], 3, 2, 6, 5, torch.full((3, 6, 5), 0.5))
    assert torch.equal(got[:1], want)
    assert torch.equal(got[1], x[1])  # an empty box changes nothing


def test_cutouts_boxes_reach_everywhere_and_are_cut_off() -> None:
    boxes = p.random_boxes(4000, (12, 16), 5, torch.Generator().manual_seed(0))
    sides = boxes[:, 2:] - boxes[:, :2]
    assert (boxes >= 0).all() and (boxes[:, 2:] <= torch.tensor([16, 12])).all()
    assert sides.min() == 3 and sides.max() == 5  # about the outermost pixel, 2 of 5 columns lie outside
    hit = p.box_mask(boxes, (12, 16)).float().mean(0)[0]
    assert hit.min() > 0 and hit[6, 8] == pytest.approx(25 / 192, rel=0.2)


def test_identity_and_dullest() -> None:
    x = pictures(2, 3, 6, 6)
    for change in (p.brightness, p.contrast, p.saturation, p.gamma):
        torch.testing.assert_close(change(x, 1.0), x, rtol=0, atol=1e-6)
    assert not p.brightness(x, 0.0).any()
    assert p.contrast(x, 0.0).flatten(1).std(dim=1).max() < 1e-6
    assert p.saturation(x, 0.0).std(dim=1).max() < 1e-6
    torch.testing.assert_close(p.hue(p.hue(x, 0.3), -0.3), x, rtol=0, atol=1e-5)
    red = torch.tensor([1.0, 0, 0])[None, :, None, None]
    torch.testing.assert_close(p.hue(red, 1 / 3), red.roll(1, dims=1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_random_changes_are_each_pictures_own_and_repeatable(channels: int) -> None:
    x = pictures(1, channels, 8, 8).expand(6, channels, 8, 8)
    once = p.random_photometric(x, torch.Generator().manual_seed(0))
    assert torch.equal(once, p.random_photometric(x, torch.Generator().manual_seed(0)))
    assert len({round(v, 5) for v in once.mean((1, 2, 3)).tolist()}) == 6
    assert once.min() >= 0 and once.max() <= 1
    still = {"brightness_range": (1.0, 1.0), "contrast_range": (1.0, 1.0), "saturation_range": (1.0, 1.0)}
    same = p.random_photometric(x, torch.Generator(), **still, most_hue=0.0)
    torch.testing.assert_close(same, x, rtol=0, atol=1e-5)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_types_and_devices(device: str, dtype: torch.dtype) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA")
    x = pictures(2, 3, 9, 7, dtype=dtype).to(device)
    generator = torch.Generator().manual_seed(0)
    for got in (
        p.random_photometric(x, generator),
        p.gaussian_blur(x, 1.0),
        p.gaussian_noise(x, 0.1, generator),
        p.cutout(x, p.random_boxes(2, (9, 7), 3, generator)),
    ):
        assert got.dtype == dtype and got.device.type == device and got.shape == x.shape


def test_random_changes_are_those_of_their_numbers_in_the_ranges_of_the_chapter() -> None:
    x, u = pictures(3, 3, 6, 5), torch.rand(4, 3, generator=torch.Generator().manual_seed(2))
    want = p.contrast(p.brightness(x, 0.3 + 1.4 * u[0]), 0.5 + u[1])
    want = p.hue(p.saturation(want, 0.5 + u[2]), -0.1 + 0.2 * u[3])
    got = p.random_photometric(x, torch.Generator().manual_seed(2))
    torch.testing.assert_close(got, want)


X = pictures(2, 3, 4, 4)


@pytest.mark.parametrize(
    "change", [p.brightness, p.contrast, p.saturation, p.hue, p.gamma, partial(p.gaussian_noise, sigma=0.1)]
)
def test_every_change_refuses_pictures_out_of_range(change: Callable) -> None:
    settings = {"generator": torch.Generator()} if isinstance(change, partial) else {}
    for bad in (X * 3, X - 1, X * math.nan):
        with pytest.raises(ValueError, match=r"want all in \[0, 1\] and no NaN"):
            change(bad, **settings) if settings else change(bad, 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: p.brightness((X * 255).byte(), 1.0), "divide 8-bit values"),
        (lambda: p.brightness(X * 3, 1.0), r"want all in \[0, 1\]"),
        (lambda: p.contrast(X[0], 1.0), "for one image use"),
        (lambda: p.brightness(X, -0.5), r"factor: got -0.5, want 0 to inf"),
        (lambda: p.brightness(X, torch.ones(3)), r"factor: got shape \(3,\), want one number or \(2,\)"),
        (lambda: p.gamma(X, math.nan), "exponent: got nan"),
        (lambda: p.hue(X, 0.7), r"turn: got 0.\d+, want -0.5 to 0.5"),
        (lambda: p.saturation(X[:, :1], 1.0), "got 1 channels"),
        (lambda: p.gaussian_blur(X, 1.0, 9), r"kernel_size: got 9 for pictures of \(4, 4\), want at most 7"),
        (lambda: p.gaussian_blur(X, 1.0, 4), "size: got 4, want an odd number"),
        (lambda: p.gaussian_blur(X, 0.0), "sigma: got 0.0"),
        (
            lambda: p.cutout(X, torch.zeros(1, 4).long()),
            r"boxes: got torch.int64 \(1, 4\), want integers \(2, 4\)",
        ),
        (lambda: p.box_mask(torch.zeros(4).long(), (3, 3)), r"boxes: got torch.int64 \(4,\)"),
        (lambda: p.random_boxes(1, (4, 4), 0, torch.Generator()), "side: got 0"),
        (lambda: p.gaussian_noise(X, -1.0, torch.Generator()), "sigma: got -1.0"),
        (lambda: p.brightness(X, math.inf), "factor: got inf"),
        (lambda: p.brightness(X, "2"), "factor: got str"),
        (lambda: p.contrast(X, torch.ones(2, 1)), r"factor: got shape \(2, 1\)"),
        (lambda: p.gamma(X * math.nan, 1.0), "no NaN"),
        (lambda: p.gaussian_blur(X, math.inf), "sigma: got inf"),
        (lambda: p.gaussian_blur(X, 1.0, 3.0), "size: got 3.0"),
        (lambda: p.gaussian_blur(X.permute(0, 2, 3, 1)[0], 1.0), "for one image use"),
        (lambda: p.box_mask(torch.tensor([[3, 0, 1, 2]]), (4, 4)), "x2 < x1"),
        (lambda: p.box_mask(torch.rand(1, 4), (4, 4)), "boxes: got torch.float32"),
        (lambda: p.box_mask(torch.zeros(1, 4).long(), (0, 4)), "size, height: got 0"),
        (lambda: p.random_boxes(-1, (4, 4), 2, torch.Generator()), "n: got -1"),
        (lambda: p.random_boxes(1, (4, 4), 2.5, torch.Generator()), "side: got 2.5"),
        (lambda: p.cutout(X, torch.zeros(2, 4).long(), math.nan), "fill: got nan"),
        (lambda: p.random_photometric(X * 255, torch.Generator()), r"want all in \[0, 1\]"),
        (lambda: p.random_photometric(X, torch.Generator(), brightness_range=(-2.0, -1.0)), "factor: got"),
        (lambda: p.random_photometric(X, torch.Generator(), most_hue=2.0), "turn: got"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
