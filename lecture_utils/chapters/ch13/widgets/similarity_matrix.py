"""The N × N matrix of similarities as training goes on: right pairs on the diagonal, all others beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.style import INK, QUIET
from lecture_utils.recipes._clip import build_clip, trained
from lecture_utils.widgets.controls import Slider
from lecture_utils.widgets.widget import Widget

PAIRS, TRIED = 12, 6
SIDE, LETTERS = 0.34, 3.4  # inches: of a cell, of the captions


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One moment of a training: steps done, and the cosines (N, N) of pictures with captions."""

    step: int
    cosine: Tensor


def watched(count: int = PAIRS) -> Captioned:
    """Pictures of the validation split, no two of one class and colour, whose captions name both."""
    some = captioned(400, seed=7, split="val")
    chosen: dict[tuple[int, int], int] = {}
    for i, text in enumerate(some.text):
        pair = int(some.class_id[i]), int(some.colour_id[i])
        if f"{COLOURS[pair[1]]} {CLASSES[pair[0]]}" in text:
            chosen.setdefault(pair, i)
    rows = torch.tensor([*chosen.values()])[:count]
    scenes = some.scenes[rows]
    return Captioned(
        some.image[rows], tuple(some.text[i] for i in rows.tolist()), some.class_id[rows],
        some.colour_id[rows], some.ground_id[rows], some.cloudy[rows], scenes,
    )  # fmt: skip


@torch.no_grad()
def snapshot(clip: CLIP, pairs: Captioned, step: int) -> Snapshot:
    """Keep a CLIP's cosines at this moment; the mode it was in is left as it was."""
    training = clip.training
    clip.eval()
    cosine = clip.encode_image(pairs.image) @ clip.texts(list(pairs.text)).T
    clip.train(training)
    return Snapshot(step, cosine)


def matrix(at: int, *, pairs: Captioned | None = None, snapshots: Sequence[Snapshot] | None = None) -> Figure:
    """Draw the matrix of one moment, pictures down, captions across.

    Parameters
    ----------
    at : int
        Number of the snapshot.
    pairs : Captioned, optional
        N of them.
    snapshots : sequence of Snapshot, optional
        Where either is not given, both are `tried`.
    """
    if pairs is None or snapshots is None:
        pairs, snapshots = tried()
    moment, count = snapshots[at], len(pairs)
    cosine = moment.cosine.numpy()
    right = cosine.argmax(1) == np.arange(count)
    width, height = 0.1 + 1.1 * SIDE + count * SIDE + LETTERS, count * SIDE + 0.75
    fig = Figure(figsize=(width, height))
    fig.set_layout_engine("none")
    ax = bare(fig.add_axes((0.1 / width, 0.35 / height, 1 - 0.1 / width, count * SIDE / height)))
    for i in range(count):  # one unit is one cell: pictures in column -1, the matrix from 0 on
        place = (-1.08, -0.13, i + 0.97, i + 0.03)
        ax.imshow(to_image(pairs.image[i]), interpolation="nearest", extent=place, aspect="auto")
        best = int(cosine[i].argmax())
        ax.text(
            best + 0.5, i + 0.5, "●", ha="center", va="center", fontsize=8, color=INK if right[i] else "white"
        )
        ax.text(count + 0.3, i + 0.5, f"{i + 1}  {pairs.text[i]}", fontsize=8, va="center")
        ax.text(i + 0.5, count + 0.08, str(i + 1), fontsize=8, ha="center", va="top")
    ax.imshow(cosine, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest", aspect="auto",
              extent=(0, count, count, 0), zorder=0)  # fmt: skip
    ax.set(xlim=(-1.1, -1.1 + (width - 0.1) / SIDE), ylim=(count, 0))
    title = f"after {moment.step} steps: {int(right.sum())} of {count} pictures find their caption"
    fig.text(0.05 / width, 1 - 0.2 / height, title, fontsize=11, color=INK)
    fig.text(0.05 / width, 0.08 / height, "dot: the caption a picture finds nearest.  Red near, blue far.",
             fontsize=8.5, color=QUIET)  # fmt: skip
    return fig


@lru_cache(maxsize=1)
def tried() -> tuple[Captioned, list[Snapshot]]:
    """Pairs, and snapshots of a CLIP that is hardly trained: enough to try the widget."""
    pairs, clip = watched(), build_clip()
    moments = [snapshot(clip, pairs, 0)]
    for stage in range(1, TRIED):
        trained(stage, steps=3, batch=32, clip=clip)
        moments.append(snapshot(clip, pairs, 3 * stage))
    return pairs, moments


def similarity_matrix(pairs: Captioned | None = None, snapshots: Sequence[Snapshot] | None = None) -> Widget:
    """Make the widget from six snapshots or more of a training, the first one untrained.

    Where none are given it shows `tried`.
    """
    if snapshots is not None and len(snapshots) < TRIED:
        raise ValueError(f"snapshots: got {len(snapshots)}, want {TRIED} or more")
    steps = range(0, 3 * TRIED, 3) if snapshots is None else [moment.step for moment in snapshots]
    last = len(steps) - 1
    chosen = sorted({round(last * k / 5) for k in range(6)})
    said = {
        0: "Before training: everything is as near to everything.",
        last: "At the end: the diagonal stands out. What is left are pairs alike in colour or in shape.",
    }
    tour = [(said.get(k, f"After {steps[k]} steps."), {"at": k}) for k in chosen]
    return Widget(
        title="N by N, as training goes on",
        compute=partial(matrix, pairs=pairs, snapshots=snapshots),
        controls={"at": Slider(0, last, 1, 0, label="moment")},
        tour=[tour[-1], *tour[:-1]],
        trivial={"at": 0},
        alt="Pictures down the side, captions across, and each cell coloured by how near the two are.",
    )
