"""Chapter 13: two senses fused late, and what each of them knows alone.

X. Peng, Y. Wei, A. Deng, D. Wang, D. Hu, "Balanced Multimodal Learning via On-the-fly Gradient Modulation",
CVPR 2022, section 3.2 (each sense its encoder, the features joined, one linear layer); W. Wang, D. Tran,
M. Feiszli, "What Makes Training Multi-Modal Classification Networks Hard?", CVPR 2020, section 3 (a loss for
each sense beside the joint one, here all with weight 1; their paper finds the weights from over-fitting).

Shapes: B batch, L words of a text, D features of a sense, K classes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.ops.checks import check_images, check_sizes

Senses = tuple[Tensor, Tensor]  # pictures (B, 3, 32, 32), words (B, L)
SIDE = 32


class Words:
    """The words of some texts by number, from 1; 0 stands for no word, and for one that is not known."""

    def __init__(self, texts: Sequence[str]) -> None:
        known = dict.fromkeys(word for text in texts for word in text.split())
        self.number = {word: i for i, word in enumerate(known, start=1)}

    def __len__(self) -> int:
        return 1 + len(self.number)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Texts -> (B, L) int64, filled up with 0."""
        rows = [[self.number.get(word, 0) for word in text.split()] for text in texts]
        longest = max(map(len, rows))
        return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


class PictureEncoder(nn.Sequential):
    """Three convolutions that halve the picture each, and a linear layer: (B, 3, 32, 32) -> (B, D)."""

    def __init__(self, dim: int, width: int = 16) -> None:
        check_sizes("PictureEncoder", dim=dim, width=width)
        layers: list[nn.Module] = []
        for given, made in ((3, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(given, made, 3, 2, padding=1, bias=False), nn.BatchNorm2d(made), nn.ReLU()]
        super().__init__(*layers, nn.Flatten(), nn.Linear(4 * width * (SIDE // 8) ** 2, dim), nn.ReLU())


class TextEncoder(nn.Sequential):
    """The mean of the words' vectors, and a linear layer: (B, L) -> (B, D)."""

    def __init__(self, vocabulary: int, dim: int) -> None:
        check_sizes("TextEncoder", vocabulary=vocabulary, dim=dim)
        words = nn.EmbeddingBag(vocabulary, dim, mode="mean", padding_idx=0)
        super().__init__(words, nn.Linear(dim, dim), nn.ReLU())


class LateFusion(nn.Module):
    """Two encoders, their features side by side, one linear layer; and a head of its own for each sense.

    Parameters
    ----------
    vocabulary : int
        Of the texts: `len(Words(…))`.
    dim : int
        D.
    """

    def __init__(self, vocabulary: int, dim: int = 64) -> None:
        super().__init__()
        self.looks, self.reads = PictureEncoder(dim), TextEncoder(vocabulary, dim)
        self.head = nn.Linear(2 * dim, len(CLASSES))
        self.heads = nn.ModuleList(nn.Linear(dim, len(CLASSES)) for _ in range(2))

    def forward(self, images: Tensor, words: Tensor) -> Tensor:
        """Return logits (B, K)."""
        return self.fused(*self.features((images, words)))

    def features(self, senses: Senses) -> Senses:
        """What each encoder makes of its sense: (B, D) and (B, D)."""
        images, words = senses
        check_images(images, 3)
        return self.looks((images - 0.5) / 0.25), self.reads(words)

    def fused(self, seen: Tensor, read: Tensor) -> Tensor:
        """Logits (B, K) of the features of both senses."""
        return self.head(torch.cat([seen, read], dim=1))


def joint_loss(model: nn.Module, senses: Senses, label: Tensor) -> Tensor:
    """Cross-entropy of what both senses say together: the usual way."""
    assert isinstance(model, LateFusion)
    return F.cross_entropy(model(*senses), label)


def balanced_loss(model: nn.Module, senses: Senses, label: Tensor) -> Tensor:
    """The same, and each sense's own cross-entropy, so that no encoder is done before it knows its part."""
    assert isinstance(model, LateFusion)
    seen, read = model.features(senses)
    alone = sum(F.cross_entropy(head(x), label) for head, x in zip(model.heads, (seen, read), strict=True))
    return F.cross_entropy(model.fused(seen, read), label) + alone


def picture_loss(model: nn.Module, senses: Senses, label: Tensor) -> Tensor:
    """Cross-entropy of the picture's own head: the text is never read."""
    assert isinstance(model, LateFusion)
    return F.cross_entropy(model.heads[0](model.looks((senses[0] - 0.5) / 0.25)), label)


def text_loss(model: nn.Module, senses: Senses, label: Tensor) -> Tensor:
    """Cross-entropy of the text's own head: the picture is never looked at."""
    assert isinstance(model, LateFusion)
    return F.cross_entropy(model.heads[1](model.reads(senses[1])), label)
