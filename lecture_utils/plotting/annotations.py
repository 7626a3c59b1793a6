"""Boxes, masks and keypoints drawn on a picture, and the three kinds of segmentation, each with its own look.

`draw` is for objects: boxes, masks, keypoints, with names and scores. A *semantic* map is flat class colours;
*instances* are hues with an outline over the picture; a *panoptic* map is both, with numbers.

Boxes and points are in pixels, and pixel i covers i to i + 1: x from 0 to W, y from 0 to H.
Shape letters: H, W pixels, K objects, P keypoints.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from .images import colour_labels, mask_overlay, to_array, to_image
from .style import INK, PALETTE, VERMILION, label_palette, on_colour, rgb

Extent = tuple[float, float, float, float]
OBJECTS = 7  # colours by which objects are told apart, the same in boxes, masks and keypoints
LETTER = 8.5  # points; what a label is written in, readable at the size that a reader sees


def object_colour(k: int) -> str:
    """Give object k's colour."""
    return PALETTE[k % OBJECTS]


def draw(
    ax: Axes,
    picture: Any,
    *,
    boxes: Any = None,
    labels: Sequence[str] | None = None,
    scores: Any = None,
    masks: Any = None,
    keypoints: Any = None,
    edges: Sequence[tuple[int, int]] = (),
    colours: Sequence[str] | None = None,
    dashed: bool = False,
    fill: float = 0.45,
) -> None:
    """Draw a picture with its objects; object k has one colour in box, mask, keypoints and label.

    Parameters
    ----------
    ax : Axes
        A panel of at least 1.5 inches, so that labels can be read.
    picture : (3, H, W) or (H, W, 3) in [0, 1]
        None draws on what the panel already shows.
    boxes : (K, 4), optional
        Left, top, right, bottom in pixels. A box without area is left out (an object that nobody sees).
    labels : sequence of K str, optional
        Written at the boxes, or in the masks where there are no boxes.
    scores : (K,), optional
        In [0, 1]; written behind the labels.
    masks : (K, H, W) or (H, W), optional
        A mask an object, true or above one half inside; or an instance map, k + 1 for object k, 0 elsewhere.
    keypoints : (K, P, 2) or (K, P, 3), optional
        x, y in pixels, and above one half where visible. Hidden ones are hollow; those at NaN are left out.
    edges : sequence of (int, int)
        Which keypoints a line joins, where both are visible.
    colours : sequence of K str, optional
        Other colours than `object_colour`.
    dashed : bool
        Broken lines: predictions beside the truth, or full extents behind what hides them.
    fill : float
        Weight of the masks' colours, 0 (outlines only) to 1.

    Raises
    ------
    ValueError
        On shapes that do not fit, a box turned inside out, NaN, or scores outside [0, 1].
    """
    image = to_image(picture) if picture is not None else _shown(ax)
    size = image.shape[:2]
    xyxy, points = _boxes(boxes), _keypoints(keypoints)
    given = {"boxes": xyxy, "keypoints": points, "labels": labels, "scores": scores, "colours": colours}
    masks = _masks(masks, size, _one_count(given))
    count = _one_count({**given, "masks": masks})
    hues = [object_colour(k) for k in range(count)] if colours is None else list(colours)
    if picture is not None:
        shown = image if masks is None else _filled(image, masks, hues, fill)
        ax.imshow(shown, interpolation="nearest" if min(size) < 100 else "antialiased")
    if masks is not None:
        for mask, hue in zip(masks, hues, strict=True):
            outline(ax, mask, hue)
    if xyxy is not None:
        _draw_boxes(ax, xyxy, hues, dashed)
    if points is not None:
        _draw_keypoints(ax, points, hues, edges, size)
    ax.set(xlim=(-0.5, size[1] - 0.5), ylim=(size[0] - 0.5, -0.5))
    names = _names(labels, scores, count)
    if names is not None and (xyxy is not None or masks is not None):
        write_labels(ax, [_extent(k, xyxy, masks) for k in range(count)], names, hues)


