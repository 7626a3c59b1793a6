"""The terms of the evidence lower bound (S15.3): likelihoods, divergence, the moved noise, a tighter bound.

D. Kingma, M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014: the bound (equation 3), the estimator
that moves the noise outside (section 2.4), the closed-form divergence (appendix B), the two likelihoods
(appendix C). The bound from several samples: Y. Burda, R. Grosse, R. Salakhutdinov, "Importance Weighted
Autoencoders", ICLR 2016 (equation 8).

    log p(x) ≥ E_q[log p(x | z)] − KL(q(z | x) ‖ p(z)),      p(z) = N(0, I),  q(z | x) = N(mean, exp(log_var))

All are in nats and have their constants, so that what is called a log-likelihood is one.
Shapes: B batch, Z latent numbers, K samples of them for one picture, C colours, S side of the picture.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_images, check_number, check_tensor

LOG_2_PI = math.log(2 * math.pi)


def reparameterise(mean: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
    """Draw z from N(mean, exp(log_var)) as a function of what the encoder gave and of noise from outside.

    A drawn number has no derivative by the mean of what it was drawn from; mean + deviation · noise has.

    Parameters
    ----------
    mean, log_var : Tensor
        (B, Z): of q(z | x); log_var is the logarithm of the variance.
    noise : Tensor
        (B, Z) or (K, B, Z), standard normal.

    Returns
    -------
    Tensor
        z, of the noise's shape.

    Raises
    ------
    ValueError
        For other shapes.
    """
    check_posterior(mean, log_var)
    check_tensor(noise, "noise", "…", *mean.shape)
    deviation = torch.exp(log_var / 2)  # (B, Z)
    return mean + deviation * noise


def kl_per_unit(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, exp(log_var)) ‖ N(0, 1)) of each latent number: (B, Z) twice → (B, Z), 0 or more."""
    check_posterior(mean, log_var)
    return (mean.square() + log_var.exp() - 1 - log_var) / 2


def kl_to_standard_normal(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(q(z | x) ‖ N(0, I)): (B, Z) twice → (B,). The latent numbers are independent, so theirs add up."""
    return kl_per_unit(mean, log_var).sum(dim=1)


def gaussian_log_likelihood(x: Tensor, mean: Tensor, deviation: float) -> Tensor:
    """Log density of pictures whose values are normal around `mean`, all with one deviation.

    The squared error, with what makes a density of it: −D (log σ + ½ log 2π) for D = C · S · S values.

    Parameters
    ----------
    x, mean : Tensor
        (B, C, S, S).
    deviation : float
        σ, above 0.

    Returns
    -------
    Tensor
        (B,) nats. A density: it may be positive.
    """
    check_pair(x, mean)
    check_number(deviation, "deviation", 0, above=True)
    squared = ((x - mean) / deviation).square()  # (B, C, S, S)
    return -(squared / 2 + math.log(deviation) + LOG_2_PI / 2).sum(dim=(1, 2, 3))


def bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    """Log probability of pictures whose pixels are on with probability sigmoid(logits).

    Parameters
    ----------
    x : Tensor
        (B, C, S, S) in [0, 1]: 1 is on. A value between is taken as "on in so many of many drawings", and the
        result is the mean of their log probabilities.
    logits : Tensor
        (B, C, S, S).

    Returns
    -------
    Tensor
        (B,) nats, 0 or less.
    """
    check_pair(x, logits)
    check_images(x, unit_range=True)
    return (x * logits - F.softplus(logits)).sum(dim=(1, 2, 3))


def normal_log_density(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Log density of latent numbers under independent normals: (…, B, Z) and twice (B, Z) → (…, B)."""
    check_posterior(mean, log_var)
    check_tensor(z, "z", "…", *mean.shape, finite=True)
    squared = (z - mean).square() / log_var.exp()
    return -(squared + log_var + LOG_2_PI).sum(dim=-1) / 2


def importance_log_likelihood(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    """Bound log p(x) from K samples z of q(z | x): the log of the mean of the weights p(x, z) / q(z | x).

    With K = 1 its mean is the ELBO; it rises with K, towards log p(x).

    Parameters
    ----------
    log_joint, log_posterior : Tensor
        (K, B): log p(x, z) and log q(z | x) of each sample.

    Returns
    -------
    Tensor
        (B,) nats.

    Raises
    ------
    ValueError
        For other shapes, no sample, or values that are not finite.
    """
    check_tensor(log_joint, "log_joint", "K", "B", finite=True, some=True)
    check_tensor(log_posterior, "log_posterior", *log_joint.shape, finite=True)
    log_weight = log_joint - log_posterior  # (K, B)
    return torch.logsumexp(log_weight, dim=0) - math.log(len(log_weight))


def check_posterior(mean: Tensor, log_var: Tensor) -> None:
    """Raise ValueError unless mean and log_var are floating point and of one shape (B, Z)."""
    check_tensor(mean, "mean", "B", "Z", some=True)
    check_tensor(log_var, "log_var", *mean.shape)


def check_pair(x: Tensor, made: Tensor) -> None:
    """Raise ValueError unless both are pictures (B, C, S, S) of one shape."""
    check_images(x)
    check_images(made)
    if x.shape != made.shape:
        raise ValueError(f"pictures: got {tuple(x.shape)} and {tuple(made.shape)}, want them equal")
