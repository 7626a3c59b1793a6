"""Expected calibration error against a loop."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lecture_utils.metrics.calibration import expected_calibration_error, reliability


def answers(n: int, classes: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, classes, generator=generator)
    return logits.softmax(1), torch.randint(classes, (n,), generator=generator)


def loop(p: Tensor, labels: Tensor, bins: int) -> float:
    error, n = 0.0, len(labels)
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        mine = [i for i in range(n) if low < p[i].max().item() <= high]
        if mine:
            sure = sum(p[i].max().item() for i in mine) / len(mine)
            right = sum(int(p[i].argmax() == labels[i]) for i in mine) / len(mine)
            error += len(mine) / n * abs(right - sure)
    return error


@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("n", [1, 7, 300])
def test_equals_a_loop(n: int, bins: int) -> None:
    p, labels = answers(n)
    assert expected_calibration_error(p, labels, bins) == pytest.approx(
        loop(p.double(), labels, bins), abs=1e-6
    )


def test_an_honest_classifier_has_none_and_a_sure_one_has_its_error_rate() -> None:
    honest = torch.tensor([[0.75, 0.25]]).expand(400, 2)
    labels = (torch.arange(400) % 4 == 0).long()  # three quarters are class 0
    assert expected_calibration_error(honest, labels) == pytest.approx(0, abs=1e-9)
    sure = torch.tensor([[1.0, 0.0]]).expand(400, 2)
    assert expected_calibration_error(sure, labels) == pytest.approx(0.25, abs=1e-9)


def test_the_bins_hold_all_answers() -> None:
    p, labels = answers(500)
    result = reliability(p, labels, bins=12)
    assert result.share.sum().item() == pytest.approx(1)
    right = (p.argmax(1) == labels).double().mean().item()
    assert (result.share * result.accuracy).sum().item() == pytest.approx(right)
    filled = result.share > 0
    assert (result.confidence[filled] > result.edges[:-1][filled]).all()
    assert (result.confidence[filled] <= result.edges[1:][filled]).all()


P, LABELS = answers(4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reliability(P * 3, LABELS), "does not sum to 1"),
        (lambda: reliability(P, LABELS[:2]), r"labels \(2,\)"),
        (lambda: reliability(P, LABELS + 5), "labels: got class numbers from .* want 0 to 4"),
        (lambda: reliability(P, LABELS - 9), "labels: got class numbers from -"),
        (lambda: reliability(P, LABELS.float()), "labels: got torch.float32"),
        (lambda: reliability(P, LABELS.numpy()), "labels: got ndarray.*torch.as_tensor"),
        (lambda: reliability(P, LABELS[:, None]), r"labels: got torch.int64 \(4, 1\)"),
        (lambda: reliability(P * torch.nan, LABELS), "does not sum to 1"),
        (lambda: reliability((P * 255).byte(), LABELS), "probabilities: got dtype torch.uint8"),
        (lambda: reliability(P, LABELS, 2.5), "bins: got 2.5"),
        (lambda: reliability(P[:0], LABELS[:0]), "N of 1 or more"),
        (lambda: reliability(P, LABELS, 0), "and 0 bins"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
