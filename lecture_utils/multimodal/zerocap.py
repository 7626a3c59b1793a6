"""ZeroCap (S13.5): a language model that has never seen a picture describes one, because CLIP pulls at it.

Y. Tewel, Y. Shalev, I. Schwartz and L. Wolf, "ZeroCap: Zero-Shot Image-to-Text Generation for Visual-Semantic
Arithmetic", CVPR 2022, section 3. Nothing is trained. Before each token, a few steps of gradient descent move
the keys and values of the tokens so far, so that the token which CLIP likes becomes likelier, and the model's
own opinion is not lost. The token is chosen, and the cache is as it was.

Simplified: the candidates are chosen and scored once a token, and not again at each gradient step; nothing is
done about repetitions, unwanted tokens, or the length of the sentence.

Shapes: N pictures, W beams, B = N · W sentences, T tokens so far, K candidates, V vocabulary, D joint space.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lecture_utils.multimodal.beams import Beams
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.ops.checks import check_finite, check_number, check_sizes, check_tensor


class TextScorer(Protocol):
    """What is needed of a CLIP here."""

    def texts(self, texts: Sequence[str], /) -> Tensor:
        """Texts → (B, D), of unit length."""


@dataclass(frozen=True)
class Guidance:
    """How strongly CLIP pulls, and how; the numbers are those of the paper and its code.

    Attributes
    ----------
    clip_weight, fluency : float
        Weights of the two losses; `fluency` is λ of the paper. With a `clip_weight` of 0 nothing moves.
    steps, step_size : int, float
        Gradient steps a token, and their size α.
    norm_power : float
        A gradient is divided by its norm to this power, each layer's keys and values by themselves.
    candidates : int
        K: so many of the likeliest tokens are shown to CLIP.
    temperature : float
        τ: CLIP's cosine similarities are divided by it before their softmax.

    Raises
    ------
    ValueError
        For a weight or size below 0, and fewer than one candidate or step.
    """

    clip_weight: float = 1.0
    fluency: float = 0.2
    steps: int = 5
    step_size: float = 0.3
    norm_power: float = 0.9
    candidates: int = 512
    temperature: float = 0.01

    def __post_init__(self) -> None:
        check_sizes("guidance", steps=self.steps, candidates=self.candidates)
        for name in ("clip_weight", "fluency", "step_size", "norm_power"):
            check_number(getattr(self, name), name, 0)
        check_number(self.temperature, "temperature", 0, above=True)


def candidate_target(
    similarity: Tensor, candidates: Tensor, vocabulary: int, temperature: float = 0.01
) -> Tensor:
    """Return what CLIP would say next: (B, V), a softmax over the candidates and 0 for all else.

    Parameters
    ----------
    similarity : Tensor
        (B, K) cosine similarities of the picture with the sentence so far and each candidate behind it.
    candidates : Tensor
        (B, K) int64, the candidates' tokens, no two alike in a row.
    vocabulary : int
        V.
    temperature : float
        τ, above 0.
    """
    check_tensor(similarity, "similarity", "B", "K", some=True, finite=True)
    check_tensor(candidates, "candidates", *similarity.shape, kind="int")
    check_number(temperature, "temperature", 0, above=True)
    check_sizes("candidate target", vocabulary=vocabulary)
    if int(candidates.min()) < 0 or int(candidates.max()) >= vocabulary:
        got = f"{int(candidates.min())} to {int(candidates.max())}"
        raise ValueError(f"candidates: got {got}, want tokens from 0 to {vocabulary - 1}")
    share = (similarity / temperature).softmax(dim=-1)  # (B, K)
    target = share.new_zeros(len(share), vocabulary)
    return target.scatter_add(1, candidates, share)  # (B, V)


def zerocap_loss(logits: Tensor, plain: Tensor, target: Tensor, guidance: Guidance) -> Tensor:
    """Return the loss of each sentence, (B,): to agree with CLIP, and with the unmoved model.

    Parameters
    ----------
    logits, plain : Tensor
        (B, V): the model's with the cache as it is moved now, and with the unmoved one.
    target : Tensor
        (B, V), as `candidate_target` gives it.
    guidance : Guidance

    Notes
    -----
    The fluency loss is a Kullback-Leibler divergence, as in the authors' code: the cross-entropy of the paper
    less the entropy, so that to stay is best.
    """
    check_tensor(logits, "logits", "B", "V", some=True)
    check_tensor(plain, "plain", *logits.shape)
    check_tensor(target, "target", *logits.shape)
    log_p, log_plain = logits.log_softmax(dim=-1), plain.log_softmax(dim=-1)
    clip_loss = -(target * log_p).sum(dim=-1)  # (B,)
    fluency_loss = (log_p.exp() * (log_p - log_plain)).sum(dim=-1)  # (B,)
    return guidance.clip_weight * clip_loss + guidance.fluency * fluency_loss


def moved(past: KVCache, shifts: Sequence[Tensor]) -> KVCache:
    """Return the cache with shifts added: first those of all layers' keys, then those of their values."""
    both = [tensor + shift for tensor, shift in zip((*past.keys, *past.values), shifts, strict=True)]
    return KVCache(both[: len(past.keys)], both[len(past.keys) :])


