"""Variational auto-encoder, VAE (S15.3): the encoder answers with a cloud, not with a point.

D. Kingma, M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014 (algorithm 1, one sample a picture). The
weight of the divergence: I. Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained
Variational Framework", ICLR 2017 (equation 4).

Departures: the convolutions of `autoencoder` instead of one hidden layer; the deviation of the Gaussian
likelihood is a number that is set, not an output of the decoder.

Shapes: B batch, Z latent numbers, K samples of them for one picture, C colours, S side of the picture.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.generative.autoencoder import Decoder, Encoder
from lecture_utils.generative.elbo import (
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    kl_to_standard_normal,
    normal_log_density,
    reparameterise,
)
from lecture_utils.ops.checks import check_choice, check_images, check_number, check_tensor, check_whole


class VAE(nn.Module):
    """p(z) = N(0, I), a decoder p(x | z), and an encoder q(z | x) that stands in for the posterior.

    Parameters
    ----------
    encoder : Encoder
        With 2 Z outputs: mean and log variance of each latent number.
    decoder : Decoder
        With Z latent numbers.
    likelihood : "gaussian" or "bernoulli"
        What p(x | z) is.
    deviation : float
        Of the Gaussian likelihood: how far a pixel may lie from what was decoded. Small asks for faithful
        pictures, large for a code near the prior.

    Raises
    ------
    ValueError
        If encoder and decoder do not fit, or a deviation is not above 0.
    """

    def __init__(
        self, encoder: Encoder, decoder: Decoder, *, likelihood: str = "gaussian", deviation: float = 0.1
    ) -> None:
        super().__init__()
        check_choice(likelihood, "likelihood", "gaussian", "bernoulli")
        check_number(deviation, "deviation", 0, above=True)
        if encoder.head.out_features != 2 * decoder.latent:
            got = f"{encoder.head.out_features} outputs for {decoder.latent} latent numbers"
            raise ValueError(f"encoder: got {got}, want twice as many: a mean and a log variance of each")
        self.encoder, self.decoder = encoder, decoder
        self.latent, self.likelihood, self.deviation = decoder.latent, likelihood, deviation

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give mean and log variance of q(z | x): (B, C, S, S) → (B, Z) twice."""
        check_images(x)
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        return mean, log_var

    def decode(self, z: Tensor) -> Tensor:
        """Give the mean picture of p(x | z): (B, Z) → (B, C, S, S) in [0, 1]."""
        return self.decoder(z)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Compute log p(x | z): (B, C, S, S), (B, Z) → (B,) nats."""
        if self.likelihood == "bernoulli":
            return bernoulli_log_likelihood(x, self.decoder.logits(z))
        return gaussian_log_likelihood(x, self.decode(z), self.deviation)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:  # (B, C, S, S), (B, Z)
        mean, log_var = self.encode(x)  # (B, Z)
        z = reparameterise(mean, log_var, noise)  # (B, Z)
        return self.decode(z)  # (B, C, S, S)

    @torch.no_grad()
    def sample(self, n: int, *, seed: int) -> Tensor:
        """Decode n ≥ 1 draws from the prior: (n, C, S, S) in [0, 1]; the same for the same seed."""
        check_whole(n, "n")
        check_whole(seed, "seed", 0)
        noise = torch.randn(n, self.latent, generator=torch.Generator().manual_seed(seed))
        return torch.cat([self.decode(z) for z in noise.to(self.decoder.stem.weight).split(500)])


class Elbo(NamedTuple):
    """The bound and its two terms, (B,) each, in nats: value = log_likelihood − beta · kl."""

    value: Tensor
    log_likelihood: Tensor
    kl: Tensor


def elbo(model: VAE, x: Tensor, noise: Tensor, *, beta: float = 1.0) -> Elbo:
    """Estimate the evidence lower bound of each picture by one sample of its latent numbers.

    Parameters
    ----------
    model : VAE
    x : Tensor
        (B, C, S, S).
    noise : Tensor
        (B, Z), standard normal.
    beta : float
        Weight of the divergence. Only with 1 is the value a bound of log p(x).

    Raises
    ------
    ValueError
        For shapes that do not fit, or a negative weight.
    """
    check_number(beta, "beta", 0)
    mean, log_var = model.encode(x)  # (B, Z)
    check_tensor(noise, "noise", *mean.shape)
    z = reparameterise(mean, log_var, noise)  # (B, Z)
    log_likelihood = model.log_likelihood(x, z)  # (B,)
    kl = kl_to_standard_normal(mean, log_var)  # (B,)
    return Elbo(log_likelihood - beta * kl, log_likelihood, kl)


def importance_terms(model: VAE, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Give log p(x, z) and log q(z | x) of K samples a picture, for `elbo.importance_log_likelihood`.

    Parameters
    ----------
    model : VAE
    x : Tensor
        (B, C, S, S).
    noise : Tensor
        (K, B, Z), standard normal.

    Returns
    -------
    log_joint, log_posterior : Tensor
        (K, B) each.
    """
    mean, log_var = model.encode(x)  # (B, Z)
    check_tensor(noise, "noise", "K", *mean.shape, some=True)
    z = reparameterise(mean, log_var, noise)  # (K, B, Z)
    zero = torch.zeros_like(mean)  # mean and log variance of the prior
    log_likelihood = torch.stack([model.log_likelihood(x, one) for one in z])  # (K, B)
    return log_likelihood + normal_log_density(z, zero, zero), normal_log_density(z, mean, log_var)
