"""Chapter 16: pictures that guidance makes, laid out: strips of one noise, tables of all classes.

Each returns a Figure; the alt texts are the notebook's.

Shapes: N pictures, S their side.
"""

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from einops import rearrange
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.plotting.images import bare, few, to_image
from lecture_utils.plotting.style import INK


def strips_figure(strips: Mapping[float, Tensor], names: Sequence[str], title: str = "") -> Figure:
    """Draw a row for each thing asked for, a column for each scale: the same noise along a row.

    Parameters
    ----------
    strips : mapping
        Scale → pictures (N, 1 or 3, S, S), as `guidance_study.digit_strips` gives them.
    names : sequence of str
        What was asked for in each of the N rows.
    title : str
    """
    wide = 1.6
    fig = Figure(figsize=(wide * len(strips) + 1.1, wide * len(names) + 0.6), layout="constrained")
    axes = fig.subplots(len(names), len(strips), squeeze=False)
    for column, (scale, images) in enumerate(strips.items()):
        for row, name in enumerate(names):
            ax = bare(axes[row, column])
            ax.imshow(few(to_image(images[row]), 32), interpolation="nearest", cmap="gray", vmin=0, vmax=1)
            if row == 0:
                ax.set_title(f"w = {scale:g}", fontsize=10, loc="center", color=INK)
            if column == 0:
                ax.set_ylabel(name, fontsize=10, rotation=0, ha="right", va="center", labelpad=8)
    if title:
        fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return fig


def tables_figure(tables: Mapping[str, Tensor], columns: Sequence[str], rows: Sequence[str] = ()) -> Figure:
    """Draw tables of pictures side by side, each under its name: a column a class, nothing chosen.

    Parameters
    ----------
    tables : mapping
        Name → pictures (rows · columns, 1 or 3, S, S), row by row.
    columns, rows : sequences of str
        What to write above the columns and beside the rows of the first table (none: nothing).
    """
    count = len(columns)
    fig = Figure(figsize=(9.6, 9.6 / len(tables) * (len(next(iter(tables.values()))) / count**2) + 0.6))
    fig.set_layout_engine("constrained")
    for k, (ax, (name, images)) in enumerate(
        zip(fig.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True)
    ):
        framed = F.pad(images.expand(-1, 3, -1, -1), (1, 1, 1, 1), value=1.0)  # a white line around each
        sheet = rearrange(framed, "(r c) k h w -> (r h) (c w) k", c=count)
        bare(ax).imshow(few(sheet, 32), interpolation="nearest")
        side = framed.shape[-1]
        ax.set_xticks([(i + 0.5) * side for i in range(count)], columns, fontsize=8.5)
        ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
        if k == 0 and rows:
            ax.set_yticks([(i + 0.5) * side for i in range(len(rows))], rows, fontsize=8.5)
        ax.set_title(name, fontsize=10, loc="left")
    return fig
