"""Draw 00_hero.png, the picture in chapter 00's title, with the chapter's own code (its cells tagged "hero").

python assets/images/00_hero.py
"""

from pathlib import Path
from typing import Any

import jupytext
import numpy as np
from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
source = HERE.parent.parent / "notebooks" / "src" / "00_start_here.py"
cells = jupytext.read(source, fmt="py:percent").cells
names: dict[str, Any] = {"np": np, "predict": lambda question: None}
for cell in cells:
    if "hero" in cell.metadata.get("tags", []):
        exec(cell.source, names)  # the chapter's own functions, and the board that they draw

board = names["board"].reshape(310, 2, 480, 2, 3).mean((1, 3))[18:]  # four samples a pixel: smooth edges
fig = Figure(figsize=(7.2, 7.2 * board.shape[0] / board.shape[1]), dpi=100)
ax = fig.add_axes((0, 0, 1, 1))
ax.imshow(board, interpolation="lanczos")
ax.axis("off")
for name in "AB":
    row, column = names[name]
    style = {"color": "white", "ha": "center", "va": "center", "fontsize": 20, "fontweight": "bold"}
    ax.text(column / 2, row / 2 - 18, name, **style)
fig.savefig(HERE / "00_hero.png", metadata={"Software": None})
