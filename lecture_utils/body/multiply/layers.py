"""Layer-wise rendering: several people and a background, sorted along each ray; part of MultiPly (S20.6).

Jiang et al., "MultiPly", CVPR 2024, section 3.2: the samples of all people on a ray are put in one order,
nearest first, and light is blended along it; C = Σ_i w_i c_i + T c_background with w_i = α_i Π_{j before i}
(1 - α_j). The weights of one person's samples, added up, are that person's share of the pixel: an instance
mask, with each occlusion in it, that costs nothing and has a gradient to every pose.

Here the samples are Gaussians, which `rendering.gaussians` (S18.5) blends. Simplified: a Gaussian has one
depth in all pixels, its centre's; the camera stands still, so that the background is a picture instead of a
second field.

Shapes: P people, N Gaussians in all, H and W height and width.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.body.multiply.avatar import Cloud
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_classes, check_tensor, check_whole
from lecture_utils.rendering.gaussians.blending import blend
from lecture_utils.rendering.gaussians.projection import project_gaussians


class Layers(NamedTuple):
    """A frame, taken apart.

    Attributes
    ----------
    image : Tensor
        (3, H, W), all layers together.
    masks : Tensor
        (P, H, W) in [0, 1]: each person's share of a pixel. Together with `left` they add up to 1.
    left : Tensor
        (H, W) in [0, 1]: the background's share.
    """

    image: Tensor
    masks: Tensor
    left: Tensor


def check_people(people: Sequence[Cloud]) -> None:
    """Raise ValueError unless this is one person or more, each in one frame."""
    if not isinstance(people, Sequence) or not people or not all(isinstance(one, Cloud) for one in people):
        raise ValueError(f"people: got {type(people).__name__}, want a list of one Cloud or more")
    for one in people:
        check_tensor(one.points, "points", "N", 3, finite=True, some=True)
        check_tensor(one.radii_m, "radii_m", len(one.points))
        check_tensor(one.colours, "colours", len(one.points), 3)
        check_tensor(one.opacities, "opacities", len(one.points))


def render_layers(people: Sequence[Cloud], cameras: Cameras, background: Tensor) -> Layers:
    """Render P people in front of a background.

    Parameters
    ----------
    people : sequence of Cloud
        P of them, each in one frame.
    cameras : Cameras
        One, such as `cameras[0]`.
    background : Tensor
        (3, H, W), what is behind all people.

    Raises
    ------
    ValueError
        For nobody, several frames or cameras, a background of another size, values that are not finite.
    """
    check_people(people)
    check_tensor(background, "background", 3, *cameras.size, finite=True)
    points = torch.cat([one.points for one in people])  # (N, 3): from here on one scene
    radii_m = torch.cat([one.radii_m for one in people])
    colours = torch.cat([one.colours for one in people])
    opacities = torch.cat([one.opacities for one in people])
    owner = torch.cat([torch.full((len(one.points),), p) for p, one in enumerate(people)])
    round_ones = radii_m[:, None, None] ** 2 * torch.eye(3).to(points)  # Σ = r² 1
    splats = project_gaussians(points, round_ones, cameras)
    seen = splats.visible.nonzero()[:, 0]
    means, covariances, depth_m = splats.means[seen], splats.covariances[seen], splats.depth_m[seen]

    def blended(paint: Tensor) -> tuple[Tensor, Tensor]:  # (N, 3) → (3, H, W) over black, (H, W)
        nothing = torch.zeros(3).to(points)
        return blend(means, covariances, depth_m, paint[seen], opacities[seen], cameras.size, nothing)

    image, left = blended(colours)
    masks = [blended(label)[0] for label in owner_colours(owner, len(people), points)]
    return Layers(image + left * background, torch.cat(masks)[: len(people)], left)


def owner_colours(owner: Tensor, count: int, like: Tensor) -> list[Tensor]:
    """Colour each Gaussian by its person: three people a picture, as red, green and blue; [(N, 3), …].

    Parameters
    ----------
    owner : Tensor
        (N,) long, whose each is.
    count : int
        P.
    like : Tensor
        What the colours' type and device are taken from.
    """
    check_whole(count, "count")
    check_classes(owner, "owner", "N", classes=count)
    hot = torch.nn.functional.one_hot(owner.long(), -(-count // 3) * 3)  # (N, 3, 6, … columns)
    return list(hot.to(like).split(3, dim=1))
