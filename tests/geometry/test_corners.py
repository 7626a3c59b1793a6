"""Corners: scores against scikit-image, a planted checkerboard to a part of a pixel, bad input."""

import numpy as np
import pytest
import torch
from skimage import data, feature

from lecture_utils.geometry import corners
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.2")


def picture() -> torch.Tensor:
    """A part of a photograph, (1, 1, 60, 90)."""
    return torch.from_numpy(data.camera()[100:160, 150:240] / 255.0)[None, None]


def board(turn_deg: float = 17.0, cell: float = 14.3) -> tuple[torch.Tensor, torch.Tensor]:
    """A turned checkerboard (1, 1, 120, 140), pixels means of 8 × 8 samples, and where its corners are."""
    turn = np.deg2rad(turn_deg)
    v, u = np.mgrid[0 : 120 * 8, 0 : 140 * 8] / 8 + 1 / 16
    along = (u * np.cos(turn) + v * np.sin(turn)) / cell
    across = (-u * np.sin(turn) + v * np.cos(turn)) / cell
    fine = ((np.floor(along) + np.floor(across)) % 2).reshape(120, 8, 140, 8)
    i, j = np.mgrid[-20:20, -20:20] * cell
    places = np.stack([i * np.cos(turn) - j * np.sin(turn), i * np.sin(turn) + j * np.cos(turn)], -1)
    return torch.from_numpy(fine.mean((1, 3)))[None, None], torch.from_numpy(places.reshape(-1, 2))


def scores(module) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ours and scikit-image's, in the interior (it takes what is beyond the border for 0)."""
    x, inner = picture(), (slice(10, -10), slice(10, -10))
    tensors = [part * 64 for part in module.structure_tensor(x, 1.5)]  # its Sobel filter is not divided by 8
    rows = feature.structure_tensor(x[0, 0].numpy(), sigma=1.5, order="rc", mode="nearest")
    harris = feature.corner_harris(x[0, 0].numpy(), k=0.06, sigma=1.5)
    small = feature.corner_shi_tomasi(x[0, 0].numpy(), sigma=1.5)
    pairs = [
        (tensors[0], rows[2]),
        (tensors[1], rows[1]),
        (tensors[2], rows[0]),
        (module.harris_score(x, sigma_px=1.5, kappa=0.06) * 64**2, harris),
        (module.shi_tomasi_score(x, sigma_px=1.5) * 64, small),
    ]
    return [(ours[0].numpy()[inner], theirs[inner]) for ours, theirs in pairs]


def same(module) -> bool:
    return all(np.abs(a - b).max() < 1e-5 * np.abs(b).max() for a, b in scores(module))


def test_scores_are_scikit_images() -> None:
    assert same(corners)


@pytest.mark.parametrize(
    "fault",
    [
        ("uu * vv - uv**2 - kappa", "uu * vv + uv**2 - kappa"),
        ("[-2.0, 0.0, 2.0]", "[-1.0, 0.0, 1.0]"),
        ("((uu - vv) / 2) ** 2 + uv**2", "((uu - vv) / 2) ** 2"),
        ("torch.stack([across, across.mT])", "torch.stack([across.mT, across])"),
        ("return (uu + vv) / 2 - half_gap", "return (uu + vv) / 2 + half_gap"),
    ],
)
def test_the_comparison_can_fail(fault: tuple[str, str]) -> None:
    assert not same(planted("lecture_utils.geometry.corners", fault))


def worst(module) -> float:
    """How far corners of the board are found from where they are, at worst, in pixels."""
    image, places = board()
    found = module.find_corners(module.harris_score(image, sigma_px=2.0)[0], radius=5, least=0.3).pixels
    inside = ((places > 15) & (places < torch.tensor([125.0, 105.0]))).all(1)
    assert len(found) >= int(inside.sum()) >= 30
    return float(torch.cdist(places[inside], found.double()).amin(1).max())


def test_a_checkerboards_corners_are_found_to_a_tenth_of_a_pixel() -> None:
    assert worst(corners) < 0.1


@pytest.mark.parametrize(
    "fault",
    [
        ("+ moved.clamp(-0.5, 0.5)", ""),
        ("+ 0.5 + moved", "+ moved"),
        ("[h_uv * g_v - h_vv * g_u, h_uv", "[h_vv * g_u - h_uv * g_v, h_uv"),
    ],
)  # fmt: skip
def test_without_refinement_they_are_not(fault: tuple[str, str]) -> None:
    assert worst(planted("lecture_utils.geometry.corners", fault)) > 0.1


def test_a_turned_picture_has_turned_scores() -> None:
    x = picture()
    for score in (corners.harris_score, corners.shi_tomasi_score):
        torch.testing.assert_close(score(x.rot90(1, (2, 3))), score(x).rot90(1, (1, 2)))


def test_peaks_are_apart_strongest_first_and_none_of_a_flat_picture() -> None:
    found = corners.find_corners(corners.shi_tomasi_score(picture())[0], radius=4)
    assert bool((found.score.diff() <= 0).all()) and len(found.score) > 10
    apart = torch.cdist(found.pixels, found.pixels, p=float("inf")).fill_diagonal_(99)
    assert float(apart.min()) >= 4  # at least 5 apart, less half a pixel each
    assert len(corners.find_corners(torch.zeros(40, 40)).pixels) == 0
    assert len(corners.find_corners(corners.shi_tomasi_score(picture())[0], count=3).pixels) == 3


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="channels"):
        corners.grey(torch.rand(1, 2, 8, 8))
    with pytest.raises(ValueError, match="want all in"):
        corners.grey(torch.rand(1, 3, 8, 8) * 255)
    with pytest.raises(ValueError, match="border"):
        corners.refine(torch.rand(5, 5), torch.tensor([0]), torch.tensor([2]))
    with pytest.raises(ValueError, match="kappa"):
        corners.harris_score(torch.rand(1, 1, 8, 8), kappa=-1)
