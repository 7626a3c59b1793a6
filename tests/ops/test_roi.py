"""RoIPool and RoIAlign against torchvision and their plain twins, with gradients; levels of a pyramid."""

import math

import pytest
import torch
import torchvision
from torch import Tensor
from torchvision.ops.poolers import LevelMapper

from lecture_utils.ops import roi, roi_plain
from tests.mutants import planted

OPERATORS = ("roi_pool", "roi_align")


def regions(
    batch: int = 3, height: int = 12, width: int = 17, count: int = 40, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor]:
    """Random maps, boxes of all sizes (some reach out of the picture, some are thin), and their pictures."""
    made = torch.Generator().manual_seed(0)
    features = torch.randn(batch, 5, height, width, generator=made, dtype=dtype)
    centre = torch.rand(count, 2, generator=made, dtype=dtype) * torch.tensor([width, height]) * 8
    side = torch.rand(count, 2, generator=made, dtype=dtype) ** 2 * 90
    boxes = torch.cat([centre - side / 2, centre + side / 2], dim=1)
    boxes[0] = torch.tensor([0, 0, width * 8, height * 8])
    boxes[1] = torch.tensor([8, 8, 8, 8])  # a point
    boxes[2] = torch.tensor([4, 12, 20, 36])  # halves of cells: rounded up
    boxes[3] = torch.tensor([width * 8 + 30, 10, width * 8 + 70, 60])  # wholly outside
    boxes[4, :2] = 2.1  # thinner than a cell
    boxes[4, 2:] = 3.3
    return features, boxes, torch.randint(batch, (count,), generator=made)


def torchvision_s(name: str, features: Tensor, boxes: Tensor, index: Tensor, *rest: object) -> Tensor:
    rois = torch.cat([index[:, None].to(boxes), boxes], dim=1)
    return getattr(torchvision.ops, name)(features, rois, *rest)


def hold_against_torchvision(
    module: object, name: str, rest: tuple, features: Tensor, *where: Tensor
) -> None:
    ours, theirs = features.clone().requires_grad_(), features.clone().requires_grad_()
    got = getattr(module, name)(ours, *where, *rest)
    want = torchvision_s(name, theirs, *where, *rest)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
    slope = torch.randn(want.shape, generator=torch.Generator().manual_seed(1), dtype=want.dtype)
    got.backward(slope), want.backward(slope)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)


CASES = [
    ("roi_pool", ()),
    *[("roi_align", (ratio, aligned)) for ratio in (0, 1, 2, 3) for aligned in (False, True)],
]


@pytest.mark.system("S07.6")
@pytest.mark.parametrize("module", [roi, roi_plain])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7)])
def test_roi_pool_equals_torchvision(module, size):
    hold_against_torchvision(module, "roi_pool", (size, 1 / 8), *regions())


@pytest.mark.system("S09.1")
@pytest.mark.parametrize("module", [roi, roi_plain])
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7)])
def test_roi_align_equals_torchvision(module, size, ratio, aligned):
    hold_against_torchvision(module, "roi_align", (size, 1 / 8, ratio, aligned), *regions())


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_single_precision_and_either_layout(name, layout):
    features, boxes, index = regions(dtype=torch.float32)
    features = features.contiguous(memory_format=layout)
    rest = ((4, 5), 0.125) if name == "roi_pool" else ((4, 5), 0.125, 2, False)
    hold_against_torchvision(roi, name, rest, features, boxes, index)


@pytest.mark.parametrize(
    ("name", "rest", "fault"),
    [
        ("roi_pool", (), ("* scale + 0.5).floor()", "* scale).floor()")),
        ("roi_pool", (), ("(last - first + 1)", "(last - first)")),
        ("roi_pool", (), ("((number + 1) * size).ceil()", "((number + 1) * size).floor()")),
        ("roi_pool", (), ("best[own] = torch.where(better, place[..., None], best[own])", "pass")),
        ("roi_pool", (), ("pooled.masked_fill(empty[..., None], 0)", "pooled")),
        ("roi_align", (2, True), ("(0.5 if aligned else 0)", "0")),
        ("roi_align", (2, False), ("if aligned else (stop - start).clamp(min=1)", "")),
        ("roi_align", (2, False), ("(index + 0.5)", "index")),
        ("roi_align", (2, False), ("(at >= -1) &", "(at >= 0) &")),
        ("roi_align", (0, False), (" & (index < points[:, None, None])", "")),
        ("roi_align", (2, False), ("order = torch.cat(places).argsort()", "order = torch.cat(places)")),
    ],
)  # fmt: skip
def test_the_comparison_sees(name, rest, fault):
    wrong = planted("lecture_utils.ops.roi", fault)
    with pytest.raises(AssertionError):
        hold_against_torchvision(wrong, name, ((3, 2), 1 / 8, *rest), *regions())


