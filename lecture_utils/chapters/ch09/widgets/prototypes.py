"""YOLACT's mixing desk: a scene's prototypes, an object's coefficients, and the mask that they add up to.

D. Bolya, C. Zhou, F. Xiao, Y. J. Lee, "YOLACT: Real-time Instance Segmentation", ICCV 2019, section 3,
equation 1: M = σ(P Cᵀ), cropped by the box. The network is `shapes_yolact`, with 16 prototypes; the six shown
are those with the largest mean share of the object's logits, |coefficient| × mean of the prototype.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.plotting.annotations import draw, object_colour, outline
from lecture_utils.plotting.images import few
from lecture_utils.plotting.overlays import heat_overlay, signed_overlay
from lecture_utils.plotting.style import BLUE, HAIRLINE, INK, VERMILION
from lecture_utils.segmentation.protonet import assemble, crop_masks
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

SIZE, LARGE, SCENE = 64, 192, 35  # pixels a side that the network sees, that are drawn; which test scene
SHOWN, LETTERS = 6, "ABCDEF"
FULL = 4.0  # logits that get the full colour
CROPS = {"by its box": True, "not at all": False}
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {},
        "The network's own mix. A and B hold what is no object, and −1 takes it away.",
    ),
    (
        {"crop": "not at all"},
        "Without the crop: the neighbour is in it too, and a strip of sky. In training, what lies outside "
        "the true box does not count.",
    ),
    (
        {"a": 0.0},
        "A at 0: B still takes the background away, less surely, and the mask spreads over the edge.",
    ),
    ({"a": -1.0}, "A with its sign turned: all the background is added, and the box is full."),
    (
        {"object": 2},
        "The square beside it, from the same prototypes. D has the other sign: it takes the ring away.",
    ),
    ({"object": 2, "crop": "not at all"}, "Without the crop: parts of the ring's rim are left."),
    (
        {"object": 2, "d": -1.0, "crop": "not at all"},
        "D's sign turned: the whole ring is back in the mask of the square.",
    ),
    ({"object": 2, "d": -1.0}, "The crop hides most of it. What the box shares with the ring stays wrong."),
)


class Seen(NamedTuple):
    """A scene, what the network says of its objects, and the truth. D objects, k prototypes of h × w."""

    image: Tensor  # (3, LARGE, LARGE)
    prototypes: Tensor  # (k, h, w)
    coefficients: Tensor  # (D, k)
    boxes: Tensor  # (D, 4) of SIZE pixels
    truth: Tensor  # (D, SIZE, SIZE) bool


@lru_cache(maxsize=1)
def seen() -> Seen:
    """Show a test scene to the network; keep what it is sure of, each with the true mask that fits best."""
    from lecture_utils import zoo
    from lecture_utils.data.toyworld import Objects, render, sample_scenes

    scene = sample_scenes(SCENE + 1, seed=0, split="test", objects=Objects(count=(1, 4)))[SCENE : SCENE + 1]
    small = render(scene, SIZE, only=("image", "instance"))
    model: Any = zoo.load("shapes_yolact")
    with torch.no_grad():
        raw = model.raw(small.image)
        chosen = model.choose(raw)[0]
        found = model.instances(raw)[0]
    sure = chosen.scores >= 0.5
    truth = small.instance[0] == torch.arange(1, int(small.instance.max()) + 1)[:, None, None]  # (G, …)
    best = iou(found.masks[sure][:, None] >= 0.5, truth).argmax(1)
    return Seen(
        render(scene, LARGE, only=("image",)).image[0],
        raw.prototypes[0],
        chosen.coefficients[sure],
        chosen.boxes[sure],
        truth[best],
    )


def iou(masks: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of masks (…, H, W) bool, pair by pair."""
    return (masks & others).sum((-2, -1)) / (masks | others).sum((-2, -1)).clamp(min=1)


def ranked(object: int) -> list[int]:
    """The numbers of the prototypes that are shown for an object (from 1), the weightiest first."""
    weight = seen().coefficients[object - 1].abs() * seen().prototypes.mean((1, 2))
    return weight.argsort(descending=True)[:SHOWN].tolist()


