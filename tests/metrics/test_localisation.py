"""S04.6: measures of localisation by hand, by loop, and where maps tie or are empty."""

import pytest
import torch

from lecture_utils.metrics.localisation import dilate, energy_in_mask, pointing_game

pytestmark = pytest.mark.system("S04.6")


def example() -> tuple[torch.Tensor, torch.Tensor]:
    """A map with its peak at (1, 2), and a mask that misses it by one column."""
    maps = torch.tensor([[[0.0, 1, 2, 0], [1, 2, 5, 1], [0, -9, 0, 0]]])
    masks = torch.zeros(1, 3, 4, dtype=torch.bool)
    masks[0, :2, :2] = True
    return maps, masks


def test_by_hand() -> None:
    maps, masks = example()
    assert pointing_game(maps, masks).item() == 0
    assert pointing_game(maps, masks, tolerance=1).item() == 1
    assert energy_in_mask(maps, masks).item() == pytest.approx(4 / 12)  # −9 counts as 0


def test_loops_agree_on_random_maps() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(20, 9, 7, generator=generator, dtype=torch.float64)
    masks = torch.rand(20, 9, 7, generator=generator) > 0.8
    point, energy = pointing_game(maps, masks), energy_in_mask(maps, masks)
    for i, (one, mask) in enumerate(zip(maps, masks, strict=True)):
        assert point[i] == float(mask.flatten()[one.argmax()])
        positive = one.clamp_min(0)
        assert energy[i] == pytest.approx(float(positive[mask].sum() / positive.sum()))


def test_the_mask_itself_is_a_perfect_map_and_scale_does_not_matter() -> None:
    masks = torch.rand(5, 8, 6, generator=torch.Generator().manual_seed(0)) > 0.5
    for measure in (pointing_game, energy_in_mask):
        assert measure(masks.float(), masks).tolist() == [1.0] * 5
        assert measure((~masks).float(), masks).tolist() == [0.0] * 5
        maps = torch.rand(5, 8, 6, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(measure(maps, masks), measure(1e-4 * maps, masks))


def test_ties_and_maps_without_mass_are_judged_by_chance() -> None:
    maps, masks = torch.zeros(2, 4, 5), torch.zeros(2, 4, 5, dtype=torch.bool)
    masks[:, 0] = True
    maps[1, 0, 0] = maps[1, 3, 3] = 2.0
    maps[0] -= 1
    torch.testing.assert_close(pointing_game(maps, masks), torch.tensor([1 / 4, 1 / 2]))
    torch.testing.assert_close(energy_in_mask(maps, masks), torch.tensor([1 / 4, 1 / 2]))


@pytest.mark.parametrize("radius", [0, 0.9, 1, 1.5, 2.3, 50])
def test_tolerance_is_a_distance_between_pixel_centres(radius: float) -> None:
    masks = torch.zeros(1, 9, 6, dtype=torch.bool)
    masks[0, 2, 4] = masks[0, 8, 0] = True
    at = masks[0].nonzero().double()
    grid = torch.cartesian_prod(torch.arange(9), torch.arange(6)).double()
    want = (torch.cdist(grid, at).amin(1) <= radius + 1e-9).reshape(1, 9, 6)
    assert torch.equal(dilate(masks, radius), want)


def test_bad_input_is_told() -> None:
    maps, masks = example()
    for bad, message in (
        (lambda: pointing_game(maps[0], masks[0]), r"\(3, 4\), want \(B, H, W\)"),
        (lambda: pointing_game(maps, masks.float()), "torch.float32"),
        (lambda: energy_in_mask(maps, masks[:, :2]), r"\(1, 2, 4\), want torch.bool \(1, 3, 4\)"),
        (lambda: energy_in_mask(maps * torch.nan, masks), "NaN"),
        (lambda: energy_in_mask(maps.long(), masks), "int64"),
        (lambda: energy_in_mask(maps, masks & False), "no pixel in mask 0"),
        (lambda: energy_in_mask(maps, masks.numpy()), "masks: got ndarray"),
        (lambda: pointing_game(maps, masks, tolerance=-1), "tolerance: got -1"),
        (lambda: pointing_game(maps, masks, tolerance=float("nan")), "tolerance: got nan"),
        (lambda: pointing_game(maps[:0], masks[:0]), "no axis of length 0"),
        (lambda: dilate(masks[0], 1), r"masks: got torch.bool \(3, 4\)"),
        (lambda: dilate(masks, -1), "radius: got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
