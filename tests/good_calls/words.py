"""Good calls of texts as data: the tokenizer, the embedding, word vectors, and stories."""

import torch

from lecture_utils.multimodal.embedding import Embedding
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.multimodal.word2vec import SkipGram
from tests.bad_calls import Value, count, floats, labels, made, number, word
from tests.good_calls.makers import Call, draw


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


def rows(classes: int, *shape: int) -> Value:
    """Rows of ids in a tensor, as many as one likes."""
    value = labels(classes, *shape)
    return value._replace(kinds={kind: f for kind, f in value.kinds.items() if kind != "another batch"})


MERGES = torch.tensor([[97, 98], [256, 99]])
COUNTS = floats(5, of=lambda x: 1 + 4 * x)
SENTENCES = Value(
    lambda: torch.tensor([[0, 1, 2, 3], [4, 0, 1, -1]]),
    {
        "label -2": lambda x: x - 2,
        "label K": lambda x: x + 5,
        "empty": lambda x: x[:0],
        "axis dropped": lambda x: x[0],
        "floats": lambda x: x.float(),
    },
)
# What only pairs words can't know how many there are.
ANY = SENTENCES._replace(kinds={kind: f for kind, f in SENTENCES.kinds.items() if kind != "label K"})
SKIP_GRAM = made(lambda: SkipGram(5, 4))
WORDS = {"self": SKIP_GRAM, "centre": labels(5, 3), "context": labels(5, 3, 2)}
VECTORS = floats(6, 4)
JOINT = floats(5, 5, of=lambda x: 1 + x)
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
    "multimodal.word_pairs": {
        "index_words": {"texts": texts("a red ball", "a ring")},
        "keep_probability": {"counts": COUNTS, "threshold": number(0.1)},
        "subsample": {"ids": SENTENCES, "keep": floats(5, of=lambda x: x), "generator": draw},
        "window_pairs": {"ids": ANY, "window": count(2)},
        "noise_distribution": {"counts": COUNTS, "power": number(0.75)},
        "skip_gram_batches": {
            "ids": SENTENCES,
            "counts": COUNTS,
            "batch_size": count(4),
            "window": count(2),
            "negatives": count(3),
            "threshold": number(1.0),
        },
    },
    "multimodal.word2vec": {
        "SkipGram": {"vocabulary": count(5), "dim": count(4)},
        "SkipGram.forward": WORDS,
        "softmax_loss": {"model": SKIP_GRAM, "centre": labels(5, 3), "context": labels(5, 3)},
        "negative_sampling_loss": {
            "model": SKIP_GRAM,
            "centre": labels(5, 3),
            "context": labels(5, 3, 2),
        },
    },
    "multimodal.word_vectors": {
        "nearest_words": {"vectors": VECTORS, "ids": ids(6, 3), "k": count(2)},
        "solve_analogies": {"vectors": VECTORS, "questions": rows(6, 2, 3)},
        "direction_between": {"vectors": VECTORS, "pairs": rows(6, 3, 2)},
    },
    "multimodal.ppmi": {
        "cooccurrence": {"pairs": rows(5, 4, 2), "vocabulary": count(5)},
        "pointwise_mutual_information": {"counts": JOINT, "power": number(0.75)},
        "ppmi_vectors": {
            "counts": JOINT,
            "dim": count(3),
            "shift": number(1.0),
            "power": number(1.0),
        },
    },
    "data.toyworld.language.stories": {
        "stories": {"count": count(4), "seed": count(3, zero=True)},
        "pairs_of": {"family": word("people")},
    },
}
