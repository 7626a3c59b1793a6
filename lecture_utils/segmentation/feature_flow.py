"""Motion between two frames, read from the maps that the backbone has computed anyway.

H. Liu, R. A. Rivera Soto, F. Xiao, Y. J. Lee, "YolactEdge: Real-time Instance Segmentation on the Edge", ICRA
2021, section III, "Efficient Motion Estimation": FeatFlowNet sees the backbone's features instead of pixels,
with fewer channels, so that estimating motion costs less than the layers that it saves. It is first trained
by the end-point error.

Departures: the paper's net is FlowNetS's encoder and decoder on the two maps, put one behind the other; here,
where it must be tiny, each place of now is compared with the places around it of the earlier map, as in A.
Dosovitskiy et al., "FlowNet: Learning Optical Flow with Convolutional Networks", ICCV 2015, section 3
(FlowNetC's correlation layer). Where it looks most alike is the first guess, and convolutions mend it.

Shapes: B pairs, C channels, h × w map, R radius in cells, S = (2R + 1)² shifts.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import (
    check_float,
    check_images,
    check_number,
    check_sizes,
    check_tensor,
    check_type,
    check_whole,
)


def shifts(radius: int) -> Tensor:
    """All shifts of at most `radius` cells, (S, 2) int64 x, y: those upwards first, rows from the left."""
    radius = check_whole(radius, "radius", 0)
    steps = torch.arange(-radius, radius + 1)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def correlate(earlier: Tensor, now: Tensor, radius: int) -> Tensor:
    """Compare each cell of `now` with the cells around it in `earlier`: the cosine between their features.

    Parameters
    ----------
    earlier, now : Tensor
        (B, C, h, w).
    radius : int
        R: how far to look, in cells.

    Returns
    -------
    Tensor
        (B, S, h, w) in [-1, 1], in the order of `shifts`: at (x, y), now(x, y) with earlier(x + dx, y + dy).
        0 where that lies outside the map. One matrix product compares all with all, so that memory grows with
        the square of a map's cells.

    Raises
    ------
    ValueError
        For maps that are not floating point (B, C, h, w) of one shape and type, or a radius below 0.
    """
    check_pair(earlier, now)
    vectors = shifts(radius).to(now.device)  # (S, 2)
    batch, _, height, width = now.shape
    earlier, now = F.normalize(earlier, dim=1), F.normalize(now, dim=1)
    wide = F.pad(earlier, (radius,) * 4)  # cells outside the map are 0
    alike = now.flatten(2).mT @ wide.flatten(2)  # (B, h·w, W): each cell with each, W = (h + 2R)(w + 2R)
    row = (
        torch.arange(height, device=now.device)[:, None, None] + vectors[:, 1] + radius
    )  # (h, 1, S), in `wide`
    column = torch.arange(width, device=now.device)[:, None] + vectors[:, 0] + radius  # (w, S)
    near = (row * (width + 2 * radius) + column).flatten(0, 1)  # (h·w, S): those around each cell
    return alike.gather(2, near.expand(batch, -1, -1)).mT.unflatten(2, (height, width))


def expected_shift(correlation: Tensor, sharpness: Tensor | float, radius: int) -> Tensor:
    """Average the shifts, each weighed by how alike it makes things (a softmax over all shifts).

    Parameters
    ----------
    correlation : Tensor
        (B, S, h, w).
    sharpness : float or Tensor
        What it is multiplied by before the softmax: the larger, the nearer to the best shift alone.
    radius : int
        R.

    Returns
    -------
    Tensor
        (B, 2, h, w) x, y in cells.

    Raises
    ------
    ValueError
        For a correlation that is not (B, S, h, w), or a radius below 0.
    """
    if not isinstance(sharpness, Tensor):
        check_number(sharpness, "sharpness")
    check_float(correlation, name="correlation")
    vectors = shifts(radius).to(correlation)  # (S, 2)
    check_tensor(correlation, "correlation", "B", len(vectors), "h", "w", some=True)
    share = (sharpness * correlation).softmax(1)  # (B, S, h, w)
    return torch.einsum("bshw,sd->bdhw", share, vectors)


class FeatureFlow(nn.Module):
    """From the maps of two frames to the flow between them, in cells.

    Parameters
    ----------
    channels : int
        C of the maps.
    radius : int
        R: the largest motion, in cells, that it can see.
    reduced : int
        Channels to which both maps are brought first.
    hidden : int
        Channels of the convolutions that mend the guess.

    Raises
    ------
    ValueError
        For sizes below 1, or maps that are not floating point (B, C, h, w) of one shape and type.
    """

    def __init__(self, channels: int, *, radius: int = 4, reduced: int = 16, hidden: int = 32) -> None:
        super().__init__()
        check_sizes("FeatureFlow", channels=channels, radius=radius, reduced=reduced, hidden=hidden)
        self.channels, self.radius = channels, radius
        self.reduce = nn.Conv2d(channels, reduced, 1)
        nn.init.orthogonal_(self.reduce.weight)  # so that what looks alike still does
        nn.init.zeros_(self.reduce.bias)  # type: ignore[arg-type]
        self.log_sharpness = nn.Parameter(torch.tensor(3.0))  # e³ = 20
        inputs = (2 * radius + 1) ** 2 + reduced + 2  # all correlations, the map of now, the guess
        self.mend = nn.Sequential(
            nn.Conv2d(inputs, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.ReLU(),
        )
        self.last = nn.Conv2d(hidden, 2, 3, padding=1)
        nn.init.zeros_(self.last.weight)  # at the start the guess stands
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, earlier: Tensor, now: Tensor) -> Tensor:
        """Say of each cell of `now` where it was in `earlier`, less its own place: (B, 2, h, w), in cells.

        Parameters
        ----------
        earlier, now : Tensor
            (B, C, h, w), the same layer's map of two frames.
        """
        check_pair(earlier, now)
        check_images(now, self.channels, like=self.reduce.weight, maps=True)
        earlier, now = self.reduce(earlier), self.reduce(now)  # (B, reduced, h, w)
        alike = correlate(earlier, now, self.radius)  # (B, S, h, w)
        guess = expected_shift(alike, self.log_sharpness.exp(), self.radius)  # (B, 2, h, w)
        return guess + self.last(self.mend(torch.cat([alike, now, guess], dim=1)))


def flow_loss(flow: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Average the end-point error: how far, in cells, each known vector's end is from where it should be.

    Parameters
    ----------
    flow, truth : Tensor
        (B, 2, h, w) in cells. Where nothing is known, the truth may be anything, NaN too.
    known : Tensor
        (B, h, w) bool: the cells that count, such as those whose content was in sight in the earlier frame.

    Returns
    -------
    Tensor
        A scalar; 0 where nothing is known.

    Raises
    ------
    ValueError
        For shapes or types that do not fit, or truth that is not finite where it is known.
    """
    check_tensor(flow, "flow", "B", 2, "h", "w", some=True, finite=True)
    check_tensor(truth, "truth", *flow.shape)
    check_tensor(known, "known", len(flow), *flow.shape[2:], kind="bool")
    off = (flow - truth).movedim(1, 3)[known]  # (cells, 2)
    check_tensor(off, "truth, where known", "cells", 2, finite=True)
    return (off.square().sum(1) + 1e-12).sqrt().sum() / max(len(off), 1)  # the root has a slope at 0, too


def check_pair(earlier: Tensor, now: Tensor) -> None:
    """Raise ValueError unless both are finite floating-point maps (B, C, h, w) of one shape and type."""
    check_images(now, maps=True)
    check_tensor(earlier, "earlier", *now.shape, finite=True)
    check_tensor(now, "now", *now.shape, finite=True)
    check_type(earlier, now, name="earlier")
