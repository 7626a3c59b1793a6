"""Instance masks of a video: layers, points, refinement; part of MultiPly (S20.6).

Jiang et al., "MultiPly", CVPR 2024, section 3.3: the hybrid of what the layers know (who is where, from the
bodies) and of what the picture knows (where the edge is).

Shapes: P people, F frames, H and W height and width.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.body.multiply.confidence import mask_agreement
from lecture_utils.body.multiply.layers import render_layers
from lecture_utils.body.multiply.people import People
from lecture_utils.body.multiply.refine import MaskRefiner, make_prompts
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.ops.checks import check_classes, check_images, check_tensor


class Masks(NamedTuple):
    """Of one round: the layers' and the refined masks (F, P, H, W), their agreement (F, P)."""

    layers: Tensor
    refined: Tensor
    agreement: Tensor


@torch.no_grad()
def segment(
    people: People,
    images: Tensor,
    cameras: Cameras,
    refiner: MaskRefiner,
    generator: torch.Generator | None = None,
    *,
    frames: Tensor | None = None,
) -> Masks:
    """Render layers, make points, refine (section 3.3).

    Parameters
    ----------
    people : People
        P people.
    images : Tensor
        (F, 3, H, W) in [0, 1].
    cameras : Cameras
        One.
    refiner : MaskRefiner
        The promptable segmenter.
    generator : torch.Generator, optional
        Of the negative points.
    frames : Tensor, optional
        (F,) long, which of the people's frames the pictures are; 0 to F - 1 if omitted.
    """
    check_images(images, 3, unit_range=True)
    frames = torch.arange(len(images)) if frames is None else frames
    check_classes(frames, "frames", len(images), classes=people.poses.shape[1])
    clouds, layers, refined = people.clouds(), [], []
    for image, frame in zip(images, frames.tolist(), strict=True):
        own = [cloud.frame(frame) for cloud in clouds]
        masks = render_layers(own, cameras, people.background).masks  # (P, H, W)
        joints_px = torch.cat([project(one.joints, cameras)[0] for one in own])  # (P, J, 2)
        prompts = make_prompts(joints_px, masks, generator=generator)
        found = [refiner(image, mask, prompt) for mask, prompt in zip(masks, prompts, strict=True)]
        layers.append(masks)
        refined.append(shared(torch.stack(found)))
    both = torch.stack(layers), torch.stack(refined)  # (F, P, H, W) each
    return Masks(*both, mask_agreement(*both))


def shared(masks: Tensor) -> Tensor:
    """Where several refined masks (P, H, W) claim a pixel, divide it, so that they add up to 1 at most."""
    check_tensor(masks, "masks", "P", "H", "W", finite=True)
    return masks / masks.sum(0).clamp_min(1.0)
