"""A trained ImageNet classifier with all that is needed to ask it about a photograph.

Shapes: N images, H and W height and width, K classes.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Classifier:
    """A trained network: `model`, `transform` for its inputs, `names` of its classes."""

    model: nn.Module
    transform: Callable[[Tensor], Tensor]
    names: Sequence[str]

    def top(self, images: Sequence[Tensor] | Tensor, k: int = 3) -> list[list[tuple[str, float]]]:
        """Return the k most probable classes of each image.

        Parameters
        ----------
        images : sequence of Tensor (3, H, W), or Tensor (N, 3, H, W)
            Floating point in [0, 1]; in a sequence, of any sizes.
        k : int
            How many, 1 to K.

        Returns
        -------
        list of list of (str, float)
            Name and probability, most probable first.

        Raises
        ------
        TypeError
            On a path, a Pillow image or an array in place of tensors.
        ValueError
            On another shape or range, or another k.
        """
        pictures = checked(images)
        if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= len(self.names):
            raise ValueError(f"k: got {k!r}, want an integer from 1 to {len(self.names)}")
        batch = torch.stack([self.transform(picture) for picture in pictures])  # (N, 3, side, side)
        with torch.inference_mode():
            shares = self.model(batch).softmax(dim=1)  # (N, K)
        best = shares.topk(k, dim=1)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [[(self.names[i], p) for i, p in zip(ids, values, strict=True)] for ids, values in pairs]


def checked(images: Sequence[Tensor] | Tensor) -> list[Tensor]:
    """Return the pictures as a list of (3, H, W) in [0, 1], or raise TypeError or ValueError."""
    if isinstance(images, str | bytes | os.PathLike):
        raise TypeError(
            f"images: got the path {os.fspath(images)!r}, want pictures; photographs.open reads one"
        )
    if isinstance(images, Tensor) and images.ndim < 4:
        raise ValueError(
            f"images: got one tensor of shape {tuple(images.shape)}, want a list of pictures (3, H, W); "
            "for one picture write [picture]"
        )
    if not isinstance(images, Tensor | list | tuple):
        raise TypeError(f"images: got {type(images).__name__}, want a list of tensors (3, H, W) in [0, 1]")
    if len(images) == 0:
        raise ValueError("images: got none, want at least one picture (3, H, W)")
    for number, picture in enumerate(images):
        _check_picture(picture, f"images[{number}]")
    return list(images)


def _check_picture(picture: object, name: str) -> None:
    if isinstance(picture, str | bytes | os.PathLike):
        raise TypeError(
            f"{name}: got the path {os.fspath(picture)!r}, want a picture; photographs.open reads one"
        )
    if not isinstance(picture, Tensor):
        raise TypeError(f"{name}: got {type(picture).__name__}, want a torch.Tensor (3, H, W) in [0, 1]")
    shape = tuple(picture.shape)
    if picture.ndim != 3 or shape[0] != 3 or 0 in shape:
        raise ValueError(f"{name}: got shape {shape}, want (3, H, W){_hint(shape)}")
    if not picture.is_floating_point():
        raise ValueError(
            f"{name}: got {picture.dtype}, want floating point in [0, 1]; divide 8-bit values by 255 first"
        )
    low, high = picture.min().item(), picture.max().item()
    if not (low >= -1e-4 and high <= 1 + 1e-4):  # NaN fails both; the slack forgives rounding
        raise ValueError(f"{name}: got values from {low:.4g} to {high:.4g}, want all in [0, 1] and no NaN")


def _hint(shape: tuple[int, ...]) -> str:
    """Say what a wrong shape looks like."""
    if len(shape) == 2 or (len(shape) == 3 and shape[0] == 1):
        return "; a grey picture becomes one by picture.expand(3, -1, -1)"
    if len(shape) == 3 and shape[0] == 4:
        return "; the fourth channel is opacity: photographs.open puts such a picture on white"
    if len(shape) == 3 and shape[-1] in (3, 4):
        return "; the channels come first here: picture.permute(2, 0, 1)"
    if len(shape) == 4:
        return "; a batch stands alone, not in a list"
    return ""
