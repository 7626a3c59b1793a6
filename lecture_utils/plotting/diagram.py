"""A network drawn from its live forward pass, as textbooks draw it.

Cuboids whose height and depth follow the spatial size and whose thickness follows the channels, both on a
log scale. What is drawn is what ran; nothing is typed in by hand.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from torch import Tensor, nn

from .blocks import arrow, page
from .images import to_image
from .style import INK, QUIET, rgb
from .trace import Step, trace

PER_ROW = 8
_ROW_HEIGHT = 2.2
# Inches above a row's lower edge: the blocks' centre line, the first line of text.
_MIDDLE, _TEXT_TOP = 1.5, 0.84
# Part of the class name, short name, colour; the first match counts.
_KINDS = (
    ("conv", "conv", "#4C8FC4"),
    ("linear", "linear", "#3FA37C"),
    ("pool", "pool", "#E3A23B"),
    ("embedding", "embed", "#3FA37C"),
    ("attention", "attention", "#B9719C"),
    ("norm", "norm", "#9AA5B1"),
    ("dropout", "dropout", "#C9CED6"),
)
# Kinds of layer that fold into the block before them; the last three are not even named.
_UNNAMED = frozenset({"dropout", "flatten", "identity"})
_FOLDED = _UNNAMED | {"norm", "ReLU", "ReLU6", "LeakyReLU", "GELU", "SiLU", "Tanh", "Sigmoid", "Softmax"}


@dataclass
class Block:
    """One drawn block: its text, the shape that leaves it, its colour, shortcuts and folded followers."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    colour: str
    shortcuts: int = 0
    followers: tuple[str, ...] = ()


def architecture(model: nn.Module, x: Tensor, depth: int = 1, title: str | None = None) -> Figure:
    """Draw a model as a row of blocks, from what its forward hooks see.

    Parameters
    ----------
    model : nn.Module
        Left as it was found.
    x : Tensor (B, C, H, W) or (B, D)
        An input; its first item is drawn as the first block.
    depth : int
        1 draws the model's own parts, 2 opens each of them once (AlexNet, VGG), and so on. A list of modules
        or a part whose forward is never called is opened always. Normalisation, activation and dropout fold
        into the block before.
    title : str, optional
        The model's class, parameters and output where not given.

    Returns
    -------
    Figure
        8 inches wide, one row per eight blocks.

    Raises
    ------
    ValueError
        If x is not a tensor with a batch axis, or depth is below 1.
    """
    if depth < 1:
        raise ValueError(f"depth: got {depth}, want 1 or more")
    steps = trace(model, x)
    blocks = [_input_block(x), *fold([_block(step) for step in chosen(model, steps, depth)])]
    rows = math.ceil(len(blocks) / PER_ROW)
    per_row = math.ceil(len(blocks) / rows)
    fig, ax = page(8, rows * _ROW_HEIGHT + 0.4)
    if title is None:
        title = f"{type(model).__name__}: {compact(steps[''].parameters)} parameters"
    ax.text(0.12, rows * _ROW_HEIGHT + 0.2, title, fontsize=11, fontweight="bold", va="center")
    slot = 8 / max(per_row, 4)
    for i, block in enumerate(blocks):
        row, column = divmod(i, per_row)
        centre, base = (column + 0.5) * slot, (rows - 1 - row) * _ROW_HEIGHT
        _draw(ax, block, centre, base, slot, x if i == 0 else None)
        if column:
            edge, level = centre - 0.5 * slot, base + _MIDDLE
            arrow(ax, (edge - 0.09, level), (edge + 0.09, level), width=1.0)
    return fig


def chosen(model: nn.Module, steps: dict[str, Step], depth: int) -> list[Step]:
    """Choose the modules that become blocks: `depth` levels down, opening parts that never ran."""

    def walk(module: nn.Module, name: str, levels: int) -> list[Step]:
        found: list[Step] = []
        for child_name, child in module.named_children():
            full = f"{name}.{child_name}" if name else child_name
            below = any(other.startswith(full + ".") for other in steps)
            if full not in steps:
                found += walk(child, full, levels)  # a ModuleList, or a part that this input does not use
            elif levels > 1 and below:
                found += walk(child, full, levels - 1)
            else:
                found.append(steps[full])
        return found

    parts = walk(model, "", depth)
    return sorted(parts, key=lambda step: step.order) or [steps[""]]


