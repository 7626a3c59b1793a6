"""Crops and colours of DINO's views."""

import colorsys
import math
from collections.abc import Callable

import pytest
import torch

from lecture_utils.ops.photometric import turn_hue
from lecture_utils.selfsup.views import blur, crop_batch, jitter_colour, multi_crop, recolour

pytestmark = pytest.mark.system("S03.2")


def test_crops_of_the_whole_image_are_the_image_or_its_mirror() -> None:
    images = torch.rand(8, 3, 12, 12)
    crops = crop_batch(images, 12, (1.0, 1.0), generator=torch.Generator().manual_seed(0))
    plain = [torch.allclose(c, i, atol=1e-5) for c, i in zip(crops, images, strict=True)]
    mirrored = [torch.allclose(c, i.flip(-1), atol=1e-5) for c, i in zip(crops, images, strict=True)]
    assert all(p != m for p, m in zip(plain, mirrored, strict=True)) and any(plain) and any(mirrored)


def test_crops_cover_the_share_they_were_asked_for() -> None:
    """On a ramp, the spread of a crop tells its side."""
    ramp = torch.linspace(-1, 1, 64).expand(50, 1, 64, 64)
    crops = crop_batch(ramp, 32, (0.25, 0.25), generator=torch.Generator().manual_seed(0))
    spread = crops.amax((1, 2, 3)) - crops.amin((1, 2, 3))
    torch.testing.assert_close(spread, torch.full((50,), 1.0), atol=0.05, rtol=0)  # half of 2, less a pixel


def test_a_turned_crop_is_turned_and_a_disc_is_not() -> None:
    y, x = torch.meshgrid(torch.linspace(-1, 1, 65), torch.linspace(-1, 1, 65), indexing="ij")
    disc, slope = torch.exp(-4 * (x**2 + y**2)), 0.5 + x / 2
    images = torch.stack([disc, slope])[:, None].repeat(20, 1, 1, 1)
    crops = crop_batch(images, 65, (1.0, 1.0), turn=90, generator=torch.Generator().manual_seed(0))
    assert (crops[::2, 0, 8:-8, 8:-8] - disc[8:-8, 8:-8]).abs().max() < 0.02
    inner = crops[1::2, 0, 20:45, 20:45]  # a plane, whose slope keeps its size and turns its direction
    down, right = inner.diff(dim=1).mean((1, 2)) * 64, inner.diff(dim=2).mean((1, 2)) * 64
    torch.testing.assert_close(torch.hypot(down, right), torch.ones(20), atol=0.02, rtol=0)
    angles = torch.atan2(down, right.abs()).abs().rad2deg()
    assert angles.max() > 60 and angles.min() < 30


def test_multi_crop_gives_two_large_and_several_small_views() -> None:
    large, small = multi_crop(torch.rand(3, 3, 32, 32), global_size=32, local_size=16, local_views=5)
    assert [v.shape for v in large] == [(3, 3, 32, 32)] * 2
    assert [v.shape for v in small] == [(3, 3, 16, 16)] * 5
    assert all(v.min() >= 0 and v.max() <= 1 for v in large + small)
    assert not torch.equal(large[0], large[1])
    torch.testing.assert_close(jitter_colour(large[0], strength=0.0), large[0])


def test_settings_of_zero_leave_the_colours() -> None:
    x = torch.rand(4, 3, 6, 6)
    still = {"strength": 0.0, "hue": 0.0, "grey": 0.0, "blurred": 0.0, "solarised": 0.0}
    torch.testing.assert_close(recolour(x, **still), x)
    large, _ = multi_crop(x, global_size=6, local_size=3, global_scale=(1.0, 1.0), colours=still)
    torch.testing.assert_close(large[0].mean((2, 3)), x.mean((2, 3)), atol=1e-5, rtol=0)


def test_a_third_of_a_turn_moves_the_hue_by_a_third_and_keeps_the_luma() -> None:
    """Against the standard library's colour systems; YIQ and HSV hues agree for such a turn up to a bit."""
    colour = (0.6, 0.4, 0.45)
    x = torch.tensor(colour).reshape(1, 3, 1, 1)
    turned = turn_hue(x, torch.tensor([2 * math.pi / 3])).flatten().tolist()
    y, i, q = colorsys.rgb_to_yiq(*colour)
    back = colorsys.rgb_to_yiq(*turned)
    assert back[0] == pytest.approx(y, abs=5e-3)
    assert math.hypot(*back[1:]) == pytest.approx(math.hypot(i, q), abs=5e-3)
    torch.testing.assert_close(turn_hue(x, torch.tensor([2 * math.pi])), x, atol=1e-5, rtol=0)


