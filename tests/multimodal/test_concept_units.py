"""Concept units: scikit-learn's area under the curve, units planted on purpose, and turns of the space."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score
from torch import Tensor

from lecture_utils.multimodal import concept_units
from lecture_utils.multimodal.concept_units import mean_ranks, random_turn, roc_area, selectivity, silenced
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.8")


def examples(count: int = 90, units: int = 5, concepts: int = 3, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Answers rounded so that many are equal, and concepts that some of them depend on."""
    random = torch.Generator().manual_seed(seed)
    has = torch.rand(count, concepts, generator=random) < 0.3
    answers = torch.randn(count, units, generator=random)
    answers[:, :concepts] += 0.8 * has
    return (4 * answers).round() / 4, has


def same_as_sklearn(module: object, seed: int = 0) -> bool:
    answers, has = examples(seed=seed)
    want = [[roc_auc_score(has[:, k], answers[:, d]) for d in range(5)] for k in range(3)]
    return bool(np.allclose(module.roc_area(answers, has).numpy(), want, atol=1e-12))  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(4))
def test_area_is_scikit_learn_s(seed: int) -> None:
    assert same_as_sklearn(concept_units, seed)


@pytest.mark.parametrize(
    "fault",
    [
        ("(below + 1 + upto) / 2", "below + 1.0"),  # ties all get the lowest place
        ("positive * (positive + 1) / 2", "positive * (positive - 1) / 2"),
        ("(positive * negative)", "(positive * len(has))"),
        ("chosen.T @ ranks", "(1 - chosen).T @ ranks"),
    ],
)
def test_a_planted_fault_is_seen(fault: tuple[str, str]) -> None:
    assert not same_as_sklearn(planted(concept_units.__name__, fault))


def test_ranks_are_scipy_s() -> None:
    answers, _ = examples()
    assert np.array_equal(mean_ranks(answers).numpy(), rankdata(answers.numpy(), axis=0))
    assert mean_ranks(torch.zeros(4, 1)).flatten().tolist() == [2.5] * 4


def test_a_unit_is_a_concept_unit_only_if_both_senses_agree() -> None:
    has = torch.tensor([[True], [True], [False], [False]])
    yes = torch.tensor([2.0, 1.5, -1.0, 0.0])
    images = torch.stack([yes, yes, yes, -yes], dim=1)
    texts = torch.stack([yes, -yes, torch.zeros(4), -yes], dim=1)
    assert selectivity(images, has, texts, has).tolist() == [[1.0, -1.0, 0.0, -1.0]]
    assert torch.equal(selectivity(images, has, texts, has), selectivity(texts, has, images, has))


def test_a_monotone_change_of_answers_changes_nothing() -> None:
    answers, has = examples()
    assert torch.equal(roc_area(answers, has), roc_area(answers.exp(), has))
    assert torch.allclose(roc_area(-answers, has), 1 - roc_area(answers, has))


@pytest.mark.parametrize("dim", [1, 2, 7, 64])
def test_a_random_turn_is_a_rotation(dim: int) -> None:
    turn = random_turn(dim, seed=3).double()
    assert torch.allclose(turn @ turn.T, torch.eye(dim).double(), atol=1e-6)
    assert float(torch.linalg.det(turn)) == pytest.approx(1, abs=1e-5)


def test_random_turns_favour_no_direction() -> None:
    mean = torch.stack([random_turn(3, seed=i) for i in range(400)]).mean(0)
    assert float(mean.abs().max()) < 0.15  # five standard errors


def test_silenced_units_say_nothing() -> None:
    vectors = torch.nn.functional.normalize(
        torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), dim=1
    )
    held = silenced(vectors, [1, 3])
    assert torch.equal(held[:, [1, 3]], torch.zeros(6, 2))
    assert torch.allclose(held.norm(dim=1), torch.ones(6))
    assert torch.allclose(silenced(vectors, []), vectors)
    level = torch.tensor([0.0, 0.5, 0.0, 0.0])
    other = silenced(vectors, [1], level)
    raw = vectors.clone()
    raw[:, 1] = 0.5
    assert torch.allclose(other, raw / raw.norm(dim=1, keepdim=True))
    assert silenced(vectors.double(), [0], level).dtype == torch.float64


def test_bad_examples_are_refused() -> None:
    answers, has = examples()
    with pytest.raises(ValueError, match="want each with some and without some"):
        roc_area(answers, torch.ones_like(has))
    with pytest.raises(ValueError, match="units"):
        selectivity(answers, has, answers[:, :4], has)
    with pytest.raises(ValueError, match="units: got"):
        silenced(answers, [5])