def boxes(
    ax: Axes,
    boxes_xyxy: Any,
    labels: Sequence[str] | None = None,
    colours: Sequence[str] | None = None,
    dashed: bool = False,
) -> None:
    """Draw boxes (K, 4) on a panel that shows a picture; parameters as in `draw`."""
    draw(ax, None, boxes=boxes_xyxy, labels=labels, colours=colours, dashed=dashed)


def draw_semantic(ax: Axes, labels: Any, names: Sequence[str] | None = None, *, stuff: int = 0) -> None:
    """Draw a semantic map: flat colours, one a class, whatever the number of objects, without outlines.

    Parameters
    ----------
    ax : Axes
    labels : (H, W) of integers
        Negative ones (ignored pixels) are white.
    names : sequence of str, optional
        A class's name is written once, in its largest region; an empty one is not.
    stuff : int
        How many of the first labels are stuff, in pale tones.
    """
    array = to_array(labels).astype(int)
    ax.imshow(semantic_image(array, stuff), interpolation="nearest")
    if names is not None:
        for label in np.unique(array[array >= 0]):
            if names[label]:
                _write_inside(ax, array == label, names[label])


def semantic_image(labels: Any, stuff: int = 0) -> np.ndarray:
    """Colour a semantic map (H, W) flatly by class, as (H, W, 3); the first `stuff` labels in pale tones."""
    array = to_array(labels)
    return colour_labels(array, label_palette(max(stuff + 12, int(array.max(initial=0)) + 1), stuff))


def draw_instances(ax: Axes, picture: Any, instances: Any, labels: Sequence[str] | None = None) -> None:
    """Draw instances: the picture stays in sight, each object has a hue and an outline of its own.

    Parameters
    ----------
    ax : Axes
    picture : (3, H, W) or (H, W, 3) in [0, 1]
    instances : (H, W) or (K, H, W)
        As `draw` takes masks.
    labels : sequence of K str, optional
    """
    draw(ax, picture, masks=instances, labels=labels)


def draw_panoptic(
    ax: Axes, semantic: Any, instances: Any, names: Sequence[str] | None = None, *, stuff: int = 0
) -> None:
    """Draw a panoptic map: the semantic map's colours, each object outlined and numbered.

    Parameters
    ----------
    ax : Axes
    semantic : (H, W) of integers
        A class for every pixel; negative is void, white.
    instances : (H, W) of integers
        k + 1 for object k, 0 for stuff and void.
    names : sequence of str, optional
        Of the classes; written before the number.
    stuff : int
        How many of the first labels are stuff, in pale tones.
    """
    classes, ids = to_array(semantic).astype(int), to_array(instances).astype(int)
    if classes.shape != ids.shape:
        raise ValueError(f"panoptic: got semantic {classes.shape} and instances {ids.shape}, want one shape")
    ax.imshow(panoptic_image(classes, ids, stuff), interpolation="nearest")
    for k in np.unique(ids[ids > 0]):
        own = ids == k
        outline(ax, own, "white", 2.6)
        outline(ax, own, INK, 1.1)
        name = "" if names is None else f"{names[int(np.bincount(classes[own].clip(0)).argmax())]} "
        _write_inside(ax, own, f"{name}{k}")


def panoptic_image(semantic: Any, instances: Any, stuff: int = 0) -> np.ndarray:
    """Colour a panoptic map, (H, W, 3): by class, and objects of one class lighter or darker by number."""
    ids = to_array(instances).astype(int)
    shade = np.where(ids > 0, 1.0 - 0.14 * ((ids - 1) % 4), 1.0)[..., None]
    return (semantic_image(semantic, stuff) * shade).astype(np.float32)


def outline(ax: Axes, mask: Any, colour: str = VERMILION, width: float = 1.6) -> None:
    """Draw the border of a mask (H, W), closed at the picture's edge; nothing where it is empty."""
    array = np.pad(to_array(mask).astype(float), 1)
    if (array > 0.5).any():
        rows, columns = (np.arange(n) - 1.0 for n in array.shape)
        ax.contour(columns, rows, array, levels=[0.5], colors=[colour], linewidths=width, zorder=2.5)


