"""Heads for key points against their figures, layer by layer; what each pooling sees; planted faults."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection import key_point_heads
from lecture_utils.detection.key_point_heads import CascadeCornerPooling, CentrePooling, CornerPooling
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = [pytest.mark.system("S08.4"), pytest.mark.system("S08.5")]
POOLINGS = ("corner", "cascade", "centre")
DOWN, UP, RIGHT, LEFT = "down", "up", "right", "left"  # where a cell looks


def look(x: Tensor, *ways: str) -> Tensor:
    """The largest value that each cell sees in these directions, itself among them, by a loop."""
    best = x.clone()
    for way in ways:
        axis, reverse = (2 if way in (DOWN, UP) else 3), way in (DOWN, RIGHT)
        steps = range(x.shape[axis])
        running = None
        for i in reversed(steps) if reverse else steps:
            here = x.select(axis, i)
            running = here if running is None else torch.maximum(running, here)
            best.select(axis, i).copy_(torch.maximum(best.select(axis, i), running))
    return best


def normed(layer: nn.Sequential, x: Tensor) -> Tensor:
    """A convolution, batch norm in use, ReLU."""
    weight, norm = layer[0].weight, layer[1]
    x = F.conv2d(x, weight, layer[0].bias, padding=weight.shape[-1] // 2)
    x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
    return F.relu(x) if len(layer) == 3 else x


def by_figure(head: Any, kind: str, x: Tensor) -> Tensor:
    """Figure 7 of CornerNet with its own pooling (top-left), or those of CenterNet's figure 5."""
    own = head.pooling
    vertical, horizontal = normed(own.vertical, x), normed(own.horizontal, x)
    if kind == "corner":
        pooled = look(vertical, DOWN) + look(horizontal, RIGHT)
    elif kind == "centre":
        pooled = look(vertical, DOWN, UP) + look(horizontal, RIGHT, LEFT)
    else:
        inside = look(normed(own.look_across, x), RIGHT)
        column = look(
            F.conv2d(vertical + inside, own.merge_vertical[0].weight, own.merge_vertical[0].bias, padding=1),
            DOWN,
        )
        inside = look(normed(own.look_down, x), DOWN)
        row = look(
            F.conv2d(
                horizontal + inside, own.merge_horizontal[0].weight, own.merge_horizontal[0].bias, padding=1
            ),
            RIGHT,
        )
        pooled = column + row
    x = normed(head.last, F.relu(normed(head.merge, pooled) + normed(head.shortcut, x)))
    outputs = []
    for layers in (head.heat, head.offsets, head.tags):
        hidden = F.relu(F.conv2d(x, layers[0].weight, layers[0].bias, padding=1))
        outputs.append(F.conv2d(hidden, layers[2].weight, layers[2].bias))
    return torch.cat(outputs, dim=1)


def build(module: Any, kind: str) -> Any:
    """A head of one kind, with tags in any case."""
    torch.manual_seed(0)
    pooling = {
        "corner": lambda: module.CornerPooling(6, 5, "top-left"),
        "cascade": lambda: module.CascadeCornerPooling(6, 5, "top-left"),
        "centre": lambda: module.CentrePooling(6, 5),
    }[kind]()
    return module.KeyPointHead(pooling, 3).double().eval()


def compare(module: Any, kind: str) -> None:
    """Hold a head against its figure, with weights under which the input matters."""
    head = build(module, kind)
    made = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 2, 6, 7, 9, generator=made, dtype=torch.float64)
    ours = lambda x: torch.cat(list(head(x)), dim=1)  # noqa: E731
    reference = build(key_point_heads, kind)
    liven(Joined(reference), a, b)
    head.load_state_dict(reference.state_dict())
    assert_parity(ours, lambda x: by_figure(reference, kind, x), a, b)


