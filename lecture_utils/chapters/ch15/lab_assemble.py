"""Chapter 15's lab, step 1: the usual mistakes of `lab_vae.DigitVAE`, each with its hint."""

from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch15.lab_another import Another, nets
from lecture_utils.chapters.ch15.lab_vae import DigitVAE, use_vae
from lecture_utils.exercises.exercise import Exercise, mistake
from lecture_utils.exercises.training_steps import walk_mistakes

__all__ = ["STEP_1"]


@mistake(
    "Your log-likelihood is a mean over the pixels. The chain rule adds them up; with a mean the divergence, "
    "which is a sum, weighs as many times too much as there are pixels."
)
class _MeanOfPixels(Another):
    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return -self.cost(self.decoder(z), x).flatten(1).mean(1)


@mistake("Your log-likelihood has its sign turned: what is unlikely is far below 0.")
class _CostAsLikelihood(Another):
    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return -super().log_likelihood(x, z)


@mistake(
    "You measure squared errors. A pixel is on or off: its log-likelihood is minus the binary cross-entropy."
)
class _Squares(Another):
    def cost(self, logits: Tensor, x: Tensor) -> Tensor:
        return (logits.sigmoid() - x).square()


@mistake(
    "The sigmoid is taken twice: binary_cross_entropy_with_logits takes it by itself. Give it the decoder's "
    "logits as they are."
)
class _SigmoidTwice(Another):
    def cost(self, logits: Tensor, x: Tensor) -> Tensor:
        return super().cost(logits.sigmoid(), x)


@mistake("Your divergence is added. The bound is the log-likelihood minus what the cloud costs.")
class _PlusKL(Another):
    def together(self, log_likelihood: Tensor, kl: Tensor) -> Tensor:
        return log_likelihood + kl


@mistake("The divergence is missing from your bound: this is an auto-encoder with noise.")
class _NoKL(Another):
    def together(self, log_likelihood: Tensor, kl: Tensor) -> Tensor:
        return log_likelihood


@mistake("Your elbo has its sign turned: it is a loss. The bound itself is wanted, and step turns the sign.")
class _NegativeElbo(Another):
    def elbo(self, x: Tensor, noise: Tensor) -> Tensor:
        return -super().elbo(x, noise)

    def loss(self, x: Tensor, noise: Tensor) -> Tensor:
        return self.elbo(x, noise).mean()


@mistake(
    "Your elbo is one number for the batch. Wanted is the bound of each picture, (B,); step takes the mean."
)
class _ScalarElbo(Another):
    def elbo(self, x: Tensor, noise: Tensor) -> Tensor:
        return super().elbo(x, noise).mean()


@mistake("Your decoder gets the mean of the cloud, not a point of it: use the z that draw_latent makes.")
class _MeanForPoint(Another):
    def point(self, mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        return mean, super().point(mean, log_var, noise)[1]


@mistake("Your encoder hears nothing of the reconstruction: z is detached on its way to the decoder.")
class _Detached(Another):
    def point(self, mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        z, kl = super().point(mean, log_var, noise)
        return z.detach(), kl


@mistake("You have exchanged the two halves of what the encoder gives: the means come first.")
class _HalvesExchanged(Another):
    def cloud(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_var, mean = self.encoder(x).chunk(2, dim=1)
        return mean, log_var


@mistake("You share out the encoder's numbers by turns. The first half are means, the second log variances.")
class _ByTurns(Another):
    def cloud(self, x: Tensor) -> tuple[Tensor, Tensor]:
        told = self.encoder(x)
        return told[:, ::2], told[:, 1::2]


@mistake("You take steps that lower the bound. The loss is minus the mean bound.")
class _Downhill(Another):
    def loss(self, x: Tensor, noise: Tensor) -> Tensor:
        return self.elbo(x, noise).mean()


@mistake("Your loss is a sum over the batch. Minus the mean bound is wanted.")
class _SumOfBatch(Another):
    def loss(self, x: Tensor, noise: Tensor) -> Tensor:
        return -self.elbo(x, noise).sum()


@mistake("Your encoder never changes: Adam does not hold its weights.")
class _EncoderFixed(Another):
    def learned(self) -> list[nn.Parameter]:
        return [*self.decoder.parameters()]


@mistake("Your decoder never changes: Adam does not hold its weights.")
class _DecoderFixed(Another):
    def learned(self) -> list[nn.Parameter]:
        return [*self.encoder.parameters()]


@mistake("Your Adam walks at another rate than 0.002.")
class _OtherRate(Another):
    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.learned(), lr=0.001)


@mistake("The loss that you return is the one after the step. Wanted is the one before: you have it already.")
class _LossAfter(Another):
    def step(self, x: Tensor, noise: Tensor) -> float:
        super().step(x, noise)
        return self.loss(x, noise).item()


@mistake("Your samples are logits. The probability that a pixel is on is their sigmoid.")
class _SampledLogits(Another):
    def sample(self, noise: Tensor) -> Tensor:
        return self.decoder(noise).detach()


@mistake("Your samples are cut to 0 and 1. Wanted are the probabilities.")
class _SampledBits(Another):
    def sample(self, noise: Tensor) -> Tensor:
        return (super().sample(noise) > 0.5).float()


@mistake("Your evidence knows nothing of the prior: p(x, z) is p(x|z) times p(z). Add its log density.")
class _NoPrior(Another):
    def prior(self, z: Tensor, zero: Tensor) -> Tensor:
        return 0 * super().prior(z, zero)


@mistake("Your evidence does not divide by q(z|x): the points come from the cloud, and not from the prior.")
class _NoPosterior(Another):
    def posterior(self, z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
        return 0 * super().posterior(z, mean, log_var)


@mistake(
    "Your evidence is the mean of the log-weights, the ELBO once more. Use your importance_log_likelihood."
)
class _ElboOnceMore(Another):
    def estimate(self, log_joint: Tensor, log_posterior: Tensor) -> Tensor:
        return (log_joint - log_posterior).mean(0)


WRONG: Any = (  # `mistake` has made a Mistake of each class
    _MeanOfPixels, _CostAsLikelihood, _Squares, _SigmoidTwice, _PlusKL, _NoKL, _NegativeElbo, _ScalarElbo,
    _MeanForPoint, _Detached, _HalvesExchanged, _ByTurns, _Downhill, _SumOfBatch, _EncoderFixed,
    _DecoderFixed, *walk_mistakes(Another), _OtherRate, _LossAfter, _SampledLogits,
    _SampledBits, _NoPrior, _NoPosterior, _ElboOnceMore,
)  # fmt: skip
STEP_1 = Exercise(
    "15.L1",
    "A VAE of your own",
    DigitVAE,
    nets,
    difficulty=3,
    minutes=15,
    use=use_vae,
    hints=(
        "Go in the order of the docstrings. encoder(x).chunk(2, dim=1) gives means and log variances, your "
        "draw_latent makes z and the divergence of them, and the decoder gives logits for z. What is the "
        "log-likelihood of 64 pixels that are on or off?",
        'F.binary_cross_entropy_with_logits(logits, x, reduction="none") is minus the log-likelihood of each '
        "pixel: add up over a picture. The bound is that sum's negative, minus the divergence. A step is "
        "the three lines of every training step, on minus the mean bound.",
        "The evidence: z of (K, B, Z) is mean + (log_var / 2).exp() * noise. log p(x, z) is the "
        "log-likelihood of each of the K, stacked, and normal_log_density(z, zeros, zeros); log q is "
        "normal_log_density(z, mean, log_var). Your importance_log_likelihood takes both.",
    ),
    mistakes=WRONG,
)
