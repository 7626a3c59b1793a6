"""Chapter 15: what becomes of noise in the decoder of an auto-encoder and of a VAE, measured (C15.1).

The rules are fixed here, before any run; `ledger.run` applies them.

Shapes: N pictures, Z latent numbers.
"""

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data import digits
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.generative.vae import VAE
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit, stage_features
from lecture_utils.recipes import _latent
from lecture_utils.recipes.digits_vae import build_arm
from lecture_utils.training.kit import Figures, size
from lecture_utils.training.loop import minibatches, predictions

LATENT, OTHERS = 8, (2.0, 32.0)
STEPS = 1000


def trained_arm(arm: str, latent: int, seed: int, images: Tensor, steps: int) -> nn.Module:
    """An "auto-encoder" or a "VAE" of the digits; both see the same digits in the same order."""
    torch.manual_seed(seed)
    loss = _latent.squared_error if arm == "auto-encoder" else _latent.negative_elbo()
    batches = minibatches(images, images, batch_size=64, seed=seed)
    return _latent.trained(build_arm(arm, latent), loss, seed, steps, arm, batches=batches)[0]


def from_noise(model: nn.Module, images: Tensor, n: int, seed: int) -> dict[str, Tensor]:
    """What a decoder makes of n codes from N(0, I), and from the Gaussian fitted to its codes of pictures."""
    if isinstance(model, VAE):
        fitted, latent = _latent.cloud_noise(model, images, n, seed), model.latent
    else:
        codes = _latent.codes(model, images)
        fitted, latent = _latent.fitted_noise(codes, n, seed), codes.shape[1]
    standard = _latent.standard_noise(n, latent, seed)
    return {"standard": _latent.decoded(model, standard), "fitted": _latent.decoded(model, fitted)}


def judged(images: Tensor) -> tuple[float, float]:
    """Fréchet distance to as many test digits, and the share of whose digit ``digits_judge`` is sure."""
    judge = zoo.load("digits_judge")
    real = digits.load(8, "test")[0][: len(images)]
    made, true = (gaussian_fit(stage_features(judge, some)) for some in (images, real))
    sure = predictions(judge, images).softmax(1).amax(1) >= _latent.SURE
    return frechet_distance(made, true), sure.float().mean().item()


def compared(seed: int, budget: str, latent: float) -> Figures:
    """Both arms with so many latent numbers: distances and sure shares, from either noise."""
    steps, n = size(budget, quick=(2, 40), full=(STEPS, 300))
    images, _ = digits.load(8, "train")
    found: Figures = {}
    for arm, name in (("auto-encoder", "ae"), ("VAE", "vae")):
        model = trained_arm(arm, int(latent), seed, images, steps)
        found[f"{name}_psnr"] = _latent.reconstruction_psnr(model, digits.load(8, "test")[0])
        for noise, made in from_noise(model, images, n, seed).items():
            found[f"{name}_{noise}"], found[f"{name}_{noise}_sure"] = judged(made)
    real = digits.load(8, "val")[0][:n]
    return found | {
        "gain": found["ae_standard"] - found["vae_standard"],
        "sure_gain": found["vae_standard_sure"] - found["ae_standard_sure"],
        "gain_over_fitted": found["ae_fitted"] - found["vae_standard"],
        "real": judged(real)[0],
        "real_sure": judged(real)[1],
    }


@claim(
    "C15.1",
    statement="What a VAE's decoder makes of noise from N(0, I) is nearer to real digits than what an "
    "auto-encoder's makes of it, and a judge more often sees a digit in it.",
    paper="D. Kingma, M. Welling, Auto-Encoding Variational Bayes, ICLR 2014, section 2.3 (the prior, to "
    "which the codes are held)",
    rule=(Rule("gain", above=0.0), Rule("sure_gain", above=0.0)),
    seeds=5,
    note="Two trainings a seed on the 1,197 digits of 8 × 8: the same convolutions, 8 latent numbers, 1,000 "
    "steps of 64 in the same order, the same untuned rate. The VAE's likelihood is Gaussian with deviation "
    "0.2, so that both losses are squared errors, and differ in the noise and the divergence alone. Measured "
    "on 300 decoded draws: the Fréchet distance to 300 test digits in the features of digits_judge, and the "
    "share of which that judge gives one digit 0.9 or more. The stronger baseline is not N(0, I) but the "
    "Gaussian with the mean and the covariance of the auto-encoder's own codes, fitted after training; its "
    "figures stand beside, and no rule rests on them. The axis was named before the run: 2 and 32 latent "
    "numbers.",
    names={
        "gain": "Fréchet distance of decoded N(0, I): the auto-encoder's minus the VAE's",
        "sure_gain": "share in which the judge is sure: the VAE's minus the auto-encoder's",
        "gain_over_fitted": "the auto-encoder's distance with fitted noise minus the VAE's with N(0, I)",
        "ae_standard": "Fréchet distance, auto-encoder, N(0, I)",
        "ae_fitted": "Fréchet distance, auto-encoder, fitted noise",
        "vae_standard": "Fréchet distance, VAE, N(0, I)",
        "vae_fitted": "Fréchet distance, VAE, fitted noise",
    },
    boundary=Boundary("latent numbers", OTHERS, compared),
)
def c15_1_noise(seed: int, budget: str) -> Figures:
    """Decoded noise of an auto-encoder and of a VAE with 8 latent numbers."""
    return compared(seed, budget, LATENT)
