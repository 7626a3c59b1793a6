"""Layers that all points share (S18.3): the same linear layer for each point, whatever stands beside it.

C. R. Qi et al., "PointNet: Deep Learning on Point Sets for 3D Classification and Segmentation", CVPR 2017,
figure 2: "mlp" there is `shared_mlp` here, a row of convolutions of kernel 1.

A library's matrix product may add up the channels of a point in another order where the point stands
elsewhere in the list (at the edge of a block, say), so that the last bit differs. `in_one_order` switches
that off: the same point then gives the same bits at any place, so that one may ask for equality.

Shapes: B clouds, P points.
"""

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import check_sizes, check_tensor


class PointConv(nn.Conv1d):
    """One linear layer for every point: a convolution of kernel 1, (B, in, P) → (B, out, P)."""

    in_one_order = False

    def __init__(self, before: int, after: int) -> None:
        check_sizes("point convolution", before=before, after=after)
        super().__init__(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:  # (B, in, P)
        check_tensor(x, "point features", "B", self.in_channels, "P", some=True)
        if not self.in_one_order:
            return super().forward(x)
        assert self.bias is not None
        return matrix_times_points(self.weight[None, :, :, 0], x) + self.bias[:, None]


class PointConvBesideCloud(PointConv):
    """The same layer on each point's features with those of the whole cloud beside them.

    (B, D, P) and (B, F) → (B, out, P). What the cloud adds is the same for all its points, so it is computed
    once, not P times. That is most of the work where F is large.

    Parameters
    ----------
    local, cloud : int
        D and F. The weight is (out, D + F, 1), as of a layer on both in a row.
    after : int
        out.
    """

    def __init__(self, local: int, cloud: int, after: int) -> None:
        check_sizes("point convolution", local=local, cloud=cloud)
        super().__init__(local + cloud, after)
        self.local = local

    def forward(self, x: Tensor, cloud: Tensor | None = None) -> Tensor:
        check_tensor(x, "point features", "B", self.local, "P", some=True)
        check_tensor(cloud, "cloud", len(x), self.in_channels - self.local)  # type: ignore[arg-type]
        own, other = self.weight[:, : self.local, 0], self.weight[:, self.local :, 0]
        told = F.linear(cloud, other, self.bias)  # type: ignore[arg-type]  # (B, out)
        each = matrix_times_points(own[None], x) if self.in_one_order else own @ x  # (B, out, P)
        return each + told[:, :, None]


def matrix_times_points(matrix: Tensor, x: Tensor) -> Tensor:
    """Multiply every point by a matrix, the products of each point added up in the same order.

    Parameters
    ----------
    matrix : Tensor
        (B, out, in), or (1, out, in) for all clouds.
    x : Tensor
        (B, in, P).

    Returns
    -------
    Tensor
        (B, out, P).

    Raises
    ------
    ValueError
        For other shapes, or what is not floating point.
    """
    check_tensor(x, "x", "B", "in", "P", some=True)
    rows = len(matrix) if isinstance(matrix, Tensor) and matrix.ndim and len(matrix) == 1 else len(x)
    check_tensor(matrix, "matrix", rows, "out", x.shape[1], some=True)
    total = matrix[:, :, :1] * x[:, :1]  # (B, out, P)
    for channel in range(1, x.shape[1]):
        total = total + matrix[:, :, channel, None] * x[:, channel, None]
    return total


def in_one_order(model: nn.Module, on: bool = True) -> nn.Module:
    """Let every sum over a point's channels run in one order, or with `on=False` as the library likes.

    It is several times slower. Returns the same model; raises ValueError for what is none.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model: got {type(model).__name__}, want a network")
    for part in model.modules():
        if hasattr(part, "in_one_order"):
            part.in_one_order = on  # type: ignore[assignment]
    return model


def shared_mlp(*widths: int) -> nn.Sequential:
    """A perceptron that all points share, of these widths: batch norm and ReLU after each layer."""
    check_sizes("shared MLP", layers=len(widths) - 1, **{f"width_{i}": w for i, w in enumerate(widths)})
    return nn.Sequential(
        *(
            layer
            for before, after in itertools.pairwise(widths)
            for layer in (PointConv(before, after), nn.BatchNorm1d(after), nn.ReLU())
        )
    )


def dense(*widths: int) -> nn.Sequential:
    """The same for one vector a cloud: linear layers (B, widths[0]) → (B, widths[-1])."""
    check_sizes("dense layers", layers=len(widths) - 1, **{f"width_{i}": w for i, w in enumerate(widths)})
    return nn.Sequential(
        *(
            layer
            for before, after in itertools.pairwise(widths)
            for layer in (nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU())
        )
    )
