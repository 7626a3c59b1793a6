"""Panoptic maps: how the class and the instance of a pixel become one number.

A. Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 3: a pixel has a class and an instance number.
Here they are one code, class · 1000 + instance. Instances of things have numbers from 1; stuff has 0. VOID is
no class: in the truth, what nobody labelled; in what was found, where nothing is said.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_whole

VOID = -1
CODES = 1000  # code = class · CODES + instance


def one_segment_of_stuff(codes: Tensor, things: Collection[int]) -> Tensor:
    """Codes (…) with instance number 0 for all that is no thing; VOID stays VOID.

    Raises ValueError for what are no codes, or no classes.
    """
    check_map(codes, "codes")
    check_things(things)
    class_ = codes.div(CODES, rounding_mode="floor")
    counted = torch.isin(class_, class_.new_tensor(list(things))) | (codes == VOID)
    return torch.where(counted, codes, class_ * CODES)


def check_map(codes: Tensor, name: str, classes: int | None = None) -> None:
    """Raise ValueError unless these are int64 codes (…), each VOID or of a class below `classes`."""
    if not isinstance(codes, Tensor) or codes.dtype != torch.int64 or codes.ndim == 0:
        got = f"{codes.dtype} {tuple(codes.shape)}" if isinstance(codes, Tensor) else type(codes).__name__
        want = f"int64 (H, W), class · {CODES} + instance or {VOID} for void"
        raise ValueError(f"{name}: got {got}, want {want}")
    low, high = (int(codes.min()), int(codes.max())) if codes.numel() else (0, 0)
    if low < VOID or (classes is not None and high >= classes * CODES):
        most = "" if classes is None else f" below {classes * CODES}"
        raise ValueError(f"{name}: got codes from {low} to {high}, want {VOID} for void or 0 and more{most}")


def check_things(things: Collection[int], classes: int | None = None) -> None:
    """Raise ValueError unless these are classes: whole numbers of 0 or more, below `classes`."""
    if not isinstance(things, Collection) or isinstance(things, str | Tensor):
        raise ValueError(f"things: got {type(things).__name__}, want a tuple of class numbers")
    for number in things:
        if check_whole(number, "things", 0) >= (classes or number + 1):
            raise ValueError(f"things: got class {number}, want classes below {classes}")