@pytest.mark.parametrize(("name", "rest"), CASES)
def test_the_plain_twin_is_equal(name, rest):
    inputs = regions(count=15)
    got, want = (getattr(m, name)(*inputs, (3, 4), 0.125, *rest) for m in (roi, roi_plain))
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("module", [roi, roi_plain])
def test_no_region_and_no_gradient_into_boxes(name, module):
    features, boxes, index = regions()
    assert getattr(module, name)(features, boxes[:0], index[:0], (3, 2), 0.125).shape == (0, 5, 3, 2)
    out = getattr(module, name)(features.requires_grad_(), boxes.requires_grad_(), index, (3, 2), 0.125)
    out.sum().backward()
    assert features.grad is not None and boxes.grad is None


@pytest.mark.parametrize("name", OPERATORS)
def test_a_shift_by_a_cell_shifts_the_region_with_it(name):
    features, _, index = regions(height=20, width=20)
    boxes = torch.tensor([[33.0, 41, 80, 90]] * len(index), dtype=torch.float64)
    moved = torch.roll(features, (2, -1), (2, 3))
    shift = torch.tensor([-8.0, 16, -8, 16])
    call = getattr(roi, name)
    torch.testing.assert_close(
        call(features, boxes, index, (3, 3), 0.125), call(moved, boxes + shift, index, (3, 3), 0.125)
    )


def test_roi_align_is_exact_on_a_plane_and_roi_pool_is_not():
    """Bilinear reading knows a slope: each bin gets the value at its centre. RoIPool rounds."""
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    features = (2 * x + 3 * y)[None, None].double()  # cell i has its centre at pixel 8·i + 4
    box = torch.tensor([[21.0, 37, 61, 97]], dtype=torch.float64)
    centre_x = (21 + (torch.arange(4) + 0.5) * 10 - 4) / 8
    centre_y = (37 + (torch.arange(3) + 0.5) * 20 - 4) / 8
    want = (2 * centre_x[None, :] + 3 * centre_y[:, None]).double()
    index = torch.zeros(1, dtype=torch.long)
    torch.testing.assert_close(roi.roi_align(features, box, index, (3, 4), 1 / 8)[0, 0], want)
    assert (roi.roi_pool(features, box, index, (3, 4), 1 / 8)[0, 0] - want).abs().max() > 1


def test_chunks_change_nothing(monkeypatch):
    inputs = regions()
    whole = roi.roi_align(*inputs, (3, 4), 0.125)
    monkeypatch.setattr(roi, "CHUNK", 1)
    torch.testing.assert_close(roi.roi_align(*inputs, (3, 4), 0.125), whole)


@pytest.mark.system("S08.3")
@pytest.mark.parametrize(("finest", "coarsest"), [(2, 5), (3, 7)])
def test_levels_equal_torchvision(finest, coarsest):
    side = torch.cat([torch.rand(500) * 1500 + 1, torch.tensor([112.0, 224, 448, 223.99, 56])])
    ratio = 0.3 + 3 * torch.rand(len(side), generator=torch.Generator().manual_seed(0))
    corner = torch.rand(len(side), 2) * 100
    boxes = torch.cat([corner, corner + torch.stack([side * ratio.sqrt(), side / ratio.sqrt()], 1)], 1)
    boxes[-5:] = torch.cat([torch.zeros(5, 2), side[-5:, None].expand(5, 2)], 1)
    want = LevelMapper(finest, coarsest)([boxes]) + finest
    assert torch.equal(roi.roi_levels(boxes, finest=finest, coarsest=coarsest), want)
    assert set(want.tolist()) >= {finest, finest + 1, 4}


def test_a_region_without_area_belongs_to_the_finest_level():
    assert roi.roi_levels(torch.tensor([[3.0, 3, 3, 9], [0, 0, 224, 224]])).tolist() == [2, 4]


BAD = [
    ({"features": torch.rand(2, 3, 4)}, "features|images"),
    ({"boxes": torch.tensor([[5.0, 5, 1, 9]])}, "x2 < x1"),
    ({"boxes": torch.tensor([[math.nan, 5, 9, 9]])}, "NaN"),
    ({"batch_index": torch.tensor([2])}, "want 0 to 1"),
    ({"batch_index": torch.tensor([-1])}, "want 0 to 1"),
    ({"batch_index": torch.tensor([0.0])}, "integers"),
    ({"batch_index": torch.tensor([0, 1])}, "batch_index"),
    ({"output_size": (0, 3)}, "output_size"),
    ({"spatial_scale": 0.0}, "spatial_scale"),
]


@pytest.mark.parametrize("module", [roi, roi_plain])
@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(("wrong", "message"), BAD)
def test_what_does_not_fit_is_refused(module, name, wrong, message):
    good = {
        "features": torch.rand(2, 3, 4, 5),
        "boxes": torch.tensor([[1.0, 1, 20, 30]]),
        "batch_index": torch.tensor([1]),
        "output_size": (2, 2),
        "spatial_scale": 0.125,
    }
    with pytest.raises(ValueError, match=message):
        getattr(module, name)(**good | wrong)


def test_other_settings_that_are_refused():
    features, boxes, index = regions()
    with pytest.raises(ValueError, match="sampling_ratio"):
        roi.roi_align(features, boxes, index, (2, 2), 0.125, -1)
    with pytest.raises(ValueError, match="coarsest"):
        roi.roi_levels(boxes, finest=4, coarsest=3)
