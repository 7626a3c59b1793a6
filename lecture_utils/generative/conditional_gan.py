"""Conditional GAN (S15.4): both players are told the label, and the generator paints what it was asked for.

M. Mirza, S. Osindero, "Conditional Generative Adversarial Nets", arXiv:1411.1784, 2014 (section 3.2 and
figure 1): the game of Goodfellow et al. with D(x | y) and G(z | y), where "y" enters both players as one more
input. T. Miyato, M. Koyama, "cGANs with Projection Discriminator", ICLR 2018 (equation 3): the
discriminator's score is ψ(φ(x)) + yᵀ V φ(x), an unconditional judgement and one row of V for each label.

Departures: the players are those of `dcgan` (the first paper: layers of maxout units), and the generator
meets a label as a learned vector beside its latent numbers (as there, after one linear layer). A picture may
have several labels, class and colour: one vector and one row of V for each.

Shapes: B batch, Z latent numbers, E numbers of a label's vector, K labels of a picture, S its side.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.dcgan import Discriminator, Generator, check_latent
from lecture_utils.ops.checks import check_images, check_labels, check_tensor, check_whole, check_wholes


class ConditionalGenerator(nn.Module):
    """From latent numbers and labels to pictures of what the labels say.

    Parameters
    ----------
    counts : sequence of int
        How many values each of the K labels has: (10,) for digits, (8, 8) for class and colour.
    latent : int
        Z, latent numbers, drawn from a standard normal distribution.
    embed : int
        E, numbers of a label's vector.
    widths, channels : as `dcgan.Generator`
        Two widths paint 8 × 8, three 16 × 16, four 32 × 32.

    Raises
    ------
    ValueError
        For no labels, counts or sizes below 1, latent numbers that are not (B, Z), or labels that are not
        int64 (B, K) with 0 ≤ label < count.
    """

    def __init__(
        self,
        counts: Sequence[int],
        *,
        latent: int = 32,
        embed: int = 16,
        widths: tuple[int, ...] = (128, 96, 64, 32),
        channels: int = 3,
    ) -> None:
        super().__init__()
        check_counts(counts)
        check_whole(latent, "latent")
        check_whole(embed, "embed")
        self.counts, self.latent = tuple(counts), latent
        self.embeds = nn.ModuleList(nn.Embedding(count, embed) for count in counts)
        self.body = Generator(latent=latent + embed * len(counts), widths=widths, channels=channels)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:  # (B, Z), (B, K)
        check_latent(z, self.latent)
        check_label_rows(labels, self.counts, len(z))
        told = [embed(labels[:, k]) for k, embed in enumerate(self.embeds)]  # K of (B, E)
        return self.body(torch.cat([z, *told], dim=1))  # (B, channels, S, S) in [0, 1]

    def sample(self, n: int, *, seed: int) -> Tensor:
        """Draw n ≥ 1 latent vectors (n, Z) for this generator, on its device; the same for the same seed."""
        check_whole(n, "n")
        check_whole(seed, "seed", 0)
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(n, self.latent, generator=generator).to(self.body.stem.weight)


class ConcatDiscriminator(nn.Module):
    """The label is more channels of the picture: one map for each of its values, 1 for its own, else 0.

    So in Mirza and Osindero, and in Pix2Pix, whose "label" is a picture itself.

    Parameters
    ----------
    counts : sequence of int
        As `ConditionalGenerator`.
    widths, channels : as `dcgan.Discriminator`
        One width takes pictures of 8 × 8, two 16 × 16, three 32 × 32.

    Raises
    ------
    ValueError
        As the generator, and for pictures that are not floating point (B, channels, S, S).
    """

    def __init__(
        self, counts: Sequence[int], *, widths: tuple[int, ...] = (48, 96, 192), channels: int = 3
    ) -> None:
        super().__init__()
        check_counts(counts)
        check_whole(channels, "channels")
        self.counts, self.channels = tuple(counts), channels
        self.body = Discriminator(widths=widths, channels=channels + sum(counts))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:  # (B, C, S, S), (B, K)
        check_images(x, self.channels)
        check_label_rows(labels, self.counts, len(x))
        told = [F.one_hot(labels[:, k], count) for k, count in enumerate(self.counts)]  # K of (B, count)
        maps = torch.cat(told, dim=1)[:, :, None, None].expand(-1, -1, *x.shape[2:])  # (B, Σ count, S, S)
        return self.body(torch.cat([x, maps.to(x)], dim=1))  # (B,)


class ProjectionDiscriminator(nn.Module):
    """The label is a direction: the score is how real a picture looks, plus how far it lies that way.

    With φ the features of the last layer, score = ψ(φ) + Σₖ V[yₖ] · φ (equation 3 of Miyato and Koyama).

    Parameters
    ----------
    counts, widths, channels : as `ConcatDiscriminator`

    Raises
    ------
    ValueError
        As `ConcatDiscriminator`.
    """

    def __init__(
        self, counts: Sequence[int], *, widths: tuple[int, ...] = (48, 96, 192), channels: int = 3
    ) -> None:
        super().__init__()
        check_counts(counts)
        self.counts = tuple(counts)
        self.body = Discriminator(widths=widths, channels=channels)
        features = self.body.head.in_features
        self.directions = nn.ModuleList(nn.Embedding(count, features) for count in counts)
        for weight in self.directions.parameters():
            nn.init.normal_(weight, std=features**-0.5)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:  # (B, C, S, S), (B, K)
        check_images(x, self.body.channels)
        check_label_rows(labels, self.counts, len(x))
        phi = self.body.features(x)  # (B, F)
        score = self.body.head(phi).squeeze(1)  # (B,)  ψ(φ): is it real?
        for k, table in enumerate(self.directions):
            score = score + (table(labels[:, k]) * phi).sum(dim=1)  # V[y] · φ: is it what was asked for?
        return score


class Given(nn.Module):
    """A player with the labels of a batch laid before it: of one argument, so that `play_round` can call it.

    The conditional game is the game of `gan_loss.play_round`, each player being told the same labels.

    Parameters
    ----------
    player : nn.Module
        One of the three above: (B, …), labels (B, K) → (B, …).
    labels : Tensor, (B, K)
        int64.

    Raises
    ------
    ValueError
        For labels that the player does not take.
    """

    def __init__(self, player: nn.Module, labels: Tensor) -> None:
        super().__init__()
        check_tensor(labels, "labels", "B", "K", kind="int", some=True)
        check_label_rows(labels, player.counts, len(labels))  # type: ignore[arg-type]
        self.player, self.labels = player, labels

    def forward(self, x: Tensor) -> Tensor:
        return self.player(x, self.labels)


def check_counts(counts: Sequence[int]) -> None:
    """Raise ValueError unless there is one count or more, each 1 or more."""
    check_wholes(counts, "counts")


def check_label_rows(labels: Tensor, counts: Sequence[int], batch: int) -> None:
    """Raise ValueError unless labels are int64 (batch, K), column k in 0 … counts[k] - 1."""
    check_tensor(labels, "labels", batch, len(counts), kind="int")
    for k, count in enumerate(counts):
        check_labels(labels[:, k], f"labels[:, {k}]", batch, count)
