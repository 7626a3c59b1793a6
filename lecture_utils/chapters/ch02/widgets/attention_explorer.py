"""Attention explorer: point at a patch of a picture and see where each head of a layer looks from there."""

from functools import lru_cache

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.overlays import heat_overlay
from lecture_utils.plotting.style import BLUE
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.widget import Widget

GRID, PATCH, PICTURES = 8, 4, 6
CLASS_TOKEN, HERE = "the class token", "a patch"


@lru_cache(maxsize=1)
def looked_at() -> tuple[Tensor, Tensor]:
    """Six test pictures (6, 3, 32, 32) and the shipped ViT's weights (layers, 6, heads, 65, 65)."""
    from lecture_utils import zoo
    from lecture_utils.data import toyworld

    images, _ = toyworld.classification(PICTURES, size=GRID * PATCH, split="test", seed=2)
    return images, zoo.load("shapes_vit").attention_maps(images)  # type: ignore[operator]


def attention_maps(
    picture: int = 1, layer: int = 4, asker: str = HERE, row: int = 4, column: int = 4
) -> Figure:
    """Draw a picture with the asking patch, and for each head of a layer the weights over all patches.

    Parameters
    ----------
    picture, layer : int
        From 1.
    asker : str
        Whose query: the class token's, or that of the patch (row, column), both from 1.

    Returns
    -------
    Figure
        Hot patches are looked at; each head's weights over patches and class token sum to 1.
    """

    images, maps = looked_at()
    token = 0 if asker == CLASS_TOKEN else 1 + (row - 1) * GRID + column - 1
    heads = maps[layer - 1, picture - 1, :, token]  # (heads, 1 + N)
    image = to_image(images[picture - 1])
    fig = Figure(figsize=(8.3, 2.1))
    fig.set_layout_engine("none")
    count = len(heads) + 1
    for k in range(count):
        ax = bare(fig.add_axes(((k + 0.03) / count, 0.02, 0.94 / count, 0.84)))
        if k == 0:
            ax.imshow(image, interpolation="nearest")
            ax.set_title(f"asking: {asker}", fontsize=8.5, fontweight="normal", loc="center")
        else:
            weights = heads[k - 1, 1:].reshape(GRID, GRID)
            ax.imshow(heat_overlay(image, weights), interpolation="nearest")
            ax.set_title(
                f"head {k}, peak {weights.max():.0%}", fontsize=8.5, fontweight="normal", loc="center"
            )
        if asker != CLASS_TOKEN:
            corner = ((column - 1) * PATCH - 0.5, (row - 1) * PATCH - 0.5)
            ax.add_patch(Rectangle(corner, PATCH, PATCH, fill=False, edgecolor=BLUE, linewidth=2))
    return fig


def attention_explorer() -> Widget:
    """Make the attention explorer: picture, layer, and who asks.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Attention explorer",
        compute=attention_maps,
        controls={
            "picture": Slider(1, PICTURES, 1, 1),
            "layer": Slider(1, 4, 1, 4),
            "asker": Choice([CLASS_TOKEN, HERE], value=HERE),
            "row": Slider(1, GRID, 1, 4),
            "column": Slider(1, GRID, 1, 4),
        },
        tour=[
            (
                "The class token in the last layer: what the answer is read from. Heads share the object.",
                {"asker": CLASS_TOKEN},
            ),
            (
                "The class token in the first layer: ball, water, horizon. Head 1 looks at the class token "
                "itself.",
                {"layer": 1, "asker": CLASS_TOKEN},
            ),
            (
                "A patch of grass beside the ball, first layer: at grass, most of all.",
                {"layer": 1, "row": 5, "column": 5},
            ),
            (
                "The same patch in the last layer: it now looks where the class token looks.",
                {"row": 5, "column": 5},
            ),
            (
                "A patch of sky in the corner, first layer: at sky and horizon; head 3 at the ball.",
                {"layer": 1, "row": 1, "column": 1},
            ),
            (
                "Another picture, class token, last layer: heads 1 and 3 watch one edge each.",
                {"picture": 3, "asker": CLASS_TOKEN},
            ),
            ("And another: the tips count.", {"picture": 5, "asker": CLASS_TOKEN}),
        ],
        trivial={"layer": 1, "row": 1, "column": 1},
        alt="A picture with the asking patch framed; beside it four grey copies, hot where a head looks.",
    )
