"""What MotionCLIP (S13.10) is trained for: motions as they were, latents where CLIP has words and pictures.

G. Tevet et al., "MotionCLIP: Exposing Human Motion Generation to CLIP Space", ECCV 2022, section 3.2.

Simplified: joints stand for the skin's vertices, so that a forearm's twist is seen by the rotations alone.

Shapes: B motions, F frames, J joints, K points, Z width of the latent.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.multimodal.motion_clip import MotionCLIP, motion_joints
from lecture_utils.ops.checks import check_number, check_tensor


class Reconstruction(NamedTuple):
    """The three parts of L_recon, scalars: rotations, joints (m²) and changes from frame to frame."""

    rotations: Tensor
    joints: Tensor
    velocity: Tensor


def reconstruction_loss(
    guess: Tensor, motion: Tensor, guess_joints: Tensor, joints: Tensor
) -> Reconstruction:
    """Return the parts of L_recon, mean squared differences (section 3.2).

    Parameters
    ----------
    guess, motion : Tensor
        (B, F, J, 6), F at least 2.
    guess_joints, joints : Tensor
        (B, F, K, 3), places of K points of theirs, in metres.
    """
    check_tensor(motion, "motion", "B", "F", "J", 6, finite=True, some=True)
    check_tensor(guess, "guess", *motion.shape, finite=True)
    check_tensor(joints, "joints", *motion.shape[:2], "K", 3, finite=True, some=True)
    check_tensor(guess_joints, "guess_joints", *joints.shape, finite=True)
    if motion.shape[1] < 2:
        raise ValueError("motion: got 1 frame, want 2 or more: one frame has no velocity")
    return Reconstruction(
        rotations=(guess - motion).square().mean(),
        joints=(guess_joints - joints).square().mean(),
        velocity=(guess.diff(dim=1) - motion.diff(dim=1)).square().mean(),
    )


def alignment_loss(latent: Tensor, embedding: Tensor) -> Tensor:
    """Return the mean of 1 - cos(z, e) over latents z and embeddings e, (B, Z) each; a scalar in [0, 2]."""
    check_tensor(latent, "latent", "B", "Z", finite=True, some=True)
    check_tensor(embedding, "embedding", *latent.shape, finite=True)
    for name, rows in (("latent", latent), ("embedding", embedding)):
        if bool((rows.norm(dim=-1) < 1e-12).any()):
            raise ValueError(f"{name}: got one of length 0, want any other length")
    return 1 - F.cosine_similarity(latent, embedding, dim=-1).mean()


def motion_clip_loss(
    model: MotionCLIP, motion: Tensor, rest: Tensor, parents: Sequence[int], text: Tensor,
    image: Tensor | None = None, *, text_weight: float = 0.01, image_weight: float = 0.01,
) -> Tensor:  # fmt: skip
    """Return L, the loss that is trained (section 3.2); the paper's λ are 0.01 both.

    Parameters
    ----------
    model : MotionCLIP
    motion : Tensor
        (B, F, J, 6).
    rest, parents
        As for `motion_joints`.
    text, image : Tensor
        (B, Z), frozen CLIP's embeddings of what is said of each motion, and of one frame of it; no image, no
        image loss.
    text_weight, image_weight : float
        λ_text and λ_image, 0 or more.
    """
    check_number(text_weight, "text_weight", 0)
    check_number(image_weight, "image_weight", 0)
    z, guess = model(motion)
    parts = reconstruction_loss(
        guess, motion, motion_joints(guess, rest, parents), motion_joints(motion, rest, parents)
    )
    loss = sum(parts, torch.zeros(())) + text_weight * alignment_loss(z, text)
    return loss if image is None else loss + image_weight * alignment_loss(z, image)
