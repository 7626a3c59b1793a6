"""Chapter 14: the ladder of visual question answering as a table of heat."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from lecture_utils.chapters.ch14.ladder import COLUMNS, Share
from lecture_utils.plotting.style import INK, QUIET

KINDS = 6  # columns before those of hops


def ladder_figure(table: Mapping[str, Mapping[str, Share]], title: str = "") -> Figure:
    """Draw one row a model and one column a kind of question, with each share in per cent.

    Bold is the best of a column among those that look, the last row (told in words) left out; the last column
    has half of its 95 % interval.
    """
    columns = [name for name in COLUMNS if any(name in row for row in table.values())]
    value = np.array([[row[c].value if c in row else np.nan for c in columns] for row in table.values()])
    fig = Figure(figsize=(8.6, 0.42 * len(table) + 1.5), layout="constrained")
    ax = fig.subplots()
    ax.imshow(value, cmap="YlGnBu", vmin=0.2, vmax=1.1, aspect="auto")
    best = np.nanargmax(value[:-1], axis=0) if len(value) > 1 else np.zeros(len(columns), dtype=int)
    for i, row in enumerate(table.values()):
        for j, column in enumerate(columns):
            if column not in row:
                continue
            text = f"{100 * value[i, j]:.0f}" + (
                f" ± {100 * row[column].half:.0f}" if column == "all" else ""
            )
            ax.text(j, i, text, ha="center", va="center", fontsize=9.5,
                    color="white" if value[i, j] > 0.8 else INK,
                    fontweight="bold" if best[j] == i else "normal")  # fmt: skip
    ax.set_xticks(range(len(columns)), [c.replace("hops ", "hops\n") for c in columns], fontsize=9.5)
    ax.set_yticks(range(len(table)), list(table), fontsize=9.5)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.grid(visible=False)
    for edge in (KINDS - 0.5, len(columns) - 1.5):
        ax.axvline(edge, color="white", linewidth=5)
    ax.axhline(len(table) - 1.5, color="white", linewidth=5)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlabel("right answers in per cent: by kind of question, by relations followed, and over all kinds",
                  fontsize=9.5, color=QUIET)  # fmt: skip
    fig.suptitle(title, fontsize=11)
    return fig
