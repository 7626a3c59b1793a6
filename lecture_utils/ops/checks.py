"""Checks at the door: one line at the top of a system that says what was got and what was wanted."""

from torch import Tensor


def check_images(x: Tensor, channels: int | None = None, *, unit_range: bool = False) -> None:
    """Raise unless `x` is a batch of floating-point images.

    Parameters
    ----------
    x : Tensor
        Expected: floating point, `(B, C, H, W)`, no axis empty.
    channels : int, optional
        The wanted C; any number when omitted.
    unit_range : bool
        Also want every value to lie in [0, 1] (so no NaN). It reads every pixel, so networks leave it off.

    Raises
    ------
    ValueError
        With the shape, type or range that was got, and the one that was wanted.
    """
    wanted = f"(B, {'C' if channels is None else channels}, H, W)"
    if not isinstance(x, Tensor):
        raise ValueError(f"images: got {type(x).__name__}, want a torch.Tensor of shape {wanted}")
    hint = "; for one image use x[None]" if x.ndim == 3 else ""
    if x.ndim != 4:
        raise ValueError(f"images: got shape {tuple(x.shape)}, want {wanted}{hint}")
    if channels is not None and x.shape[1] != channels:
        raise ValueError(f"images: got {x.shape[1]} channels in shape {tuple(x.shape)}, want {wanted}")
    if x.numel() == 0:
        raise ValueError(
            f"images: got the empty shape {tuple(x.shape)}, want {wanted} with no axis of length 0"
        )
    check_float(x, unit_range=unit_range)


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
    """Raise ValueError unless `x` is floating point (…, 3, H, W): one colour image or any batch of them."""
    check_float(x, unit_range=unit_range)
    if x.ndim < 3 or x.shape[-3] != 3:
        hint = "; the channels come first here" if x.ndim >= 3 and x.shape[-1] == 3 else ""
        raise ValueError(f"colour images: got shape {tuple(x.shape)}, want (…, 3, H, W){hint}")
