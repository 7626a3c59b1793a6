"""Figures of the gripper at work: an episode as a strip, a film of it, and how many tasks are done.

Shapes: N frames, S a picture's side.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from lecture_utils.chapters.ch14.gripper_study import Share, look_at
from lecture_utils.data.toyworld.gripper import Table, Task, pictures, solved
from lecture_utils.multimodal.palm_e.control import Episode, Planner, run
from lecture_utils.plotting.display import pixels
from lecture_utils.plotting.images import bare, few, to_image
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION, styled

SIZE = 192  # pixels of a picture that is looked at


class Played(NamedTuple):
    """An episode that was watched.

    Attributes
    ----------
    task : Task
    looks : list of Table
        The table at each look, the last when all was over.
    motions : list of (Table, int)
        The table after each motion, and during which step.
    episode : Episode
    solved : bool
        Whether the goals hold in the end.
    """

    task: Task
    looks: list[Table]
    motions: list[tuple[Table, int]]
    episode: Episode
    solved: bool


class Filmed(Table):
    """A table that keeps a copy of itself after each motion, in `shots`."""

    def __init__(self, table: Table) -> None:
        self.__dict__.update(table.copy().__dict__)
        self.shots = [self.still()]

    def still(self) -> Table:
        """The table as it is now."""
        shot = object.__new__(Table)
        shot.__dict__.update({name: value for name, value in vars(self).items() if name != "shots"})
        return shot.copy()

    def move(self, dx: float, dy: float) -> None:
        """Move, and keep what came of it."""
        super().move(dx, dy)
        self.shots.append(self.still())

    def close(self) -> bool:
        """Close, and keep what came of it."""
        caught = super().close()
        self.shots.append(self.still())
        return caught

    def release(self) -> bool:
        """Open, and keep what came of it."""
        let_go = super().release()
        self.shots.append(self.still())
        return let_go


def played(planner: Planner, table: Table, task: Task, *, closed: bool = True, most: int = 8) -> Played:
    """Let a planner do one task, and keep what could be seen; the table stays as it is."""
    own = Filmed(table)
    looks, ends = [own.still()], [0]

    def after(i: int, body: object, tried: int) -> None:
        looks.append(own.still())
        ends.append(len(own.shots))

    episode = run(
        planner, [own], [task.text], look_at([own], "image"), most=most, closed=closed,
        between=after,
    )[0]  # fmt: skip
    steps = [sum(end <= shot for end in ends[1:]) for shot in range(len(own.shots))]
    motions = list(zip(own.shots, steps, strict=True))
    return Played(task, looks, motions, episode, solved(own, task))


def episode_strip(play: Played, title: str = "") -> Figure:
    """Draw a picture before each step, with the step that was written under it, and how it ended."""
    steps = [*play.episode.steps, ("done" if play.episode.done else "…", True)]
    count = len(play.looks)
    columns = min(count, 5)
    rows = -(-count // columns)
    fig = Figure(figsize=(8.0, rows * (8.0 / columns + 0.42) + 0.5), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    shown = pictures(play.looks, SIZE)
    for k, ax in enumerate(axes):
        if k >= count:
            ax.set_axis_off()
            continue
        bare(ax).imshow(few(shown[k], 32), interpolation="nearest")
        words, fine = steps[k]
        last = k == count - 1
        colour = (GREEN if play.solved and play.episode.done else VERMILION) if last else INK
        told = words if fine else f"{words}: failed"
        ax.set_xlabel("\n".join(textwrap.wrap(told, 20)), fontsize=9, color=colour if fine else VERMILION)
    fig.suptitle(f"{title}{': ' if title else ''}“{play.task.text}”", x=0.01, ha="left", fontsize=10.5)
    return fig


def film(play: Played, *, every: int = 2, hold: int = 4) -> list[np.ndarray]:
    """Return the frames (H, W, 3) of an episode, with the task above and the step below, for `turntable`.

    Every so many motions one frame; the first and the last are held.
    """
    kept = [*play.motions[:: every or 1], play.motions[-1]]
    kept = [kept[0]] * hold + kept + [kept[-1]] * 2 * hold
    shown = pictures([table for table, _ in kept], SIZE)
    steps = [words for words, _ in play.episode.steps]
    end = "done" if play.episode.done else "…"
    frames = []
    with styled():
        for i, (image, (_, step)) in enumerate(zip(shown, kept, strict=True)):
            words = end if i >= len(kept) - 2 * hold or step >= len(steps) else steps[step]
            fig = Figure(figsize=(3.2, 3.9))
            fig.set_layout_engine("none")
            ax = bare(fig.add_axes((0.03, 0.12, 0.94, 0.76)))
            ax.imshow(to_image(image), interpolation="nearest")
            fig.text(
                0.03, 0.93, "\n".join(textwrap.wrap(play.task.text, 44)), fontsize=9, va="center", color=INK
            )
            fig.text(0.03, 0.05, words, fontsize=11, va="center", color=BLUE, fontweight="bold")
            frames.append(pixels(fig))
    return frames


def success_bars(
    groups: Mapping[str, Mapping[str, Share]], title: str, *, label: str = "tasks done"
) -> Figure:
    """Draw shares with their 95 % intervals as bars: `groups` has for each colour its shares by name."""
    names = list(dict.fromkeys(name for shares in groups.values() for name in shares))
    fig = Figure(figsize=(8.0, 0.9 + (0.2 + 0.24 * len(groups)) * len(names)), layout="constrained")
    ax = fig.subplots()
    high = 0.8 / len(groups)
    for row, ((group, shares), colour) in enumerate(
        zip(groups.items(), (BLUE, ORANGE, GREEN, QUIET), strict=False)
    ):
        own = [(k, shares[name]) for k, name in enumerate(names) if name in shares]
        at = np.array([k for k, _ in own]) + (row - (len(groups) - 1) / 2) * high
        value = np.array([one.value for _, one in own])
        low, top = np.array([one.interval for _, one in own]).T
        ax.barh(at, value, height=0.9 * high, color=colour, label=group)
        ax.hlines(at, low, top, color=INK, linewidth=1.2)
        for place, one, edge in zip(at, value, top, strict=True):
            ax.text(edge + 0.012, place, f"{one:.0%}", va="center", fontsize=9, color=INK)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlim=(0, 1.1), xlabel=f"share of {label}, with 95 % interval")
    ax.grid(axis="y", visible=False)
    if len(groups) > 1:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    ax.set_title(title)
    return fig


def tables_shown(tables: Sequence[Table], notes: Sequence[str], title: str) -> Figure:
    """Draw tables side by side, a note under each."""
    fig = Figure(figsize=(8.0, 8.0 / len(tables) + 0.9), layout="constrained")
    axes = fig.subplots(1, len(tables), squeeze=False)[0]
    for ax, image, note in zip(axes, pictures(tables, SIZE), notes, strict=True):
        bare(ax).imshow(few(image, 32), interpolation="nearest")
        ax.set_xlabel("\n".join(textwrap.wrap(note, 26)), fontsize=9)
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig
