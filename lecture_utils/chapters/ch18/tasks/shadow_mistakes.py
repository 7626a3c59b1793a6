"""Chapter 18, exercise 18.11: the usual mistakes, each with its hint (`shadow` has the exercise).

Shapes: N Gaussians.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.exercises.draws import floats
from lecture_utils.exercises.exercise import mistake

__all__ = ["MISTAKES"]


def _spread(scales_m: Tensor, turns: Tensor) -> Tensor:
    own = turns * scales_m[:, None]
    return own @ own.mT


def _jacobian(points: Tensor) -> Tensor:
    x, y, z = points.unbind(1)
    zero = torch.zeros_like(z)
    rows = [torch.stack([1 / z, zero, -x / z**2], 1), torch.stack([zero, 1 / z, -y / z**2], 1)]
    return torch.stack(rows, 1)  # (N, 2, 3)


def _shadow(
    means: Tensor,
    scales_m: Tensor,
    turns: Tensor,
    rotation: Tensor,
    translation: Tensor,
    intrinsics: Tensor,
    *,
    covariance: Callable[[Tensor, Tensor], Tensor] = _spread,
    points: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda means, r, t: means @ r.T + t,
    jacobian: Callable[[Tensor], Tensor] = _jacobian,
    view: Callable[[Tensor], Tensor] = lambda rotation: rotation,
    focal: Callable[[Tensor], Tensor] = lambda intrinsics: intrinsics[:2, :2],
    more: Callable[[], Tensor] = lambda: 0.3 * torch.eye(2),
) -> Tensor:
    """The shadow's covariance with one part exchanged."""
    to_pixels = focal(intrinsics) @ jacobian(points(means, rotation, translation)) @ view(rotation)
    return to_pixels @ covariance(scales_m, turns) @ to_pixels.mT + more()


@mistake(
    "Your Gaussians are as wide as the square roots of what is wanted. On the diagonal of a covariance "
    "stand variances: how does one come from a standard deviation?"
)
def _scales_not_squared(*given: Tensor) -> Tensor:
    return _shadow(*given, covariance=lambda scales, turns: turns @ torch.diag_embed(scales) @ turns.mT)


@mistake(
    "You turn each Gaussian the wrong way round. Its axes are the columns of `turns`, so that R takes its "
    "own axes to the world's: on which side of the scales does R stand, and on which Rᵀ?"
)
def _turned_back(*given: Tensor) -> Tensor:
    return _shadow(*given, covariance=lambda scales, turns: _spread(scales, turns.mT))


@mistake(
    "Your Gaussians are not turned at all: they lie along the world's axes whatever `turns` says. (Have you "
    "multiplied the rows of `turns` by the scales? In S R Rᵀ Sᵀ the turn drops out: R Rᵀ is 1.)"
)
def _not_turned(*given: Tensor) -> Tensor:
    return _shadow(*given, covariance=lambda scales, turns: torch.diag_embed(scales**2))


@mistake(
    "With W transposed you go from the camera's axes to the world's. Seen along the world's z nothing shows; "
    "from anywhere else the shadow leans the wrong way."
)
def _view_transposed(*given: Tensor) -> Tensor:
    return _shadow(*given, view=lambda rotation: rotation.T)


@mistake(
    "The camera's own turn is missing between Gaussian and picture. The Jacobian speaks of the camera's "
    "axes: in whose axes is the covariance R S Sᵀ Rᵀ?"
)
def _view_left_out(*given: Tensor) -> Tensor:
    return _shadow(*given, view=lambda rotation: torch.eye(3))


@mistake(
    "You take the Jacobian where the mean lies in the world. x, y and z of the projection are those in the "
    "camera's axes: what has to happen to the means first?"
)
def _means_in_the_world(*given: Tensor) -> Tensor:
    away = lambda means, r, t: torch.where(means[:, 2:].abs() < 1e-3, means + 1e-3, means)  # noqa: E731
    return _shadow(*given, points=away)


@mistake(
    "You turn the means to the camera's axes, but do not move them. The camera does not stand at the world's "
    "origin."
)
def _not_moved(*given: Tensor) -> Tensor:
    return _shadow(*given, points=lambda means, r, t: means @ r.T + 1e-9)


@mistake(
    "You treat the projection as if z were the same for the whole Gaussian. Away from the picture's middle "
    "depth shows as well: what is the derivative of x / z by z?"
)
def _orthographic(*given: Tensor) -> Tensor:
    return _shadow(*given, jacobian=lambda points: _jacobian(points * floats([0.0, 0.0, 1.0])))


@mistake(
    "The sign in your Jacobian's last column is wrong. When a point moves away from the camera, does its "
    "pixel move to the picture's middle or away from it?"
)
def _wrong_sign(*given: Tensor) -> Tensor:
    return _shadow(*given, jacobian=lambda points: _jacobian(points) * floats([1.0, 1.0, -1.0]))


@mistake(
    "In your Jacobian's last column z stands once below the line. Take the derivative of 1 / z again: which "
    "power of z does it have?"
)
def _one_z(*given: Tensor) -> Tensor:
    def jacobian(points: Tensor) -> Tensor:
        right_one = _jacobian(points)
        return torch.cat([right_one[..., :2], right_one[..., 2:] * points[:, None, 2:]], 2)

    return _shadow(*given, jacobian=jacobian)


@mistake(
    "You take f_x for both directions. Where pixels are not square, the picture is stretched: which focal "
    "length goes with v?"
)
def _one_focal_length(*given: Tensor) -> Tensor:
    return _shadow(*given, focal=lambda intrinsics: intrinsics[0, 0] * torch.eye(2))


@mistake(
    "Your shadows are as wide as in a picture whose focal length is 1. A covariance in square pixels needs "
    "the intrinsics, in every factor J."
)
def _no_focal_length(*given: Tensor) -> Tensor:
    return _shadow(*given, focal=lambda intrinsics: torch.eye(2))


@mistake(
    "Nothing keeps your shadow from being thinner than a pixel. What is added to both variances at the end?"
)
def _no_dilation(*given: Tensor) -> Tensor:
    return _shadow(*given, more=lambda: torch.zeros(2, 2))


@mistake(
    "You add 0.3 to all four numbers of the covariance. Off the diagonal stands how u and v lean together: "
    "that should not change."
)
def _dilated_everywhere(*given: Tensor) -> Tensor:
    return _shadow(*given, more=lambda: torch.full((2, 2), 0.3))


@mistake("You square the 0.3 before you add it. It is a variance already, in square pixels.")
def _dilation_squared(*given: Tensor) -> Tensor:
    return _shadow(*given, more=lambda: 0.3**2 * torch.eye(2))


@mistake(
    "You turn the means back by the camera's rotation: R X for a column is X Rᵀ for a row. Which product of "
    "`means` and `rotation` is that?"
)
def _means_turned_back(*given: Tensor) -> Tensor:
    return _shadow(*given, points=lambda means, r, t: means @ r + t)


@mistake(
    "You divide by how far the mean is from the camera. The pixel is f x / z + c: z is measured along the "
    "camera's axis, and is less than the distance."
)
def _distance_for_z(*given: Tensor) -> Tensor:
    def jacobian(points: Tensor) -> Tensor:
        return _jacobian(torch.cat([points[:, :2], points.norm(dim=1, keepdim=True)], 1))

    return _shadow(*given, jacobian=jacobian)


@mistake(
    "In your Jacobian's last column stands a place in pixels, so that the focal length is in it twice. x and "
    "y are those of the mean in the camera, in metres."
)
def _pixels_for_metres(
    means: Tensor,
    scales_m: Tensor,
    turns: Tensor,
    rotation: Tensor,
    translation: Tensor,
    intrinsics: Tensor,
) -> Tensor:
    def jacobian(points: Tensor) -> Tensor:
        focal = intrinsics[[0, 1], [0, 1]]
        right_one = _jacobian(points)
        last = right_one[..., 2:] * (focal / points[:, 2:])[..., None]
        return torch.cat([right_one[..., :2], last], 2)

    return _shadow(means, scales_m, turns, rotation, translation, intrinsics, jacobian=jacobian)


MISTAKES = (
    _scales_not_squared, _turned_back, _not_turned, _view_transposed, _view_left_out,
    _means_in_the_world, _not_moved, _orthographic, _wrong_sign, _one_z, _one_focal_length,
    _no_focal_length, _no_dilation, _dilated_everywhere, _dilation_squared, _means_turned_back,
    _distance_for_z, _pixels_for_metres,
)  # fmt: skip
