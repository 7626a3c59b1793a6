"""Chapter 13, part b: the functions that its exercises ask for, as short as they can be said.

The package's own versions check their input: `metrics.retrieval`, `multimodal.zerocap`,
`ops.mel`, `multimodal.stylisation`; `balanced_loss` stands in `fusion` too. The tests hold each of these
equal to its counterpart there.

Shapes: N queries, M items, B pairs or sentences, K classes, V words, D features, F frequencies, T frames.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch13.fusion import LateFusion, Senses
from lecture_utils.multimodal.zerocap import Guidance
from lecture_utils.ops.stft import istft, stft

__all__ = ["balanced_loss", "directional_loss", "griffin_lim_step", "recall_at", "zerocap_loss"]


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


def balanced_loss(model: LateFusion, senses: Senses, label: Tensor) -> Tensor:
    """The loss of a net of two senses in which neither may rest, a scalar.

    `model.features(senses)` gives what the picture's and the text's encoder make of them, (B, D) each.
    `model.fused(seen, read)` gives the logits (B, K) of both together, and `model.heads` are two layers, the
    picture's and the text's, that give logits of one sense alone. The loss is the cross-entropy of both
    together, plus that of each sense alone. `label` is (B,).
    """
    seen, read = model.features(senses)
    logits = [model.fused(seen, read), model.heads[0](seen), model.heads[1](read)]
    return torch.stack([F.cross_entropy(each, label) for each in logits]).sum()


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
