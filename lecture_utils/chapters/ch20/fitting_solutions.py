"""Chapter 20, part b: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `body.smplify`, `body.spin`,
`body.multiply`. The tests hold these equal to what can be compared there; the papers are named there too.

Shapes: "…" any axes in front, J joints, T bones, B poses, D numbers of a pose, M components, N pictures,
P people, R rays, S samples on each.
"""

import torch
from torch import Tensor

__all__ = ["composite_layers", "data_term", "gmm_prior", "keep_best", "place"]


def place(
    joints: Tensor, pixels: Tensor, confidence: Tensor, intrinsics: Tensor, bones: Tensor
) -> tuple[Tensor, Tensor]:
    """Where a person stands, (3,) to be added to the joints, and which pixels the joints then have, (J, 2).

    Joints (J, 3) are in metres and in the camera's axes (x right, y down, z forward), about the person's own
    origin. Depth comes from similar triangles: the lengths of `bones` (T, 2), pairs of joints, are to their
    lengths in pixels as the depth is to the focal length, all bones together, each weighted by the product of
    its joints' confidence (J,). The joints' mean, weighted by confidence, is put at that depth, where it is
    seen at the weighted mean of `pixels` (J, 2). Pixels of joints with confidence 0 may be NaN.
    """
    seen = torch.where(confidence[:, None] > 0, pixels, 0.0)
    a, b = bones.unbind(dim=1)
    weight = confidence[a] * confidence[b]  # (T,)
    metres, on_screen = ((weight * (x[a] - x[b]).norm(dim=1)).sum() for x in (joints, seen))
    depth = intrinsics[0, 0] * metres / on_screen
    share = confidence[:, None] / confidence.sum()
    middle = torch.cat([(share * seen).sum(dim=0), torch.ones(1)])  # (3,): u, v, 1
    translation = depth * torch.linalg.inv(intrinsics) @ middle - (share * joints).sum(dim=0)
    points = (joints + translation) @ intrinsics.T  # (J, 3)
    return translation, points[:, :2] / points[:, 2:]


def data_term(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    """How far projected joints (…, J, 2) are from where they were seen, (…): Geman and McClure's ρ.

    Of a joint that is e pixels off, ρ = σ² e² / (σ² + e²): e² near 0, and never more than σ². Joints are
    added up, each times its confidence (…, J). Of a joint with confidence 0 the pixel may be NaN.
    """
    residual = torch.where(confidence[..., None] > 0, projected - pixels, 0.0)  # (…, J, 2)
    square = residual.square().sum(dim=-1)
    robust = sigma_px**2 * square / (sigma_px**2 + square)  # (…, J)
    return (confidence * robust).sum(dim=-1)


def gmm_prior(pose: Tensor, means: Tensor, precisions: Tensor, weights: Tensor) -> Tensor:
    """How unlikely poses (B, D) are under a mixture of M Gaussians, (B,): -log of its likeliest component.

    Component m has weight g_m, mean μ_m (M, D) and precision P_m (M, D, D), the inverse of its covariance. It
    says -log g_m + ½ (θ - μ_m)ᵀ P_m (θ - μ_m) - ½ log det P_m. The smallest of these counts; the constant
    D/2 log 2π, which moves nothing, is left out.
    """
    offset = pose[:, None] - means  # (B, M, D)
    distance = torch.einsum("bmd,mde,bme->bm", offset, precisions, offset)  # (B, M)
    energy = distance / 2 - weights.log() - torch.logdet(precisions) / 2
    return energy.amin(dim=1)


def keep_best(
    fits: Tensor, errors: Tensor, rows: Tensor, new_fits: Tensor, new_errors: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """SPIN's dictionary after a batch: fits (N, D), errors (N,), and what the batch learns from, (B, D).

    Picture `rows[b]`, each at most once, has been fitted anew: `new_fits` (B, D) with `new_errors` (B,). A
    new fit takes the old one's place where its error is smaller; an error that is NaN is not. The dictionary
    that comes in is left as it is. The network learns from the best fit there now is of each picture of the
    batch.
    """
    better = new_errors < errors[rows]  # (B,); False for NaN
    fits, errors = fits.clone(), errors.clone()
    fits[rows[better]] = new_fits[better]
    errors[rows[better]] = new_errors[better]
    return fits, errors, fits[rows]


def composite_layers(
    colours: Tensor, alphas: Tensor, depths: Tensor, background: Tensor
) -> tuple[Tensor, Tensor]:
    """What rays see of several people, (R, 3), and which share of each ray is whose, (R, P).

    Each of P people has S samples on each of R rays: colours (P, R, S, 3), opacities (P, R, S) and depths
    (P, R, S), in no order. All samples of a ray are blended together, the nearest first, whoever they belong
    to; what passes them all comes from the background (R, 3). A person's share is the weights of their
    samples, added up.
    """
    alpha, depth, colour = (x.transpose(0, 1).flatten(1, 2) for x in (alphas, depths, colours))  # (R, P·S)
    order = depth.argsort(dim=1)
    sorted_alpha = alpha.gather(1, order)
    passed = torch.cumprod(1 - sorted_alpha, dim=1)  # what passes a sample and all before it
    before = torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], dim=1)
    weights = torch.zeros_like(alpha).scatter(1, order, before * sorted_alpha)  # (R, P·S), person by person
    picture = (weights[..., None] * colour).sum(dim=1) + passed[:, -1:] * background
    return picture, weights.unflatten(1, (len(alphas), -1)).sum(dim=2)
