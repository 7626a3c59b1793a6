"""S04.6: the maps that know nothing of a network."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from lecture_utils.explain.baselines import centre_map, edge_map

pytestmark = pytest.mark.system("S04.6")


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (1, 1, 17, 31), (1, 3, 1, 1)])
def test_edges_equal_scipy(shape: tuple[int, ...]) -> None:
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    got = edge_map(x)
    for image, edges in zip(x.mean(1).numpy(), got.numpy(), strict=True):
        slopes = [ndimage.sobel(image, axis=axis, mode="nearest") for axis in (0, 1)]
        np.testing.assert_allclose(edges, np.hypot(*slopes), atol=1e-12)


def test_a_step_has_its_edge_and_a_plain_image_none() -> None:
    x = torch.zeros(1, 3, 6, 8)
    assert float(edge_map(x).max()) == 0
    x[..., 4:] = 1
    assert edge_map(x)[0, 2].tolist() == [0, 0, 0, 4, 4, 0, 0, 0]


@pytest.mark.parametrize("shape", [(2, 3, 9, 9), (1, 1, 8, 12)])
def test_the_centre_is_the_peak_and_all_is_symmetric(shape: tuple[int, ...]) -> None:
    got = centre_map(torch.zeros(shape))
    assert got.shape == (shape[0], *shape[2:])
    torch.testing.assert_close(got, got.flip(1, 2))
    at = divmod(int(got[0].argmax()), shape[3])
    assert abs(at[0] + 0.5 - shape[2] / 2) <= 0.5 and abs(at[1] + 0.5 - shape[3] / 2) <= 0.5
    torch.testing.assert_close(centre_map(torch.zeros(1, 1, 1, 1)), torch.ones(1, 1, 1))
    for i, j in ((0, 0), (3, 6)):  # a quarter of the side is one σ, unless it is told
        y, x = (i + 0.5) / shape[2] - 0.5, (j + 0.5) / shape[3] - 0.5
        for spread, options in ((0.25, {}), (0.4, {"spread": 0.4})):
            want = np.exp(-(x * x + y * y) / (2 * spread**2))
            assert abs(float(centre_map(torch.zeros(shape), **options)[0, i, j]) - want) < 1e-6


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match=r"\(3, 8, 8\), want \(B, C, H, W\)"):
        edge_map(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="spread: got nan"):
        centre_map(torch.zeros(1, 3, 8, 8), spread=float("nan"))
    with pytest.raises(ValueError, match="uint8"):
        centre_map(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match="spread: got 0"):
        centre_map(torch.zeros(1, 3, 8, 8), spread=0)
