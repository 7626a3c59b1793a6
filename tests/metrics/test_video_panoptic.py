"""Video panoptic quality: windows, tubes and identities."""

import pytest
import torch
from torch import Tensor

from lecture_utils.metrics.panoptic import panoptic_quality
from lecture_utils.metrics.video_panoptic import (
    identity_switches,
    mean_video_panoptic_quality,
    video_panoptic_quality,
    windows_of,
)
from lecture_utils.segmentation.panoptic_codes import CODES, VOID
from tests.metrics.panoptic_cases import CLASSES, THINGS, pairs
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.6")
KINDS = {"classes": CLASSES, "things": THINGS}


def two_objects(frames: int = 6) -> Tensor:
    """Two squares of class 2 that move over stuff: (T, 8, 12)."""
    clip = torch.zeros(frames, 8, 12, dtype=torch.int64)
    for t in range(frames):
        clip[t, 1:4, t : t + 3] = 2 * CODES + 1
        clip[t, 5:8, t : t + 3] = 2 * CODES + 2
    return clip


def swapped(clip: Tensor, start: int) -> Tensor:
    """The two objects exchange their numbers from frame `start` on."""
    out, late = clip.clone(), clip[start:]
    out[start:][late == 2001], out[start:][late == 2002] = 2002, 2001
    return out


def test_one_frame_at_a_time_is_panoptic_quality() -> None:
    maps = [(f, t) for f, t in pairs(160, void=0.2, found_void=0.1) if f.shape == (8, 9)]
    found, truth = (torch.stack(side) for side in zip(*maps, strict=True))
    clips = [found[:15], found[15:]], [truth[:15], truth[15:]]
    got = video_panoptic_quality(*clips, window=1, **KINDS)
    want = panoptic_quality(list(found), list(truth), **KINDS)
    assert torch.equal(got.tp, want.tp) and torch.equal(got.fp, want.fp) and torch.equal(got.fn, want.fn)
    assert torch.allclose(got.pq, want.pq, rtol=0, atol=1e-12, equal_nan=True)


def test_a_window_of_a_whole_clip_is_the_quality_of_its_volume() -> None:
    maps = [(f, t) for f, t in pairs(80, void=0.2) if f.shape == (8, 9)]
    found, truth = (torch.stack(side) for side in zip(*maps, strict=True))
    got = video_panoptic_quality([found], [truth], window=len(found), **KINDS)
    want = panoptic_quality([found.flatten(0, 1)], [truth.flatten(0, 1)], **KINDS)
    assert torch.allclose(got.pq, want.pq, equal_nan=True)


def test_every_position_of_the_window_counts_once() -> None:
    clip = two_objects(6)
    for k in (1, 2, 4, 6):
        answer = video_panoptic_quality([clip], [clip], window=k, **KINDS)
        assert answer.tp.tolist() == [7 - k, 0, 2 * (7 - k), 0, 0] and answer.all.pq == 1
        parts = windows_of(clip, k)
        assert all(torch.equal(part, clip[t : t + k]) for t, part in enumerate(parts)) and len(parts) == 7 - k


def test_a_switch_of_identities_costs_only_where_more_than_one_frame_is_seen() -> None:
    truth = two_objects(6)
    found = swapped(truth, 3)
    values = {k: video_panoptic_quality([found], [truth], window=k, **KINDS).pq[2] for k in (1, 2, 3, 6)}
    assert values[1] == 1 and values[2] < 1 and values[3] < 1 and values[6] == 0
    # k = 2: four of the five windows are whole; across the switch no tube reaches an IoU above 1/2.
    assert values[2] == pytest.approx(8 / (8 + 2 / 2 + 2 / 2))
    mean = mean_video_panoptic_quality([found], [truth], windows=(1, 2), **KINDS)
    each = [mean.windows[k].all.pq for k in (1, 2)]
    assert mean.vpq == pytest.approx(sum(each) / 2) and set(mean.windows) == {1, 2}


@pytest.mark.parametrize(
    "fault",
    [
        ("clip.unfold(0, window, 1)", "clip.unfold(0, window, window)"),
        ("clip.unfold(0, window, 1).movedim(-1, 1)", "clip[: len(clip) - window + 1, None]"),
        ("last |= now", "last = now"),
        ("switches += sum(last.get(code, name) != name", "switches += sum(last.get(code) != name"),
    ],
)
def test_a_planted_fault_is_seen(fault: tuple[str, str]) -> None:
    module = planted("lecture_utils.metrics.video_panoptic", fault)
    truth = two_objects(6)
    found = swapped(truth, 3)
    found[3][found[3] == 2001] = VOID
    right = (
        video_panoptic_quality([found], [truth], window=2, **KINDS),
        identity_switches([found], [truth], things=THINGS),
    )
    wrong = (
        module.video_panoptic_quality([found], [truth], window=2, **KINDS),
        module.identity_switches([found], [truth], things=THINGS),
    )
    assert right[1] == 2 and (not torch.equal(right[0].tp, wrong[0].tp) or right[1] != wrong[1])


def test_identity_switches_count_changes_of_number_where_an_object_is_found() -> None:
    truth = two_objects(6)
    count = lambda found: identity_switches([found], [truth], things=THINGS)  # noqa: E731
    assert count(truth) == 0
    assert count(swapped(truth, 3)) == 2
    assert count(swapped(swapped(truth, 3), 5)) == 4
    renamed = torch.where(truth > 0, truth + 30, truth)  # other numbers, but the same throughout
    assert count(renamed) == 0
    lost = swapped(truth, 3)
    lost[2:4] = 0  # missed for two frames, and found again under another number
    assert count(lost) == 2
    assert identity_switches([truth, swapped(truth, 1)], [truth, truth], things=THINGS) == 2
    assert count(torch.zeros_like(truth)) == 0


def test_bad_input_is_refused() -> None:
    clip = two_objects(3)
    with pytest.raises(ValueError, match="window: got 4, want at most the 3 frames"):
        video_panoptic_quality([clip], [clip], window=4, **KINDS)
    with pytest.raises(ValueError, match=r"truth: got shape \(8, 12\), want \(T, H, W\)"):
        video_panoptic_quality([clip[0]], [clip[0]], window=1, **KINDS)
    with pytest.raises(ValueError, match="found: got shape"):
        identity_switches([clip[:2]], [clip], things=THINGS)
    with pytest.raises(ValueError, match="found: got 2, want"):
        video_panoptic_quality([clip, clip], [clip], window=1, **KINDS)
    with pytest.raises(ValueError, match="windows: got"):
        mean_video_panoptic_quality([clip], [clip], windows=(), **KINDS)
