"""What word vectors know: nearest words, and analogies by adding and taking away (S13.2).

- T. Mikolov, W. Yih and G. Zweig, "Linguistic Regularities in Continuous Space Word Representations", NAACL
  2013, section 4: a is to b as c is to the word nearest, by cosine, to b - a + c.
- T. Linzen, "Issues in Evaluating Semantic Spaces Using Word Analogies", RepEval 2016: the three words of the
  question are left out of the answers, which does part of the work; so they can be left in here.

Shapes: V words, D numbers a word, N questions.
"""

import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_ids, check_tensor, check_whole


def check_vectors(vectors: Tensor) -> None:
    """Raise ValueError unless this is (V, D), floating point, finite, with no row of zeros."""
    check_tensor(vectors, "vectors", "V", "D", finite=True, some=True)
    if bool((vectors == 0).all(dim=1).any()):
        raise ValueError("vectors: got a row of zeros, want a direction for each word")


def nearest_words(vectors: Tensor, ids: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k other words whose vectors point most nearly the same way.

    Parameters
    ----------
    vectors : Tensor
        (V, D), no row of zeros.
    ids : Tensor
        (N,) int64: the words to find neighbours of.
    k : int
        1 to V - 1.

    Returns
    -------
    neighbours, cosine : Tensor
        (N, k) int64 and (N, k), the nearest first.

    Raises
    ------
    ValueError
        For vectors or ids of another shape, type or range, or k out of range.
    """
    check_vectors(vectors)
    check_tensor(ids, "ids", "N", kind="int", some=True)
    check_ids(ids, len(vectors))
    if check_whole(k, "k") >= len(vectors):
        raise ValueError(f"k: got {k}, want at most {len(vectors) - 1}, the other words")
    unit = F.normalize(vectors, dim=1)  # (V, D)
    cosine = unit[ids] @ unit.T  # (N, V)
    cosine = cosine.scatter(1, ids[:, None], -2)  # a word is no neighbour of its own
    values, found = cosine.topk(k, dim=1)
    return found, values


def solve_analogies(vectors: Tensor, questions: Tensor, *, leave_out: bool = True) -> Tensor:
    """Answer "a is to b as c is to ?" with the word nearest to b - a + c.

    Parameters
    ----------
    vectors : Tensor
        (V, D), no row of zeros; they are scaled to length 1 first, as in the paper.
    questions : Tensor
        (N, 3) int64: a, b, c.
    leave_out : bool
        Never answer a, b or c.

    Returns
    -------
    Tensor
        (N,) int64.

    Raises
    ------
    ValueError
        For vectors or questions of another shape, type or range.
    """
    check_vectors(vectors)
    check_tensor(questions, "questions", "N", 3, kind="int", some=True)
    check_ids(questions, len(vectors), name="questions")
    unit = F.normalize(vectors, dim=1)  # (V, D)
    a, b, c = unit[questions].unbind(1)  # (N, D) each
    cosine = F.normalize(b - a + c, dim=1) @ unit.T  # (N, V)
    if leave_out:
        cosine = cosine.scatter(1, questions, -2)
    return cosine.argmax(dim=1)


def direction_between(vectors: Tensor, pairs: Tensor) -> Tensor:
    """Return (D,), of length 1: the mean way from the first to the second of pairs (N, 2) int64.

    From "he" to "she", "king" to "queen" and so on it is a direction of gender (T. Bolukbasi et al., "Man is
    to Computer Programmer as Woman is to Homemaker?", NIPS 2016, take the first principal component of such
    differences). ValueError for other shapes, types and ranges.
    """
    check_vectors(vectors)
    check_tensor(pairs, "pairs", "N", 2, kind="int", some=True)
    check_ids(pairs, len(vectors), name="pairs")
    unit = F.normalize(vectors, dim=1)
    return F.normalize((unit[pairs[:, 1]] - unit[pairs[:, 0]]).mean(0), dim=0)
