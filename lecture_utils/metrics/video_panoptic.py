"""Video panoptic quality (S09.6): an object must keep its number over several frames.

D. Kim, S. Woo, J.-Y. Lee, I. S. Kweon, "Video Panoptic Segmentation", CVPR 2020, section 3: a window of k
frames slides over each clip. Within it, the segments with one code form a *tube* through its frames. Tubes
are matched as segments are, by the IoU of their volumes, and the counts of all positions of the window go
into one panoptic quality, VPQ^k. With k = 1 it is the quality of single pictures. The final figure is the
mean over several k.

In the paper k is 0, 5, 10 and 15, on videos of which every fifth frame is labelled: windows of 1, 2, 3 and 4
labelled frames. Here k is the number of frames in the window.

Identity switches are another measure: how often an object that is found gets another number than before. They
are counted on the matches of each frame by itself. (K. Bernardin, R. Stiefelhagen, "Evaluating Multiple
Object Tracking Performance: The CLEAR MOT Metrics", EURASIP Journal on Image and Video Processing 2008, calls
them mismatches, and holds on to matches from frame to frame.)

Shapes: T frames of a clip, H × W pixels, k frames of a window, K classes. Codes as in `panoptic.py`.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from torch import Tensor

from lecture_utils.metrics.panoptic import (
    PanopticQuality,
    check_maps,
    check_pairs,
    match_segments,
    panoptic_quality,
)
from lecture_utils.ops.checks import check_whole, check_wholes
from lecture_utils.segmentation.panoptic_codes import check_map, check_things


class VideoPanopticQuality(NamedTuple):
    """Panoptic quality over windows of several lengths.

    Attributes
    ----------
    vpq : float
        The mean over the lengths of VPQ^k, each the mean over the classes that occur.
    windows : dict
        k: its `PanopticQuality`.
    """

    vpq: float
    windows: dict[int, PanopticQuality]


def windows_of(clip: Tensor, window: int) -> list[Tensor]:
    """All runs of `window` frames of a clip (T, H, W): T - window + 1 views (window, H, W)."""
    check_clip(clip, "clip")
    if check_whole(window, "window") > len(clip):
        raise ValueError(f"window: got {window}, want at most the {len(clip)} frames of the shortest clip")
    return list(clip.unfold(0, window, 1).movedim(-1, 1))


def video_panoptic_quality(
    found: Sequence[Tensor],
    truth: Sequence[Tensor],
    *,
    window: int,
    classes: int,
    things: Collection[int],
    crowds: Sequence[Collection[int]] | None = None,
) -> PanopticQuality:
    """VPQ^k: panoptic quality of the tubes in all windows of k frames.

    Parameters
    ----------
    found, truth : sequence of Tensor
        A clip: (T, H, W) int64 codes or VOID; one object has one code in all frames.
    window : int
        k, at most the frames of the shortest clip.
    classes, things
        As for `panoptic_quality`.
    crowds : sequence of collections of int, optional
        A clip: the codes of its groups.

    Returns
    -------
    PanopticQuality
        Counted in tubes.

    Raises
    ------
    ValueError
        For maps of other shapes or types, codes of no class, or a window longer than a clip.
    """
    check_clips(found, truth, crowds)
    positions = [len(windows_of(clip, window)) for clip in truth]
    groups = crowds or [()] * len(truth)
    return panoptic_quality(
        [tube for clip in found for tube in windows_of(clip, window)],
        [tube for clip in truth for tube in windows_of(clip, window)],
        classes=classes,
        things=things,
        crowds=[group for group, n in zip(groups, positions, strict=True) for _ in range(n)],
    )


def mean_video_panoptic_quality(
    found: Sequence[Tensor],
    truth: Sequence[Tensor],
    *,
    windows: Sequence[int],
    classes: int,
    things: Collection[int],
    crowds: Sequence[Collection[int]] | None = None,
) -> VideoPanopticQuality:
    """VPQ: the mean of VPQ^k over several lengths k. Arguments as for `video_panoptic_quality`."""
    check_wholes(windows, "windows")
    each = {
        k: video_panoptic_quality(found, truth, window=k, classes=classes, things=things, crowds=crowds)
        for k in windows
    }
    return VideoPanopticQuality(sum(quality.all.pq for quality in each.values()) / len(each), each)


def identity_switches(found: Sequence[Tensor], truth: Sequence[Tensor], *, things: Collection[int]) -> int:
    """How often an object's found code is another than in the last frame in which it was found.

    Parameters
    ----------
    found, truth : sequence of Tensor
        A clip: (T, H, W) int64 codes or VOID.
    things : collection of int
        The classes whose instances are told apart; stuff has no identity to lose.

    Returns
    -------
    int
        Over all clips. An object is found in a frame where a segment of its class matches it (IoU above 0.5);
        frames in between where it is missed are passed over.

    Raises
    ------
    ValueError
        For maps of other shapes or types, or classes that are no whole numbers.
    """
    check_clips(found, truth, None)
    check_things(things)
    switches = 0
    for own, true in zip(found, truth, strict=True):
        last: dict[int, int] = {}  # true code: the code under which it was found last
        for frame, true_frame in zip(own, true, strict=True):
            match = match_segments(frame, true_frame, things=things)
            now = dict(zip(match.truth.tolist(), match.found.tolist(), strict=True))
            switches += sum(last.get(code, name) != name for code, name in now.items())
            last |= now
    return switches


def check_clip(clip: Tensor, name: str) -> None:
    """Raise ValueError unless these are int64 codes (T, H, W), with a frame or more."""
    check_map(clip, name)
    if clip.ndim != 3 or clip.numel() == 0:
        raise ValueError(f"{name}: got shape {tuple(clip.shape)}, want (T, H, W) with no axis of length 0")


def check_clips(
    found: Sequence[Tensor], truth: Sequence[Tensor], crowds: Sequence[Collection[int]] | None
) -> None:
    """Raise ValueError unless there is one found clip to each true one, of one shape."""
    check_pairs(found, truth, crowds)
    for own, true in zip(found, truth, strict=True):
        check_maps(own, true)
        check_clip(true, "truth")
