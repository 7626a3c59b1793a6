"""What can be done with embeddings of pictures: between two, and along what two sentences differ in, S16.4.

A. Ramesh et al., "Hierarchical Text-Conditional Image Generation with CLIP Latents", arXiv 2204.06125,
section 3: variations (3.1) decode one embedding again and again; interpolations (3.2) walk from one to
another on the sphere; text diffs (3.3) turn an embedding towards the difference of two sentences. Spherical
interpolation: K. Shoemake, "Animating Rotation with Quaternion Curves", SIGGRAPH 1985.

Shapes: B batch, D width of CLIP's embeddings, S steps.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Return the point that lies a share of the way from `a` to `b` along the great circle, of unit length.

    Parameters
    ----------
    a, b : Tensor, (B, D)
        Directions; their lengths do not count.
    share : float
        0 gives a, 1 gives b.

    Raises
    ------
    ValueError
        For shapes that differ, zeros, or opposite directions, between which no way is the shortest.
    """
    check_number(share, "share")
    check_directions(a, b)
    a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
    angle = 2 * torch.atan2((a - b).norm(dim=1, keepdim=True), (a + b).norm(dim=1, keepdim=True))  # (B, 1)
    near = angle < 1e-4  # the formula would divide 0 by 0, where a straight line does as well
    sine = torch.where(near, torch.ones_like(angle), angle.sin())
    first = torch.where(near, (1 - share) * torch.ones_like(angle), ((1 - share) * angle).sin() / sine)
    second = torch.where(near, share * torch.ones_like(angle), (share * angle).sin() / sine)
    return F.normalize(first * a + second * b, dim=1)


def interpolations(a: Tensor, b: Tensor, shares: Sequence[float]) -> Tensor:
    """Return the points at S shares of the way from a to b, both (D,): (S, D), to be decoded."""
    check_tensor(a, "a", "D", finite=True, some=True)
    check_tensor(b, "b", *a.shape, finite=True)
    return torch.cat([slerp(a[None], b[None], share) for share in shares])


def text_diff(image: Tensor, before: Tensor, after: Tensor, share: float) -> Tensor:
    """Turn pictures' embeddings towards what a sentence has that another has not.

    z_d = (z_after - z_before), of unit length; then slerp(z_image, z_d, share). The paper's shares end at
    0.25 to 0.50.

    Parameters
    ----------
    image : Tensor, (B, D)
        Embeddings of pictures.
    before, after : Tensor, (B, D)
        Embeddings of a sentence that describes them, and of one that describes what they should become.
    share : float
        0 leaves the picture as it is.

    Raises
    ------
    ValueError
        For shapes that differ, or two sentences that say the same.
    """
    check_directions(before, after)
    difference = F.normalize(after, dim=1) - F.normalize(before, dim=1)
    if bool((difference.norm(dim=1) < 1e-6).any()):
        raise ValueError("sentences: got two of one embedding, want a difference to go along")
    return slerp(image, difference, share)


def check_directions(a: Tensor, b: Tensor) -> None:
    """Raise ValueError unless both are finite (B, D) of one type, no row of zeros, none opposite."""
    check_tensor(a, "a", "B", "D", finite=True, some=True)
    check_tensor(b, "b", *a.shape, finite=True)
    if a.dtype != b.dtype:
        raise ValueError(f"directions: got {a.dtype} and {b.dtype}, want one type")
    if bool(((a == 0).all(dim=1) | (b == 0).all(dim=1)).any()):
        raise ValueError("directions: got one of zeros, want a length above 0")
    if bool((F.normalize(a, dim=1) + F.normalize(b, dim=1)).norm(dim=1).lt(1e-6).any()):
        raise ValueError("directions: got two that are opposite, want any other angle")
