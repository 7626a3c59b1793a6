"""The pose prior of SMPLify (S20.4): how likely a pose is, by a mixture of Gaussians over axis-angles.

Bogo et al. 2016, section 3.2 and equation 4: -log of a sum of Gaussians is awkward to minimise, so the sum is
replaced by its largest term. Near one component the energy is then a sum of squares.

Simplified: the paper's eight Gaussians are fitted to motion capture, ours to the poses of the toy world.

Shapes: B poses, M components, D = 69 numbers of 23 joints, the root left out.
"""

import math

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_tensor


class GaussianMixturePrior(nn.Module):
    """A mixture of Gaussians over poses.

    Parameters
    ----------
    means : Tensor
        μ (M, D).
    covariances : Tensor
        Σ (M, D, D), positive definite.
    weights : Tensor
        g (M,) above 0, which add up to 1.

    Raises
    ------
    ValueError
        For shapes that do not fit, a covariance that is not positive definite, weights that are none.
    """

    means: Tensor
    whitening: Tensor
    log_weights: Tensor

    def __init__(self, means: Tensor, covariances: Tensor, weights: Tensor) -> None:
        super().__init__()
        check_tensor(means, "means", "M", "D", finite=True, some=True)
        count, size = means.shape
        check_tensor(covariances, "covariances", count, size, size, finite=True)
        check_tensor(weights, "weights", count, finite=True)
        if bool((weights <= 0).any()) or abs(float(weights.sum()) - 1) > 1e-3:
            raise ValueError(f"weights: got {weights.tolist()}, want all above 0, which add up to 1")
        lower, info = torch.linalg.cholesky_ex(covariances)  # Σ = L Lᵀ
        if bool(info.any()) or not torch.allclose(covariances, covariances.mT, atol=1e-5):
            raise ValueError("covariances: got one that is not positive definite, want all to be")
        self.register_buffer("means", means)
        self.register_buffer("whitening", torch.linalg.inv(lower))  # L⁻¹: |L⁻¹ d|² = dᵀ Σ⁻¹ d
        self.register_buffer("log_weights", weights.log())

    def components(self, body_pose: Tensor) -> Tensor:
        """Return log g_j N(θ; μ_j, Σ_j) of each component, (B, M), for poses (B, D)."""
        check_tensor(body_pose, "body_pose", "B", self.means.shape[1])
        off = body_pose[:, None] - self.means  # (B, M, D)
        distance = torch.einsum("mde,bme->bmd", self.whitening, off).square().sum(-1)
        log_det = self.whitening.diagonal(dim1=1, dim2=2).log().sum(-1)  # -½ log |Σ|
        constant = self.log_weights + log_det - self.means.shape[1] / 2 * math.log(2 * math.pi)
        return constant - distance / 2

    def log_likelihood(self, body_pose: Tensor) -> Tensor:
        """Return log p(θ), (B,), of poses (B, D): the log of the sum over the components."""
        return torch.logsumexp(self.components(body_pose), dim=1)

    def residuals(self, body_pose: Tensor) -> Tensor:
        """Return numbers (B, D + 1) whose squares add up to the energy, equation 4: min_j -log c g_j N_j.

        The constant c makes no energy negative: the likeliest peak of a component has 0.
        """
        scores = self.components(body_pose)
        best = scores.argmax(1)  # (B,): the component that stands in for the sum
        log_det = self.whitening.diagonal(dim1=1, dim2=2).log().sum(-1)
        height = self.log_weights + log_det  # of each component's peak, up to a common constant
        rest = (height.max() - height[best]).clamp_min(0).sqrt()  # (B,)
        off = torch.einsum("bde,be->bd", self.whitening[best], body_pose - self.means[best])
        return torch.cat([off / math.sqrt(2), rest[:, None]], dim=1)

    def energy(self, body_pose: Tensor) -> Tensor:
        """Return E_θ (B,), 0 or more, of poses (B, D)."""
        return self.residuals(body_pose).square().sum(1)

    def mean_pose(self) -> Tensor:
        """Return the mean of the whole mixture, (D,)."""
        return self.log_weights.exp() @ self.means