def mixed(object: int, factors: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Multiply the first coefficients of `ranked` by factors: coefficients (k,), mask (SIZE, SIZE) in [0, 1].

    The mask is not cropped. Enlarged as `segmentation/yolact.make_masks` does it.
    """
    own = seen().coefficients[object - 1].clone()
    own[ranked(object)[: len(factors)]] *= torch.tensor(factors)
    mask = assemble(seen().prototypes, own[None])
    return own, F.interpolate(mask[:, None], (SIZE, SIZE), mode="bilinear", align_corners=False)[0, 0]


def mixing(object: int, crop: str, a: float, b: float, c: float, d: float) -> Figure:
    """Draw the object's mask, the sum that it comes from, and six prototypes times their coefficients.

    Parameters
    ----------
    object : int
        From 1, the surest first.
    crop : str
        A key of CROPS.
    a, b, c, d : float
        What the coefficients of the first four prototypes are multiplied by.

    Returns
    -------
    Figure
    """
    scene, k = seen(), object - 1
    own, mask = mixed(object, (a, b, c, d))
    box = scene.boxes[k : k + 1]
    final = crop_masks(mask[None], box)[0] if CROPS[crop] else mask
    inside = final >= 0.5
    fig, axes = strip((1.95,) * 4, 1.95, rows=2, foot="prototype × coefficient:")
    for x, text, colour in ((2.1, "adds to the mask", VERMILION), (3.7, "takes away from it", BLUE)):
        fig.text(x / fig.get_figwidth(), 0.11 / fig.get_figheight(), text, color=colour, fontsize=9.5,
                 fontweight="bold", va="center")  # fmt: skip
    hue = object_colour(k)
    draw(axes[0], few(scene.image, 32), masks=_large(inside)[None].numpy(), colours=[hue], fill=0.5)
    draw(axes[0], None, boxes=box * LARGE / SIZE, colours=[INK], dashed=True)
    _title(axes[0], f"the mask: IoU {float(iou(inside, scene.truth[k])):.2f}")
    axes[4].imshow(heat_overlay(torch.ones(3, SIZE, SIZE), mask, 1.0), interpolation="bilinear")
    outline(axes[4], mask, INK, 1.2)
    axes[4].set(xlim=(-0.5, SIZE - 0.5), ylim=(SIZE - 0.5, -0.5))  # the outline is closed outside
    _title(axes[4], "σ(PCᵀ), line at 0.5")
    panels = [*axes[1:4], *axes[5:]]
    for ax, letter, number in zip(panels, LETTERS, ranked(object), strict=True):
        part = own[number] * scene.prototypes[number]
        ax.imshow(signed_overlay(torch.ones(3, *part.shape), part, FULL), interpolation="bilinear")
        frame(ax)
        _title(ax, f"{letter} × {float(own[number]) + 0.0:.2f}".replace("-", "−"))
    return fig


def _large(mask: Tensor) -> Tensor:
    """A mask (SIZE, SIZE) at the size that is drawn."""
    times = LARGE // SIZE
    return mask.repeat_interleave(times, 0).repeat_interleave(times, 1)


def frame(ax: Axes) -> None:
    """Draw a thin line around a panel that may be white."""
    for spine in ax.spines.values():
        spine.set(visible=True, color=HAIRLINE, linewidth=1)


def _title(ax: Axes, text: str) -> None:
    ax.set_title(text, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)


def prototypes() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Prototypes and coefficients",
        compute=mixing,
        controls={
            "object": Choice([("ring", 1), ("square", 2)], 1, label="object"),
            "crop": Choice(list(CROPS), label="cropped"),
            **{
                letter.lower(): Slider(-1.0, 1.0, 0.25, 1.0, label=f"coefficient of {letter} ×")
                for letter in LETTERS[:4]
            },
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.0, "crop": "not at all"},
        alt="A scene with the mask of one object, the sum of prototypes that it comes from, and six "
        "prototypes times their coefficients.",
    )