def write_labels(
    ax: Axes, spans: Sequence[Extent | None], names: Sequence[str], colours: Sequence[str]
) -> None:
    """Write names at objects, each in its colour, inside the picture and as clear of one another as can be.

    Parameters
    ----------
    ax : Axes
        With its limits set.
    spans : sequence of (left, top, right, bottom), or None for no label
    names, colours : sequences of K str
    """
    wide, high = _letter(ax)
    left_end, right_end = sorted(ax.get_xlim())
    top_end, bottom_end = sorted(ax.get_ylim())
    taken: list[Extent] = []
    for span, name, colour in zip(spans, names, colours, strict=True):
        if span is None or not name:
            continue
        left, top, right, bottom = span
        length = wide * len(name)
        # Above the object, in its upper edge, in its lower edge, below it; from its left or to its right.
        places = [
            (min(max(x, left_end), right_end - length), min(max(y, top_end), bottom_end - high))
            for y in (top - high, top, bottom - high, bottom)
            for x in (left, right - length)
        ]
        extents = [(x, y, x + length, y + high) for x, y in places]
        place = min(extents, key=lambda extent: sum(_shared(extent, other) for other in taken))
        taken.append(place)
        plate = {"facecolor": colour, "edgecolor": "none", "pad": 1.2}
        at = place[0], place[1] + high / 2
        ax.text(*at, name, fontsize=LETTER, va="center", color=on_colour(colour), bbox=plate, zorder=5)


def _shared(a: Extent, b: Extent) -> float:
    """Area that two rectangles share."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(across, 0.0) * max(down, 0.0)


def _letter(ax: Axes) -> tuple[float, float]:
    """Width of a letter and height of a label, in the panel's own units."""
    figure = ax.get_figure(root=True)
    inches = np.array(figure.get_size_inches()) * ax.get_position().size if figure is not None else (2.0, 2.0)
    across = abs(np.diff(ax.get_xlim())[0]) / max(inches[0], 1e-6)
    down = abs(np.diff(ax.get_ylim())[0]) / max(inches[1], 1e-6)
    unit = max(across, down)  # a picture keeps its pixels square
    return 0.60 * LETTER / 72 * unit, 1.55 * LETTER / 72 * unit


def _write_inside(ax: Axes, mask: np.ndarray, text: str) -> None:
    """Write a word on a pale plate at the point of a mask that lies deepest in it."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    plate = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.2}
    ax.text(column, row, text, fontsize=LETTER, color=INK, ha="center", va="center", bbox=plate, zorder=5,
            clip_on=True)  # fmt: skip


def _filled(image: np.ndarray, masks: np.ndarray, hues: Sequence[str], fill: float) -> np.ndarray:
    """Lay each mask's colour over the picture; where masks overlap, the later one counts."""
    owner = (masks * np.arange(1, len(masks) + 1)[:, None, None]).max(0) if len(masks) else masks.sum(0)
    palette = np.array([rgb(hue) for hue in hues], dtype=np.float32).reshape(-1, 3)
    return mask_overlay(image, owner, fill, palette) if len(masks) else image


def _draw_boxes(ax: Axes, xyxy: np.ndarray, hues: Sequence[str], dashed: bool) -> None:
    """Draw boxes with area, a thin white line around each so that it shows on any ground."""
    for (x1, y1, x2, y2), hue in zip(xyxy, hues, strict=True):
        if x2 <= x1 or y2 <= y1:
            continue
        # Pixel i covers i - 0.5 to i + 0.5 in matplotlib.
        for colour, width, style in (("white", 3.0, "-"), (hue, 1.7, "--" if dashed else "-")):
            ax.add_patch(
                Rectangle(
                    (x1 - 0.5, y1 - 0.5),
                    x2 - x1,
                    y2 - y1,
                    fill=False,
                    edgecolor=colour,
                    linewidth=width,
                    linestyle=style,
                    zorder=2.7,
                )
            )


