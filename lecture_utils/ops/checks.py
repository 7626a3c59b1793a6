"""Checks at the door: one line at the top of a system that says "got …, want …"."""

import math
import numbers
import operator
from collections.abc import Sequence
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


KINDS = {
    "float": (lambda x: x.is_floating_point(), "floating point"),
    "int": (lambda x: x.dtype in (torch.int64, torch.int32, torch.int16, torch.int8), "integers"),
    "bool": (lambda x: x.dtype == torch.bool, "bool"),
    "any": (lambda x: True, "numbers"),
}


def check_tensor(
    x: Tensor, name: str, *shape: int | str, kind: str = "float", finite: bool = False, some: bool = False
) -> None:
    """Raise unless `x` has the wanted shape, type and, if asked, finite values.

    Parameters
    ----------
    x : Tensor
        What was got.
    name : str
        What it is called in the message.
    *shape : int or str
        The wanted lengths. A letter stands for any length; "…" in front for any number of further axes.
    kind : {"float", "int", "bool", "any"}
        The wanted type; "int" is any signed integer.
    finite : bool
        Also refuse NaN and infinity. It reads every value.
    some : bool
        Also refuse an empty tensor.

    Raises
    ------
    ValueError
        With what was got and what was wanted.
    """
    fits_kind, word = KINDS[kind]
    wanted = f"{word} ({', '.join(str(s) for s in shape)}{',' if len(shape) == 1 else ''})"
    if not isinstance(x, Tensor):
        raise ValueError(f"{name}: got {type(x).__name__}, want a torch.Tensor of {wanted}")
    fixed = shape[1:] if shape[:1] == ("…",) else shape
    lengths = x.shape[x.ndim - len(fixed) :] if len(fixed) < len(shape) else x.shape
    fits = len(lengths) == len(fixed) and all(
        isinstance(want, str) or have == want for have, want in zip(lengths, fixed, strict=True)
    )
    if not fits or not fits_kind(x) or (some and x.numel() == 0):
        hint = " with no axis of length 0" if some and x.numel() == 0 else ""
        if kind == "float" and x.dtype == torch.uint8:
            hint += "; divide 8-bit values by 255 first"
        if len(fixed) == len(shape) == 4 and x.ndim == 3:
            hint += "; for one image use x[None]"
        raise ValueError(f"{name}: got {x.dtype} {tuple(x.shape)}, want {wanted}{hint}")
    if finite and not bool(torch.isfinite(x).all()):
        raise ValueError(f"{name}: got NaN or infinite values in {tuple(x.shape)}, want finite ones")


def check_number(
    value: float | Tensor, name: str, low: float = -math.inf, high: float = math.inf, *, above: bool = False
) -> float:
    """Return a finite number from `low` (with `above`: greater than it) to `high`, else raise ValueError.

    Whatever Python takes for a real number will do, and a tensor or array of one number without axes.
    """
    single = isinstance(value, numbers.Real) or getattr(value, "shape", None) == ()
    got = float(value) if single else math.nan
    if not math.isfinite(got) or not (low < got if above else low <= got) or got > high:
        shown = f"{value!r}" if single else type(value).__name__
        least = f"above {low:g}" if above else f"of {low:g} or more" if low > -math.inf else ""
        most = f"up to {high:g}" if high < math.inf else ""
        wanted = " and ".join(part for part in (least, most) if part)
        raise ValueError(f"{name}: got {shown}, want a finite number{' ' + wanted if wanted else ''}")
    return got


