"""What a fit wants: the picture, the masks, the order in depth, room, calm; part of MultiPly (S20.6).

Jiang et al., "MultiPly", CVPR 2024, section 3.4; the depth order after W. Jiang, N. Kolotouros, G. Pavlakos,
X. Zhou, K. Daniilidis, "Coherent Reconstruction of Multiple Humans from a Single Image", CVPR 2020, section
3.3.

Simplified: depth order by the regions where the wrong person is in front, instead of pixel by pixel; people
are kept apart by balls along their bones, instead of by an inside test on their meshes; steadiness is wanted
of the joints' acceleration.

Shapes: P people, F frames, N Gaussians, J joints, H and W height and width.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.body.lbs import check_tree
from lecture_utils.body.multiply.avatar import Cloud
from lecture_utils.body.multiply.layers import Layers, check_people
from lecture_utils.body.multiply.refine import SEEN, at_pixels
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.ops.checks import check_tensor

ALONG = (1 / 6, 1 / 2, 5 / 6)  # where the balls stand on a bone


def picture_loss(layers: Layers, image: Tensor) -> Tensor:
    """Mean absolute difference to the frame (3, H, W), over pixels and channels."""
    check_tensor(image, "image", *layers.image.shape, finite=True)
    return (layers.image - image).abs().mean()


def mask_loss(layers: Layers, refined: Tensor, known: Tensor) -> Tensor:
    """Mean absolute difference of masks to the refined ones, over pixels; people add up.

    Parameters
    ----------
    layers : Layers
        Of P people.
    refined : Tensor
        (P, H, W) in [0, 1].
    known : Tensor
        (P,) bool: whose refined mask says anything. Of who is not seen at all nothing was refined.
    """
    check_tensor(refined, "refined", *layers.masks.shape, finite=True)
    check_tensor(known, "known", len(refined), kind="bool")
    return ((layers.masks - refined).abs().mean(dim=(1, 2)) * known).sum()


def order_loss(people: Sequence[Cloud], layers: Layers, refined: Tensor, cameras: Cameras) -> Tensor:
    """Push the wrong person back: Σ over pairs of share · ln(1 + exp(z_p - z_q)).

    Where the refined masks show p and the layers show q, q is in front by mistake. z is the mean depth, in
    metres, of the Gaussians that fall there, and the share that of the picture's pixels.

    Parameters
    ----------
    people : sequence of Cloud
        P of them, in one frame.
    layers : Layers
        Of these people.
    refined : Tensor
        (P, H, W) in [0, 1].
    cameras : Cameras
        One.
    """
    check_people(people)
    check_tensor(layers.masks, "masks", len(people), *cameras.size)
    check_tensor(refined, "refined", *layers.masks.shape, finite=True)
    seen = [project(one.points, cameras) for one in people]  # pixels (1, N, 2), depth (1, N)
    total = layers.masks.new_zeros(())
    for p, (pixels_p, depth_p) in enumerate(seen):
        for q, (pixels_q, depth_q) in enumerate(seen):
            wrong = (refined[p] > SEEN) & (layers.masks[q].detach() > SEEN)  # (H, W)
            if p == q or not bool(wrong.any()):
                continue
            of_p = depth_p[0][at_pixels(wrong[None], pixels_p[0].detach())[0]]
            of_q = depth_q[0][at_pixels(wrong[None], pixels_q[0].detach())[0]]
            if len(of_p) and len(of_q):
                total = total + wrong.to(total).mean() * F.softplus(of_p.mean() - of_q.mean())
    return total


def bone_balls(joints: Tensor, parents: Sequence[int]) -> Tensor:
    """Return three points on each bone, (…, J - 1, 3, 3), of joints (…, J, 3)."""
    check_tree(parents)
    check_tensor(joints, "joints", "…", len(parents), 3, finite=True)
    ends, starts = joints[..., 1:, None, :], joints[..., list(parents[1:]), None, :]
    t = torch.tensor(ALONG).to(joints)[:, None]
    return starts + t * (ends - starts)


def room_loss(
    joints: Tensor, others: Tensor, radii_m: Tensor, others_radii_m: Tensor, parents: Sequence[int]
) -> Tensor:
    """How deep two people are in each other: the overlaps of their balls, squared and added up, in m².

    Parameters
    ----------
    joints, others : Tensor
        (F, J, 3), in metres; the mean is taken over the frames.
    radii_m, others_radii_m : Tensor
        (J - 1,), how thick each bone is.
    parents : sequence of int
        J, of both.
    """
    check_tensor(joints, "joints", "F", "J", 3, some=True)
    check_tensor(others, "others", *joints.shape)
    check_tensor(radii_m, "radii_m", len(parents) - 1, finite=True)
    check_tensor(others_radii_m, "others_radii_m", len(parents) - 1, finite=True)
    a, b = (bone_balls(x, parents).flatten(1, 2) for x in (joints, others))  # (F, 3 (J - 1), 3)
    reach = radii_m.repeat_interleave(3)[:, None] + others_radii_m.repeat_interleave(3)
    distance = (a[:, :, None] - b[:, None]).square().sum(-1).clamp_min(1e-9).sqrt()
    return (reach - distance).clamp_min(0).square().sum(dim=(1, 2)).mean()


def calm_loss(joints: Tensor) -> Tensor:
    """Mean square acceleration, m² a frame⁴, of joints (F, J, 3); 0 for fewer than 3 frames."""
    check_tensor(joints, "joints", "F", "J", 3, finite=True)
    if len(joints) < 3:
        return joints.new_zeros(())
    return (joints[2:] - 2 * joints[1:-1] + joints[:-2]).square().sum(-1).mean()