def _draw_keypoints(
    ax: Axes, points: np.ndarray, hues: Sequence[str], edges: Sequence[tuple[int, int]], size: tuple[int, int]
) -> None:
    """Draw keypoints within the picture: filled where seen, hollow where something hides them."""
    for (x, y, seen), hue in zip(np.moveaxis(points, -1, 1), hues, strict=True):
        inside = (x > -0.5) & (x < size[1] + 0.5) & (y > -0.5) & (y < size[0] + 0.5)
        shown, hidden = inside & (seen > 0.5), inside & (seen <= 0.5)
        for a, b in edges:
            if shown[a] and shown[b]:
                ax.plot(x[[a, b]] - 0.5, y[[a, b]] - 0.5, color="white", linewidth=3.4, zorder=2.8)
                ax.plot(x[[a, b]] - 0.5, y[[a, b]] - 0.5, color=hue, linewidth=2, zorder=2.9)
        for which, face, rim, width in ((shown, hue, "white", 1.1), (hidden, "white", hue, 1.5)):
            if which.any():
                at = x[which] - 0.5, y[which] - 0.5
                ax.scatter(*at, s=30, facecolor=face, edgecolor=rim, linewidth=width, zorder=3)


def _extent(k: int, xyxy: np.ndarray | None, masks: np.ndarray | None) -> Extent | None:
    """Left, top, right, bottom of object k as matplotlib counts, from its box or else from its mask."""
    if xyxy is not None:
        x1, y1, x2, y2 = (xyxy[k] - 0.5).tolist()
        return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None
    assert masks is not None
    rows, columns = np.nonzero(masks[k])
    return (
        (columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5) if len(rows) else None
    )


def _names(labels: Sequence[str] | None, scores: Any, count: int) -> list[str] | None:
    """Put labels and scores together: "ball 93%"."""
    if labels is None and scores is None:
        return None
    words = [""] * count if labels is None else list(map(str, labels))
    if scores is None:
        return words
    shares = to_array(scores).astype(float)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"scores: got {shares.min():.3g} to {shares.max():.3g}, want numbers in [0, 1]")
    return [f"{word} {share:.0%}".strip() for word, share in zip(words, shares, strict=True)]


def _boxes(boxes: Any) -> np.ndarray | None:
    if boxes is None:
        return None
    xyxy = to_array(boxes).astype(float)
    if xyxy.size == 0:
        return xyxy.reshape(0, 4)
    if xyxy.ndim != 2 or xyxy.shape[1] != 4:
        raise ValueError(f"boxes: got shape {xyxy.shape}, want (K, 4)")
    wrong = ~(xyxy[:, 2:] >= xyxy[:, :2]).all(1) | ~np.isfinite(xyxy).all(1)
    if wrong.any():
        raise ValueError(f"boxes: got {xyxy[wrong][0].tolist()}, want finite x1 <= x2 and y1 <= y2")
    return xyxy


def _masks(masks: Any, size: tuple[int, int], count: int) -> np.ndarray | None:
    """Read masks as (K, H, W) bool, from masks or from an instance map of `count` objects or more."""
    if masks is None:
        return None
    array = to_array(masks)
    if array.ndim == 2 and array.shape == size:
        if array.dtype != bool and not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"masks: got a {array.dtype} map (H, W), want whole numbers or bool")
        count = max(count, int(array.max(initial=0)))
        return array.astype(int) == np.arange(1, count + 1)[:, None, None]
    if array.ndim != 3 or array.shape[1:] != size:
        raise ValueError(f"masks: got shape {array.shape}, want (K, {size[0]}, {size[1]}) or {size}")
    return array > 0.5


def _keypoints(keypoints: Any) -> np.ndarray | None:
    """Read keypoints as (K, P, 3): x, y, visible."""
    if keypoints is None:
        return None
    array = to_array(keypoints).astype(float)
    if array.ndim != 3 or array.shape[2] not in (2, 3):
        raise ValueError(f"keypoints: got shape {array.shape}, want (K, P, 3) or (K, P, 2)")
    return array if array.shape[2] == 3 else np.concatenate([array, np.ones_like(array[..., :1])], axis=2)


def _one_count(given: dict[str, Any]) -> int:
    """The number of objects, or ValueError where the parts do not agree on it."""
    counts = {name: len(value) for name, value in given.items() if value is not None}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise ValueError(f"objects: got {told}, want one number of each")
    return next(iter(counts.values()), 0)


def _shown(ax: Axes) -> np.ndarray:
    """The picture that a panel shows already."""
    if not ax.images:
        raise ValueError("picture: got None on an empty panel, want a picture, or a panel that shows one")
    return np.asarray(ax.images[0].get_array())
