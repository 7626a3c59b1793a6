"""Swin-T against torchvision with the same weights; windows, shift, mask and merging by definition."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import SwinTransformer
from torchvision.models import swin_t as torchvision_swin_t

from lecture_utils.backbones import swin
from lecture_utils.backbones.swin import (
    PatchMerging,
    Swin,
    SwinBlock,
    WindowAttention,
    relative_position_index,
    shift_mask,
    swin_t,
    window_partition,
    window_reverse,
)
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S02.4")


def tiny(**changes: object) -> Swin:
    settings = {"dim": 12, "depths": (2, 2), "heads": (2, 4), "window": 4, "patch": 2, "classes": 5} | changes
    return Swin(**settings)  # type: ignore[arg-type]


def from_torchvision(state: dict[str, Tensor], depths: tuple[int, ...]) -> dict[str, Tensor]:
    names = {"embed": "features.0.0", "embed_norm": "features.0.2", "norm": "norm", "head": "head"}
    for stage, depth in enumerate(depths):
        if stage:
            for part in ("norm", "reduction"):
                names[f"stages.{stage}.0.{part}"] = f"features.{2 * stage}.{part}"
        for i in range(depth):
            mine, theirs = f"stages.{stage}.{i + (stage > 0)}", f"features.{2 * stage + 1}.{i}"
            names |= {f"{mine}.norm{n}": f"{theirs}.norm{n}" for n in (1, 2)}
            names |= {f"{mine}.attention.to_qkv": f"{theirs}.attn.qkv"}
            names |= {f"{mine}.attention.to_output": f"{theirs}.attn.proj"}
            names |= {f"{mine}.mlp.fc1": f"{theirs}.mlp.0", f"{mine}.mlp.fc2": f"{theirs}.mlp.3"}
            names[f"{mine}.attention.bias_table"] = f"{theirs}.attn.relative_position_bias_table"
    ours = {}
    for mine, theirs in names.items():
        for end in ("", ".weight", ".bias"):
            if theirs + end in state:
                ours[mine + end] = state[theirs + end]
    return ours


@functools.cache
def lively() -> tuple[nn.Module, Tensor, Tensor]:
    """A small Swin of torchvision's in which the picture counts, and two batches of pictures."""
    torch.manual_seed(0)
    theirs = SwinTransformer([2, 2], 12, [2, 2], [2, 3], [4, 4], num_classes=10).eval()
    a, b = torch.randn(2, 2, 3, 32, 32)
    liven(theirs, a, b)
    return theirs, a, b


def compare(module: Any) -> None:
    """Hold a module's Swin against torchvision's, with the same weights."""
    theirs, *pictures = lively()
    ours = module.Swin(dim=12, depths=(2, 2), heads=(2, 3), window=4, patch=2, classes=10).eval()
    ours.load_state_dict(from_torchvision(theirs.state_dict(), (2, 2)))
    assert_parity(ours, theirs, *pictures)


def test_a_small_swin_equals_torchvision() -> None:
    compare(swin)


# Each of these once left every test of this file green.
FAULTS = {
    "no shift mask": (
        "bias.masked_fill(~allowed[:, None], -math.inf)",
        "bias.expand(len(allowed), -1, -1, -1)",
    ),
    "no roll back": ("return y.roll((shift, shift), dims=(1, 2)) if shift else y", "return y"),
    "no position bias": ("self.bias_table[self.index]", "0 * self.bias_table[self.index]"),
    "bias transposed": ("n m h -> 1 h n m", "m n h -> 1 h n m"),
    "query and key swapped": ("attention(query, key, value, attn", "attention(key, query, value, attn"),
    "row and column swapped": ("down * (2 * window - 1) + right", "right * (2 * window - 1) + down"),
    "bias in the wrong order": (".repeat(len(x), 1, 1, 1)", ".repeat_interleave(len(x), dim=0)"),
    "merging row by row": ("b h w (q p c)", "b h w (p q c)"),
    "shift the other way": ("x.roll((-shift, -shift)", "x.roll((shift, shift)"),
    "no first norm": ("self.attention(self.norm1(x))", "self.attention(x)"),
    "no embedding norm": ("x = self.embed_norm(rearrange", "x = (rearrange"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_sees(fault: str) -> None:
    wrong = planted("lecture_utils.backbones.swin", FAULTS[fault])
    with pytest.raises(AssertionError, match="outputs differ by"):
        compare(wrong)


@pytest.mark.slow
def test_swin_t_equals_torchvision() -> None:
    torch.manual_seed(0)
    theirs, ours = torchvision_swin_t().eval(), swin_t().eval()
    a, b = torch.randn(2, 1, 3, 224, 224)
    liven(theirs, a, b)
    ours.load_state_dict(from_torchvision(theirs.state_dict(), (2, 2, 6, 2)))
    count = sum(p.numel() for p in ours.parameters())
    assert count == sum(p.numel() for p in theirs.parameters()) == 28_288_354
    assert_parity(ours, theirs, a, b)


def test_a_window_on_each_side_moves_nothing_and_a_single_one_neither() -> None:
    """Not square: with one window along an axis, neither shifts (torchvision still shifts the longer)."""
    torch.manual_seed(0)
    plain, shifted = WindowAttention(6, 2, 4), WindowAttention(6, 2, 4, shift=2)
    shifted.load_state_dict(plain.state_dict())
    for height, width in ((4, 4), (4, 8), (8, 4)):
        x = torch.randn(2, height, width, 6)
        torch.testing.assert_close(shifted(x), plain(x))
    x = torch.randn(2, 8, 12, 6)
    assert not torch.allclose(shifted(x), plain(x))


def test_windows_go_back_where_they_came_from() -> None:
    x = torch.randn(2, 8, 12, 3)
    windows = window_partition(x, 4)
    assert windows.shape == (2 * 6, 16, 3)
    torch.testing.assert_close(windows[1], x[0, :4, 4:8].reshape(16, 3))
    assert torch.equal(window_reverse(windows, 4, 8, 12), x)


def test_the_mask_joins_neighbours_and_only_those() -> None:
    """Two tokens of a shifted window may meet if they lie less than a window apart in the image."""
    side, window, shift = 8, 4, 2
    position = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"), dim=-1)
    rolled = position.roll((-shift, -shift), dims=(0, 1))[None]
    where = window_partition(rolled, window)  # (nW, M², 2): where each token came from
    near = ((where[:, :, None] - where[:, None]).abs() < window).all(-1)
    assert torch.equal(shift_mask(side, side, window, shift), near)


def test_relative_positions_share_their_bias() -> None:
    index = relative_position_index(3)
    assert index.min() == 0 and index.max() == 24 and index.unique().numel() == 25
    assert index[0, 1] == index[3, 4] == index[7, 8]  # one to the left, everywhere
    assert index[0, 1] != index[1, 0]


def reach(model: nn.Module, x: Tensor, token: tuple[int, int]) -> Tensor:
    x = x.requires_grad_()
    model(x)[0, token[0], token[1]].sum().backward()
    assert x.grad is not None
    return x.grad[0].abs().sum(-1) > 0


def test_without_the_shift_nothing_crosses_a_window() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 8, 8, 6)
    closed = nn.Sequential(WindowAttention(6, 2, 4), WindowAttention(6, 2, 4))
    opened = nn.Sequential(WindowAttention(6, 2, 4), WindowAttention(6, 2, 4, shift=2))
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[:4, :4] = True
    assert torch.equal(reach(closed, x.clone(), (3, 3)), inside)
    assert reach(opened, x.clone(), (3, 3)).all()


def test_merging_takes_each_two_by_two() -> None:
    merging = PatchMerging(3)
    x = torch.randn(1, 4, 6, 3)
    four = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], dim=-1)
    torch.testing.assert_close(merging(x), merging.reduction(merging.norm(four)))


