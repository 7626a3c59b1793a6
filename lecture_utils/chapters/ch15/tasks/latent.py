"""Chapter 15, exercise 15.4: a point of a cloud, and the cloud's distance from the prior.

The reference is `solutions.draw_latent`.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.chapters.ch15.solutions import draw_latent
from lecture_utils.exercises.draws import floats, normal
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISE"]

Pair = tuple[Tensor, Tensor]


def _clouds(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield floats([[1.0]]), floats([[0.0]]), floats([[0.5]])
    yield floats([[0.0]]), floats([[1.0]]), floats([[2.0]])
    yield floats([[2.0, -1.0]]), floats([[-2.0, 0.5]]), floats([[1.0, -0.5]])
    for batch, dim in ((2, 1), (2, 3), (3, 2), (4, 5)):
        yield (
            normal(rng, batch, dim, scale=1.5),
            normal(rng, batch, dim),
            normal(rng, batch, dim),
        )


def _use(answer: Callable[..., Any], mean: Tensor, log_var: Tensor, noise: Tensor) -> Any:
    """Point and distance, and the gradients of both by what the encoder says."""
    given = [mean.clone().requires_grad_(), log_var.clone().requires_grad_()]
    made = answer(*given, noise)
    if not isinstance(made, tuple | list) or len(made) != 2 or not all(isinstance(x, Tensor) for x in made):
        return made
    told: dict[str, Any] = {"z": made[0].detach(), "kl": made[1].detach()}
    for name, value in zip(("z", "kl"), made, strict=True):
        found: Any = (None, None)
        if value.requires_grad:
            found = torch.autograd.grad(value.square().sum(), given, allow_unused=True, retain_graph=True)
        for by, gradient, x in zip(("mean", "log_var"), found, given, strict=True):
            told[f"gradient of {name} by {by}"] = torch.zeros_like(x) if gradient is None else gradient
    return told


def _scale(log_var: Tensor) -> Tensor:
    return (log_var / 2).exp()


def _terms(mean: Tensor, log_var: Tensor) -> Tensor:
    return (mean.square() + log_var.exp() - 1 - log_var) / 2


def _draw(
    mean: Tensor,
    log_var: Tensor,
    noise: Tensor,
    *,
    scale: Callable[[Tensor], Tensor] = _scale,
    point: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda mean, scale, noise: mean + scale * noise,
    terms: Callable[[Tensor, Tensor], Tensor] = _terms,
    together: Callable[[Tensor], Tensor] = lambda terms: terms.sum(1),
) -> Pair:
    """Point and distance with one part exchanged."""
    return point(mean, scale(log_var), noise), together(terms(mean, log_var))


@mistake(
    "Your z takes the variance for the standard deviation: exp(log_var) is the variance. Noise is stretched "
    "by its root."
)
def _variance(*given: Tensor) -> Pair:
    return _draw(*given, scale=lambda log_var: log_var.exp())


@mistake("Your z multiplies the noise by log_var itself. It is a logarithm: it has to go through exp first.")
def _log_as_scale(*given: Tensor) -> Pair:
    return _draw(*given, scale=lambda log_var: log_var)


@mistake(
    "Your z multiplies the noise by half of log_var. That is the logarithm of the scale: exp is missing."
)
def _half_log_as_scale(*given: Tensor) -> Pair:
    return _draw(*given, scale=lambda log_var: log_var / 2)


@mistake("Your z takes exp(log_var) twice for its root: halve log_var before exp, or take the root after it.")
def _double(*given: Tensor) -> Pair:
    return _draw(*given, scale=lambda log_var: (2 * log_var).exp())


@mistake("Your z is the mean: the noise is not in it. Every picture would be a point again, and no cloud.")
def _no_noise(*given: Tensor) -> Pair:
    return _draw(*given, point=lambda mean, scale, noise: mean)


@mistake("Your z moves the mean by the noise as it is. The encoder says how wide its cloud is.")
def _bare_noise(*given: Tensor) -> Pair:
    return _draw(*given, point=lambda mean, scale, noise: mean + noise)


@mistake("Your z stretches the mean too. Only the noise is stretched, and then moved to the mean.")
def _mean_stretched(*given: Tensor) -> Pair:
    return _draw(*given, point=lambda mean, scale, noise: (mean + noise) * scale)


@mistake("Your z goes from the mean the wrong way: with a minus before the noise.")
def _minus(*given: Tensor) -> Pair:
    return _draw(*given, point=lambda mean, scale, noise: mean - scale * noise)


@mistake(
    "Your z is right, but it carries no gradient: it is drawn as torch.normal does, or detached. The encoder "
    "would never hear of the reconstruction."
)
def _detached(*given: Tensor) -> Pair:
    return _draw(*given, point=lambda mean, scale, noise: (mean + scale * noise).detach())


@mistake("The cloud's width gets no gradient from z: the scale is detached. It is learned as the mean is.")
def _scale_detached(*given: Tensor) -> Pair:
    return _draw(*given, point=lambda mean, scale, noise: mean + scale.detach() * noise)


@mistake("Your divergence is averaged over the latent numbers. Independent numbers add up theirs.")
def _mean_kl(*given: Tensor) -> Pair:
    return _draw(*given, together=lambda terms: terms.mean(1))


@mistake(
    "Your divergence is one number for the batch. Wanted is one for each picture, (B,): sum over axis 1."
)
def _batch_kl(*given: Tensor) -> Pair:
    return _draw(*given, together=lambda terms: terms.sum())


@mistake("Your divergence is one number for the batch, a mean. Wanted is one for each picture, (B,).")
def _batch_mean_kl(*given: Tensor) -> Pair:
    return _draw(*given, together=lambda terms: terms.sum(1).mean())


@mistake("Your divergence is not summed: one number for each latent number is left. Add them up over axis 1.")
def _unsummed(*given: Tensor) -> Pair:
    return _draw(*given, together=lambda terms: terms)


@mistake("Your divergence is twice as large: in the logarithm of a Gaussian everything has a factor of 1/2.")
def _no_half(*given: Tensor) -> Pair:
    return _draw(*given, terms=lambda mean, log_var: 2 * _terms(mean, log_var))


@mistake(
    "Your divergence has its sign turned. It is a distance, 0 or more. In the ELBO it stands with a minus, "
    "and that is where the papers' formula comes from."
)
def _negative(*given: Tensor) -> Pair:
    return _draw(*given, terms=lambda mean, log_var: -_terms(mean, log_var))


@mistake("At mean 0 and variance 1 your divergence is not 0: the -1 is missing.")
def _no_one(*given: Tensor) -> Pair:
    return _draw(*given, terms=lambda mean, log_var: _terms(mean, log_var) + 0.5)


@mistake(
    "The logarithm has the wrong sign in your divergence: a narrow cloud is to cost more than a unit one."
)
def _plus_log(*given: Tensor) -> Pair:
    return _draw(*given, terms=lambda mean, log_var: _terms(mean, log_var) + log_var)


@mistake(
    "Your divergence takes the standard deviation where the variance belongs: exp(log_var), not its root."
)
def _deviation(*given: Tensor) -> Pair:
    return _draw(*given, terms=lambda mean, log_var: (mean.square() + (log_var / 2).exp() - 1 - log_var) / 2)


@mistake("In your divergence the mean is not squared: a cloud on the left would cost less than nothing.")
def _mean_not_squared(*given: Tensor) -> Pair:
    return _draw(*given, terms=lambda mean, log_var: (mean + log_var.exp() - 1 - log_var) / 2)


@mistake("The mean is missing in your divergence: clouds could lie anywhere at no cost.")
def _no_mean(*given: Tensor) -> Pair:
    return _draw(*given, terms=lambda mean, log_var: (log_var.exp() - 1 - log_var) / 2)


@mistake(
    "Your divergence goes the other way round, from N(0, I) to the cloud. Its weights are those of the "
    "cloud: the mean of log q - log p under q."
)
def _other_way(*given: Tensor) -> Pair:
    def terms(mean: Tensor, log_var: Tensor) -> Tensor:
        return ((1 + mean.square()) * (-log_var).exp() - 1 + log_var) / 2

    return _draw(*given, terms=terms)


@mistake(
    "Your divergence is an estimate by one point, log q(z) - log p(z). It is right in the mean; but for "
    "Gaussians it can be had exactly, without noise."
)
def _by_one_point(mean: Tensor, log_var: Tensor, noise: Tensor) -> Pair:
    z, _ = draw_latent(mean, log_var, noise)
    return z, (z.square() - noise.square() - log_var).sum(1) / 2


@mistake("You return the divergence first. Wanted are the point z, and then the divergence.")
def _turned(*given: Tensor) -> Pair:
    z, kl = draw_latent(*given)
    return kl, z


WRONG: Any = (
    _variance, _log_as_scale, _half_log_as_scale, _double, _no_noise, _bare_noise, _mean_stretched, _minus,
    _detached, _scale_detached, _mean_kl, _batch_kl, _batch_mean_kl, _unsummed, _no_half, _negative, _no_one,
    _plus_log, _deviation, _mean_not_squared, _no_mean, _other_way, _by_one_point, _turned,
)  # fmt: skip
EXERCISE = Exercise(
    "15.4",
    "A cloud, and what it costs",
    draw_latent,
    _clouds,
    difficulty=2,
    minutes=10,
    use=_use,
    hints=(
        "A draw from N(mean, var) is a draw from N(0, 1), stretched and moved. By what is it stretched, if "
        "you have the logarithm of the variance? For the divergence, check: at mean 0 and log_var 0 it is 0.",
        "Stretch by (log_var / 2).exp(). For one latent number, the divergence is half of four terms: the "
        "mean's square, the variance, -1, and minus the logarithm of the variance.",
        "z is mean + (log_var / 2).exp() * noise. The divergence is "
        "(mean**2 + log_var.exp() - 1 - log_var).sum(1) / 2.",
    ),
    mistakes=WRONG,
)
