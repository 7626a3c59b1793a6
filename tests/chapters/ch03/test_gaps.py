"""Gaps are measured where something was hidden, and the photographs of the test are not learned."""

import pytest
import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.chapters.ch03 import gaps
from lecture_utils.recipes.shapes_mae import filling


def test_the_same_numbers_as_on_the_card() -> None:
    """`filling` of the recipe asks the package's MAE; with its masks both measure alike."""
    images = gaps.photograph_crops("test", 4)
    model = zoo.load("shapes_mae")
    card = filling(model, images)
    assert gaps.gap_psnr(model, images) == pytest.approx(card["psnr"], abs=1e-4)
    assert gaps.interpolated_psnr(images) == pytest.approx(card["psnr_linear"], abs=1e-4)


def test_only_gaps_count() -> None:
    class Off:
        """Is off by 0.1 in the first patch, which is hidden, and by 0.5 in the last, which is not."""

        def reconstruct(self, images: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
            filled = images.clone()
            filled[:, :, :6, :6] += 0.1
            filled[:, :, -6:, -6:] += 0.5
            return filled, torch.arange(64).expand(len(images), 64) < 1

    assert gaps.gap_psnr(Off(), torch.full((2, 3, 48, 48), 0.4)) == pytest.approx(20.0, abs=1e-3)


def test_photographs_to_learn_from_are_not_those_of_the_test() -> None:
    assert not set(gaps.PHOTOGRAPHS["learn"]) & set(gaps.PHOTOGRAPHS["test"])
    assert gaps.photograph_crops("test", 5).shape == (5, 3, 48, 48)
