"""Filling without learning: exact on constant and on linear pictures."""

import pytest
import torch

from lecture_utils.selfsup.fills import hidden_pixels, linear_fill, mean_fill
from lecture_utils.selfsup.mae import patchify

pytestmark = pytest.mark.system("S03.1")


def middle() -> torch.Tensor:
    mask = torch.zeros(1, 16, dtype=torch.bool)
    mask[0, [5, 6, 10]] = True
    return hidden_pixels(mask, 3, 12, 12)


def test_hidden_pixels_are_those_of_hidden_patches() -> None:
    mask = torch.rand(4, 6) < 0.5
    rows = patchify(hidden_pixels(mask, 3, 6, 9).float(), 3)  # (4, 6, 9)
    assert torch.equal(rows.amin(-1) > 0, mask) and torch.equal(rows.amax(-1) > 0, mask)


def test_linear_fill_is_exact_on_a_slope_and_mean_fill_on_a_constant() -> None:
    slope = (torch.arange(12.0)[:, None] * 0.03 + torch.arange(12.0) * 0.05).expand(1, 3, 12, 12)
    hidden = middle()
    spoiled = torch.where(hidden, torch.full_like(slope, 9.0), slope)
    torch.testing.assert_close(linear_fill(spoiled, hidden), slope, atol=1e-5, rtol=0)
    flat = torch.full((1, 3, 12, 12), 0.3)
    torch.testing.assert_close(mean_fill(torch.where(hidden, flat + 5, flat), hidden), flat)


def test_what_is_visible_stays() -> None:
    x, hidden = torch.rand(1, 3, 12, 12), middle()
    for fill in (mean_fill, linear_fill):
        filled = fill(x, hidden)
        seen = (~hidden).expand_as(x)
        assert torch.equal(filled[seen], x[seen]) and not torch.equal(filled, x)
        assert torch.isfinite(filled).all()
    nothing = torch.zeros_like(hidden)
    assert torch.equal(linear_fill(x, nothing), x) and torch.equal(linear_fill(x, ~nothing), x)


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match=r"\(1, 15\), want bool \(B, 16\)"):
        hidden_pixels(torch.zeros(1, 15, dtype=torch.bool), 3, 12, 12)
    with pytest.raises(ValueError, match="12 × 13 pixels, want multiples of 3"):
        hidden_pixels(torch.zeros(1, 16, dtype=torch.bool), 3, 12, 13)
    with pytest.raises(ValueError, match="patch: got 0"):
        hidden_pixels(torch.zeros(1, 16, dtype=torch.bool), 0, 12, 12)
    with pytest.raises(ValueError, match=r"mask: got torch\.float32"):
        hidden_pixels(torch.zeros(1, 16), 3, 12, 12)
    x, hidden = torch.rand(1, 3, 12, 12), middle()
    for fill in (mean_fill, linear_fill):
        for bad, message in (
            ((x, hidden[0]), r"hidden: got torch.bool \(1, 12, 12\), want bool \(1, 1, 12, 12\)"),
            ((x, hidden[:0]), r"hidden: got torch.bool \(0, 1, 12, 12\)"),
            ((x, hidden.float()), "hidden: got torch.float32"),
            ((x[0], hidden), "for one image use"),
            (((x * 255).byte(), hidden), "divide 8-bit"),
            ((x + float("nan"), hidden), "want finite ones"),
        ):
            with pytest.raises(ValueError, match=message):
                fill(*bad)


def test_visible_pixels_on_one_line_give_the_nearest_colour() -> None:
    x, hidden = torch.rand(1, 2, 3, 3), torch.ones(1, 1, 3, 3, dtype=torch.bool)
    hidden[0, 0, :, 1] = False
    torch.testing.assert_close(linear_fill(x, hidden), x[..., 1:2].expand(1, 2, 3, 3))


def test_mean_fill_takes_each_pictures_own_visible_pixels() -> None:
    x, hidden = torch.rand(2, 3, 4, 5), torch.rand(2, 1, 4, 5) < 0.5
    hidden[:, :, 0, 0], hidden[:, :, 0, 1] = False, True
    filled = mean_fill(x, hidden)
    for i in range(2):
        seen = ~hidden[i, 0]
        want = x[i][:, seen].mean(1)
        torch.testing.assert_close(filled[i][:, hidden[i, 0]], want[:, None].expand(3, int((~seen).sum())))
