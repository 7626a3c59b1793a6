"""Identity switches: counted by hand, with who is hidden for a while."""

import pytest
import torch

from lecture_utils.metrics import identity as right
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.6")
SAME, SWAPPED, HIDDEN = [[0.8, 0.1], [0.0, 0.7]], [[0.2, 0.6], [0.9, 0.1]], [[0.0, 0.0], [0.0, 0.7]]


def switches(module, *frames: list[list[float]]) -> int:
    return module.identity_switches(torch.tensor(frames))


STORIES = [
    ((SAME, SAME, SAME), 0),
    ((SAME, HIDDEN, HIDDEN, SAME), 0),
    ((SAME, SWAPPED, SWAPPED), 2),  # each of the two has another track now
    ((SAME, SWAPPED, SAME), 4),
    ((SAME, HIDDEN, SWAPPED), 2),  # hidden in between: against the last track it had
    ((HIDDEN, SAME), 0),  # the first track is no switch
]


@pytest.mark.parametrize(("frames", "want"), STORIES)
def test_switches_by_hand(frames: tuple[list[list[float]], ...], want: int) -> None:
    assert switches(right, *frames) == want


@pytest.mark.parametrize(
    "fault",
    [
        ("last.get(person, track) != track", "last.get(person, -1) != track"),
        ("            last[person] = track\n", ""),
        ("ious >= threshold, ious, 0.0", "ious >= threshold, 0.0, ious"),
        ("sums.argmax()", "sums.argmin()"),
    ],
)
def test_a_fault_counts_others(fault: tuple[str, str]) -> None:
    module = planted(right.__name__, fault)
    assert [switches(module, *frames) for frames, _ in STORIES] != [want for _, want in STORIES]


def test_matches_are_one_to_one_and_the_best_together() -> None:
    ious = torch.tensor([[0.9, 0.8], [0.8, 0.0]])  # the greedy match, 0.9, would leave person 1 with nobody
    assert right.best_match(ious, 0.5) == {0: 1, 1: 0}
    assert right.best_match(torch.tensor([[0.9], [0.8], [0.7]]), 0.5) == {0: 0}
    assert right.best_match(torch.tensor([[0.4, 0.6]]), 0.5) == {1: 0}


def test_ious_by_loop() -> None:
    made = torch.Generator().manual_seed(0)
    a, b = (torch.rand(2, n, 5, 6, generator=made) > 0.4 for n in (3, 2))
    got = right.mask_ious(a, b)
    for f in range(2):
        for p in range(3):
            for g in range(2):
                want = (a[f, p] & b[f, g]).sum() / (a[f, p] | b[f, g]).sum()
                assert got[f, p, g].item() == pytest.approx(want.item(), rel=1e-5)
    assert right.mask_ious(torch.zeros(1, 1, 2, 2).bool(), torch.zeros(1, 1, 2, 2).bool()).item() == 0


def test_too_many_are_refused() -> None:
    with pytest.raises(ValueError, match="want 6 tracks"):
        right.identity_switches(torch.zeros(1, 7, 2))
    with pytest.raises(ValueError, match="want all in"):
        right.identity_switches(torch.full((1, 2, 2), 1.5))
