"""Checks at the door: one line at the top of a system that says "got …, want …"."""

import operator
from typing import Any

import torch
from torch import Tensor


def check_images(
    x: Tensor,
    channels: int | None = None,
    *,
    unit_range: bool = False,
    like: Tensor | None = None,
    maps: bool = False,
) -> None:
    """Raise unless `x` is a batch of floating-point images.

    Parameters
    ----------
    x : Tensor
        Expected: floating point, `(B, C, H, W)`, no axis empty.
    channels : int, optional
        The C to want; any number when omitted.
    unit_range : bool
        Also want every value to lie in [0, 1] (so no NaN). It reads every pixel, so networks leave it off.
    like : Tensor, optional
        A weight of the network, whose type `x` must have.
    maps : bool
        Take any map. Otherwise a shape like (B, 48, 48, 3) is refused as pictures with the channels last.

    Raises
    ------
    ValueError
        With the shape, type or range that was got, and the one to give.
    """
    want = f"(B, {'C' if channels is None else channels}, H, W)"
    if not isinstance(x, Tensor):
        raise ValueError(f"images: got {type(x).__name__}, want a torch.Tensor of shape {want}")
    shape = tuple(x.shape)
    last = x.ndim in (3, 4) and _channels_last(shape, channels)
    if x.ndim != 4:
        hint = f"; for one image use x{'.permute(2, 0, 1)' if last else ''}[None]" if x.ndim == 3 else ""
        raise ValueError(f"images: got shape {shape}, want {want}{hint}")
    hint = "; the channels come first here: use x.permute(0, 3, 1, 2)" if last else ""
    if channels is not None and x.shape[1] != channels:
        raise ValueError(f"images: got {x.shape[1]} channels in shape {shape}, want {want}{hint}")
    if last and channels is None and not maps:
        raise ValueError(f"images: got shape {shape}, want {want}{hint}")
    if x.numel() == 0:
        raise ValueError(f"images: got the empty shape {shape}, want {want} with no axis of length 0")
    check_float(x, unit_range=unit_range)
    if like is not None:
        check_type(x, like, name="images")


def _channels_last(shape: tuple[int, ...], channels: int | None) -> bool:
    """Whether (…, A, H, W) looks like pictures (…, H, W, C)."""
    first, rows, last = shape[-3:]
    if channels is not None:
        return last == channels != first
    return last in (3, 4) and min(first, rows) > 4


def check_float(x: Tensor, *, unit_range: bool = False, name: str = "images") -> None:
    """Raise unless `x` is a floating-point tensor (and, with `unit_range`, lies in [0, 1] without NaN)."""
    if not isinstance(x, Tensor):
        raise ValueError(f"{name}: got {type(x).__name__}, want a floating-point torch.Tensor")
    if not x.is_floating_point():
        hint = "; divide 8-bit values by 255 first" if not x.dtype.is_complex else ""
        raise ValueError(f"{name}: got dtype {x.dtype}, want a floating-point type{hint}")
    if unit_range and x.numel():
        low, high = x.min().item(), x.max().item()
        if not (low >= -1e-4 and high <= 1 + 1e-4):  # NaN fails both; the slack forgives rounding
            raise ValueError(
                f"{name}: got values from {low:.4g} to {high:.4g}, want all in [0, 1] and no NaN"
            )


def check_rgb(x: Tensor, *, unit_range: bool = False) -> None:
    """Raise ValueError unless `x` is floating point (…, 3, H, W), not empty: colour images, one or more."""
    check_float(x, unit_range=unit_range)
    if x.ndim < 3 or x.shape[-3] != 3 or x.numel() == 0:
        hint = "; the channels come first here" if x.ndim >= 3 and x.shape[-1] == 3 else ""
        raise ValueError(f"colour images: got shape {tuple(x.shape)}, want (…, 3, H, W){hint}")


def check_tokens(
    x: Tensor,
    dim: int | None = None,
    *,
    like: Tensor | None = None,
    batch: int | None = None,
    name: str = "tokens",
) -> None:
    """Raise ValueError unless `x` is floating point (B, N, D), no axis empty.

    Parameters
    ----------
    x : Tensor
        Expected: floating point, (B, N, D).
    dim, batch : int, optional
        The D and the B to want.
    like : Tensor, optional
        A weight of the network, whose type `x` must have.
    name : str
        What the message calls them.
    """
    check_float(x, name=name)
    fits = x.ndim == 3 and x.shape[-1] == (dim or x.shape[-1]) and x.shape[0] == (batch or x.shape[0])
    if not fits or x.numel() == 0:
        want = f"({batch or 'B'}, N, {dim or 'D'}) with no axis of length 0"
        raise ValueError(f"{name}: got shape {tuple(x.shape)}, want {want}")
    if like is not None:
        check_type(x, like, name=name)


def check_type(x: Tensor, like: Tensor, *, name: str = "images") -> None:
    """Raise ValueError unless `x` has the type of the weight `like`; under autocast any type will do."""
    if x.dtype != like.dtype and not torch.is_autocast_enabled(x.device.type):
        raise ValueError(f"{name}: got dtype {x.dtype}, want {like.dtype}, the type of the weights")


def check_ids(ids: Tensor, count: int, *, name: str = "ids") -> None:
    """Raise ValueError unless these are int64 from 0 to `count` - 1, one or more."""
    if not isinstance(ids, Tensor) or ids.dtype != torch.long or ids.numel() == 0:
        got = f"{ids.dtype} of shape {tuple(ids.shape)}" if isinstance(ids, Tensor) else type(ids).__name__
        raise ValueError(f"{name}: got {got}, want int64, one or more")
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= count:
        raise ValueError(f"{name}: got numbers from {low} to {high}, want 0 to {count - 1}")


def check_sizes(what: str, *, least: int = 1, **sizes: Any) -> None:
    """Raise ValueError unless each of `sizes` is a whole number, `least` or more."""
    for name, size in sizes.items():
        whole = hasattr(size, "__index__") and not isinstance(size, bool | Tensor)
        if not whole or operator.index(size) < least:
            raise ValueError(f"{what}: got {name} {size!r}, want a whole number, {least} or more")
