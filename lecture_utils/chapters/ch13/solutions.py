"""Chapter 13, part a: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input and take more settings: `multimodal.tokenizer`,
`multimodal.word2vec`, `ops.stft`, `multimodal.clip`. The tests hold each of these equal to its counterpart
there; the papers are named there too.

Shapes: B pairs, D numbers a vector, K noise words or classes, N pictures, T templates.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["clip_loss", "merge_pair", "negative_sampling_loss", "spectrum_frames", "zero_shot_probabilities"]


def merge_pair(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """Replace each occurrence of a pair of neighbours by one new id, from left to right.

    What has been merged is used up: of three equal ids the first two become one, and the third is left.
    """
    out = []
    i = 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) == tuple(pair)
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return out


def negative_sampling_loss(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    """Word2Vec's loss, a scalar: tell the true context word from noise.

    Of a pair it is -log σ(centre · context) - Σ log σ(-centre · noise), summed over the K noise words; of a
    batch the mean over its pairs. `centre` and `context` are (B, D), `negatives` (B, K, D). It is finite for
    large scores too.
    """
    true = (centre * context).sum(-1)  # (B,)
    noise = (centre[:, None] * negatives).sum(-1)  # (B, K)
    return -(F.logsigmoid(true) + F.logsigmoid(-noise).sum(1)).mean()


def spectrum_frames(x: Tensor, window: Tensor, hop: int) -> Tensor:
    """The short-time Fourier transform of a sound (L,), complex (F, T).

    Frame t is the n samples from t · hop on, times the window (n,); only whole frames count, and nothing is
    added at the ends. Its column holds, for k from 0 to n // 2, the sum over m of
    frame[m] · exp(-2πi k m / n).
    """
    frames = x.unfold(0, len(window), hop) * window  # (T, n)
    return torch.fft.rfft(frames).T  # (F, T): as many frequencies as n // 2 + 1


def clip_loss(image: Tensor, text: Tensor, log_scale: Tensor) -> Tensor:
    """CLIP's loss, a scalar, of embeddings (B, D) of any length; row i of both belongs together.

    The cosines of each picture with each text, times exp(log_scale), are logits. Each picture looks for its
    text, and each text for its picture: the mean of the two cross-entropies.
    """
    image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    logits = log_scale.exp() * image @ text.T  # (B, B): image × text
    right = torch.arange(len(logits))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def zero_shot_probabilities(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    """How likely each picture is of each class, (N, K), where classes are only described.

    `images` (N, D) and `texts` (K, T, D) are embeddings of unit length: T sentences for each class, whose
    mean, brought to unit length again, stands for the class. Cosines times `scale` are the logits.
    """
    classes = F.normalize(texts.mean(1), dim=-1)  # (K, D)
    return (scale * images @ classes.T).softmax(-1)
