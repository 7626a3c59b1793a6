"""Chapter 15: generative models: likelihood, latent, adversarial, conditional."""
