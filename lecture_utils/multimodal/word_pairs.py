"""Pairs of neighbouring words, and words drawn as noise: what Word2Vec (S13.2) learns from.

- T. Mikolov et al., "Efficient Estimation of Word Representations in Vector Space", ICLR workshop 2013,
  section 3.2: windows around each word.
- T. Mikolov et al., "Distributed Representations of Words and Phrases and their Compositionality", NIPS 2013:
  noise words (section 2.2), and frequent words passed over (section 2.3, equation 5).

Simplified: every window has its full width, where the paper draws each one's; a noise word may happen to be
the true one.

Shapes: S sentences, L words in the longest, V words in the vocabulary, B pairs, K noise words.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from lecture_utils.multimodal.tokenizer import check_text, check_texts
from lecture_utils.ops.checks import check_ids, check_number, check_sizes, check_tensor

NO_WORD = -1  # pads a sentence that is shorter than the longest


def index_words(texts: Iterable[str]) -> tuple[list[str], Tensor, Tensor]:
    """Number the words of texts, commonest first; of words equally common, in the order of the alphabet.

    Parameters
    ----------
    texts : iterable of S str
        Words with spaces between them.

    Returns
    -------
    words : list of V str
    ids : Tensor
        (S, L) int64: the numbers of each text's words, padded with -1.
    counts : Tensor
        (V,) float32: how often each occurs.

    Raises
    ------
    ValueError
        For one str, for what is no str, and where there is no word at all.
    """
    check_texts(texts, "texts")
    sentences = []
    for text in texts:
        check_text(text)
        sentences.append(text.split())
    tally = Counter(word for sentence in sentences for word in sentence)
    if not tally:
        raise ValueError("texts: got no word, want one or more")
    words = sorted(tally, key=lambda word: (-tally[word], word))
    number = {word: i for i, word in enumerate(words)}
    longest = max(map(len, sentences))
    rows = [[number[word] for word in s] + [NO_WORD] * (longest - len(s)) for s in sentences]
    return words, torch.tensor(rows), torch.tensor([float(tally[word]) for word in words])


def check_sentences(ids: Tensor, name: str = "ids") -> None:
    """Raise ValueError unless this is (S, L) int64 from -1 on, not empty."""
    check_tensor(ids, name, "S", "L", kind="int", some=True)
    if int(ids.min()) < NO_WORD:
        raise ValueError(f"{name}: got {int(ids.min())}, want words from 0 on, or {NO_WORD} for none")


def check_counts(counts: Tensor) -> None:
    """Raise ValueError unless this is (V,) floating point, finite, all above 0."""
    check_tensor(counts, "counts", "V", finite=True, some=True)
    if bool((counts <= 0).any()):
        raise ValueError(f"counts: got {float(counts.min()):g}, want all above 0")


def keep_probability(counts: Tensor, threshold: float) -> Tensor:
    """Return (V,): the probability to keep an occurrence of a word, √(threshold / frequency) or 1.

    Equation 5 of the second paper has the probability of leaving it out.

    Raises
    ------
    ValueError
        For counts (V,) that are not all above 0, or a threshold of 0 or below.
    """
    check_counts(counts)
    check_number(threshold, "threshold", 0, above=True)
    frequency = counts / counts.sum()
    return (threshold / frequency).sqrt().clamp(max=1)


def subsample(ids: Tensor, keep: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Leave out words at random, and close the gaps: neighbours of one left out come nearer to each other.

    Parameters
    ----------
    ids : Tensor
        (S, L) int64, padded with -1.
    keep : Tensor
        (V,): the probability to keep each word.
    generator : torch.Generator, optional
        Of the random numbers.

    Returns
    -------
    Tensor
        (S, L) int64, padded with -1.

    Raises
    ------
    ValueError
        For ids of another shape or out of range, or probabilities outside [0, 1].
    """
    check_sentences(ids)
    check_tensor(keep, "keep", "V", some=True)
    if not bool(((keep >= 0) & (keep <= 1)).all()):
        raise ValueError("keep: got a number outside [0, 1], want probabilities")
    check_ids(ids.clamp(min=0), len(keep))
    kept = (torch.rand(ids.shape, generator=generator) < keep[ids]) & (ids >= 0)  # (S, L)
    ids = torch.where(kept, ids, NO_WORD)
    order = (~kept).int().argsort(dim=1, stable=True)  # what is kept moves to the left, in its order
    return ids.gather(1, order)


def window_pairs(ids: Tensor, window: int = 2) -> Tensor:
    """Pair each word with each of the `window` words on either side of it.

    Parameters
    ----------
    ids : Tensor
        (S, L) int64, padded with -1.
    window : int
        2 gives windows of five words.

    Returns
    -------
    Tensor
        (P, 2) int64: the centre word and the context word; P depends on the sentences' lengths.

    Raises
    ------
    ValueError
        For ids of another shape or below -1, or a window below 1.
    """
    check_sentences(ids)
    check_sizes("window_pairs", window=window)
    pairs = []
    for step in range(1, min(window, ids.shape[1] - 1) + 1):
        both = torch.stack([ids[:, :-step], ids[:, step:]], dim=-1).reshape(-1, 2)  # (S (L - step), 2)
        pairs += [both, both.flip(1)]  # each is the other's context
    found = torch.cat(pairs) if pairs else ids.new_empty(0, 2)
    return found[(found != NO_WORD).all(dim=1)]


def noise_distribution(counts: Tensor, power: float = 0.75) -> Tensor:
    """Return (V,): the probabilities of noise words, counts to a power, which lifts the rare ones.

    Section 2.2 of the second paper: 3/4 did better than 1 (as often as they occur) and 0 (all alike).
    ValueError for counts that are not all above 0, or a power that is not finite.
    """
    check_counts(counts)
    check_number(power, "power")
    weights = counts**power
    return weights / weights.sum()


def skip_gram_batches(
    ids: Tensor,
    counts: Tensor,
    *,
    batch_size: int = 1024,
    window: int = 2,
    negatives: int = 5,
    threshold: float = 5e-3,
    seed: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Go through a corpus for ever: centre words (B,), and for each its context word and K noise words.

    Each time round, other occurrences of frequent words are left out, and the pairs come in another order.

    Parameters
    ----------
    ids, counts : Tensor
        (S, L) int64 and (V,), as `index_words` gives them.
    batch_size, window, negatives, seed : int
        B; words on either side; K; of the random numbers.
    threshold : float
        Of the frequency from which on occurrences are left out; the paper's 1e-5 is for a billion words.

    Yields
    ------
    centre, context : Tensor
        (B,) and (B, 1 + K) int64; the last batch of a round may be smaller.

    Raises
    ------
    ValueError
        As the functions that it calls, and where no sentence has two words.
    """
    check_sizes("skip_gram_batches", batch_size=batch_size, negatives=negatives)
    generator = torch.Generator().manual_seed(seed)
    keep, noise = keep_probability(counts, threshold), noise_distribution(counts)
    if not len(window_pairs(ids, window)):
        raise ValueError("ids: got no sentence with two words, want one or more")
    while True:
        pairs = window_pairs(subsample(ids, keep, generator), window)  # (P, 2)
        for rows in torch.randperm(len(pairs), generator=generator).split(batch_size):
            centre, true = pairs[rows].unbind(1)  # (B,) each
            drawn = torch.multinomial(noise, len(rows) * negatives, replacement=True, generator=generator)
            yield centre, torch.cat([true[:, None], drawn.view(-1, negatives)], dim=1)
