"""DALL-E 2's prior as a diffusion model of embeddings: which pictures might belong to a sentence, S16.4.

A. Ramesh et al., "Hierarchical Text-Conditional Image Generation with CLIP Latents", arXiv 2204.06125,
section 2.2: the network predicts the clean embedding itself, with the mean squared error; the sentence is
dropped now and then, for guidance; of two samples the one that CLIP finds nearer to the sentence is kept.

Why a prior, when CLIP has put sentences and pictures into one space? A sentence fits many pictures, and the
embeddings of the two kinds lie apart (the modality gap); what the decoder learnt from is pictures' only.

CLIP's embeddings have length 1, so that their numbers are far smaller than the noise; here they are
normalised by mean and deviation first, as public re-implementations do.

Shapes: B batch, L tokens of a sentence of width C, D width of CLIP's embeddings.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.diffusion.guidance import dropouts, guide
from lecture_utils.generative.diffusion.prediction import simple_loss
from lecture_utils.generative.diffusion.samplers import ddim_sample, ddpm_sample, spaced_steps
from lecture_utils.generative.diffusion.schedule import NoiseSchedule
from lecture_utils.ops.checks import (
    check_choice,
    check_number,
    check_sizes,
    check_tensor,
    check_tokens,
    check_whole,
)


class DiffusionPrior(nn.Module):
    """A sentence's tokens (B, L, C) and embedding (B, D) → embeddings of pictures (B, D).

    Parameters
    ----------
    net : nn.Module
        x_t (B, D), t (B,), words (B, L, C), text (B, D) → the clean, normalised embedding (B, D).
    schedule : NoiseSchedule
    dim, words, length : int
        D, C and L.
    drop : float
        Share of the sentences that are not told in training.

    Attributes
    ----------
    mean, std : Tensor, (D,)
        Of pictures' embeddings; `measure` sets them.

    Raises
    ------
    ValueError
        For a size or share that is none; when called, for embeddings and sentences that do not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        net: nn.Module,
        schedule: NoiseSchedule,
        *,
        dim: int,
        words: int,
        length: int,
        drop: float = 0.1,
    ) -> None:
        super().__init__()
        check_sizes("prior", dim=dim, words=words, length=length)
        self.net, self.schedule, self.drop = net, schedule, check_number(drop, "drop", 0, 1)
        self.null_words = nn.Parameter(torch.randn(length, words) * 0.02)
        self.null_text = nn.Parameter(torch.randn(dim) * 0.02)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))

    def forward(self, x: Tensor, t: Tensor, words: Tensor, text: Tensor) -> Tensor:
        """Predict clean, normalised embeddings from noised ones (B, D), and the sentence."""
        self.check(words, text)
        return self.net(x, t, words, text)

    @torch.no_grad()
    def measure(self, embeddings: Tensor) -> None:
        """Set `mean` and `std` to those of pictures' embeddings (N, D), N of two or more."""
        check_tensor(embeddings, "embeddings", "N", len(self.mean), finite=True, some=True)
        check_whole(len(embeddings), "embeddings, N", 2)
        self.mean.copy_(embeddings.mean(dim=0))
        self.std.copy_(embeddings.std(dim=0, correction=0).clamp(min=1e-6))

    def normalised(self, embeddings: Tensor) -> Tensor:
        """Return embeddings (B, D) as the network sees them: each number of mean 0 and deviation 1."""
        check_tensor(embeddings, "embeddings", "B", len(self.mean), some=True)
        return (embeddings - self.mean) / self.std

    def loss(
        self, embeddings: Tensor, words: Tensor, text: Tensor, draw: torch.Generator | None = None
    ) -> Tensor:
        """Return the mean squared error of predicted embeddings of pictures (B, D), at random steps."""
        self.check(words, text, len(embeddings))
        x0, batch = self.normalised(embeddings), len(embeddings)
        t = torch.randint(1, self.schedule.steps + 1, (batch,), generator=draw)
        noise = torch.randn(x0.shape, generator=draw, dtype=x0.dtype)
        words, text = self.told(words, text, dropouts(batch, self.drop, draw))
        return simple_loss(
            lambda x, t: self.net(x, t, words, text), self.schedule, x0, t, noise, kind="sample"
        )

    def told(self, words: Tensor, text: Tensor, dropped: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sentence with what stands for "nothing told" in rows that are `dropped` (B,) bool."""
        self.check(words, text)
        check_tensor(dropped, "dropped", len(words), kind="bool")
        words = torch.where(dropped[:, None, None], self.null_words.to(words), words)
        return words, torch.where(dropped[:, None], self.null_text.to(text), text)

    @torch.no_grad()
    def draw(
        self,
        words: Tensor,
        text: Tensor,
        *,
        steps: int = 20,
        scale: float = 1.0,
        sampler: str = "ddim",
        seed: int = 0,
    ) -> Tensor:
        """Return embeddings of pictures (B, D), drawn once for each sentence.

        Parameters
        ----------
        words, text : Tensor
            Tokens (B, L, C) and embedding (B, D) of the sentences.
        steps : int
        scale : float
            Of guidance: 1 is none, 0 is without the sentence.
        sampler : {"ddim", "ddpm"}
        seed : int
            Of the noise.

        Raises
        ------
        ValueError
            For sentences or settings that do not fit.
        """
        self.check(words, text)
        check_number(scale, "scale")
        check_choice(sampler, "sampler", "ddim", "ddpm")
        nothing = self.told(words, text, torch.ones(len(words), dtype=torch.bool))

        def predict(x: Tensor, t: Tensor) -> Tensor:
            given = self.net(x, t, words, text)
            return given if scale == 1 else guide(self.net(x, t, *nothing), given, scale)

        draw = torch.Generator().manual_seed(check_whole(seed, "seed", 0))
        x = torch.randn(len(words), len(self.mean), generator=draw, dtype=text.dtype)
        walk = ddim_sample if sampler == "ddim" else ddpm_sample
        times = spaced_steps(self.schedule.steps, steps, "trailing")
        x = walk(predict, self.schedule, x, times, kind="sample", draw=draw)
        return x * self.std + self.mean

    def sample(self, words: Tensor, text: Tensor, *, tries: int = 2, seed: int = 0, **how: float) -> Tensor:
        """Return unit embeddings (B, D): of `tries` draws, that which is nearest to the sentence's.

        `how` is as for `draw`. CLIP's similarity judges: z_i · z_t, both of unit length.
        """
        check_whole(tries, "tries")
        check_whole(seed, "seed", 0)
        drawn = [self.draw(words, text, seed=seed + 1000 * i, **how) for i in range(tries)]  # type: ignore[arg-type]
        found = F.normalize(torch.stack(drawn), dim=-1)  # (tries, B, D)
        best = (found * F.normalize(text, dim=-1)).sum(-1).argmax(dim=0)  # (B,)
        return found[best, torch.arange(len(best))]

    def check(self, words: Tensor, text: Tensor, batch: int | None = None) -> None:
        """Raise ValueError unless the sentence's tokens and embeddings fit."""
        check_tokens(words, batch=batch, name="words")
        check_tensor(words, "words", len(words), *self.null_words.shape, finite=True)
        check_tensor(text, "text", len(words), len(self.mean), finite=True)
