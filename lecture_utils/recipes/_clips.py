"""What the recipes for video share: pairs of frames of toy clips, with all that is known of them.

Shapes: B pairs of frames of 64 × 64, G objects of a frame.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.data import toyworld
from lecture_utils.recipes._detection import SIZE
from lecture_utils.recipes._masks import LEAST_SEEN
from lecture_utils.segmentation.panoptic_codes import VOID

PORTION, FRAMES = 200, 8  # clips rendered at a time, and their frames

VideoTarget = tuple[Tensor, Tensor, Tensor, Tensor]  # boxes (G, 4), classes, masks (G, 64, 64), identities


class Pairs(NamedTuple):
    """Two frames of each of B clips, and what is in them.

    Attributes
    ----------
    earlier, now : Tensor
        (B, 3, 64, 64).
    targets, earlier_targets : list
        A picture: boxes (G, 4), classes (G,), masks (G, 64, 64) bool and identities (G,).
    semantic : Tensor
        (B, 64, 64) int64 of now; VOID where too little shows of an object.
    flow, known : Tensor
        (B, 2, 64, 64) pixels from now back to earlier, and where that place was seen then, bool.
    """

    earlier: Tensor
    now: Tensor
    targets: list[VideoTarget]
    earlier_targets: list[VideoTarget]
    semantic: Tensor
    flow: Tensor
    known: Tensor


def spaced(clips: toyworld.Clips, first: int, gap: int) -> toyworld.Clips:
    """Of clips the frames `first` and `first + gap` alone."""
    at = torch.tensor([first, first + gap])
    rows = (torch.arange(len(clips))[:, None] * clips.frames + at).flatten()
    return toyworld.Clips(clips.scenes[rows], clips.camera[:, at])


def asked(sample: toyworld.ClipSample, maps: Tensor) -> Tensor:
    """Maps (V, T, 64, 64) of a sample, VOID where too little shows of an object."""
    seen = (sample.visibility >= LEAST_SEEN) & (sample.visibility > 0)  # (V, T, K)
    shown = torch.cat([seen.new_ones(*seen.shape[:2], 1), seen], dim=2)
    there = shown.gather(2, sample.instance.flatten(2)).view_as(sample.instance)
    return torch.where(there, maps, VOID)


def fresh_pairs(seed: int, batch: int, *, most: int = 1) -> Iterator[tuple[Pairs, None]]:
    """Pairs of frames that never repeat, 1 to `most` frames apart."""
    for portion in itertools.count(1000 * seed):
        clips = toyworld.sample_clips(PORTION, FRAMES, seed=portion)
        gap = 1 + portion % most
        for first in range(0, FRAMES - gap, max(gap, 2)):
            sample = toyworld.render_clips(spaced(clips, first, gap), SIZE)
            semantic = asked(sample, sample.semantic)
            for start in range(0, PORTION - batch + 1, batch):
                yield pairs(sample, semantic, range(start, start + batch)), None


def pairs(sample: toyworld.ClipSample, semantic: Tensor, rows: range) -> Pairs:
    """Some pairs of a sample of two frames a clip."""
    own = slice(rows.start, rows.stop)
    targets = [[sample.targets(i, t, least_seen=LEAST_SEEN) for i in rows] for t in (0, 1)]
    image, flow, known = sample.image[own], sample.flow[own, 1], sample.known[own, 1]
    return Pairs(image[:, 0], image[:, 1], targets[1], targets[0], semantic[own, 1], flow, known)