def check_whole(value: int, name: str, least: int | None = 1) -> int:
    """Return a whole number of `least` or more as an int, else raise ValueError (so 2.5, "2" and True)."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or (least is not None and value < least):
        raise ValueError(
            f"{name}: got {value!r}, want a whole number{'' if least is None else f' of {least} or more'}"
        )
    return int(value)


def check_size(size: Sequence[int], name: str = "size") -> tuple[int, int]:
    """Return (H, W) as two ints of 1 or more, else raise ValueError."""
    if not isinstance(size, Sequence) or isinstance(size, str) or len(size) != 2:
        raise ValueError(f"{name}: got {size!r}, want (H, W), two whole numbers of 1 or more")
    height, width = size
    return check_whole(height, f"{name}, height"), check_whole(width, f"{name}, width")


def check_numbers(values: Sequence[float], name: str, count: int) -> None:
    """Raise ValueError unless these are `count` finite numbers."""
    finite = isinstance(values, Sequence) and all(
        isinstance(value, numbers.Real) and math.isfinite(value) for value in values
    )
    if not finite or len(values) != count:
        raise ValueError(f"{name}: got {values!r}, want {count} finite numbers")


def check_wholes(values: Sequence[int], name: str, count: int | None = None, least: int = 1) -> None:
    """Raise ValueError unless these are `count` whole numbers (None: one or more) of `least` or more."""
    whole = isinstance(values, Sequence) and all(
        isinstance(v, numbers.Integral) and not isinstance(v, bool) and v >= least for v in values
    )
    if not whole or len(values) != (count or max(len(values), 1)):
        raise ValueError(
            f"{name}: got {values!r}, want {count or 'one or more'} whole numbers of {least} or more"
        )


def check_labels(labels: Tensor, name: str, batch: int, classes: int | None = None) -> None:
    """Raise ValueError unless `labels` are class numbers (B,) int64 in [0, classes)."""
    check_tensor(labels, name, batch, kind="any")
    if labels.dtype != torch.int64:
        raise ValueError(f"{name}: got {labels.dtype} {tuple(labels.shape)}, want int64 ({batch},)")
    low, high = (int(labels.min()), int(labels.max())) if len(labels) else (0, 0)
    if low < 0 or (classes is not None and len(labels) and high >= classes):
        most = "0 or more" if classes is None else f"0 to {classes - 1}"
        raise ValueError(f"{name}: got class numbers from {low} to {high}, want {most}")


def check_boxes(boxes: Tensor, *shape: int | str) -> None:
    """Raise ValueError unless boxes are finite (shape, 4) x1, y1, x2, y2 with x1 ≤ x2 and y1 ≤ y2."""
    check_tensor(boxes, "boxes", *shape, 4, kind="any", finite=True)
    if boxes.dtype in (torch.bool, torch.uint8):
        raise ValueError(f"boxes: got {boxes.dtype}, want floating point or signed integers")
    if bool((boxes[..., 2:] < boxes[..., :2]).any()):
        raise ValueError("boxes: got one with x2 < x1 or y2 < y1, want x1, y1, x2, y2")


def check_classes(labels: Tensor, name: str, *shape: int | str, classes: int | None = None) -> None:
    """Raise ValueError unless `labels` are class numbers of this shape, of any integer type.

    Parameters
    ----------
    labels : Tensor
        Class numbers from 0; with `classes`, below it.
    name : str
        What it is called in the message.
    *shape : int or str
        The wanted lengths; a letter stands for any length, "…" in front for any number of further axes.
    classes : int, optional
        How many classes there are.
    """
    if not isinstance(labels, Tensor):
        hint = "; torch.as_tensor(labels) makes one" if hasattr(labels, "__len__") else ""
        raise ValueError(f"{name}: got {type(labels).__name__}, want a torch.Tensor of class numbers{hint}")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        wanted = ", ".join(str(length) for length in shape) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name}: got {labels.dtype} {tuple(labels.shape)}, want integers ({wanted})")
    check_tensor(labels, name, *shape, kind="any")
    if labels.numel():
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or (classes is not None and high >= classes):
            wanted = "0 or more" if classes is None else f"0 to {classes - 1}"
            raise ValueError(f"{name}: got class numbers from {low} to {high}, want {wanted}")


def check_finite(x: Tensor, name: str) -> None:
    """Raise ValueError unless `x` is floating point without NaN and infinity. It reads every value."""
    check_float(x, name=name)
    if not bool(torch.isfinite(x).all()):
        raise ValueError(f"{name}: got NaN or infinite values in {tuple(x.shape)}, want finite numbers")


def check_choice(value: object, name: str, *options: str) -> None:
    """Raise ValueError unless `value` is one of the options."""
    if value not in options:
        raise ValueError(f"{name}: got {value!r}, want {' or '.join(repr(option) for option in options)}")
