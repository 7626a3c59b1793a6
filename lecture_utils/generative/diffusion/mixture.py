"""The perfect denoiser of a Gaussian mixture in closed form: diffusion without training, S16.1.

If x_0 comes from a mixture of Gaussians, so does x_t, and E[x_0 | x_t], which a network is trained to say,
can be written down (Bayes' rule; C. Bishop, "Pattern Recognition and Machine Learning", 2006, equations 2.113
to 2.117). Samplers can so be held against a distribution that is known exactly.

Shapes: K components, D dimensions, B batch.
"""

import math

import torch
from torch import Tensor

from lecture_utils.generative.diffusion.prediction import Predict, target, to_epsilon
from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.ops.checks import check_choice, check_tensor, check_whole


class GaussianMixture:
    """Σ w_k N(μ_k, σ_k² I).

    Parameters
    ----------
    means : Tensor, (K, D)
    spreads : Tensor, (K,)
        σ_k, 0 or more; 0 is a single point.
    weights : Tensor, (K,), optional
        Above 0, summing to 1; equal where not given.

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is out of range.
    """

    def __init__(self, means: Tensor, spreads: Tensor, weights: Tensor | None = None) -> None:
        check_tensor(means, "means", "K", "D", finite=True, some=True)
        check_tensor(spreads, "spreads", len(means), finite=True)
        weights = torch.full_like(spreads, 1 / len(means)) if weights is None else weights
        check_tensor(weights, "weights", len(means), finite=True)
        if float(spreads.min()) < 0 or float(weights.min()) <= 0 or abs(float(weights.sum()) - 1) > 1e-4:
            got = f"spreads {spreads.tolist()[:4]} and weights {weights.tolist()[:4]}"
            raise ValueError(f"mixture: got {got}, want spreads of 0 or more, weights above 0 that sum to 1")
        self.means, self.spreads, self.weights = means, spreads, weights

    def sample(self, n: int, draw: torch.Generator | None = None) -> Tensor:
        """Return `n` points (n, D)."""
        check_whole(n, "n")
        which = torch.multinomial(self.weights, n, replacement=True, generator=draw)
        noise = torch.randn(n, self.means.shape[1], generator=draw, dtype=self.means.dtype)
        return self.means[which] + self.spreads[which, None] * noise

    def joint(self, x: Tensor, alpha_bar: Tensor) -> Tensor:
        """Return log w_k + log N(x_t; √ᾱ μ_k, (ᾱ σ_k² + 1 - ᾱ) I), (B, K), for points (B, D) and ᾱ (B, 1)."""
        check_tensor(x, "x", "B", self.means.shape[1], some=True)
        variance = alpha_bar * self.spreads.square() + 1 - alpha_bar  # (B, K)
        away = (x[:, None] - alpha_bar[..., None].sqrt() * self.means).square().sum(-1)  # (B, K)
        size = x.shape[1] / 2 * torch.log(2 * math.pi * variance)
        return self.weights.log() - size - away / (2 * variance)

    def log_density(self, x: Tensor, t: Tensor | int, schedule: NoiseSchedule) -> Tensor:
        """Return log q(x_t), (B,), of points (B, D) at step t."""
        return self.joint(x, schedule.at(t, x)).logsumexp(-1)

    def denoise(self, x: Tensor, t: Tensor | int, schedule: NoiseSchedule) -> Tensor:
        """Return E[x_0 | x_t], (B, D): each component's guess, weighed by how likely the point is its own."""
        alpha_bar = schedule.at(t, x)  # (B, 1)
        share = self.joint(x, alpha_bar).softmax(-1)  # (B, K)
        variance = self.spreads.square()
        gain = alpha_bar.sqrt() * variance / (alpha_bar * variance + 1 - alpha_bar)  # (B, K)
        away = x[:, None] - alpha_bar[..., None].sqrt() * self.means  # (B, K, D)
        return (share[..., None] * (self.means + gain[..., None] * away)).sum(1)

    def predictor(self, schedule: NoiseSchedule, *, kind: str = "epsilon") -> Predict:
        """Return the perfect network: x_t (B, D) and t (B,) → its prediction (B, D)."""
        check_choice(kind, "kind", "epsilon", "sample", "v")

        def predict(x: Tensor, t: Tensor) -> Tensor:
            x0 = self.denoise(x, t, schedule)
            return target(schedule, x0, t, to_epsilon(schedule, x0, x, t, kind="sample"), kind=kind)

        return predict