def shift_cache(
    lm: LanguageModel, past: KVCache, last: Tensor, plain: Tensor, target: Tensor, guidance: Guidance
) -> KVCache:
    """Move the context by a few normalised gradient steps.

    Parameters
    ----------
    lm : LanguageModel
        Its weights stay as they are, and get no gradient.
    past : KVCache
        Of all tokens but the last; it stays as it is. An empty one cannot be moved.
    last : Tensor
        (B, 1) int64, the last token.
    plain : Tensor
        (B, V), the logits of the token after it, nothing moved.
    target : Tensor
        (B, V), what CLIP would say.
    guidance : Guidance

    Returns
    -------
    KVCache
        To be read once, with `last`.
    """
    check_finite(plain, "plain")
    check_finite(target, "target")
    if not past.keys or guidance.clip_weight == 0:
        return past.copy()
    shifts = [torch.zeros_like(tensor) for tensor in (*past.keys, *past.values)]  # each (B, heads, T, d)
    for _ in range(guidance.steps):
        with torch.enable_grad():
            shifts = [shift.requires_grad_() for shift in shifts]
            logits = lm(last, moved(past, shifts))[:, -1]  # (B, V)
            loss = zerocap_loss(logits, plain, target, guidance).sum()  # each sentence has its own cache
        gradients = torch.autograd.grad(loss, shifts)
        shifts = [
            (shift - guidance.step_size * unit(gradient, guidance.norm_power)).detach()
            for shift, gradient in zip(shifts, gradients, strict=True)
        ]
    return moved(past, shifts)


def unit(gradient: Tensor, power: float) -> Tensor:
    """Divide the gradient of each sentence, (B, …), by its norm to this power."""
    norm = torch.linalg.vector_norm(gradient, dim=tuple(range(1, gradient.ndim)), keepdim=True)
    return gradient / (norm + 1e-15) ** power


def clip_says(
    lm: LanguageModel, clip: TextScorer, pictures: Tensor, ids: Tensor, plain: Tensor, guidance: Guidance
) -> Tensor:
    """Try the likeliest tokens behind each sentence `ids` (B, T), and ask CLIP: its answer is (B, V)."""
    tokenizer = lm.tokenizer
    candidates = plain.topk(min(guidance.candidates, plain.shape[1])).indices  # (B, K)
    texts = [
        tokenizer.decode([*sentence, token])  # the end adds nothing: it stands for the sentence as it is
        for sentence, tokens in zip(ids.tolist(), candidates.tolist(), strict=True)
        for token in tokens
    ]
    embedded = clip.texts(texts).unflatten(0, candidates.shape)  # (B, K, D)
    similarity = (embedded @ pictures[:, :, None]).squeeze(2)  # (B, K)
    return candidate_target(similarity, candidates, plain.shape[1], guidance.temperature)


@torch.no_grad()
def zerocap(
    lm: LanguageModel,
    clip: TextScorer,
    pictures: Tensor,
    prompt: str = "a photo of",
    *,
    most: int = 12,
    beams: int = 1,
    guidance: Guidance = Guidance(),
) -> list[str]:
    """Describe pictures.

    Parameters
    ----------
    lm : LanguageModel
        With its tokenizer, in evaluation mode.
    clip : TextScorer
        Such as a `CLIP`.
    pictures : Tensor
        (N, D) of unit length: `clip.encode_image(images)`, or what
        `embedding_arithmetic.combine` makes of several.
    prompt : str
        How each sentence begins. Without one, the first token is chosen with an empty cache, so by the
        language model alone.
    most : int
        Tokens to add, at most.
    beams : int
        W sentences are kept at a time, and CLIP has the last word on which of them is the caption; 1 takes
        the likeliest token each time. The paper has 5.
    guidance : Guidance

    Returns
    -------
    list of N str
        With the prompt.

    Raises
    ------
    ValueError
        For embeddings that are not of unit length, a prompt that leaves no room, and numbers out of range.
    """
    check_pictures(pictures)
    tokenizer = lm.tokenizer
    opening = torch.tensor([tokenizer.start, *tokenizer.encode(prompt)])
    check_sizes("zerocap", most=most)
    if len(opening) + most > lm.length + 1:
        got = f"{len(opening)} tokens of the prompt and {most} more"
        raise ValueError(f"prompt: got {got}, want {lm.length + 1} together at most")
    search = Beams(opening, len(pictures), beams, end=tokenizer.end)
    each = pictures.repeat_interleave(beams, dim=0)  # (B, D)
    cache = KVCache()
    if len(opening) > 1:
        lm(search.ids[:, :-1], cache)
    for _ in range(most):
        past, last = cache.copy(), search.ids[:, -1:]
        plain = lm(last, cache)[:, -1]  # (B, V): what the model says by itself
        target = clip_says(lm, clip, each, search.ids, plain, guidance)  # (B, V)
        logits = lm(last, shift_cache(lm, past, last, plain, target, guidance))[:, -1]
        rows = search.extend(logits.log_softmax(dim=-1))  # (B,): which sentences were gone on with
        cache = cache.rows(rows)
        if search.done:
            break
    if beams == 1:
        return [tokenizer.decode(ids) for ids in search.ids]
    finished = clip.texts([tokenizer.decode(ids) for ids in search.ids])  # (B, D)
    return [tokenizer.decode(ids) for ids in search.best((finished * each).sum(dim=1))]


def check_pictures(pictures: Tensor) -> None:
    """Raise ValueError unless these are embeddings (N, D) of unit length."""
    check_tensor(pictures, "pictures", "N", "D", some=True, finite=True)
    if bool(((length := pictures.norm(dim=1)) - 1).abs().max() > 1e-3):
        got = f"lengths from {length.min():.3g} to {length.max():.3g}"
        raise ValueError(f"pictures: got {got}, want embeddings of length 1")
