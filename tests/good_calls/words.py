"""Good calls of texts as data: the tokenizer and the embedding."""

import torch

from lecture_utils.multimodal.embedding import Embedding
from lecture_utils.multimodal.tokenizer import Tokenizer
from tests.bad_calls import Value, count, floats, labels, made
from tests.good_calls.makers import Call


def text(value: str) -> Value:
    """A text; half of a surrogate pair is none."""
    kinds = {"half a letter": lambda x: x + "\ud83d", "a number": lambda x: 3}
    return Value(lambda: value, kinds)


def texts(*values: str) -> Value:
    """Several texts."""
    kinds = {
        "one text": lambda x: x[0],
        "half a letter": lambda x: [*x, "\ud83d"],
        "a number in it": lambda x: [*x, 3],
    }
    return Value(lambda: list(values), kinds)


def tokens(*values: int) -> Value:
    """Ids of tokens in a list."""
    kinds = {
        "label -1": lambda x: [*x, -1],
        "label K": lambda x: [*x, 10**6],
        "halves": lambda x: [*x, 0.5],
    }
    return Value(lambda: list(values), kinds)


def ids(classes: int, *shape: int) -> Value:
    """Ids in a tensor, which may have any axes."""
    value = labels(classes, *shape)
    wrong = ("empty", "label -1", "label K", "floats for classes")
    return value._replace(kinds={kind: value.kinds[kind] for kind in wrong})


MERGES = torch.tensor([[97, 98], [256, 99]])
TOKENIZER = made(lambda: Tokenizer(MERGES))

GOOD: dict[str, dict[str, Call]] = {
    "multimodal.tokenizer": {
        "split_words": {"text": text("a red ball")},
        "count_pairs": {"words": {(97, 98): 2}},
        "merge_pair": {"word": (97, 98), "pair": (97, 98), "new": 256},
        "learn_merges": {"corpus": texts("a red ball", "a ring"), "merges": count(3, zero=True)},
        "Tokenizer": {"merges": made(lambda: MERGES)},
        "Tokenizer.merge_steps": {"self": TOKENIZER, "word": text(" abc")},
        "Tokenizer.encode": {"self": TOKENIZER, "text": text("a red ball")},
        "Tokenizer.decode": {"self": TOKENIZER, "ids": tokens(97, 256)},
        "Tokenizer.batch": {"self": TOKENIZER, "texts": texts("a ball", "a ring"), "length": count(9)},
    },
    "multimodal.embedding": {
        "one_hot": {"ids": ids(5, 2, 3), "vocabulary": count(5)},
        "embed_by_product": {"ids": ids(5, 2, 3), "weight": floats(5, 4)},
        "Embedding": {"vocabulary": count(5), "dim": count(4)},
        "Embedding.forward": {"self": made(lambda: Embedding(5, 4)), "ids": ids(5, 2, 3)},
    },
}
