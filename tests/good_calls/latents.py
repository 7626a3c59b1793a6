"""Good calls of auto-encoders and variational ones: nets, the bound's terms, the bound."""

from lecture_utils.generative import autoencoder, vae
from tests.bad_calls import count, floats, images, made, number, pixels, word
from tests.good_calls.makers import Call

SIZES = {"size": count(8), "channels": count(1), "widths": (3, 4)}
PLAIN = {"size": 8, "channels": 1, "widths": (3, 4)}
ENCODER = made(lambda: autoencoder.Encoder(3, **PLAIN))  # type: ignore[arg-type]
DECODER = made(lambda: autoencoder.Decoder(3, **PLAIN))  # type: ignore[arg-type]
AUTO = made(lambda: autoencoder.AutoEncoder(ENCODER.make(), DECODER.make()))
WIDE = made(lambda: autoencoder.Encoder(6, **PLAIN))  # type: ignore[arg-type]
MODEL = made(lambda: vae.VAE(WIDE.make(), DECODER.make()))
PICTURES, CODES = images(2, 1, 8, 8), floats(2, 3)
POSTERIOR = {"mean": CODES, "log_var": CODES}

GOOD: dict[str, dict[str, Call]] = {
    "generative.autoencoder": {
        "Encoder": {"outputs": count(3), **SIZES},
        "Encoder.forward": {"self": ENCODER, "x": PICTURES},
        "Decoder": {"latent": count(3), **SIZES},
        "Decoder.logits": {"self": DECODER, "z": CODES},
        "Decoder.forward": {"self": DECODER, "z": CODES},
        "AutoEncoder": {"encoder": ENCODER, "decoder": DECODER},
        "AutoEncoder.encode": {"self": AUTO, "x": PICTURES},
        "AutoEncoder.decode": {"self": AUTO, "z": CODES},
        "AutoEncoder.forward": {"self": AUTO, "x": PICTURES},
        "reconstruction_loss": {"made": PICTURES, "x": PICTURES},
        "side_after": SIZES,
    },
    "generative.elbo": {
        "reparameterise": {**POSTERIOR, "noise": CODES},
        "kl_per_unit": POSTERIOR,
        "kl_to_standard_normal": POSTERIOR,
        "gaussian_log_likelihood": {"x": PICTURES, "mean": PICTURES, "deviation": number(0.5)},
        "bernoulli_log_likelihood": {"x": pixels(2, 1, 8, 8), "logits": PICTURES},
        "normal_log_density": {"z": CODES, **POSTERIOR},
        "importance_log_likelihood": {"log_joint": floats(4, 2), "log_posterior": floats(4, 2)},
    },
    "generative.vae": {
        "VAE": {"encoder": WIDE, "decoder": DECODER, "likelihood": word("gaussian"),
            "deviation": number(0.5)},
        "VAE.encode": {"self": MODEL, "x": PICTURES},
        "VAE.decode": {"self": MODEL, "z": CODES},
        "VAE.log_likelihood": {"self": MODEL, "x": PICTURES, "z": CODES},
        "VAE.forward": {"self": MODEL, "x": PICTURES, "noise": CODES},
        "VAE.sample": {"self": MODEL, "n": count(2), "seed": count(0, zero=True)},
        "elbo": {"model": MODEL, "x": PICTURES, "noise": CODES, "beta": number(1.0)},
        "importance_terms": {"model": MODEL, "x": PICTURES, "noise": floats(4, 2, 3)},
    },
}  # fmt: skip
