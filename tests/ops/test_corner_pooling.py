"""Corner and centre pooling against loops over all cells, with gradients."""

import pytest
import torch
from torch import Tensor

from lecture_utils.ops import corner_pooling
from tests.mutants import planted

pytestmark = pytest.mark.system("S08.4")
REACH = {  # which cells a cell (i, j) takes the largest of
    "top_pool": lambda i, j: (slice(i, None), slice(j, j + 1)),
    "bottom_pool": lambda i, j: (slice(0, i + 1), slice(j, j + 1)),
    "left_pool": lambda i, j: (slice(i, i + 1), slice(j, None)),
    "right_pool": lambda i, j: (slice(i, i + 1), slice(0, j + 1)),
    "row": lambda i, j: (slice(i, i + 1), slice(None)),
    "column": lambda i, j: (slice(None), slice(j, j + 1)),
}
PAIRS = {  # what is taken of the vertical and of the horizontal map
    "top_left_pool": ("top_pool", "left_pool"),
    "bottom_right_pool": ("bottom_pool", "right_pool"),
    "centre_pool": ("column", "row"),
}


def loop(x: Tensor, name: str) -> Tensor:
    """The definition: for each cell the largest value of those that it looks at."""
    rows = []
    for i in range(x.shape[2]):
        cells = [x[(..., *REACH[name](i, j))].flatten(2).amax(2) for j in range(x.shape[3])]
        rows.append(torch.stack(cells, dim=2))
    return torch.stack(rows, dim=2)


def maps(count: int, dtype: torch.dtype = torch.float64, size: tuple[int, int] = (5, 7)) -> list[Tensor]:
    made = torch.Generator().manual_seed(0)
    return [torch.randn(2, 3, *size, generator=made, dtype=dtype).requires_grad_() for _ in range(count)]


def compare(
    module: object, name: str, dtype: torch.dtype = torch.float64, size: tuple[int, int] = (5, 7)
) -> None:
    """Hold values and gradients against the loop."""
    parts = PAIRS.get(name, (name,))
    inputs = maps(len(parts), dtype, size)
    got = getattr(module, name)(*inputs)
    want = sum(loop(x, part) for x, part in zip(inputs, parts, strict=True))
    torch.testing.assert_close(got, want)
    slope = torch.randn(want.shape, generator=torch.Generator().manual_seed(1), dtype=dtype)
    for mine, theirs in zip(
        torch.autograd.grad(got, inputs, slope), torch.autograd.grad(want, inputs, slope), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("size", [(5, 7), (1, 6), (4, 1)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", ["top_pool", "bottom_pool", "left_pool", "right_pool", *PAIRS])
def test_pools_equal_a_loop(name, dtype, size):
    compare(corner_pooling, name, dtype, size)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("top_pool", ("x.flip(2).cummax(dim=2).values.flip(2)", "x.cummax(dim=2).values.flip(2)")),
        ("left_pool", ("x.flip(3).cummax(dim=3).values.flip(3)", "x.flip(3).cummax(dim=3).values")),
        ("top_left_pool", ("top_pool(vertical) + left_pool(horizontal)", "left_pool(top_pool(vertical))")),
        ("bottom_right_pool", ("bottom_pool(vertical) + right", "top_pool(vertical) + right")),
        ("top_left_pool", ("+ left_pool(horizontal)", "+ left_pool(vertical)")),
        ("centre_pool", ("row = right_pool(left_pool(horizontal))", "row = left_pool(horizontal)")),
    ],
)  # fmt: skip
def test_the_comparison_sees(name, fault):
    with pytest.raises(AssertionError):
        compare(planted("lecture_utils.ops.corner_pooling", fault), name)


@pytest.mark.parametrize("name", PAIRS)
def test_a_mirrored_map_gives_the_mirrored_result_of_the_other_corner(name):
    other = {"top_left_pool": "bottom_right_pool", "bottom_right_pool": "top_left_pool"}.get(name, name)
    vertical, horizontal = maps(2)
    turned = getattr(corner_pooling, other)(vertical.flip(2, 3), horizontal.flip(2, 3)).flip(2, 3)
    torch.testing.assert_close(getattr(corner_pooling, name)(vertical, horizontal), turned)


def test_a_corner_sees_the_edges_that_it_does_not_lie_on():
    """Top edge in row 2, left edge in column 1: their lines cross at the corner, which holds neither."""
    top, left = torch.zeros(1, 1, 6, 8), torch.zeros(1, 1, 6, 8)
    top[0, 0, 2, 5] = left[0, 0, 4, 1] = 1
    pooled = corner_pooling.top_left_pool(left, top)[0, 0]
    assert pooled.max() == 2 and (pooled == 2).nonzero().tolist() == [[2, 1]]


@pytest.mark.system("S08.5")
def test_a_centre_sees_its_whole_row_and_column():
    one, other = torch.zeros(1, 1, 6, 8), torch.zeros(1, 1, 6, 8)
    one[0, 0, 5, 3] = other[0, 0, 1, 7] = 1  # the lowest and the rightmost part of an object
    pooled = corner_pooling.centre_pool(one, other)[0, 0]
    assert (pooled == 2).nonzero().tolist() == [[1, 3]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: corner_pooling.top_pool(torch.rand(3, 4)), "images"),
        (lambda: corner_pooling.left_pool(torch.ones(1, 1, 4, 4, dtype=torch.uint8)), "floating"),
        (lambda: corner_pooling.top_left_pool(torch.rand(1, 2, 4, 4), torch.rand(1, 2, 4, 5)), "horizontal"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
