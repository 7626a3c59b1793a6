"""Chapter 13, part b: the references are what the package computes, and other right ways pass."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch13 import crossing_solutions, fusion
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.metrics import retrieval
from lecture_utils.multimodal import stylisation, zerocap
from lecture_utils.ops.mel import griffin_lim
from lecture_utils.ops.stft import hann, istft, stft
from tests.references import check_reference

BY_ID = {exercise.id: exercise for exercise in exercises("13")}


def package_recall(similarity: Tensor, relevant: Tensor, k: int) -> float:
    """The package refuses queries that nothing answers; the learner's function leaves them out."""
    asked = relevant.any(1)
    return retrieval.recall_at(similarity[asked], k, relevant[asked])


THEIRS: dict[str, Callable[..., Any]] = {
    "13.6": package_recall,
    "13.8": zerocap.zerocap_loss,
    "13.10": stylisation.directional_loss,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    check_reference(BY_ID[id], THEIRS[id], seeds=3)


def test_the_balanced_loss_is_the_claims() -> None:
    """With the network of the chapter's claim, and its gradients."""
    torch.manual_seed(0)
    model = fusion.LateFusion(9, 8)
    senses = torch.rand(6, 3, 32, 32), torch.randint(0, 9, (6, 5))
    label = torch.randint(0, 8, (6,))
    each = []
    for loss in (crossing_solutions.balanced_loss, fusion.balanced_loss):
        model.zero_grad()
        made = loss(model, senses, label)
        made.backward()
        each.append([made.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)])
    torch.testing.assert_close(each[0], each[1])
    assert len(each[0]) == 1 + len(list(model.parameters()))


def test_rounds_of_griffin_and_lim_come_nearer_to_what_is_wanted() -> None:
    random = torch.Generator().manual_seed(0)
    wanted, window = torch.randn(600, generator=random), hann(64)
    magnitude = stft(wanted, window, 16).abs()
    signal = torch.randn(600, generator=random)
    off = []
    for _ in range(20):
        off.append(float((stft(signal, window, 16).abs() - magnitude).square().sum()))
        signal = crossing_solutions.griffin_lim_step(magnitude, signal, window, 16)
    assert all(later <= sooner * (1 + 1e-5) for sooner, later in pairwise(off))
    assert off[-1] < 0.3 * off[0]


def test_a_round_is_a_round_of_the_packages() -> None:
    """One round more of the package's from the same first phases."""
    magnitude = stft(torch.randn(300, generator=torch.Generator().manual_seed(1)), hann(32), 8).abs()
    few, more = (griffin_lim(magnitude, hann(32), 8, length=300, rounds=n, pad="reflect") for n in (3, 4))
    torch.testing.assert_close(
        crossing_solutions.griffin_lim_step(magnitude, few, hann(32), 8), more, atol=1e-4, rtol=1e-3
    )


# --- other right ways pass ---------------------------------------------------------------------------
def recall_query_by_query(similarity: Tensor, relevant: Tensor, k: int) -> float:
    found = []
    for row, true in zip(similarity.tolist(), relevant.tolist(), strict=True):
        if any(true):
            best = max(value for value, yes in zip(row, true, strict=True) if yes)
            others = [value for value, yes in zip(row, true, strict=True) if not yes]
            found.append(sum(value >= best for value in others) < k)
    return sum(found) / len(found)


def balanced_by_parts(model: Any, senses: Any, label: Tensor) -> Tensor:
    features = model.features(senses)
    total = F.cross_entropy(model.fused(*features), label)
    for head, feature in zip(model.heads, features, strict=True):
        total = total + F.nll_loss(head(feature).log_softmax(1), label)
    return total


def guided_by_library(logits: Tensor, plain: Tensor, target: Tensor, guidance: Any) -> Tensor:
    agree = F.cross_entropy(logits, target, reduction="none")
    stay = F.kl_div(plain.log_softmax(-1), logits.log_softmax(-1), log_target=True, reduction="none").sum(1)
    return guidance.clip_weight * agree + guidance.fluency * stay


def phases_by_exponential(magnitude: Tensor, signal: Tensor, window: Tensor, hop: int) -> Tensor:
    phase = torch.angle(stft(signal, window, hop))
    return istft(magnitude * torch.exp(1j * phase), window, hop, length=signal.shape[0])


def phases_by_division(magnitude: Tensor, signal: Tensor, window: Tensor, hop: int) -> Tensor:
    own = stft(signal, window, hop)
    size = own.abs()
    phase = torch.where(size > 0, own / size.clamp(min=1e-12), 1.0 + 0j)
    return istft(magnitude * phase, window, hop, length=len(signal))


def direction_by_normalising(styled: Tensor, source: Tensor, target: Tensor, origin: Tensor) -> Tensor:
    a, b = F.normalize(styled - source, dim=1), F.normalize(target - origin, dim=1)
    return 1 - (a * b).sum(1)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("13.6", recall_query_by_query),
        ("13.7", balanced_by_parts),
        ("13.8", guided_by_library),
        ("13.9", phases_by_exponential),
        ("13.9", phases_by_division),
        ("13.10", direction_by_normalising),
    ],
)
def test_another_right_way_passes(id: str, answer: Callable[..., Any]) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "right", found
