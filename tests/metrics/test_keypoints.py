"""The share of keypoints near enough to the truth, by hand and against a loop."""

import math

import pytest
import torch

from lecture_utils.metrics.keypoints import correct_keypoints, pck
from tests.mutants import planted


def objects(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(seed)
    corner, side = torch.rand(12, 2, generator=made) * 30, 5 + torch.rand(12, 2, generator=made) * 25
    truth = torch.cat(
        [torch.rand(12, 5, 2, generator=made) * 60, torch.rand(12, 5, 1, generator=made).round()], 2
    )
    found = truth[..., :2] + 2.5 * torch.randn(12, 5, 2, generator=made)
    found[3, 2] = math.nan
    return found, truth, torch.cat([corner, corner + side], dim=1)


def by_loop(found: torch.Tensor, truth: torch.Tensor, boxes: torch.Tensor, alpha: float) -> float:
    right = asked = 0
    for points, wanted, (x1, y1, x2, y2) in zip(found.tolist(), truth.tolist(), boxes.tolist(), strict=True):
        for (x, y), (u, v, seen) in zip(points, wanted, strict=True):
            asked += seen == 1
            right += seen == 1 and math.hypot(x - u, y - v) <= alpha * max(x2 - x1, y2 - y1)
    return right / asked


@pytest.mark.system("S09.2")
@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
def test_equals_a_loop(alpha: float) -> None:
    assert pck(*objects(), alpha=alpha) == pytest.approx(by_loop(*objects(), alpha))


@pytest.mark.parametrize(
    "fault", [("amax(1)", "amin(1)"), ("alpha * (", "0.5 * alpha * ("), ("right[seen]", "right[~seen]")]
)
def test_faults_are_seen(fault: tuple[str, str]) -> None:
    broken = planted("lecture_utils.metrics.keypoints", fault)
    assert broken.pck(*objects()) != pytest.approx(by_loop(*objects(), 0.1))


def test_none_seen_and_none_found() -> None:
    found, truth, boxes = objects()
    assert math.isnan(pck(found, truth * torch.tensor([1, 1, 0]), boxes))
    assert pck(torch.full_like(found, math.nan), truth, boxes) == 0
    assert correct_keypoints(truth[..., :2], truth[..., :2], boxes, alpha=0).all()


def test_bad_input() -> None:
    found, truth, boxes = objects()
    with pytest.raises(ValueError, match="found"):
        pck(found[:3], truth, boxes)
    with pytest.raises(ValueError, match="alpha"):
        pck(found, truth, boxes, alpha=-1)
    with pytest.raises(ValueError, match="truth"):
        pck(found, truth[..., :2], boxes)
