"""Stereo: blocks by hand, shifted pictures, and the motorcycle against OpenCV."""

import cv2
import numpy as np
import pytest
import torch

from lecture_utils.data import photographs
from lecture_utils.geometry import disparity as dp
from lecture_utils.geometry import stereo as st
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.1")


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def block_cost_by_hand(left, right, radius, measure):
    """The definition, pixel by pixel."""
    _, h, w = left.shape
    out = torch.zeros(h, w, dtype=left.dtype)
    for i in range(h):
        for j in range(w):
            rows, columns = (
                slice(max(i - radius, 0), i + radius + 1),
                slice(max(j - radius, 0), j + radius + 1),
            )
            a, b = left[:, rows, columns].flatten(), right[:, rows, columns].flatten()
            if measure == "sad":
                out[i, j] = (a - b).abs().mean()
            else:
                a, b = a - a.mean(), b - b.mean()
                out[i, j] = 1 - (a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()
    return out


@pytest.mark.parametrize("measure", ["sad", "zncc"])
@pytest.mark.parametrize("shape", [(1, 7, 9), (3, 5, 6), (2, 4, 11)])
def test_the_cost_of_blocks_is_the_definition_s(measure, shape):
    left, right = noise(*shape), noise(*shape, seed=1)
    want = block_cost_by_hand(left, right, 2, measure)
    torch.testing.assert_close(st.block_cost(left[None], right[None], 2, measure)[0], want)


def test_correlation_is_blind_to_brightness_and_contrast():
    left = noise(2, 3, 12, 14)
    cost = st.block_cost(left, 0.3 + 0.5 * left, 2, "zncc")
    assert cost.abs().max() < 1e-9
    assert st.block_cost(left, 0.3 + 0.5 * left, 2, "sad").mean() > 0.05


def shifted_pair(shift, size=(2, 3, 20, 40)):
    """A far wall of noise: what the left eye sees in column j the right sees in j − shift."""
    wall = noise(*size[:3], size[3] + shift)
    return wall[..., :-shift] if shift else wall, wall[..., shift:]


def wrong_share(module, shift=5):
    left, right = shifted_pair(shift)
    found = module.match(left, right, 9, radius=2)
    seen = found.disparity[:, :, shift:]  # the first columns have no partner
    return float(
        ((seen - shift).abs() > 0.5).double().mean() + (~found.valid[:, :, shift + 5 :]).double().mean()
    )


@pytest.mark.parametrize("shift", [0, 1, 5])
def test_a_shifted_picture_has_that_disparity(shift):
    assert wrong_share(st, shift) == 0


def test_a_partner_outside_of_the_right_picture_is_no_choice_and_fails_the_check():
    left, right = shifted_pair(6)
    found = st.match(left, right, 9, radius=2)
    column = torch.arange(40)
    assert bool((found.disparity <= column + 0.5).all())
    assert found.valid[:, :, :6].double().mean() < 0.4
    alone = st.match(left, right, 9, least=4, radius=2)
    assert bool(alone.disparity[:, :, :4].isnan().all()) and not bool(alone.valid[:, :, :4].any())


FAULTS = (
    ("[..., : w - d]", "[..., d:]"),
    ("least + winner +", "least + winner + 1 +"),
    ("(column - left).round()", "(column + left).round()"),
)


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_turn_the_shifted_picture_red(fault):
    assert wrong_share(planted("lecture_utils.geometry.stereo", fault)) > 0.1


def mirror_gap(module):
    """The right eye's costs are those of a left eye in a mirror."""
    left, right = noise(1, 2, 6, 15), noise(1, 2, 6, 15, seed=1)
    turned = module.seen_from_the_right(module.cost_volume(left, right, 5, least=2, radius=1), 2)
    want = module.cost_volume(right.flip(3), left.flip(3), 5, least=2, radius=1).flip(3)
    return float((turned.nan_to_num(posinf=9.0) - want.nan_to_num(posinf=9.0)).abs().max())


def test_the_right_eye_s_costs_are_a_mirrored_left_eye_s():
    assert mirror_gap(st) < 1e-12
    fault = ("volume[:, k, :, d:]\n", "volume[:, k, :, : volume.shape[3] - d]\n")
    assert mirror_gap(planted("lecture_utils.geometry.stereo", fault)) > 0.1


def test_the_parabola_finds_the_lowest_point_between_whole_disparities():
    place = torch.tensor([1.3, 2.0, 3.49, 0.0, 4.0])
    costs = (torch.arange(5)[None, :, None, None] - place[None, None, None]).square()  # (1, 5, 1, 5)
    torch.testing.assert_close(st.best_disparity(costs, 10)[0, 0], 10 + place)
    flat = torch.ones(1, 5, 1, 1)
    assert float(st.best_disparity(flat)) == 0.0  # no lowest point: the first


def motorcycle(scale):
    """The pair in grey and colour, at full or half size, with its truth."""
    pair = photographs.stereo()
    left, right, truth = pair.left[None], pair.right[None], pair.disparity[None]
    if scale == 2:
        left, right = (torch.nn.functional.avg_pool2d(side, 2) for side in (left, right))
        truth = truth[:, :500:2, :740:2] / 2
    return left, right, truth


def bad_or_unmatched(scale, most, match):
    """Share of pixels with a known truth that are off by over 4 full-size pixels, or have no match."""
    left, right, truth = motorcycle(scale)
    disparity, valid = match(left, right, most)
    return dp.bad_pixels(torch.where(valid, disparity, torch.nan), truth, 4 / scale)


def opencv(block):
    def run(left, right, most):
        rgb = [(side[0].movedim(0, 2).numpy() * 255).round().astype(np.uint8) for side in (left, right)]
        grey = [cv2.cvtColor(side, cv2.COLOR_RGB2GRAY) for side in rgb]
        found = torch.from_numpy(cv2.StereoBM_create(most, block).compute(*grey) / 16.0).float()[None]
        return found, found >= 0

    return run


def correlate(left, right, most):
    return st.match(left, right, most, measure="zncc")


@pytest.mark.parametrize(("scale", "most"), [(2, 32), pytest.param(1, 64, marks=pytest.mark.nightly)])
def test_on_the_motorcycle_ours_is_no_worse_than_opencv_at_its_best_block_size(scale, most):
    ours = bad_or_unmatched(scale, most, correlate)
    theirs = min(bad_or_unmatched(scale, most, opencv(block)) for block in (7, 9, 11, 15, 21))
    print(f"1 / {scale}: ours {ours:.1%}, StereoBM {theirs:.1%}")
    assert ours <= theirs


def test_smooth_paths_beat_plain_blocks_on_the_motorcycle():
    left, right, truth = motorcycle(2)
    plain, paths = (
        dp.bad_pixels(st.match(left, right, 32, **how).disparity, truth, 2)
        for how in ({"radius": 4}, {"radius": 1, "smooth": (0.04, 0.2)})
    )
    assert paths < plain
