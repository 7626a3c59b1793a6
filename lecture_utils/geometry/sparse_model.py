"""A sparse model (S18.2): cameras and points as structure from motion grows them, view by view.

J. Schönberger, J.-M. Frahm, "Structure-from-Motion Revisited" (COLMAP), CVPR 2016, section 2.2: the next view
is found by resection, what it brings is triangulated, all is adjusted, and what does not fit is dropped.

Shapes: N pictures, P tracks; V of the pictures have a camera.
"""

import torch
from torch import Tensor

from lecture_utils.geometry.bundle_adjustment import bundle_adjust
from lecture_utils.geometry.degenerate import DegenerateViews
from lecture_utils.geometry.pnp import resection
from lecture_utils.geometry.triangulation import (
    check_views,
    ray_angle_deg,
    reprojection_error,
    triangulate,
)
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_number, check_size, check_tensor, check_whole

HUBER_PX = 1.0
LEAST_ANGLE_DEG = 1.5  # between the rays of a point that is kept
FEWEST = 8  # points that a view must see to be added


class SparseModel:
    """Which pictures have a camera, and which tracks have a point.

    Parameters
    ----------
    pixels : Tensor
        (N, P, 2): where each picture sees each track; any value where it does not.
    seen : Tensor
        (N, P) bool.
    intrinsics : Tensor
        (N, 3, 3).
    size : (int, int)
        Height and width of the pictures.

    Raises
    ------
    ValueError
        For other shapes or types, NaN where a track is seen.
    """

    def __init__(self, pixels: Tensor, seen: Tensor, intrinsics: Tensor, size: tuple[int, int]) -> None:
        check_tensor(pixels, "pixels", "N", "P", 2)
        check_views(pixels, seen, len(pixels))
        check_tensor(intrinsics, "intrinsics", len(pixels), 3, 3, finite=True)
        self.pixels, self.seen, self.size = pixels.double(), seen.clone(), check_size(size)
        self.intrinsics = intrinsics.double()
        self.views: list[int] = []  # in the order in which they were added
        self.rotation = torch.eye(3).double().repeat(len(pixels), 1, 1)
        self.translation = torch.zeros(len(pixels), 3).double()
        self.points = torch.full((pixels.shape[1], 3), torch.nan).double()

    @property
    def known(self) -> Tensor:
        """Which tracks have a point, (P,) bool."""
        return torch.isfinite(self.points[:, 0])

    @property
    def cameras(self) -> Cameras:
        """The V cameras."""
        own = self.views
        return Cameras(self.rotation[own], self.translation[own], self.intrinsics[own], self.size)

    def add(self, view: int, rotation: Tensor, translation: Tensor) -> None:
        """Give a picture its camera, X_cam = R X + t."""
        if check_whole(view, "view", 0) >= len(self.pixels) or view in self.views:
            raise ValueError(f"view: got {view}, want one of {len(self.pixels)} that has no camera yet")
        check_tensor(rotation, "rotation", 3, 3, finite=True)
        check_tensor(translation, "translation", 3, finite=True)
        self.rotation[view], self.translation[view] = rotation.double(), translation.double()
        self.views.append(view)

    def next_view(self, passed_over: set[int]) -> int | None:
        """The picture without a camera that sees most points; None where none sees eight."""
        points = (self.seen & self.known).sum(1)
        points[[*self.views, *passed_over]] = 0
        best = int(points.argmax())
        return best if int(points[best]) >= FEWEST else None

    def register(self, view: int, *, threshold_px: float = 2.0, seed: int = 0) -> bool:
        """Find a picture's camera from the points that it sees, and forget the wrong ones.

        False where that fails.
        """
        check_whole(view, "view", 0)
        sees = torch.nonzero(self.seen[view] & self.known)[:, 0]
        try:
            found = resection(
                self.points[sees], self.pixels[view, sees], self.intrinsics[view],
                threshold_px=threshold_px, seed=seed,
            )  # fmt: skip
        except DegenerateViews:
            return False
        self.add(view, found.rotation, found.translation)
        self.seen[view, sees[~found.inliers]] = False
        return True

    def triangulate(self) -> None:
        """Place the tracks without a point that two cameras or more see."""
        new = torch.nonzero(~self.known & (self.seen[self.views].sum(0) >= 2))[:, 0]
        pixels, seen = self.pixels[self.views][:, new], self.seen[self.views][:, new]
        self.points[new] = triangulate(pixels, self.cameras, seen)

    def prune(self, worst_px: float) -> None:
        """Forget what is seen over `worst_px` from where it projects, then points without an angle."""
        check_number(worst_px, "worst_px", 0, above=True)
        seen = self.seen[self.views]
        errors = reprojection_error(self.points, self.cameras, self.pixels[self.views], seen)  # (V, P)
        seen = seen & ((errors < worst_px) | ~self.known)  # NaN, behind a camera, is not below
        self.seen[self.views] = seen
        angle = ray_angle_deg(self.points, self.cameras, seen)
        self.points[~((seen.sum(0) >= 2) & (angle > LEAST_ANGLE_DEG))] = torch.nan

    def adjust(self, *, steps: int) -> None:
        """Bundle adjustment of all cameras and points."""
        known = torch.nonzero(self.known)[:, 0]
        if not len(known):
            raise DegenerateViews("points: got none that two cameras see from an angle, want some")
        found = bundle_adjust(
            self.cameras, self.points[known], self.pixels[self.views][:, known],
            self.seen[self.views][:, known], huber_px=HUBER_PX, steps=steps,
        )  # fmt: skip
        self.rotation[self.views] = found.cameras.rotation
        self.translation[self.views] = found.cameras.translation
        self.points[known] = found.points
