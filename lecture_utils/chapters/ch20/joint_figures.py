"""Chapter 20: figures of the skeleton and its tree, and of one joint seen from near."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS
from lecture_utils.body.smpl import SMPL
from lecture_utils.chapters.ch20.stage import on_stage
from lecture_utils.ops.checks import check_tensor
from lecture_utils.plotting.images import panels
from lecture_utils.plotting.style import BLUE, INK, QUIET, VERMILION

# Where a name stands beside its joint, in points.
NAMED = {
    "head": (5, 4), "neck": (-28, 1), "left_shoulder": (-8, 6), "left_elbow": (-12, -13),
    "left_wrist": (-14, 6),
    "left_hand": (-6, -13), "spine3": (5, -10), "pelvis": (5, 3), "left_hip": (5, -3), "left_knee": (5, 0),
    "left_ankle": (5, 4), "left_foot": (5, -6), "left_collar": (6, -9), "spine1": (-36, -4),
    "spine2": (-36, 0),
}  # fmt: skip
MOVED_M = 1e-4  # less is rounding


def moved_joints(first: Tensor, second: Tensor) -> list[str]:
    """Return the names of the joints (24, 3) that are elsewhere the second time."""
    check_tensor(first, "first", len(JOINTS), 3, finite=True)
    check_tensor(second, "second", len(JOINTS), 3, finite=True)
    away = (first - second).norm(dim=1) > MOVED_M
    return [name for name, far in zip(JOINTS, away.tolist(), strict=True) if far]


def skeletons_figure(rest: Tensor, posed: Tensor, parents: Sequence[int], suptitle: str) -> Figure:
    """Draw a skeleton at rest, with names, and posed: what moved in vermilion, over where it was.

    Parameters
    ----------
    rest, posed : Tensor
        (24, 3), in the body's own frame, seen from the front.
    parents : sequence of int
    suptitle : str
    """
    moved = moved_joints(rest, posed)
    fig, axes = panels(2, 2, 3.6, 0.95, True, suptitle)
    for ax, joints in zip(axes, (rest, posed), strict=True):
        for j, parent in enumerate(parents):
            if parent < 0:
                continue
            ends = joints[[parent, j]]
            if joints is posed:
                ax.plot(*rest[[parent, j], :2].T, color=QUIET, linewidth=1, linestyle=":", zorder=0)
            hue = VERMILION if joints is posed and JOINTS[j] in moved else BLUE
            ax.plot(*ends[:, :2].T, "-", color=hue, linewidth=2.2, solid_capstyle="round")
        hues = [VERMILION if joints is posed and name in moved else INK for name in JOINTS]
        ax.scatter(joints[:, 0], joints[:, 1], s=16, color=hues, zorder=3)
        both = torch.cat([rest, posed])[:, :2]
        (left, low), (right, high) = (both.amin(0) - 0.12).tolist(), (both.amax(0) + 0.12).tolist()
        ax.set(aspect="equal", xlim=(left, right), ylim=(low, high))
    for name, (x, y) in NAMED.items():
        at = (float(rest[JOINTS.index(name), 0]), float(rest[JOINTS.index(name), 1]))
        axes[0].annotate(name.removeprefix("left_"), at, xytext=(x, y), textcoords="offset points",
                         fontsize=8.5, color=INK)  # fmt: skip
    axes[0].set_title("at rest, from the front", fontsize=9.5)
    axes[1].set_title("turned; dotted: at rest", fontsize=9.5)
    return fig


def closeups(
    model: SMPL,
    skins: Sequence[Tensor],
    joint: int,
    titles: Sequence[str],
    *,
    colours: Tensor | Sequence[Tensor] | None = None,
    view: tuple[float, float] = (-60.0, 40.0),
    room: float = 0.28,
    size: float = 2.3,
    columns: int | None = None,
    flat: float = 0.0,
    suptitle: str | None = None,
) -> Figure:
    """Draw posed skins from near one joint of the mean person at rest.

    Parameters
    ----------
    model : SMPL
    skins : sequence of Tensor
        (V, 3) each.
    joint : int
    titles : sequence of str
    colours : Tensor or sequence of Tensor, optional
        (V, 3), for all or one a skin.
    view : (float, float)
    room : float
        Height of the frame, in heights of the mean person.
    size : float
        Inches of a panel.
    columns : int, optional
        All in a row where not given.
    flat : float
        How flat it is lit.
    suptitle : str, optional
    """
    if len(titles) != len(skins):
        raise ValueError(f"titles: got {len(titles)} for {len(skins)} skins, want one a skin")
    around = model.shaped(torch.zeros(1, 1))[1][0, joint]
    fig, axes = panels(len(skins), columns or len(skins), size, 1.0, True, suptitle)
    several = isinstance(colours, list | tuple)
    for k, (ax, skin) in enumerate(zip(axes, skins, strict=True)):
        own = colours[k] if several else colours  # type: ignore[index]
        drawn = on_stage(model, skin, (2 * size, 2 * size), view=view, around=around, room=room,
                         colours=own, flat=flat, sharp=1)  # fmt: skip
        ax.imshow(drawn, interpolation="antialiased")
        ax.set_title(titles[k], fontsize=9.5, fontweight="normal", loc="center", pad=3)
    return fig
