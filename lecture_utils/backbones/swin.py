"""Swin: attention inside windows, windows that shift from layer to layer, and a hierarchy of resolutions.

Z. Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021, sections
3.1 (architecture, patch merging) and 3.2 (shifted windows, cyclic shift with mask, relative position bias).

Simplified: no stochastic depth; feature maps must divide into windows (no padding), so an image's sides are
multiples of patch · window · 2^(stages - 1), 224 for Swin-T; another window size makes a new bias table (the
authors resize a trained one). Layers start as PyTorch's do; the authors draw linear weights from a truncated
normal of 0.02.

Not square: windows shift along both axes or, where one side is a single window, along neither. torchvision
still shifts along the longer side, so a map of 7 × 14 tokens gets other numbers there.

Shapes: B batch, H height and W width in tokens, C channels, m window side (M in the paper), nW windows a map.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.nn.transformer import MLP
from lecture_utils.ops.checks import check_float, check_images, check_sizes, check_whole, check_wholes


def window_partition(x: Tensor, window: int) -> Tensor:
    """Cut (B, H, W, C) into (B·nW, m², C), window after window."""
    check_sizes("windows", window=window)
    if x.ndim != 4 or x.numel() == 0:
        raise ValueError(
            f"windows: got shape {tuple(x.shape)}, window {window}, want (B, H, W, C), window ≥ 1"
        )
    if x.shape[1] % window or x.shape[2] % window:
        raise ValueError(
            f"windows: got a map of {tuple(x.shape[1:3])}, want multiples of the window {window}"
        )
    return rearrange(x, "b (h m) (w n) c -> (b h w) (m n) c", m=window, n=window)


def window_reverse(windows: Tensor, window: int, height: int, width: int) -> Tensor:
    """Put (B·nW, m², C) back together: the inverse of `window_partition`."""
    check_sizes("windows", window=window, height=height, width=width)
    rows, columns = height // window, width // window
    if (
        rows * columns < 1
        or windows.ndim != 3
        or windows.shape[1] != window**2
        or len(windows) % (rows * columns)
        or windows.numel() == 0
    ):
        want = f"(B·{rows * columns}, {window**2}, C)"
        raise ValueError(f"windows: got shape {tuple(windows.shape)}, want {want}")
    return rearrange(windows, "(b h w) (m n) c -> b (h m) (w n) c", h=rows, w=columns, m=window, n=window)


def shift_mask(height: int, width: int, window: int, shift: int) -> Tensor:
    """Return which tokens may attend to each other after a cyclic shift: (nW, m², m²), True in one region.

    The shift brings tokens from opposite borders of the image into one window (figure 4). They were never
    neighbours, so each region of the window keeps to itself. ValueError for a shift of a window or more.
    """
    check_sizes("shift mask", height=height, width=width, window=window)
    check_sizes("shift mask", least=0, shift=shift)
    if not 0 <= shift < window:
        raise ValueError(f"shift: got {shift}, want 0 to {window - 1}, less than the window")
    regions = torch.zeros(1, height, width, 1)
    for axis, length in ((1, height), (2, width)):
        band = torch.zeros(length)
        band[length - window : length - shift], band[length - shift :] = 1, 2
        regions = regions * 3 + band.view([-1 if i == axis else 1 for i in range(4)])  # 9 labels in all
    label = window_partition(regions, window).squeeze(-1)  # (nW, m²)
    return label[:, :, None] == label[:, None, :]


def relative_position_index(window: int) -> Tensor:
    """Return which row of the bias table each pair of tokens in a window uses: (m², m²), 0 to (2m-1)² - 1."""
    check_whole(window, "window")
    rows, columns = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    rows, columns = rows.flatten(), columns.flatten()  # (m²,)
    down = rows[:, None] - rows[None, :] + window - 1  # 0 … 2m - 2
    right = columns[:, None] - columns[None, :] + window - 1
    return down * (2 * window - 1) + right


def check_grid(x: Tensor, dim: int) -> None:
    """Raise ValueError unless these are tokens on a grid, floating point (B, H, W, `dim`), no axis empty."""
    check_float(x, name="tokens")
    if x.ndim != 4 or x.shape[-1] != dim or x.numel() == 0:
        raise ValueError(
            f"tokens: got shape {tuple(x.shape)}, want (B, H, W, {dim}) with no axis of length 0"
        )


class WindowAttention(nn.Module):
    """Multi-head attention within m×m windows, with a learned bias for each relative position (eq. 4).

    Parameters
    ----------
    dim, heads, window : int
        C, heads, m.
    shift : int
        Tokens by which the windows are displaced down and right; 0 for regular windows.

    Raises
    ------
    ValueError
        For a width that is no multiple of the heads, a shift of a window or more, or tokens that are not
        floating point (B, H, W, C) in whole windows.

    Notes
    -----
    One matrix makes queries, keys and values, as in the authors' code: they all come from the same tokens.
    `MultiHeadAttention` has three, since its keys and values may come from another sequence.
    """

    index: Tensor

    def __init__(self, dim: int, heads: int, window: int, *, shift: int = 0) -> None:
        super().__init__()
        check_sizes("window attention", dim=dim, heads=heads, window=window)
        if dim % heads:
            raise ValueError(f"window attention: got width {dim} and {heads} heads, want a multiple")
        if shift not in range(window):
            raise ValueError(f"shift: got {shift}, want 0 to {window - 1}, less than the window")
        self.heads, self.window, self.shift = heads, window, shift
        self.to_qkv = nn.Linear(dim, 3 * dim)
        self.to_output = nn.Linear(dim, dim)
        self.bias_table = nn.Parameter(torch.randn((2 * window - 1) ** 2, heads) * 0.02)
        self.register_buffer("index", relative_position_index(window), persistent=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        check_grid(x, self.to_output.in_features)
        _, height, width, _ = x.shape
        shift = 0 if min(height, width) <= self.window else self.shift  # one window: nothing to shift
        if shift:
            x = x.roll((-shift, -shift), dims=(1, 2))  # cyclic shift
        windows = window_partition(x, self.window)  # (B·nW, m², C)
        query, key, value = rearrange(self.to_qkv(windows), "b n (t h d) -> t b h n d", t=3, h=self.heads)
        bias = self.bias(height, width, shift).repeat(len(x), 1, 1, 1)  # (B·nW, heads, m², m²)
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        y = self.to_output(rearrange(y, "b h n d -> b n (h d)"))
        y = window_reverse(y, self.window, height, width)  # (B, H, W, C)
        return y.roll((shift, shift), dims=(1, 2)) if shift else y

    def bias(self, height: int, width: int, shift: int) -> Tensor:
        """Return relative-position bias, with -∞ where the shift mask forbids: (nW, heads, m², m²)."""
        bias = rearrange(self.bias_table[self.index], "n m h -> 1 h n m")  # (1, heads, m², m²)
        if not shift:
            count = (height // self.window) * (width // self.window)
            return bias.expand(count, -1, -1, -1)
        allowed = shift_mask(height, width, self.window, shift).to(bias.device)
        return bias.masked_fill(~allowed[:, None], -math.inf)


class SwinBlock(nn.Module):
    """Window attention and an MLP, each behind a layer norm and beside a residual connection (eq. 3)."""

    def __init__(self, dim: int, heads: int, window: int, *, shift: int = 0, mlp_ratio: int = 4) -> None:
        super().__init__()
        check_sizes("Swin block", dim=dim, mlp_ratio=mlp_ratio)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = WindowAttention(dim, heads, window, shift=shift)
        self.mlp = MLP(dim, mlp_ratio * dim, activation=nn.GELU)

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        check_grid(x, self.norm1.normalized_shape[0])
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchMerging(nn.Module):
    """Join each 2×2 tokens into one of twice the width: (B, H, W, C) → (B, H/2, W/2, 2C)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        check_sizes("patch merging", dim=dim)
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        check_grid(x, self.reduction.in_features // 4)
        if x.shape[1] % 2 or x.shape[2] % 2:
            raise ValueError(f"patch merging: got a map of {tuple(x.shape[1:3])}, want even sides")
        x = rearrange(x, "b (h p) (w q) c -> b h w (q p c)", p=2, q=2)  # (B, H/2, W/2, 4C), columns outermost
        return self.reduction(self.norm(x))


class Swin(nn.Module):
    """Patch embedding, four stages of blocks with merging between them, mean over tokens, linear head.

    Parameters
    ----------
    dim : int
        Channels of the first stage; each merging doubles them.
    depths, heads : tuple of int
        Blocks and attention heads of each stage.
    window, patch : int
        Window side in tokens; patch side in pixels.
    classes, in_channels : int
        Classes, channels of the image.
    shifted : bool
        Shift every second block's windows by half a window; without it windows never exchange anything
        within a stage.

    Raises
    ------
    ValueError
        For sizes below 1 or that do not fit; when called, for input that is not floating point (B, C, H, W)
        of the weights' type, or whose sides are not multiples of patch · window · 2^(stages - 1).
    """

    def __init__(
        self,
        *,
        dim: int,
        depths: tuple[int, ...],
        heads: tuple[int, ...],
        window: int = 7,
        patch: int = 4,
        classes: int = 1000,
        in_channels: int = 3,
        shifted: bool = True,
    ) -> None:
        super().__init__()
        check_sizes("Swin", dim=dim, patch=patch, window=window, classes=classes, in_channels=in_channels)
        check_wholes(depths, "Swin, depths")
        if len(depths) != len(heads):
            raise ValueError(f"Swin: got depths {depths}, heads {heads}, want as many of both")
        self.in_channels = in_channels
        self.side = patch * window * 2 ** (len(depths) - 1)  # image sides are multiples of it
        self.embed = nn.Conv2d(in_channels, dim, kernel_size=patch, stride=patch)
        self.embed_norm = nn.LayerNorm(dim)
        self.stages = nn.ModuleList()
        for k, (depth, count) in enumerate(zip(depths, heads, strict=True)):
            shifts = [window // 2 if shifted and i % 2 else 0 for i in range(depth)]
            blocks = [SwinBlock(dim * 2**k, count, window, shift=shift) for shift in shifts]
            merging = [PatchMerging(dim * 2 ** (k - 1))] if k else []
            self.stages.append(nn.Sequential(*merging, *blocks))
        width = dim * 2 ** (len(depths) - 1)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        return self.head(self.features(x).mean(dim=(1, 2)))  # (B, classes)

    def features(self, x: Tensor) -> Tensor:
        """Return the last stage's normalised map, (B, H', W', width)."""
        check_images(x, self.in_channels, like=self.head.weight)
        if x.shape[-2] % self.side or x.shape[-1] % self.side:
            got = f"{x.shape[-2]} × {x.shape[-1]} pixels"
            raise ValueError(f"images: got {got}, want sides that are multiples of {self.side}")
        x = self.embed_norm(rearrange(self.embed(x), "b c h w -> b h w c"))  # (B, H/4, W/4, C)
        for stage in self.stages:
            x = stage(x)  # sides halve and channels double from the second stage on
        return self.norm(x)


def swin_t(*, classes: int = 1000) -> Swin:
    """Swin-T (section 3.3): C = 96, layers 2, 2, 6, 2, windows of 7, 28.3 M parameters."""
    return Swin(dim=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), classes=classes)
