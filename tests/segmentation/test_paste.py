"""Pasting masks against torchvision's, with boxes that reach beyond the picture, and planted faults."""

import pytest
import torch
from torchvision.models.detection.roi_heads import paste_masks_in_image

from lecture_utils.segmentation import paste
from lecture_utils.segmentation.structures import Instances
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.2")
SIZE = (37, 52)


def case(dtype=torch.float64, count=40) -> tuple[torch.Tensor, torch.Tensor]:
    """Masks, and boxes of all sizes, in and around the picture."""
    made = torch.Generator().manual_seed(0)
    masks = torch.rand(count, 14, 14, generator=made, dtype=dtype)
    start = 50 * torch.rand(count, 2, generator=made, dtype=dtype) - 15
    side = 16 + 40 * torch.rand(count, 2, generator=made, dtype=dtype) ** 2
    boxes = torch.cat([start, start + side], dim=1)
    boxes[0], boxes[1] = torch.tensor([3.0, 4, 3, 4]), torch.tensor([-9.0, -9, 80, 70])
    boxes[2] = torch.tensor([0.0, 0, SIZE[1], SIZE[0]])
    boxes[3:9, 2:] = boxes[3:9, :2].abs() + side[3:9] / 20  # small ones
    return masks, boxes


def compare(module, dtype=torch.float64, tolerance=1e-10):
    masks, boxes = case(dtype)
    want = paste_masks_in_image(masks[:, None], boxes, SIZE)[:, 0]
    got = module.paste_masks(masks, boxes, SIZE, rounded=True)
    assert (got - want).abs().max() < tolerance
    assert torch.equal(got >= 0.5, want >= 0.5)
    assert (want.std(0) > 0.1).float().mean() > 0.8


def test_equals_torchvision():
    compare(paste)


def test_equals_torchvision_in_single_precision():
    compare(paste, torch.float32, 1e-5)


FAULTS = [
    ("((side + 2) / side)", "1.0"),
    ("first.trunc(), ", "first.floor(), "),
    ("stop.trunc() + 1", "stop.trunc()"),
    ("dtype=first.dtype) + 0.5  # their", "dtype=first.dtype)  # their"),
    ("torch.arange(1, side + 1", "torch.arange(0, side"),
    ("rows @ masks @ columns.mT", "rows @ masks.mT @ columns.mT"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[wrong for _, wrong in FAULTS])
def test_the_comparison_sees(fault):
    with pytest.raises(AssertionError):
        compare(planted("lecture_utils.segmentation.paste", fault))


def test_a_full_mask_fills_its_box():
    """Exactly so, unless its place is rounded."""
    mask, box = torch.ones(1, 28, 28), torch.tensor([[10.0, 5, 40, 30]])
    inside = torch.zeros(SIZE, dtype=torch.bool)
    inside[5:30, 10:40] = True
    exact, rounded = (paste.paste_masks(mask, box, SIZE, rounded=r)[0] >= 0.5 for r in (False, True))
    assert torch.equal(exact, inside)
    assert rounded.sum() == 32 * 25  # torchvision's mask of 30 × 25 pixels


def test_without_rounding_a_pixel_takes_the_value_at_its_centre():
    """Against sampling the mask with its border of zeros, pixel by pixel."""
    masks, boxes = case()
    got = paste.paste_masks(masks, boxes, SIZE)
    x, y = torch.arange(SIZE[1]).double() + 0.5, torch.arange(SIZE[0]).double() + 0.5
    for mask, (x1, y1, x2, y2), one in zip(masks, boxes, got, strict=True):
        if min(x2 - x1, y2 - y1) > 1:
            down, across = 2 * (y - y1) / (y2 - y1) - 1, 2 * (x - x1) / (x2 - x1) - 1
            grid = torch.stack(torch.meshgrid(across, down, indexing="xy"), -1)[None]
            want = torch.nn.functional.grid_sample(mask[None, None], grid, align_corners=False)
            torch.testing.assert_close(one, want[0, 0])


def test_a_box_beside_the_picture_leaves_it_empty():
    """torchvision stops with an error here."""
    beside = torch.tensor([[60.0, 5, 70, 20], [5, -30, 20, -9], [-9, 0, -4, 9]])
    assert not paste.paste_masks(torch.ones(3, 14, 14), beside, SIZE).any()


def test_nothing_found_is_nothing_pasted():
    assert paste.paste_masks(torch.zeros(0, 28, 28), torch.zeros(0, 4), (9, 11)).shape == (0, 9, 11)


def test_found_at_one_size_and_wanted_at_another():
    found = Instances(
        torch.tensor([[2.0, 4, 10, 12]]), torch.tensor([1]), torch.tensor([0.9]), torch.ones(1, 14, 14),
        torch.tensor([[[3.0, 5, 7]]]),
    )  # fmt: skip
    there = paste.at_size(found, (20, 16), (40, 64))
    assert there.boxes.tolist() == [[8, 8, 40, 24]] and there.masks.shape == (1, 40, 64)
    assert there.keypoints.tolist() == [[[12, 10, 7]]] and there.scores is found.scores
    bare = paste.at_size(found._replace(masks=torch.zeros(1, 0, 0), keypoints=None), (20, 16), (40, 64))
    assert bare.masks.shape == (1, 0, 0) and bare.keypoints is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: paste.paste_masks(torch.rand(2, 7, 7), torch.rand(1, 4).cumsum(1), (8, 8)), "2, 4"),
        (lambda: paste.paste_masks(torch.rand(1, 7, 7) * 9, torch.rand(1, 4).cumsum(1), (8, 8)), "0, 1"),
        (lambda: paste.paste_masks(torch.rand(1, 7, 7), torch.tensor([[5.0, 5, 1, 9]]), (8, 8)), "x2 < x1"),
        (lambda: paste.paste_masks(torch.rand(1, 7, 7), torch.rand(1, 4).cumsum(1), (8,)), "H, W"),
        (lambda: paste.paste_masks(torch.rand(1, 7, 6), torch.rand(1, 4).cumsum(1), (8, 8)), "as wide"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
