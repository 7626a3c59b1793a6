"""Byte-level byte pair encoding (S13.1): text to token ids and back (Sennrich et al. 2016; GPT-2).

- R. Sennrich, B. Haddow and A. Birch, "Neural Machine Translation of Rare Words with Subword Units", ACL
  2016, section 3.2, algorithm 1: begin with single symbols, and join the commonest pair again and again.
- A. Radford et al., "Language Models are Unsupervised Multitask Learners" (GPT-2), 2019, section 2.2: let
  the symbols be the 256 bytes of UTF-8, and no text is ever unknown.

Simplified: a text is cut before each space, and nowhere else ("a red ball" is "a", " red", " ball"), where
GPT-2 also cuts at digits, punctuation and other white space. Pairs are counted afresh before each merge, over
the different words of the corpus; a library keeps the counts and mends them. Of pairs equally common, the one
with the smaller ids is merged, as the `tokenizers` library does.

Ids: 0 to 255 are bytes, 256 + m is what merge m makes, and after the M merges come start, end and pad.
Shapes: M merges, B texts, L ids to a text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_tensor, check_whole

BYTES = 256
WORD = re.compile(rb" ?[^ ]+| ")  # a word with the space before it; a further space is a word of its own


def split_words(text: str) -> list[bytes]:
    """Cut a text before each space, as UTF-8; joined, the words are the text again.

    Raises
    ------
    ValueError
        For what is no str, and for half of a surrogate pair, which is no character and has no UTF-8.
    """
    check_text(text)
    return WORD.findall(text.encode())


def check_text(text: str, name: str = "text") -> None:
    """Raise ValueError unless this is a str that UTF-8 can write."""
    if not isinstance(text, str):
        raise ValueError(f"{name}: got {type(text).__name__}, want a str")
    halves = [i for i, letter in enumerate(text) if "\ud800" <= letter <= "\udfff"]
    if halves:
        at, code = halves[0], ord(text[halves[0]])
        raise ValueError(f"{name}: got half of a surrogate pair, U+{code:X} at {at}, want whole characters")


def count_pairs(words: dict[tuple[int, ...], int]) -> Counter[tuple[int, int]]:
    """Count neighbouring ids in words, each of which occurs so many times."""
    pairs: Counter[tuple[int, int]] = Counter()
    for word, count in words.items():
        for pair in pairwise(word):
            pairs[pair] += count
    return pairs


def merge_pair(word: tuple[int, ...], pair: tuple[int, int], new: int) -> tuple[int, ...]:
    """Replace each occurrence of a pair in a word by one id, from the left: of "aaa" the first two."""
    out: list[int] = []
    i = 0
    while i < len(word):
        found = word[i : i + 2] == pair
        out.append(new if found else word[i])
        i += 2 if found else 1
    return tuple(out)


def learn_merges(corpus: Iterable[str], merges: int) -> list[tuple[int, int]]:
    """Find the pairs to merge, commonest first.

    Parameters
    ----------
    corpus : iterable of str
        Texts, such as captions.
    merges : int
        How many at most, 0 or more; fewer where every word has become one token.

    Returns
    -------
    list of (int, int)
        Merge m joins two ids below 256 + m.

    Raises
    ------
    ValueError
        For a corpus that is one str, or has what `split_words` refuses.
    """
    check_whole(merges, "merges", 0)
    check_texts(corpus, "corpus")
    counts = Counter(word for text in corpus for word in split_words(text))
    words = {tuple(word): count for word, count in counts.items()}  # the bytes of a word are its ids
    learned: list[tuple[int, int]] = []
    while len(learned) < merges and (pairs := count_pairs(words)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))  # commonest; of equals, smallest ids
        new = BYTES + len(learned)
        words = {merge_pair(word, best, new): count for word, count in words.items()}
        learned.append(best)
    return learned


def check_texts(texts: Iterable[str], name: str) -> None:
    """Raise ValueError for one str, whose letters would pass for texts, and for what is not iterable."""
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise ValueError(f"{name}: got {type(texts).__name__}, want several str, such as a list")


class Tokenizer:
    """Text to ids and back, by a list of merges.

    Parameters
    ----------
    merges : Tensor
        (M, 2) int64. Row m: the two ids, each below 256 + m, that become id 256 + m. No row twice.

    Attributes
    ----------
    merges : Tensor
        As given.
    tokens : list of bytes
        What each id below 256 + M stands for. Bytes, since one may be a part of a character.
    vocabulary : int
        256 + M + 3.
    start, end, pad : int
        The three ids that stand for no text.

    Raises
    ------
    ValueError
        For merges of another shape or type, of ids not yet made, or with a row twice.
    """

    def __init__(self, merges: Tensor) -> None:
        check_tensor(merges, "merges", "M", 2, kind="int")
        self.merges = merges
        self.rank = {(a, b): m for m, (a, b) in enumerate(merges.tolist())}
        self.tokens = [bytes([value]) for value in range(BYTES)]
        for m, (a, b) in enumerate(merges.tolist()):
            if not (0 <= a < BYTES + m and 0 <= b < BYTES + m):
                raise ValueError(f"merges: got ({a}, {b}) in row {m}, want ids from 0 to {BYTES + m - 1}")
            self.tokens.append(self.tokens[a] + self.tokens[b])
        if len(self.rank) != len(merges):
            raise ValueError(f"merges: got {len(merges) - len(self.rank)} pairs twice, want each once")
        self.start, self.end, self.pad = range(len(self.tokens), len(self.tokens) + 3)
        self.vocabulary = len(self.tokens) + 3
        self._known: dict[bytes, tuple[int, ...]] = {}  # words met before

    @classmethod
    def train(cls, corpus: Iterable[str], merges: int) -> "Tokenizer":
        """Learn at most `merges` merges from texts; parameters and errors as `learn_merges` has them."""
        learned = learn_merges(corpus, merges)
        return cls(torch.tensor(learned, dtype=torch.long).reshape(-1, 2))

    def merge_steps(self, word: bytes | str) -> list[tuple[int, ...]]:
        """Encode one word, and keep every state from its bytes to its tokens.

        Parameters
        ----------
        word : bytes or str
            With the space before it, if there is one. It is not cut at spaces.

        Returns
        -------
        list of tuples of ids
            The first are the bytes; each further one merges the pair that was learned first of those present.

        Raises
        ------
        ValueError
            For neither bytes nor a str, or half of a surrogate pair.
        """
        if not isinstance(word, bytes):
            check_text(word, "word")
            word = word.encode()
        steps = [tuple(word)]
        while True:
            ids = steps[-1]
            pairs = [pair for pair in pairwise(ids) if pair in self.rank]
            if not pairs:
                return steps
            first = min(pairs, key=self.rank.__getitem__)
            steps.append(merge_pair(ids, first, BYTES + self.rank[first]))

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without start and end; ValueError as `split_words` has it."""
        ids: list[int] = []
        for word in split_words(text):
            if word not in self._known:
                self._known[word] = self.merge_steps(word)[-1]
            ids += self._known[word]
        return ids

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """Return the text of ids; start, end and pad are passed over.

        Bytes that are no UTF-8, such as a token that ends in the middle of a character, become the
        replacement character U+FFFD; so `encode(decode(ids))` need not be `ids`, while `decode(encode(text))`
        is `text`.

        Raises
        ------
        ValueError
            For ids that are no whole numbers, or not from 0 to `vocabulary` - 1.
        """
        listed = [check_whole(i, "ids", 0) for i in (ids.tolist() if isinstance(ids, Tensor) else ids)]
        if listed and max(listed) >= self.vocabulary:
            raise ValueError(f"ids: got {max(listed)}, want 0 to {self.vocabulary - 1}")
        return b"".join(self.tokens[i] for i in listed if i < self.start).decode(errors="replace")

    def batch(self, texts: Sequence[str], length: int) -> Tensor:
        """Return (B, L) int64: start, the ids, end, and pad up to L.

        Raises
        ------
        ValueError
            For one str, no texts, or a text whose ids with start and end are more than `length`.
        """
        check_texts(texts, "texts")
        check_whole(length, "length", 2)
        rows = [[self.start, *self.encode(text), self.end] for text in texts]
        if not rows or (longest := max(map(len, rows))) > length:
            got = f"{longest} ids with start and end" if rows else "none"
            raise ValueError(f"texts: got {got}, want one text or more, of at most {length} ids")
        return torch.tensor([row + [self.pad] * (length - len(row)) for row in rows])