def test_grey_has_no_colour_and_solarised_is_turned_over() -> None:
    x = torch.rand(3, 3, 5, 5)
    still = {"strength": 0.0, "hue": 0.0, "blurred": 0.0}
    grey = recolour(x, grey=1.0, solarised=0.0, **still)
    torch.testing.assert_close(grey.amax(1), grey.amin(1))
    turned = recolour(x, grey=0.0, solarised=1.0, **still)
    torch.testing.assert_close(turned, torch.minimum(x, 1 - x))


def test_blur_keeps_constants_and_weighs_one_two_one() -> None:
    flat = torch.full((1, 3, 5, 5), 0.7)
    torch.testing.assert_close(blur(flat), flat)
    point = torch.zeros(1, 1, 5, 5)
    point[..., 2, 2] = 16
    want = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    torch.testing.assert_close(blur(point)[0, 0, 1:4, 1:4], want)


def test_the_same_generator_gives_the_same_views() -> None:
    x = torch.rand(2, 3, 12, 12)
    first, second = (
        multi_crop(x, global_size=12, local_size=6, generator=torch.Generator().manual_seed(5))
        for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first[0] + first[1], second[0] + second[1], strict=True))


def test_crops_are_those_of_their_numbers() -> None:
    """Share, place (two), mirror and turn, in this order, of an image whose colours are its coordinates."""
    y, x = torch.meshgrid(torch.arange(64) / 32 - 63 / 64, torch.arange(64) / 32 - 63 / 64, indexing="ij")
    images = torch.stack([x, y]).expand(20, 2, 64, 64)
    crops = crop_batch(images, 16, (0.1, 0.4), turn=30, generator=torch.Generator().manual_seed(2))
    generator = torch.Generator().manual_seed(2)
    side = (0.1 + 0.3 * torch.rand(20, generator=generator)).sqrt()
    centre = (torch.rand(20, 2, generator=generator) * 2 - 1) * (1 - side)[:, None]
    mirror = torch.where(torch.rand(20, generator=generator) < 0.5, -1.0, 1.0)
    angle = math.radians(30) * (torch.rand(20, generator=generator) * 2 - 1)
    for i in range(20):
        for row, column in ((7, 7), (4, 11)):  # near the middle, where nothing reaches over the edge
            u, v = (column + 0.5) / 8 - 1, (row + 0.5) / 8 - 1
            u = u * mirror[i]
            want_x = centre[i, 0] + side[i] * (u * angle[i].cos() - v * angle[i].sin())
            want_y = centre[i, 1] + side[i] * (u * angle[i].sin() + v * angle[i].cos())
            if max(abs(want_x), abs(want_y)) < 0.95:
                assert crops[i, 0, row, column].item() == pytest.approx(want_x.item(), abs=1e-3)
                assert crops[i, 1, row, column].item() == pytest.approx(want_y.item(), abs=1e-3)


