"""Disparity and depth: round trip, two pinhole cameras, and how bad pixels are counted."""

import numpy as np
import pytest
import torch

from lecture_utils.geometry import disparity as dp
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.1")


def test_disparity_and_depth_are_one_another_s_inverse():
    disparity = torch.tensor([7.2, 20.0, 59.9])
    depth = dp.disparity_to_depth(disparity, 994.978, 0.193001, offset_px=31.086)
    np.testing.assert_allclose(depth.numpy(), 994.978 * 0.193001 / (disparity.numpy() + 31.086), rtol=1e-6)
    torch.testing.assert_close(dp.depth_to_disparity(depth, 994.978, 0.193001, offset_px=31.086), disparity)
    odd = dp.disparity_to_depth(torch.tensor([0.0, -1.0, torch.nan]), 100.0, 0.1)
    assert odd[0].isinf() and odd[1:].isnan().all()


def camera_gap(module):
    """A point seen by two pinholes side by side, their principal points apart by the offset."""
    focal, baseline, offset = 300.0, 0.2, 12.0
    x, z = torch.tensor([0.3, -0.1, 0.0]), torch.tensor([1.5, 3.0, 8.0])
    left, right = focal * x / z + 100, focal * (x - baseline) / z + 100 + offset
    return float((module.disparity_to_depth(left - right, focal, baseline, offset_px=offset) - z).abs().max())


def test_depth_agrees_with_two_cameras():
    assert camera_gap(dp) < 1e-4
    fault = ("shift = disparity + ", "shift = disparity - ")
    assert not camera_gap(planted("lecture_utils.geometry.disparity", fault)) < 0.1


def test_bad_pixels_count_what_is_known():
    truth = torch.tensor([[1.0, 2.0, torch.nan, 4.0, 5.0]])
    found = torch.tensor([[1.5, 7.0, 0.0, torch.nan, 5.0]])
    assert dp.bad_pixels(found, truth, 4) == 0.5  # 7 is off by 5, and NaN is bad
    assert dp.bad_pixels(found, truth, 4, torch.tensor([[True, False, True, False, True]])) == 0
