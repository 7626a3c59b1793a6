"""Confidence: IoUs as counted by hand, and the frames with planted faults are those that are left out."""

import pytest
import torch

from lecture_utils.body.multiply import confidence as right
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.6")
FRAMES, SPOILT = 10, (2, 5, 6, 9)


def masks(spoilt: tuple[int, ...] = SPOILT) -> tuple[torch.Tensor, torch.Tensor]:
    """Two people's masks in ten frames; in some the layers stand six pixels beside."""
    refined = torch.zeros(FRAMES, 2, 20, 40)
    for f in range(FRAMES):
        refined[f, 0, 4:16, f + 2 : f + 9], refined[f, 1, 4:16, 30 - f : 37 - f] = 1, 1
    layers = refined.clone()
    for f in spoilt:
        layers[f, f % 2] = layers[f, f % 2].roll(6, 1)
    return layers, refined


def left_out(module) -> set[int]:
    layers, refined = masks()
    frames = module.reliable_frames(module.mask_agreement(layers, refined), unreliable=0.4)
    return set((~frames).nonzero()[:, 0].tolist())


def test_frames_with_planted_faults_are_not_reliable() -> None:
    assert left_out(right) == set(SPOILT)


@pytest.mark.parametrize(
    "fault",
    [
        ("confidence >= ", "confidence <= "),
        ("both / either", "either / both"),
        ("agreement.mean(dim=1)", "agreement[:, 0]"),
        ("(a & b)", "(a | b)"),
    ],
)
def test_a_fault_picks_others(fault: tuple[str, str]) -> None:
    assert left_out(planted(right.__name__, fault)) != set(SPOILT)


def test_ious_by_loop() -> None:
    made = torch.Generator().manual_seed(0)
    a, b = torch.rand(3, 2, 7, 9, generator=made), torch.rand(3, 2, 7, 9, generator=made)
    got = right.mask_agreement(a, b)
    for f in range(3):
        for p in range(2):
            pairs = list(
                zip((a[f, p] >= 0.5).flatten().tolist(), (b[f, p] >= 0.5).flatten().tolist(), strict=True)
            )
            want = sum(x and y for x, y in pairs) / sum(x or y for x, y in pairs)
            assert got[f, p].item() == pytest.approx(want)


def test_nobody_is_no_evidence() -> None:
    nobody = torch.zeros(2, 1, 4, 4)
    assert right.mask_agreement(nobody, nobody).tolist() == [[0], [0]]


def test_half_the_frames_or_all_or_one() -> None:
    agreement = torch.tensor([[0.9], [0.2], [0.5], [0.7]])
    assert right.reliable_frames(agreement).tolist() == [True, False, False, True]
    assert right.reliable_frames(agreement, unreliable=0).all()
    assert right.reliable_frames(agreement, unreliable=0.99).tolist() == [True, False, False, False]
    assert right.reliable_frames(torch.full((4, 2), 0.5)).all()  # equals are not told apart
    with pytest.raises(ValueError, match="unreliable: got 1"):
        right.reliable_frames(agreement, unreliable=1.0)