class Joined(nn.Module):
    """All maps of a head in one."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(list(self.head(x)), dim=1)


@pytest.mark.parametrize("kind", POOLINGS)
def test_a_head_equals_its_figure(kind):
    compare(key_point_heads, kind)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("corner", ("pooled + self.shortcut(x)", "pooled")),
        (
            "corner",
            ("x = self.last(F.relu(pooled + self.shortcut(x)))", "x = self.last(pooled + self.shortcut(x))"),
        ),
        ("corner", ("self.pool = top_left_pool if", "self.pool = bottom_right_pool if")),
        (
            "corner",
            (
                "return self.pool(self.vertical(x), self.horizontal(x))",
                "return self.pool(self.horizontal(x), self.vertical(x))",
            ),
        ),
        (
            "cascade",
            ("self.merge_vertical(self.vertical(x) + inside)", "self.merge_vertical(self.vertical(x))"),
        ),
        ("cascade", ("inside = self.along_column(self.look_down(x))", "inside = self.look_down(x)")),
        ("cascade", ("row = self.along_row(self.merge", "row = self.along_column(self.merge")),
        (
            "centre",
            (
                "return centre_pool(self.vertical(x), self.horizontal(x))",
                "return top_left_pool(self.vertical(x), self.horizontal(x))",
            ),
        ),
    ],
)
def test_the_comparison_sees(kind, fault):
    with pytest.raises(AssertionError):
        compare(planted("lecture_utils.detection.key_point_heads", fault), kind)


@pytest.mark.parametrize("kind", POOLINGS)
def test_odd_sizes_and_one_picture(kind):
    for size in ((1, 1), (1, 7), (5, 2)):
        maps = build(key_point_heads, kind).float()(torch.rand(1, 6, *size))
        assert maps.heat.shape == (1, 3, *size) and maps.offsets.shape == (1, 2, *size)
        assert maps.tags.shape == (1, 1, *size)
    assert (
        key_point_heads.KeyPointHead(CentrePooling(6, 5), 3, tags=False)(torch.rand(2, 6, 4, 4)).tags is None
    )


def test_heads_pool_before_they_answer():
    """Without pooling a cell would not know of one that is ten cells away."""
    torch.manual_seed(0)
    head = key_point_heads.KeyPointHead(key_point_heads.CornerPooling(4, 64, "top-left"), 2).eval()
    x = torch.rand(1, 4, 24, 24, requires_grad=True)
    head(x).heat[0, :, 3, 4].sum().backward()
    seen = x.grad[0].abs().sum(0) > 0
    assert seen[14:, :9].any() and seen[:8, 14:].any()  # far below, far to the right
    assert not seen[10:, 11:].any()


def test_cascade_pooling_looks_into_the_box_and_corner_pooling_does_not():
    """A top-left corner at (2, 3): from the edges below and beside it, the cascade reads what lies inside."""
    seen = {}
    for pooling in (key_point_heads.CornerPooling, key_point_heads.CascadeCornerPooling):
        torch.manual_seed(0)
        x = torch.rand(1, 4, 24, 24, requires_grad=True)
        maps = pooling(4, 64, "top-left").eval()(x)
        maps[0, :, 2, 3].sum().backward()
        seen[pooling] = x.grad[0].abs().sum(0) > 0
    corner, cascade = seen.values()
    assert not corner[8:, 8:].any() and cascade[8:, 8:].any()


def mirrored(module: object) -> None:
    """With mirrored weights, the bottom-right module says of a turned picture what the top-left one says."""
    torch.manual_seed(0)
    one, other = (
        module.CascadeCornerPooling(3, 5, "top-left"),
        module.CascadeCornerPooling(3, 5, "bottom-right"),
    )
    state = {k: v.flip(2, 3) if v.ndim == 4 else v for k, v in one.state_dict().items()}
    other.load_state_dict(state)
    x = torch.rand(2, 3, 6, 7)
    torch.testing.assert_close(other.eval()(x.flip(2, 3)).flip(2, 3), one.eval()(x))


def test_the_two_cascades_mirror_each_other():
    mirrored(key_point_heads)
    with pytest.raises(AssertionError):
        fault = ("else (bottom_pool, right_pool)", "else (bottom_pool, left_pool)")
        mirrored(planted("lecture_utils.detection.key_point_heads", fault))


def test_at_the_start_every_cell_says_a_tenth():
    torch.manual_seed(0)
    heat = (
        key_point_heads.KeyPointHead(CornerPooling(16, 12, "top-left"), 3)
        .eval()(torch.rand(1, 16, 8, 8))
        .heat
    )
    assert (heat.sigmoid() - 0.1).abs().max() < 0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CornerPooling(4, 4, "left"), "corner"),
        (lambda: CascadeCornerPooling(0, 4, "top-left"), "inputs"),
        (lambda: CentrePooling(4, 4)(torch.rand(1, 3, 8, 8)), "channels"),
        (lambda: key_point_heads.KeyPointHead(CentrePooling(4, 4), 0), "classes"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
