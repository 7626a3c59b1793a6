"""Sheets of samples: where each picture lies, names beside and above, and what is refused."""

import pytest
import torch

from lecture_utils.plotting import sheets

pytestmark = pytest.mark.system("S15.7")


def test_a_sheet_shows_all_samples_in_order() -> None:
    images = torch.rand(10, 1, 8, 8)
    sheet = sheets.mosaic(images, columns=4)
    assert sheet.shape == (28, 38, 3)
    assert abs(sheet[10:18, 20:28, 0] - images[6, 0].numpy()).max() < 1 / 31
    assert (sheet[20:28, 20:] == 1).all()  # nothing after the last one
    fig = sheets.sample_sheet(images, "digits", columns=5, rows=["a", "b"], names=list("vwxyz"))
    assert [t.get_text() for t in fig.axes[0].texts] == ["a", "b", *"vwxyz"]
    fig = sheets.sample_sheets({"one": images, "two": images[:4]}, "both")
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["one", "two"]
    with pytest.raises(ValueError, match="images: got"):
        sheets.mosaic(images[0])
    with pytest.raises(ValueError, match="sheets: got none"):
        sheets.sample_sheets({}, "none")