def test_jitter_multiplies_by_its_three_factors() -> None:
    x = 0.3 + 0.2 * torch.rand(6, 3, 5, 7)  # so that nothing is cut off
    got = jitter_colour(x, 0.2, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(1)
    light, contrast = (1 + 0.2 * (2 * torch.rand(6, 1, 1, 1, generator=generator) - 1) for _ in range(2))
    balance = 1 + 0.2 * (2 * torch.rand(6, 3, 1, 1, generator=generator) - 1)
    bright = x * light
    mean = bright.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(got, ((bright - mean) * contrast + mean) * balance)
    far = jitter_colour(torch.rand(6, 3, 5, 7), 1.0)
    assert far.min() >= 0 and far.max() <= 1


def test_each_picture_is_chosen_by_its_own_number() -> None:
    x = torch.rand(200, 3, 2, 2)
    still = {"strength": 0.0, "hue": 0.0, "blurred": 0.0}
    got = recolour(x, grey=0.3, solarised=0.0, generator=torch.Generator().manual_seed(0), **still)
    grey = (got.amax(1) - got.amin(1)).amax((1, 2)) < 1e-6
    assert 0.2 < grey.float().mean() < 0.4
    luma = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    torch.testing.assert_close(got[grey, 0], luma[grey])
    torch.testing.assert_close(got[~grey], x[~grey])


def test_the_hue_turns_by_the_same_angle_either_way_and_red_goes_to_green() -> None:
    x = torch.tensor([0.6, 0.4, 0.45]).reshape(1, 3, 1, 1)
    back = turn_hue(turn_hue(x, torch.tensor([0.7])), torch.tensor([-0.7]))
    torch.testing.assert_close(back, x, atol=1e-5, rtol=0)
    y, i, q = colorsys.rgb_to_yiq(0.6, 0.4, 0.45)
    turned = colorsys.rgb_to_yiq(*turn_hue(x, torch.tensor([math.pi / 2])).flatten().tolist())
    assert turned == pytest.approx((y, -q, i), abs=5e-3)  # a quarter turn in the plane


def test_recoloured_pictures_are_blurred_with_the_edge_going_on() -> None:
    x = torch.rand(2, 3, 5, 6)
    still = {"strength": 0.0, "hue": 0.0, "grey": 0.0, "solarised": 0.0}
    torch.testing.assert_close(recolour(x, blurred=1.0, **still), blur(x))
    want = (9 * x[0, 0, 0, 0] + 3 * x[0, 0, 0, 1] + 3 * x[0, 0, 1, 0] + x[0, 0, 1, 1]) / 16
    torch.testing.assert_close(blur(x)[0, 0, 0, 0], want)


X = torch.rand(2, 3, 12, 12)
NAN = float("nan")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: crop_batch(X, 6, (5, 9)), r"scale \(5, 9\), want two shares in \(0, 1\]"),
        (lambda: crop_batch(X, 6, (1, 0.2)), "the smaller first"),
        (lambda: crop_batch(X, 6, (NAN, 1)), "want 2 finite numbers"),
        (lambda: crop_batch(X, 6, (0.0, 1)), "the smaller first"),
        (lambda: crop_batch(X, 0, (0.5, 1)), "size: got 0"),
        (lambda: crop_batch(X, 6, (0.5, 1), turn=NAN), "turn: got nan"),
        (lambda: crop_batch(X[0], 6, (0.5, 1)), "for one image use"),
        (lambda: crop_batch((X * 255).byte(), 6, (0.5, 1)), "divide 8-bit"),
        (lambda: crop_batch(X[:0], 6, (0.5, 1)), "empty shape"),
        (lambda: jitter_colour(X * 255), r"want all in \[0, 1\]"),
        (lambda: jitter_colour(X * NAN), "no NaN"),
        (lambda: jitter_colour(X, 1.5), "strength: got 1.5"),
        (lambda: recolour(X * 255), r"want all in \[0, 1\]"),
        (lambda: recolour(X.permute(0, 2, 3, 1)), "got 12 channels"),
        (lambda: recolour(X, hue=NAN), "hue: got nan"),
        (lambda: recolour(X, hue=-0.1), "hue: got -0.1"),
        (lambda: recolour(X, grey=2.0), "grey: got 2.0"),
        (lambda: recolour(X, blurred=-0.5), "blurred: got -0.5"),
        (lambda: recolour(X, solarised=NAN), "solarised: got nan"),
        (lambda: blur(X[0]), "for one image use"),
        (lambda: turn_hue(X, torch.zeros(1)), r"turn: got torch.float32 \(1,\), want floating point \(2,\)"),
        (lambda: turn_hue(X, torch.full((2,), NAN)), "want finite ones"),
        (lambda: turn_hue(X[:, :1], torch.zeros(2)), "got 1 channels"),
        (lambda: multi_crop(X, global_size=6, local_size=3, local_views=-1), "local_views: got -1"),
        (lambda: multi_crop(X, global_size=6, local_size=3, colours={"gray": 1.0}), r"got \['gray'\]"),
        (lambda: multi_crop(X * 255, global_size=6, local_size=3), r"want all in \[0, 1\]"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
