"""Swin-T against torchvision with the same weights; windows, shift, mask and merging by definition."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import swin_t as torchvision_swin_t

from lecture_utils.backbones.swin import (
    PatchMerging,
    Swin,
    WindowAttention,
    relative_position_index,
    shift_mask,
    swin_t,
    window_partition,
    window_reverse,
)

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


def test_swin_t_equals_torchvision() -> None:
    torch.manual_seed(0)
    theirs, ours = torchvision_swin_t().eval(), swin_t().eval()
    for name, parameter in theirs.named_parameters():
        if "bias" in name or "norm" in name:
            nn.init.normal_(parameter, std=0.5)  # a bias table of ±0.02 would hide a wrong index
    ours.load_state_dict(from_torchvision(theirs.state_dict(), (2, 2, 6, 2)))
    count = sum(p.numel() for p in ours.parameters())
    assert count == sum(p.numel() for p in theirs.parameters()) == 28_288_354
    x = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


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
    with pytest.raises(ValueError, match=r"\(5, 8\), want multiples of the window 4"):
        window_partition(torch.randn(1, 5, 8, 2), 4)
    with pytest.raises(ValueError, match="even sides"):
        PatchMerging(3)(torch.randn(1, 5, 4, 3))
    with pytest.raises(ValueError, match="4 channels"):
        tiny()(torch.randn(1, 4, 16, 16))