def test_overfits_one_batch(overfit: Callable[..., None]) -> None:
    torch.manual_seed(0)
    model = tiny()
    x, y = torch.randn(10, 3, 16, 16), torch.arange(10) % 5
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    overfit(model, x, y, optimizer)


def test_bad_input_is_told() -> None:
    model = tiny()  # patch 2, window 4, two stages: sides of 16, 32, …
    assert model.side == 16 and swin_side() == 224
    layer = WindowAttention(6, 2, 4)
    for bad, message in (
        (lambda: window_partition(torch.randn(1, 5, 8, 2), 4), r"\(5, 8\), want multiples of the window 4"),
        (lambda: window_partition(torch.randn(5, 8, 2), 4), r"got shape \(5, 8, 2\), window 4, want \(B, H"),
        (
            lambda: window_reverse(torch.zeros(4, 9, 2), 4, 8, 8),
            r"shape \(4, 9, 2\), want \(B·4, 16, C\)",
        ),
        (lambda: window_reverse(torch.zeros(6, 16, 2), 4, 8, 8), r"want \(B·4, 16, C\)"),
        (lambda: window_reverse(torch.zeros(4, 16, 2), 4, 2, 8), r"want \(B·0, 16, C\)"),
        (lambda: shift_mask(8, 8, 4, 4), "shift: got 4, want 0 to 3"),
        (lambda: shift_mask(8, 8, 4, -1), "got shift -1"),
        (lambda: relative_position_index(0), "window: got 0"),
        (lambda: WindowAttention(10, 3, 4), "width 10 and 3 heads, want a multiple"),
        (lambda: WindowAttention(6, 2, 4, shift=4), "shift: got 4, want 0 to 3"),
        (lambda: WindowAttention(6, 0, 4), "got heads 0"),
        (lambda: layer(torch.randn(1, 8, 8, 5)), r"got shape \(1, 8, 8, 5\), want \(B, H, W, 6\)"),
        (lambda: layer(torch.randn(1, 64, 6)), r"got shape \(1, 64, 6\)"),
        (lambda: layer(torch.ones(1, 8, 8, 6, dtype=torch.uint8)), "torch.uint8"),
        (lambda: SwinBlock(6, 2, 4)(torch.randn(1, 8, 8, 7)), r"want \(B, H, W, 6\)"),
        (lambda: PatchMerging(3)(torch.randn(1, 5, 4, 3)), r"\(5, 4\), want even sides"),
        (lambda: PatchMerging(3)(torch.randn(1, 4, 5, 3)), r"\(4, 5\), want even sides"),
        (lambda: PatchMerging(3)(torch.randn(4, 4, 3)), r"got shape \(4, 4, 3\)"),
        (lambda: model(torch.randn(1, 4, 16, 16)), "4 channels"),
        (lambda: model(torch.randn(1, 16, 16, 3)), r"use x.permute\(0, 3, 1, 2\)"),
        (lambda: model(torch.randn(1, 3, 17, 16)), "got 17 × 16 pixels, want sides that are multiples of 16"),
        (lambda: model(torch.randn(1, 3, 16, 24)), "got 16 × 24 pixels"),
        (lambda: model(torch.randn(1, 3, 16, 16).double()), "torch.float64, want torch.float32"),
        (lambda: tiny(depths=(2,)), r"got depths \(2,\), heads \(2, 4\)"),
        (lambda: tiny(depths=(2, 0)), r"depths: got \(2, 0\)"),
        (lambda: tiny(classes=0), "got classes 0"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()


def swin_side() -> int:
    with torch.device("meta"):
        return swin_t().side
