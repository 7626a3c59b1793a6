"""Recall@k, median rank and the precision of tags: against loops and scikit-learn."""

import math
import statistics
from types import ModuleType

import pytest
import torch
from sklearn.metrics import precision_recall_curve, precision_score, recall_score, top_k_accuracy_score
from torch import Tensor

from lecture_utils.metrics import retrieval as right
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.4")


def drawn(n: int, m: int, seed: int = 0, levels: int = 0) -> tuple[Tensor, Tensor]:
    """Similarities, with ties where there are few levels, and what is relevant, one or more a row."""
    made = torch.Generator().manual_seed(seed)
    similarity = torch.randn(n, m, generator=made)
    if levels:
        similarity = (similarity * levels).round() / levels
    relevant = torch.rand(n, m, generator=made) < 0.2
    relevant[torch.arange(n), torch.randint(m, (n,), generator=made)] = True
    return similarity, relevant


def loop_rank(row: list[float], wanted: list[bool]) -> int:
    """Sort with the relevant last among equals; the place of the first relevant one."""
    order = sorted(range(len(row)), key=lambda j: (-row[j], wanted[j]))
    return 1 + next(place for place, j in enumerate(order) if wanted[j])


CASES = [drawn(7, 11), drawn(9, 5, 1, levels=1), drawn(6, 6, 2, levels=2), drawn(1, 4, 3), drawn(4, 1, 4)]


def differs(module: ModuleType) -> bool:
    """Whether any of the figures is other than the loops say."""
    for similarity, relevant in CASES:
        want = [loop_rank(*rows) for rows in zip(similarity.tolist(), relevant.tolist(), strict=True)]
        if module.ranks(similarity, relevant).tolist() != want:
            return True
        if module.median_rank(similarity, relevant) != statistics.median(want):
            return True
        for k in (1, 2, 5):
            share = sum(rank <= k for rank in want) / len(want)
            if not math.isclose(module.recall_at(similarity, k, relevant), share):
                return True
    return False


def test_ranks_equal_a_loop() -> None:
    assert not differs(right)


@pytest.mark.parametrize(
    "fault",
    [
        ("(similarity >= best) & ~relevant", "(similarity > best) & ~relevant"),  # ties for the model
        ("(similarity >= best) & ~relevant", "similarity >= best"),  # other relevant ones in the way
        ("masked_fill(~relevant", "masked_fill(relevant"),
        ("return 1 + (", "return 0 + ("),
        ("amax(1, keepdim=True)", "amin(1, keepdim=True)"),
        ("<= k)", "< k)"),
        ("quantile(0.5)", "quantile(0.5, interpolation='lower')"),
    ],
)
def test_a_fault_in_ranks_is_found(fault: tuple[str, str]) -> None:
    assert differs(planted(right.__name__, fault))


def test_one_relevant_is_top_k_accuracy() -> None:
    similarity = torch.randn(40, 6, generator=torch.Generator().manual_seed(5))
    labels = torch.arange(40) % 6
    relevant = torch.nn.functional.one_hot(labels, 6).bool()
    for k in (1, 2, 5):
        want = top_k_accuracy_score(labels, similarity, k=k, labels=range(6))
        assert right.recall_at(similarity, k, relevant) == pytest.approx(want)


def test_without_relevant_the_diagonal_counts() -> None:
    similarity = torch.randn(8, 8, generator=torch.Generator().manual_seed(6))
    assert right.ranks(similarity).equal(right.ranks(similarity, torch.eye(8).bool()))
    assert right.recall_at(torch.eye(5), 1) == 1 and right.median_rank(torch.eye(5)) == 1


def test_a_model_that_finds_all_alike_has_no_recall() -> None:
    assert right.recall_at(torch.zeros(5, 5), 4) == 0
    assert right.median_rank(torch.zeros(5, 5)) == 5


def test_equal_captions_are_no_mistake() -> None:
    similarity = torch.tensor([[0.9, 0.9, 0.1], [0.9, 0.9, 0.1], [0.0, 0.0, 0.5]])  # items 0 and 1 read alike
    relevant = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool()
    assert right.recall_at(similarity, 1) == pytest.approx(1 / 3)
    assert right.recall_at(similarity, 1, relevant) == 1


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_tags_equal_scikit_learn(seed: int) -> None:
    made = torch.Generator().manual_seed(seed)
    given, true = (torch.rand(12, 5, generator=made) < p for p in (0.5, 0.3))
    assert right.tag_precision(given, true) == pytest.approx(precision_score(true, given, average="micro"))
    assert right.tag_recall(given, true) == pytest.approx(recall_score(true, given, average="micro"))


def best_by_sklearn(similarity: Tensor, true: Tensor) -> list[float]:
    """The largest threshold of each column with the best F1."""
    out = []
    for own, wanted in zip(similarity.T, true.T, strict=True):
        precision, recall, limits = precision_recall_curve(wanted, own)
        f1 = 2 * precision * recall / (precision + recall + 1e-300)
        top = f1[:-1].max()
        out.append(max(limit for limit, score in zip(limits, f1, strict=False) if score > top - 1e-12))
    return out


@pytest.mark.parametrize("levels", [0, 2])
def test_thresholds_equal_scikit_learn(levels: int) -> None:
    similarity, true = drawn(60, 4, 7, levels)
    true[0] = True
    assert right.thresholds(similarity, true).tolist() == pytest.approx(best_by_sklearn(similarity, true))


@pytest.mark.parametrize(
    "fault",
    [
        ("(given + right.sum())", "(given + 1)"),
        ("searchsorted(own.sort().values, own)", "searchsorted(own.sort().values, own, right=True)"),
        ("own[f1 >= f1.max()]", "own[f1 <= f1.min()]"),
        ("own[f1 >= f1.max()].max()", "own[f1 >= f1.max()].min() - 1e-3"),
    ],
)
def test_a_fault_in_thresholds_is_found(fault: tuple[str, str]) -> None:
    module = planted(right.__name__, fault)
    assert any(
        module.thresholds(similarity, true).tolist()
        != pytest.approx(best_by_sklearn(similarity, true), abs=1e-6)
        for similarity, true in (drawn(60, 4, 7), drawn(60, 4, 8, 2))
    )


SIMILARITY, RELEVANT = CASES[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: right.ranks(SIMILARITY), r"want \(N, N\), or relevant"),
        (lambda: right.ranks(SIMILARITY, RELEVANT[:2]), r"relevant: got torch.bool \(2, 11\)"),
        (lambda: right.ranks(SIMILARITY, RELEVANT.float()), "relevant: got torch.float32"),
        (lambda: right.ranks(SIMILARITY, RELEVANT & False), "7 queries without a relevant item"),
        (lambda: right.ranks(SIMILARITY * torch.nan, RELEVANT), "similarity: got NaN"),
        (lambda: right.ranks(SIMILARITY[:0], RELEVANT[:0]), "similarity: got"),
        (lambda: right.recall_at(SIMILARITY, 0, RELEVANT), "k: got 0"),
        (lambda: right.tag_precision(RELEVANT & False, RELEVANT), "tags: got none"),
        (lambda: right.tag_recall(RELEVANT, RELEVANT & False), "true: got no true word"),
        (lambda: right.tag_precision(RELEVANT[:2], RELEVANT), "true: got"),
        (lambda: right.thresholds(SIMILARITY, RELEVANT & False), "true of no picture"),
    ],
)
def test_bad_input_is_named(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
