"""Anchors, matching and sampling against torchvision's, and by hand."""

import pytest
import torch
from torch import Tensor
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler, Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from lecture_utils.detection import anchors
from lecture_utils.ops.boxes import box_iou
from tests.mutants import planted

pytestmark = pytest.mark.system("S07.7")
RATIOS = (0.5, 1.0, 2.0)


def compare_anchors(module: object, sizes: tuple, ratios: tuple, image: tuple[int, int]) -> None:
    """Hold anchors against torchvision's, on maps of strides 4, 8, …"""
    strides = [4 * 2**k for k in range(len(sizes))]
    maps = [torch.zeros(2, 3, -(-image[0] // s), -(-image[1] // s)) for s in strides]
    theirs = AnchorGenerator(sizes, (ratios,) * len(sizes))
    want = theirs(ImageList(torch.zeros(2, 3, *image), [image] * 2), maps)[0]
    got = torch.cat(module.Anchors(sizes, ratios, offset=0.0)(maps, image))
    assert torch.equal(got, want)


@pytest.mark.parametrize("image", [(64, 96), (160, 128), (100, 70)])
@pytest.mark.parametrize(
    ("sizes", "ratios"),
    [(((32,), (64,), (128,), (256,)), RATIOS), (((12, 20, 32),), RATIOS), (((9, 17), (20, 30)), (1.0, 0.7))],
)
def test_anchors_equal_torchvision(sizes, ratios, image):
    compare_anchors(anchors, sizes, ratios, image)


@pytest.mark.parametrize(
    "fault",
    [
        ("(side / stretch).flatten(), (side * stretch)", "(side * stretch).flatten(), (side / stretch)"),
        (" / 2).round()", " / 2)"),
        ('indexing="ij"', 'indexing="xy"'),
        ("(height // x.shape[2], width // x.shape[3])", "(4, 4)"),
    ],
)
def test_the_comparison_of_anchors_sees(fault):
    with pytest.raises((AssertionError, RuntimeError)):
        compare_anchors(
            planted("lecture_utils.detection.anchors", fault), ((12, 21), (33, 50)), RATIOS, (64, 96)
        )


def test_anchors_have_their_size_and_ratio_and_stand_in_the_middle_of_their_cell():
    cell = anchors.cell_anchors((40, 100), (0.25, 1.0, 4.0))
    width, height = (cell[:, 2:] - cell[:, :2]).unbind(1)
    assert torch.equal(height / width, torch.tensor([0.25, 0.25, 1, 1, 4, 4]))
    assert torch.equal((width * height).sqrt(), torch.tensor([40.0, 100] * 3))
    laid = anchors.grid_anchors(cell[2:3], (2, 3), (16, 8))
    centre = (laid[:, :2] + laid[:, 2:]) / 2
    assert centre.tolist() == [[4, 8], [12, 8], [20, 8], [4, 24], [12, 24], [20, 24]]


def overlaps(truths: int = 6, count: int = 300) -> Tensor:
    made = torch.Generator().manual_seed(truths)
    corner = torch.rand(truths + count, 2, generator=made, dtype=torch.float64) * 60
    boxes = torch.cat([corner, corner + 5 + torch.rand(truths + count, 2, generator=made) * 40], dim=1)
    boxes[truths] = boxes[truths + 1] = boxes[0]  # two anchors tie for the first box
    return box_iou(boxes[:truths], boxes[truths:])


def compare_matches(module: object, high: float, low: float, allow: bool, truths: int = 6) -> None:
    iou = overlaps(truths)
    want = Matcher(high, low, allow)(iou.clone())
    assert torch.equal(module.match_anchors(iou, high=high, low=low, allow_low_quality=allow), want)


@pytest.mark.parametrize("truths", [1, 6])
@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize(("high", "low"), [(0.7, 0.3), (0.5, 0.5), (0.95, 0.1)])
def test_matches_equal_torchvision(high, low, allow, truths):
    compare_matches(anchors, high, low, allow, truths)


@pytest.mark.parametrize(
    "fault",
    [
        ("best < high, BETWEEN", "best <= high, BETWEEN"),
        ("best < low, BACKGROUND", "best < high, BACKGROUND"),
        ("torch.where(favourite, match, answer)", "answer"),
        ("iou.amax(1, keepdim=True)", "iou.amax(0, keepdim=True)"),
    ],
)
def test_the_comparison_of_matches_sees(fault):
    wrong = planted("lecture_utils.detection.anchors", fault)
    with pytest.raises(AssertionError):
        compare_matches(wrong, 0.95, 0.1, allow=True)
        compare_matches(wrong, 1.0, 0.3, allow=False)


def test_no_object_makes_every_anchor_background_and_an_object_out_of_reach_takes_none():
    assert anchors.match_anchors(torch.zeros(0, 4), high=0.7, low=0.3).tolist() == [-1] * 4
    out_of_reach = torch.tensor([[0.0, 0, 0], [0.1, 0.8, 0.4]])
    got = anchors.match_anchors(out_of_reach, high=0.7, low=0.3, allow_low_quality=True)
    assert got.tolist() == [-1, 1, -2]  # torchvision would hand the first anchor to the first object


@pytest.mark.parametrize(("number", "share"), [(20, 0.5), (20, 0.1), (400, 0.5), (20, 0.0), (20, 1.0)])
def test_samples_equal_torchvision_draw_by_draw(number, share):
    labels = torch.randint(-1, 3, (100,), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(3)
    positive, negative = BalancedPositiveNegativeSampler(number, share)([labels])
    torch.manual_seed(3)
    got = anchors.sample_balanced(labels, number, share)
    assert torch.equal(got[0], positive[0].nonzero()[:, 0])
    assert torch.equal(got[1], negative[0].nonzero()[:, 0])


def test_a_sample_is_drawn_evenly_and_repeats_with_its_seed():
    labels = torch.tensor([1] * 10 + [0] * 50 + [-1] * 40)
    seen = torch.zeros(100)
    made = torch.Generator().manual_seed(0)
    for _ in range(2000):
        seen[torch.cat(anchors.sample_balanced(labels, 16, 0.25, made))] += 1
    assert not seen[60:].any()
    torch.testing.assert_close(seen[:10], torch.full((10,), 800.0), rtol=0.15, atol=0)
    torch.testing.assert_close(seen[10:60], torch.full((50,), 480.0), rtol=0.2, atol=0)
    first, second = (
        anchors.sample_balanced(labels, 16, 0.25, torch.Generator().manual_seed(5)) for _ in range(2)
    )
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: anchors.cell_anchors((), RATIOS), "sizes"),
        (lambda: anchors.cell_anchors((8, -1), RATIOS), "sizes"),
        (lambda: anchors.cell_anchors((8,), (0.0,)), "ratios"),
        (lambda: anchors.Anchors(()), "sizes"),
        (lambda: anchors.Anchors(((8,), (16, 32))), "share a head"),
        (lambda: anchors.Anchors(((8,),), offset=2), "offset"),
        (lambda: anchors.Anchors(((8,),))([], (64, 64)), "got 0 maps, want 1"),
        (lambda: anchors.match_anchors(torch.rand(2, 3), high=0.3, low=0.5), "high"),
        (lambda: anchors.match_anchors(torch.rand(3), high=0.7, low=0.3), "iou"),
        (lambda: anchors.match_anchors(2 + torch.rand(2, 3), high=0.7, low=0.3), r"\[0, 1\]"),
        (lambda: anchors.sample_balanced(torch.rand(4), 2, 0.5), "integers"),
        (lambda: anchors.sample_balanced(torch.ones(4).long(), 0, 0.5), "number"),
        (lambda: anchors.sample_balanced(torch.ones(4).long(), 2, 1.5), "positive_share"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
