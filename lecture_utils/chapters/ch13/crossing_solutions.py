"""Chapter 13, part b: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input: `metrics.retrieval`, `multimodal.zerocap`,
`ops.mel`, `multimodal.stylisation`. The tests hold each of these equal to its counterpart
there. `modulation` is equations 7 to 9 of X. Peng et al., "Balanced Multimodal Learning via On-the-fly
Gradient Modulation", CVPR 2022, without the noise of section 3.4.

Shapes: N queries, M items, B pairs or sentences, K classes, V words, D features, F frequencies, T frames.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.multimodal.zerocap import Guidance
from lecture_utils.ops.stft import istft, stft

__all__ = ["directional_loss", "griffin_lim_step", "modulation", "recall_at", "zerocap_loss"]


def recall_at(similarity: Tensor, relevant: Tensor, k: int) -> float:
    """Share of the queries that have something relevant among their k nearest items.

    `similarity` (N, M) and `relevant` (N, M), bool: several items may be relevant to a query, and one of
    them found is enough. A query to which nothing is relevant does not count. Ties count against you: what
    is relevant comes after all else that is as similar.
    """
    asked = relevant.any(1)
    similarity, relevant = similarity[asked], relevant[asked]
    best = similarity.masked_fill(~relevant, -torch.inf).amax(1, keepdim=True)  # the best relevant one
    before = ((similarity >= best) & ~relevant).sum(1)  # how many others come first
    return (before < k).float().mean().item()


def modulation(
    weight: Tensor, bias: Tensor, seen: Tensor, read: Tensor, label: Tensor, alpha: float
) -> tuple[float, float]:
    """By how much the gradients of the picture's and the text's encoder are to be multiplied.

    The fused head has weight (K, 2 D), columns of `seen` (B, D) first and of `read` (B, D) after them, and
    bias (K,). Each sense alone has logits of its own, from its half of the weight and half of the bias. Its
    score is the sum over the batch of the probability that it gives the true class, `label` (B,). A sense
    whose score is r times the other's gets 1 - tanh(alpha · r) if r is above 1; the other keeps 1.
    """
    dim = seen.shape[1]
    scores = []
    for half, feature in ((weight[:, :dim], seen), (weight[:, dim:], read)):
        share = (feature @ half.T + bias / 2).softmax(-1)  # (B, K)
        scores.append(share.gather(1, label[:, None]).sum().item())
    ratio = scores[0] / scores[1]
    picture = 1 - math.tanh(alpha * ratio) if ratio > 1 else 1.0
    text = 1 - math.tanh(alpha / ratio) if ratio < 1 else 1.0
    return picture, text


def zerocap_loss(logits: Tensor, plain: Tensor, target: Tensor, guidance: Guidance) -> Tensor:
    """ZeroCap's loss of each sentence, (B,): agree with CLIP, and stay with the language model.

    `logits` (B, V) are the model's after its context was moved, `plain` (B, V) those before. `target` (B, V)
    is what CLIP would say: probabilities of the candidates, and 0 for all other words.
    guidance.clip_weight times the cross-entropy of the moved model's words under `target`, plus
    guidance.fluency times the Kullback-Leibler divergence of the moved model from the plain one.
    """
    log_p, log_plain = logits.log_softmax(-1), plain.log_softmax(-1)
    clip = -(target * log_p).sum(-1)
    fluency = (log_p.exp() * (log_p - log_plain)).sum(-1)
    return guidance.clip_weight * clip + guidance.fluency * fluency


def griffin_lim_step(magnitude: Tensor, signal: Tensor, window: Tensor, hop: int) -> Tensor:
    """A sound (L,) whose transform comes nearer to the wanted `magnitude` (F, T) than that of `signal` (L,).

    Transform the signal with `stft`, keep its phases, put the wanted magnitude in place of its own, and come
    back with `istft` to as many samples. Where the transform is 0, its phase is 0 too.
    """
    phase = stft(signal, window, hop).angle()  # (F, T)
    return istft(torch.polar(magnitude, phase), window, hop, length=len(signal))


def directional_loss(styled: Tensor, source: Tensor, target_text: Tensor, source_text: Tensor) -> Tensor:
    """One less the cosine between how the pictures moved and how the texts differ, (B,).

    `styled` and `source` (B, D) are embeddings of the pictures now and at first, `target_text` and
    `source_text`, (B, D) or (1, D), of what is wanted and of what is there. It is 1 where nothing has moved
    yet, with a gradient that is finite.
    """
    moved, wanted = styled - source, target_text - source_text
    return 1 - F.cosine_similarity(moved, wanted, dim=-1, eps=1e-4)
