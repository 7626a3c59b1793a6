"""A player for exact clips: identities that last, the flow between two frames, and where it says nothing.

The clips are those of `data/toyworld/clips.py`: all that is drawn here comes from closed form.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.data.toyworld import Clips, ClipSample, Motion, render_clips, sample_clips
from lecture_utils.ops.flow_warp import warp
from lecture_utils.plotting.annotations import draw, object_colour
from lecture_utils.plotting.images import few, grey
from lecture_utils.plotting.style import HAIRLINE, INK, VERMILION, rgb
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

SIZE, FRAMES, STEP = 256, 8, 16  # pixels a side, frames of a clip, pixels between two arrows
STILL = (0.0, 0.0)
CLIPS: dict[str, dict[str, Any]] = {  # seed, number and first frame of each clip, and how things move in it
    "one passes behind": {"clip": 4, "motion": Motion(speed=(0.12, 0.3), camera=STILL)},
    "out and in": {"clip": 6, "first": 2, "motion": Motion(speed=(0.25, 0.45), camera=STILL)},
    "the camera moves": {
        "seed": 3,
        "clip": 1,
        "motion": Motion(speed=STILL, turn=STILL, approach=STILL, camera=(0.12, 0.2)),
    },
}
BEFORE = ("moved by the flow", "as it was")
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"clip": "one passes behind", "frame": 4},
        "Of object 3 hardly anything is left to see. Arrows point back to where each point was; what is "
        "vermilion could not be seen there.",
    ),
    (
        {"clip": "one passes behind", "frame": 4, "before": "as it was"},
        "The frame before as it was: this is what the arrows fetch from.",
    ),
    ({"clip": "one passes behind", "frame": 5}, "Object 3 is hidden altogether: no pixel has its number."),
    (
        {"clip": "one passes behind", "frame": 7},
        "It comes out on the other side and is number 3 still. Part of what shows of it was hidden before.",
    ),
    ({"clip": "out and in", "frame": 2}, "Object 1 leaves on the left. What it uncovers was hidden before."),
    (
        {"clip": "out and in", "frame": 5},
        "After two frames away it comes back. It was not in the frame before, so nothing of it is known.",
    ),
    (
        {"clip": "out and in", "frame": 6},
        "It is number 1 still, and hides object 2, which is on its way out.",
    ),
    (
        {"clip": "the camera moves", "frame": 5},
        "Only the camera moves, to the left: near points shift more than far ones, the sky not at all.",
    ),
    (
        {"clip": "the camera moves", "frame": 1},
        "The first frame has no frame before: no flow, and nothing is known.",
    ),
)


@lru_cache(maxsize=3)
def rendered(clip: str) -> ClipSample:
    """Render one of CLIPS, FRAMES frames of it."""
    how = CLIPS[clip]
    first, number = how.get("first", 0), how["clip"]
    clips = sample_clips(
        number + 1, first + FRAMES, seed=how.get("seed", 0), split="val", motion=how["motion"]
    )[number]
    own = Clips(clips.scenes[first:], clips.camera[:, first:])
    return render_clips(own, SIZE, only=("image", "instance", "panoptic", "visibility", "flow", "known"))


def in_sight(clip: str, frame: int) -> list[int]:
    """Which objects of a clip show in a frame: their numbers, from 1; frames from 1 too."""
    return [k + 1 for k, share in enumerate(rendered(clip).visibility[0, frame - 1].tolist()) if share > 0]


def moved(clip: str, frame: int) -> Tensor:
    """The frame before, with each point carried to where it is now: (3, SIZE, SIZE)."""
    sample, now = rendered(clip), frame - 1
    return warp(sample.image[:, now - 1], sample.flow[:, now])[0].clamp(0, 1)


def play(clip: str, frame: int, before: str) -> Figure:
    """Draw a frame with its objects' numbers, the flow back to the frame before, and that frame.

    Parameters
    ----------
    clip : str
        A key of CLIPS.
    frame : int
        From 1 to FRAMES.
    before : str
        One of BEFORE: how the frame before is shown.

    Returns
    -------
    Figure
    """
    sample, now = rendered(clip), frame - 1
    known = sample.known[0, now]
    share = 1 - float(known.float().mean())
    told = f"vermilion, {share:.0%} of the picture: points that were hidden or outside in the frame before"
    foot = told if now and before == BEFORE[0] else " "
    fig, axes = strip((SIZE / 100,) * 3, SIZE / 100, foot=foot)
    seen = in_sight(clip, frame)
    objects = f"{'object' if len(seen) == 1 else 'objects'} {', '.join(map(str, seen))}"
    titles = (f"frame {frame}: {objects}", "flow: where each point was", f"frame {now}, {before}")
    for ax, title in zip(axes, titles if now else (titles[0], "no flow", "no frame before"), strict=True):
        ax.set_title(title, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    places = sample.visibility.shape[2]
    names = [str(k + 1) for k in range(places)]
    draw(axes[0], few(sample.image[0, now], 32), masks=sample.instance[0, now], labels=names, fill=0.0)
    _flow(axes[1], sample, now)
    image = few(moved(clip, frame) if before == BEFORE[0] else sample.image[0, now - 1], 32)
    if now and before == BEFORE[0]:
        image = np.where(known.numpy()[..., None], image, np.array(rgb(VERMILION), dtype=np.float32))
    axes[2].imshow(image if now else np.full((SIZE, SIZE, 3), rgb(HAIRLINE)), interpolation="nearest")
    return fig


def _flow(ax: Axes, sample: ClipSample, now: int) -> None:
    """Arrows from points of this frame to where they were, over the picture in grey; objects in colour."""
    ax.imshow(0.45 + 0.5 * grey(sample.image[0, now]), interpolation="nearest")
    at = np.arange(STEP // 2, SIZE, STEP)
    x, y = np.meshgrid(at, at)
    u, v = sample.flow[0, now][:, y, x].numpy()
    owner = sample.instance[0, now].numpy()[y, x]
    still = np.hypot(u, v) < 0.5
    colours = np.array([rgb(INK)] + [rgb(object_colour(k)) for k in range(int(owner.max()))])[owner]
    ax.scatter(x[still], y[still], s=3, c=colours[still], linewidths=0)
    ax.quiver(
        x[~still], y[~still], u[~still], v[~still], color=colours[~still], width=0.009, angles="xy",
        scale_units="xy", scale=1, headwidth=3, headlength=3, headaxislength=2.8, minlength=0.5,
    )  # fmt: skip
    ax.set(xlim=(-0.5, SIZE - 0.5), ylim=(SIZE - 0.5, -0.5))


def clip_player() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="A clip, its identities and its flow",
        compute=play,
        controls={
            "clip": Choice(list(CLIPS), label="clip"),
            "frame": Slider(1, FRAMES, 1, 4, label="frame"),
            "before": Choice(list(BEFORE), label="the frame before"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"frame": 1},
        alt="A frame of a clip with numbered objects, arrows from each point to where it was in the frame "
        "before, and that frame moved by them.",
    )