def is_residual(module: nn.Module) -> bool:
    """Tell from a module's type and attributes whether it adds its input back to its output."""
    name = type(module).__name__.lower()
    looks = any(part in name for part in ("basicblock", "bottleneck", "residual"))
    plain = getattr(module, "shortcut", "there") is None or getattr(module, "residual", True) is False
    return looks and not plain


def compact(count: int) -> str:
    """Write a number of parameters in three digits: 61.1 M, 9.4 k, 0."""
    for scale, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= scale:
            value = count / scale
            return f"{value:.1f}{unit}" if value < 100 else f"{value:.0f}{unit}"
    return str(count)


def _block(step: Step) -> Block:
    """Describe one module as a block."""
    module, name = step.module, type(step.module).__name__
    inner = [m for m in module.modules() if m is not module and is_residual(m)]
    shortcuts = 1 if is_residual(module) else len(inner)
    kind, colour = name, "#8E84C4"
    if not list(module.children()) or "attention" in name.lower():
        for part, short, shade in _KINDS:
            if part in name.lower():
                kind, colour = short, shade
                break
        else:
            colour, kind = "#C9CED6", name.lower() if name in ("Flatten", "Identity") else name
        kind += _numbers(module)
    elif inner:
        kind = f"{len(inner)} × {type(inner[0]).__name__}"
    elif isinstance(module, nn.Sequential):
        kind = f"{len(module)} layers"
    label = step.name if len(step.name) <= 15 else "…" + step.name[-14:]
    return Block(label, kind, step.output, step.parameters, colour, shortcuts)


def _numbers(module: Any) -> str:
    """Write a convolution's or a pool's kernel and stride."""
    kernel, stride = getattr(module, "kernel_size", None), getattr(module, "stride", None)
    if kernel is None:
        target = getattr(module, "output_size", None)  # of an adaptive pool
        side = target if isinstance(target, int) or target is None else target[0]
        return f" to {side}×{side}" if side else ""
    side = kernel if isinstance(kernel, int) else kernel[0] if len(set(kernel)) == 1 else 0
    text = f" {side}×{side}" if side else " " + "×".join(map(str, kernel))
    step = stride if isinstance(stride, int) or stride is None else stride[0]
    return text + (f" /{step}" if step and step > 1 else "")


def fold(blocks: list[Block]) -> list[Block]:
    """Fold normalisation, activation, dropout and flattening into the block before them."""
    folded: list[Block] = []
    for block in blocks:
        if folded and block.kind in _FOLDED:
            before = folded[-1]
            before.parameters += block.parameters
            if block.kind not in _UNNAMED:
                before.followers = (*before.followers, block.kind)
        else:
            folded.append(block)
    return folded


def _input_block(x: Tensor) -> Block:
    """Describe the input as a block."""
    return Block("input", "", tuple(x.shape[1:]), 0, "#D8DDE4")


