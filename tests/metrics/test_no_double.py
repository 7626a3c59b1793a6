"""What a device without double precision (an Apple GPU) needs: the same answers, from single precision."""

import pytest
import torch
from torch import Tensor

from lecture_utils.explain.retrieval import FeatureDatabase
from lecture_utils.explain.sanity import rank_correlation
from lecture_utils.explain.tsne import tsne
from lecture_utils.metrics.attention_iou import head_ious
from lecture_utils.metrics.calibration import expected_calibration_error
from lecture_utils.metrics.probes import knn_accuracy, linear_probe
from lecture_utils.metrics.segmentation import mean_iou
from lecture_utils.ops import precision

X, Y = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3
MAPS = torch.rand(2, 3, 16, generator=torch.Generator().manual_seed(1))


def answers() -> list[float]:
    return [
        expected_calibration_error(X.softmax(1), Y),
        rank_correlation(MAPS, MAPS.exp().flip(2)).sum().item(),
        FeatureDatabase(X, Y).precision_at_k(X + 0.1, Y),
        knn_accuracy(X, Y, X + 0.5, Y, k=3),
        linear_probe((X, Y), (X, Y), (X, Y))[1],
        mean_iou(Y, Y.flip(0), 3),
        head_ious(MAPS, torch.ones(2, 8, 8, dtype=torch.bool)).sum().item(),
        tsne(X, perplexity=5, steps=3).kl,
    ]


def test_the_same_answers_without_double(monkeypatch: pytest.MonkeyPatch) -> None:
    want = answers()

    def refuse(self: Tensor) -> Tensor:
        raise TypeError("this device has no float64")

    monkeypatch.setattr(precision, "NO_DOUBLE", ("cpu",))
    monkeypatch.setattr(Tensor, "double", refuse)
    assert answers() == pytest.approx(want, rel=1e-3, abs=1e-5)
