"""Warping along a flow: whole shifts, the plain formula, scipy, gradients, and a flow at another size."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from lecture_utils.ops import flow_warp as fw
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.4")


def case(seed=0, shape=(2, 3, 6, 5), reach=3.0):
    made = torch.Generator().manual_seed(seed)
    b, _, h, w = shape
    features = torch.randn(shape, generator=made, dtype=torch.float64)
    flow = reach * torch.randn(b, 2, h, w, generator=made, dtype=torch.float64)
    return features, flow


def shifted(features, right, down):
    """What lies `right` and `down` further on, by indexing; 0 outside."""
    out = torch.zeros_like(features)
    h, w = features.shape[2:]
    for i in range(h):
        for j in range(w):
            if 0 <= i + down < h and 0 <= j + right < w:
                out[:, :, i, j] = features[:, :, i + down, j + right]
    return out


@pytest.mark.parametrize("right", [-3, -1, 0, 2, 7])
@pytest.mark.parametrize("down", [-2, 0, 1, 6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_whole_shifts_fetch_whole_cells(right, down, dtype):
    features = case()[0].to(dtype)
    flow = torch.tensor([right, down], dtype=dtype)[:, None, None].expand(2, 2, 6, 5)
    tolerance = 3e-6 if dtype == torch.float32 else 1e-14
    torch.testing.assert_close(
        fw.warp(features, flow), shifted(features, right, down), atol=tolerance, rtol=0
    )
    assert torch.equal(fw.warp_plain(features, flow), shifted(features, right, down))


@pytest.mark.parametrize("shape", [(2, 3, 6, 5), (1, 1, 1, 1), (1, 2, 1, 7), (2, 1, 9, 2)])
def test_fast_and_plain_agree(shape):
    features, flow = case(1, shape)
    torch.testing.assert_close(fw.warp(features, flow), fw.warp_plain(features, flow))


def scipy_gap(warp):
    """Largest difference from scipy's linear interpolation, on maps wider than high and higher than wide."""
    gap = 0.0
    for shape in ((1, 1, 7, 4), (1, 1, 4, 9)):
        features, flow = case(2, shape)
        rows, columns = np.mgrid[: shape[2], : shape[3]]
        places = np.stack([rows + flow[0, 1].numpy(), columns + flow[0, 0].numpy()])
        want = map_coordinates(features[0, 0].numpy(), places, order=1, mode="grid-constant", cval=0.0)
        gap = max(gap, float(np.abs(warp(features, flow)[0, 0].numpy() - want).max()))
    return gap


def test_agrees_with_scipy():
    assert scipy_gap(fw.warp) < 1e-12


@pytest.mark.parametrize(
    "fault",
    [
        ("column + flow[:, 0], row[:, None] + flow[:, 1]", "column + flow[:, 1], row[:, None] + flow[:, 0]"),
        ("column + flow[:, 0], row", "column - flow[:, 0], row"),
        ("(2 * x + 1) / width", "2 * x / width"),
        ("(2 * x + 1) / width - 1, (2 * y + 1) / height", "(2 * x + 1) / height - 1, (2 * y + 1) / width"),
        ('padding_mode="zeros"', 'padding_mode="border"'),
        ("align_corners=False)\n\n\ndef warp_plain", "align_corners=True)\n\n\ndef warp_plain"),
    ],
)
def test_the_comparison_with_scipy_can_fail(fault):
    assert scipy_gap(planted("lecture_utils.ops.flow_warp", fault).warp) > 1e-3


def test_gradients_reach_features_and_flow():
    features, flow = case(3, (1, 2, 4, 3), reach=1.0)
    assert torch.autograd.gradcheck(fw.warp, (features.requires_grad_(), flow.requires_grad_()))


def test_a_flow_to_the_left_moves_the_picture_to_the_right():
    picture = torch.zeros(1, 1, 1, 5)
    picture[..., 1] = 1
    flow = torch.zeros(1, 2, 1, 5)
    flow[:, 0] = -2
    assert fw.warp(picture, flow).argmax() == 3


@pytest.mark.parametrize("size", [(3, 5), (6, 10), (2, 2), (12, 10), (4, 20)])
def test_a_flow_at_another_size_names_the_same_place(size):
    h, w = size
    flow = torch.tensor([3.0, -6.0])[:, None, None].expand(2, 2, 6, 10)
    want = torch.tensor([3.0 * w / 10, -6.0 * h / 6])[:, None, None].expand(2, 2, h, w)
    torch.testing.assert_close(fw.resize_flow(flow, size), want)


def test_shrinking_takes_the_mean_and_growing_interpolates():
    flow = torch.randn(1, 2, 4, 6, generator=torch.Generator().manual_seed(0))
    means = flow.unflatten(2, (2, 2)).unflatten(4, (3, 2)).mean((3, 5)) / 2
    torch.testing.assert_close(fw.resize_flow(flow, (2, 3)), means)
    # A smooth flow: values at the centres of the new cells lie on the same slope.
    slope = torch.arange(6.0).expand(1, 2, 4, 6)
    grown = fw.resize_flow(slope, (8, 12))
    inside = (torch.arange(12.0) + 0.5) / 2 - 0.5
    torch.testing.assert_close(grown[0, 0, 0, 1:-1], 2 * inside[1:-1])
    torch.testing.assert_close(fw.resize_flow(flow, (4, 6)), flow)


def test_what_does_not_fit_is_refused():
    features, flow = case()
    for bad, message in [
        ((features[0], flow), "want"),
        ((features, flow[:1]), "flow: got"),
        ((features, flow[:, :1]), "flow: got"),
        ((features, flow[..., :4]), "flow: got"),
        ((features, flow.float()), "flow: got dtype"),
        ((features, flow.long()), "floating point"),
        ((features, flow * float("nan")), "NaN"),
    ]:
        for function in (fw.warp, fw.warp_plain):
            with pytest.raises(ValueError, match=message):
                function(*bad)
    with pytest.raises(ValueError, match="flow: got"):
        fw.resize_flow(features, (3, 3))
    with pytest.raises(ValueError, match="size"):
        fw.resize_flow(flow, (0, 3))
