"""DALL-E 2 put together: sentence → embedding of a picture → picture, S16.4.

A. Ramesh et al., "Hierarchical Text-Conditional Image Generation with CLIP Latents", arXiv 2204.06125,
section 2: P(picture | sentence) = P(picture | its embedding) · P(its embedding | sentence), the decoder and
the prior.

Shapes: B batch, L tokens of a sentence of width C, D width of CLIP's embeddings, C' × H × W picture.
"""

from torch import Tensor, nn

from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.unclip.prior import DiffusionPrior
from lecture_utils.ops.checks import check_tensor, check_whole


class UnCLIP(nn.Module):
    """The prior and the decoder.

    Parameters
    ----------
    prior : DiffusionPrior
    decoder : LatentDiffusion
        Its condition takes embeddings (B, D), as `EmbeddingTokens` does.
    """

    def __init__(self, prior: DiffusionPrior, decoder: LatentDiffusion) -> None:
        super().__init__()
        self.prior, self.decoder = prior, decoder

    def forward(
        self,
        words: Tensor,
        text: Tensor,
        *,
        steps: int = 20,
        prior_scale: float = 1.0,
        scale: float = 3.0,
        tries: int = 2,
        seed: int = 0,
    ) -> Tensor:
        """Return pictures (B, C', H, W) in [0, 1] of sentences: tokens (B, L, C) and embeddings (B, D).

        Parameters
        ----------
        words, text, tries, seed
            As for `DiffusionPrior.sample`.
        steps : int
            Of the prior, and of the decoder.
        prior_scale, scale : float
            Of guidance, in the prior and in the decoder.
        """
        image = self.prior.sample(words, text, tries=tries, seed=seed, steps=steps, scale=prior_scale)
        return self.decoder.sample(image, steps=steps, scale=scale, seed=seed)

    def variations(
        self, image: Tensor, count: int, *, steps: int = 20, scale: float = 3.0, seed: int = 0
    ) -> Tensor:
        """Return pictures (count, C', H, W) of one embedding (D,): alike in what CLIP has kept of it."""
        check_tensor(image, "image", "D", finite=True, some=True)
        check_whole(count, "count")
        return self.decoder.sample(image.expand(count, -1), steps=steps, scale=scale, seed=seed)
