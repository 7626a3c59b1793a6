"""Peak signal-to-noise ratio: the mean squared error on a scale of decibels."""

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_float, check_images, check_tensor


def psnr(picture: Tensor, truth: Tensor, where: Tensor | None = None) -> Tensor:
    """Return 10 · log10(1 / mean squared error) of each picture, in dB.

    Parameters
    ----------
    picture, truth : Tensor
        (B, C, H, W) in [0, 1].
    where : Tensor, optional
        (B, 1 or C, H, W) bool: the values that count; default all.

    Returns
    -------
    Tensor
        (B,); infinite where the pictures are equal.

    Raises
    ------
    ValueError
        If the shapes differ, values lie outside [0, 1], or a picture has no value that counts.
    """
    check_images(picture, unit_range=True)
    check_float(truth, unit_range=True, name="truth")
    if picture.shape != truth.shape or picture.ndim != 4:
        raise ValueError(
            f"psnr: got {tuple(picture.shape)} and {tuple(truth.shape)}, want (B, C, H, W) twice"
        )
    error = (picture - truth).square()
    if where is None:
        return -10 * error.mean(dim=(1, 2, 3)).log10()
    check_tensor(where, "where", len(error), "1 or C", *error.shape[2:], kind="bool")
    if where.shape[1] not in (1, error.shape[1]):
        raise ValueError(f"where: got {tuple(where.shape)}, want 1 or {error.shape[1]} channels")
    share = where.expand_as(error).to(error)
    count = share.sum(dim=(1, 2, 3))
    if not torch.all(count > 0):
        raise ValueError("psnr: got a picture in which nothing counts, want at least one True in `where`")
    return -10 * ((error * share).sum(dim=(1, 2, 3)) / count).log10()