def _extent(shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Give a block's thickness, height and receding depth in inches for its output shape."""
    if len(shape) == 3:
        channels, height = shape[0], max(shape[1:])
        tall = 0.10 + 0.80 * min(math.log2(height + 1) / math.log2(257), 1)
        return 0.06 + 0.42 * min(math.log2(channels + 1) / 12, 1), tall, 0.30 * tall
    size = math.prod(shape) if shape else 1
    return 0.11, 0.18 + 0.85 * min(math.log2(size + 1) / 13, 1), 0.04


def _shade(colour: str, factor: float) -> tuple[float, float, float]:
    """Lighten (factor > 1) or darken (factor < 1) a colour."""
    r, g, b = (c * factor if factor <= 1 else 1 - (1 - c) / factor for c in rgb(colour))
    return r, g, b


def _draw(ax: Axes, block: Block, centre: float, base: float, slot: float, x: Tensor | None) -> None:
    """Draw one block with its text; `x` is given for the input block, whose picture is shown."""
    picture = _picture(x) if x is not None else None
    at = centre, base + _MIDDLE
    top = _draw_cuboid(ax, block, at) if picture is None else _draw_picture(ax, picture, at)
    if block.shortcuts:
        _shortcut(ax, centre, top, slot, block.shortcuts)
    bold: dict[str, Any] = {"fontweight": "bold", "color": INK}
    plain: dict[str, Any] = {"color": INK}
    grey: dict[str, Any] = {"color": QUIET}
    lines = [
        (block.name, bold),
        (block.kind, plain),
        ("+ " + " + ".join(dict.fromkeys(block.followers)) if block.followers else "", plain),
        ("×".join(map(str, block.shape)), plain),
        (f"{compact(block.parameters)} par." if block.parameters else "", grey),
    ]
    for k, (text, style) in enumerate(line for line in lines if line[0]):
        size = min(8.0, 72 * slot * 0.97 / (0.62 * max(len(text), 1)))
        ax.text(centre, base + _TEXT_TOP - 0.165 * k, text, fontsize=size, ha="center", va="center", **style)


def _draw_picture(ax: Axes, picture: np.ndarray, centre: tuple[float, float]) -> float:
    """Draw the input's picture around a point; returns the y of its upper edge."""
    high = 0.78 * min(1.0, picture.shape[0] / picture.shape[1])
    wide = high * picture.shape[1] / picture.shape[0]
    left, bottom = centre[0] - wide / 2, centre[1] - high / 2
    extent = (left, left + wide, bottom, bottom + high)
    ax.imshow(picture, extent=extent, aspect="auto", interpolation="nearest", zorder=2)
    rim = Rectangle((left, bottom), wide, high, fill=False, edgecolor=QUIET, linewidth=0.8, zorder=3)
    ax.add_patch(rim)
    return bottom + high


def _draw_cuboid(ax: Axes, block: Block, centre: tuple[float, float]) -> float:
    """Draw a block's front, lid and side around a point; returns the y of its upper edge."""
    thick, tall, deep = _extent(block.shape)
    rise = deep * 0.6
    left, bottom = centre[0] - (thick + deep) / 2, centre[1] - (tall + rise) / 2
    faces = [
        ([(0, 0), (thick, 0), (thick, tall), (0, tall)], 1.0),
        ([(0, tall), (thick, tall), (thick + deep, tall + rise), (deep, tall + rise)], 1.6),
        ([(thick, 0), (thick + deep, rise), (thick + deep, tall + rise), (thick, tall)], 0.78),
    ]
    for corners, light in faces:
        outline = [(left + dx, bottom + dy) for dx, dy in corners]
        colour = _shade(block.colour, light)
        face = Polygon(outline, closed=True, linewidth=0.6, facecolor=colour, edgecolor="white", zorder=2)
        ax.add_patch(face)
    return bottom + tall + rise


def _shortcut(ax: Axes, centre: float, top: float, slot: float, count: int) -> None:
    """Draw the arc of a residual addition over a block, with ⊕ where it comes back."""
    half = min(0.42 * slot, 0.40)
    angle = np.linspace(np.pi, 0, 30)
    ax.plot(
        centre + half * np.cos(angle),
        top + 0.05 + 0.15 * np.sin(angle),
        color="#D55E00",
        linewidth=1.4,
        zorder=4,
    )
    ax.text(centre + half, top + 0.04, "⊕", fontsize=9, color="#D55E00", ha="center", va="center", zorder=5)
    if count > 1:
        ax.text(centre, top + 0.29, f"×{count}", fontsize=7.5, color="#D55E00", ha="center", va="center")


def _picture(x: Tensor) -> np.ndarray | None:
    """Give the input's first item as a picture, stretched to [0, 1], or None where it is no image."""
    item = x[0].detach().cpu().float()
    if item.dim() != 3 or item.shape[0] not in (1, 3) or min(item.shape[1:]) < 4:
        return None
    low, high = float(item.min()), float(item.max())
    return to_image((item - low) / max(high - low, 1e-12))
