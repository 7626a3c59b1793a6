"""The data term of SMPLify (S20.4): how far the projected joints are from the detected ones.

Bogo et al. 2016, equation 2: E_J = Σ w_i ρ(Π_K(joint_i) - detected_i), with w_i the detector's confidence and
ρ the robust error of S. Geman and D. McClure, "Statistical methods for tomographic image reconstruction",
1987.

Ours: the paper counts in pixels of its pictures. Here an error is a length at the person's depth, in metres,
so that weights fit pictures and cameras of any size.

Shapes: B pictures, J joints.
"""

from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor

NEAREST_M = 0.1  # a joint nearer to the camera than this projects as if it were there


def project_joints(joints: Tensor, intrinsics: Tensor) -> Tensor:
    """Project joints (B, J, 3) in the camera's axes by K (B, 3, 3); pixels (B, J, 2)."""
    check_tensor(joints, "joints", "B", "J", 3)
    check_tensor(intrinsics, "intrinsics", len(joints), 3, 3)
    depth = joints[..., 2:].clamp_min(NEAREST_M)
    return (joints / depth @ intrinsics.mT)[..., :2]


def geman_mcclure(error: Tensor, sigma: float) -> Tensor:
    """Return vectors (…, 2) whose squared lengths are ρ(e) = σ² |e|² / (σ² + |e|²), for errors (…, 2).

    Small errors count as their squares; one far beyond σ counts as σ², however far it is.
    """
    check_tensor(error, "error", "…", 2)
    check_number(sigma, "sigma", 0, above=True)
    square = error.square().sum(-1, keepdim=True)
    return error * sigma / (sigma**2 + square).sqrt()


def data_residuals(
    joints: Tensor,
    seen_pixel: Tensor,
    confidence: Tensor,
    intrinsics: Tensor,
    depth_m: Tensor,
    *,
    sigma_m: float,
) -> Tensor:
    """Return numbers (B, 2 J) in metres whose squares add up to E_J.

    Parameters
    ----------
    joints : Tensor
        (B, J, 3), the body's, in the camera's axes.
    seen_pixel, confidence : Tensor
        (B, J, 2) and (B, J), the detector's joints and how sure it is, 0 to 1.
    intrinsics : Tensor
        (B, 3, 3).
    depth_m : Tensor
        (B,), about how far the person is: there a pixel is depth / focal length wide.
    sigma_m : float
        σ of the robust error, in metres.
    """
    check_tensor(seen_pixel, "seen_pixel", *joints.shape[:2], 2, finite=True)
    check_tensor(confidence, "confidence", *joints.shape[:2], finite=True)
    check_tensor(depth_m, "depth_m", len(joints), finite=True)
    error = project_joints(joints, intrinsics) - seen_pixel  # (B, J, 2) in pixels
    error = error * (depth_m / intrinsics[:, 0, 0])[:, None, None]  # in metres
    return (confidence.sqrt()[..., None] * geman_mcclure(error, sigma_m)).flatten(1)
