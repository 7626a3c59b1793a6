"""The dictionary of best fits (S20.5): for each training picture the fit with the lowest error so far.

A fit starts where the network stands, so a better network gives better fits; but any one may fail. The
dictionary keeps what was ever best, and the network learns from that. A fit that is too far from the joints,
or whose person is too unlikely, teaches nothing.

N. Kolotouros et al., ICCV 2019, section 3.

Shapes: N training pictures, B of them in a batch, J joints, K shape numbers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_ids, check_number, check_sizes, check_tensor

MOST_SHAPE = 3.0  # standard deviations: fits of persons beyond this are not used


@dataclass(frozen=True)
class Fit:
    """Bodies that an optimiser has found, in the camera's axes.

    Attributes
    ----------
    pose : Tensor
        (B, J, 3), axis-angle.
    shape : Tensor
        (B, K).
    translation : Tensor
        (B, 3), metres.
    error_px : Tensor
        (B,), mean distance of the joints from where they were seen, in pixels.
    """

    pose: Tensor
    shape: Tensor
    translation: Tensor
    error_px: Tensor


class BestFits:
    """One fit for each of N pictures; none at first.

    Parameters
    ----------
    count : int
        N.
    most_px : float
        Fits with a larger error are not used.
    joints, shapes : int
        J, K.
    """

    def __init__(self, count: int, *, most_px: float, joints: int = 24, shapes: int = 10) -> None:
        check_sizes("best fits", count=count, joints=joints, shapes=shapes)
        self.most_px = check_number(most_px, "most_px", 0, above=True)
        self.pose = torch.zeros(count, joints, 3)
        self.shape = torch.zeros(count, shapes)
        self.translation = torch.zeros(count, 3)
        self.error_px = torch.full((count,), torch.inf)

    def keep(self, rows: Tensor, fit: Fit) -> Tensor:
        """Keep the fits of pictures `rows` (B,) that are better than those before; return which (B,) bool.

        A fit with a number that is none is never kept; nor is one of an unlikely person, which may have a low
        error because of it.
        """
        check_ids(rows, len(self.error_px), name="rows")
        check_tensor(rows, "rows", "B", kind="int")
        if len(rows.unique()) < len(rows):
            raise ValueError("rows: got a picture twice, want each once")
        check_tensor(fit.pose, "pose", len(rows), *self.pose.shape[1:])
        check_tensor(fit.shape, "shape", len(rows), self.shape.shape[1])
        check_tensor(fit.translation, "translation", len(rows), 3)
        check_tensor(fit.error_px, "error_px", len(rows))
        whole = torch.cat([fit.pose.flatten(1), fit.shape, fit.translation], dim=1).isfinite().all(1)
        likely = fit.shape.abs().amax(1) <= MOST_SHAPE
        better = whole & likely & (fit.error_px < self.error_px[rows])  # (B,); False for NaN
        chosen = rows[better]
        self.pose[chosen] = fit.pose[better].detach()
        self.shape[chosen] = fit.shape[better].detach()
        self.translation[chosen] = fit.translation[better].detach()
        self.error_px[chosen] = fit.error_px[better].detach()
        return better

    def of(self, rows: Tensor) -> tuple[Fit, Tensor]:
        """Return the best fits of pictures `rows` (B,), and which are good enough to learn from (B,) bool."""
        check_ids(rows, len(self.error_px), name="rows")
        check_tensor(rows, "rows", "B", kind="int")
        fit = Fit(self.pose[rows], self.shape[rows], self.translation[rows], self.error_px[rows])
        return fit, fit.error_px <= self.most_px
