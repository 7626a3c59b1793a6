"""Figures of chapter 18, part a: cameras and rays, disparity, corners, matches, four poses, errors.

One colour for one thing: the first view is blue, the second orange, what is wrong vermilion, what agrees
green. Shapes: P points, M matches.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from torch import Tensor

from lecture_utils.plotting.images import bare, panels, to_image
from lecture_utils.plotting.style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION

FAR = 60.0  # pixels of disparity at the bright end of the colour scale


def projection_figure() -> Figure:
    """Draw the convention of axes, and the similar triangles that give a pixel."""
    fig = Figure(figsize=(9.2, 3.3), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=(1.0, 1.25))
    for ax in (left, right):
        ax.axis("off")
        ax.set_aspect("equal")
    _axes_of_world_and_camera(left)
    _similar_triangles(right)
    return fig


def _axes_of_world_and_camera(ax: Axes) -> None:
    """World: z up. Camera: x right, y down, z forward."""
    ax.set(xlim=(-0.4, 5.4), ylim=(-0.9, 3.2))
    eye, forward = np.array([3.9, 1.9]), np.array([-1.9, -0.85])
    arrows: list[tuple[Any, Any, Any, str, str]] = [  # start, way, the word's shift, colour, word
        ((0.6, 0.2), (0.0, 1.2), (0.0, 0.17), GREEN, "z, up"),
        ((0.6, 0.2), (1.1, -0.25), (0.15, -0.03), GREEN, "x"),
        ((0.6, 0.2), (0.75, 0.55), (0.11, 0.08), GREEN, "y"),
        (eye, forward, (-0.1, 0.25), BLUE, "z, forward"),
        (eye, (0.55, -0.75), (0.2, -0.14), BLUE, "x, right"),
        (eye, (-0.25, -1.15), (-0.04, -0.16), BLUE, "y, down"),
    ]
    for start, way, shift, colour, word in arrows:
        end = np.add(start, way)
        ax.annotate(
            "", tuple(end), tuple(start), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.8}
        )
        x, y = end + shift
        ax.text(x, y, word, color=colour, fontsize=9.5, ha="center", va="center")
    corner = [
        eye + 0.55 * forward + np.array(d) for d in ((0.45, 0.5), (0.05, -0.75), (-0.5, -0.35), (-0.1, 0.9))
    ]
    ax.add_patch(Polygon(corner, closed=True, facecolor=BLUE, alpha=0.12, edgecolor=BLUE))
    ax.plot(*eye, "o", color=INK, markersize=6)
    ax.text(eye[0] + 0.15, eye[1] + 0.25, "camera at −Rᵀt", fontsize=9.5, color=INK)
    ax.text(0.6, -0.35, "world", fontsize=9.5, color=GREEN, ha="center")
    ax.set_title("World and camera", fontsize=10, loc="left")


def _similar_triangles(ax: Axes) -> None:
    """From the side: a thing at depth z, its picture at depth f."""
    ax.set(xlim=(-0.5, 7.4), ylim=(-1.25, 2.6))
    ax.plot([0, 7.1], [0, 0], color=QUIET, lw=1, ls="--")
    ax.plot([0, 6], [0, 1.8], color=VERMILION, lw=1.4)
    ax.plot([6, 6], [0, 1.8], color=INK, lw=3)
    ax.plot([2, 2], [-0.9, 0.9], color=BLUE, lw=2)
    ax.plot([2, 2], [0, 0.6], color=ORANGE, lw=4)
    ax.plot(0, 0, "o", color=INK, markersize=6)
    for x, y, word, colour in (
        (0, -0.35, "lens", INK), (2, 1.15, "picture", BLUE), (6.2, 0.9, "x", INK),
        (1.3, 0.72, "f · x / z", ORANGE), (2.12, -0.28, "pixel c", BLUE), (5.2, 2.05, "ray", VERMILION),
    ):  # fmt: skip
        ax.text(x, y, word, fontsize=9.5, color=colour, ha="left" if x in (6.2, 2.12) else "center")
    for y, end, word in ((-0.62, 2, "f"), (-1.05, 6, "z")):
        ax.annotate("", (end, y), (0, y), arrowprops={"arrowstyle": "<->", "color": QUIET})
        ax.text(end / 2 if word == "f" else 4, y + 0.06, word, fontsize=9.5, color=QUIET)
    ax.set_title("Similar triangles: u = f · x / z + c", fontsize=10, loc="left")


def stereo_figure(left: Any, truth: Tensor, found: Tensor, title: str, *, bad_px: float = 4.0) -> Figure:
    """Draw the left picture, the true disparity, the one found, and where it is over `bad_px` off.

    Parameters
    ----------
    left : (3, H, W)
    truth, found : (H, W)
        Pixels; NaN where unknown, and where nothing was found.
    title : str
    bad_px : float
    """
    fig, axes = panels(4, 2, 3.9, left.shape[2] / left.shape[1], titled=True, suptitle=title)
    axes[0].imshow(to_image(left))
    for ax, disparity in ((axes[1], truth), (axes[2], found)):
        ax.imshow(disparity, cmap="viridis", vmin=0, vmax=FAR)
        ax.set_facecolor("white")
    axes[3].imshow(wrong_picture(left, truth, found, bad_px))
    named = ("left eye", "true disparity: bright is near", "found", f"vermilion: over {bad_px:g} pixels off")
    for ax, name in zip(axes, named, strict=True):
        ax.set_title(name, fontsize=9.5)
    return fig


def wrong_picture(left: Any, truth: Tensor, found: Tensor, bad_px: float) -> np.ndarray:
    """The picture in grey (H, W, 3), vermilion where the disparity is off, white where no truth is known."""
    off = ~((found - truth).abs() <= bad_px)
    grey = 0.35 + 0.6 * to_image(left).mean(2, keepdims=True).repeat(3, axis=2)
    grey[off.numpy()] = np.array([0xD5, 0x5E, 0x00]) / 255
    grey[truth.isnan().numpy()] = 1.0
    return grey


def matches_figure(
    first: Any, second: Any, a: Tensor, b: Tensor, right: Tensor, title: str, *, most: int = 400
) -> Figure:
    """Draw two pictures side by side, and a line for each match: green if right, vermilion if not.

    Parameters
    ----------
    first, second : (3, H, W)
    a, b : Tensor
        (M, 2) pixels in each.
    right : Tensor
        (M,) bool.
    title : str
    most : int
        Lines at most of each kind.
    """
    gap = 12
    height, width = first.shape[1:]
    sheet = np.ones((height, 2 * width + gap, 3))
    for shift, picture in ((0, first), (width + gap, second)):
        sheet[:, shift : shift + width] = 0.25 + 0.75 * to_image(picture)
    fig = Figure(figsize=(8.4, 8.4 * height / (2 * width + gap) + 0.4), layout="constrained")
    ax = bare(fig.subplots())
    ax.imshow(sheet)
    ends = torch.stack([a, b + torch.tensor([width + gap, 0.0])], dim=1).numpy() - 0.5
    for chosen, colour, thin in ((right, GREEN, 0.6), (~right, VERMILION, 0.9)):
        lines = ends[chosen.numpy()][:most]
        ax.add_collection(LineCollection(list(lines), colors=colour, linewidths=thin, alpha=0.75))
        x, y = lines.reshape(-1, 2).T
        ax.scatter(x, y, s=4, c=colour, linewidths=0)
    ax.set_title(title, fontsize=10.5, loc="left")
    return fig


def corners_figure(picture: Any, score: Tensor, pixels: Tensor, title: str) -> Figure:
    """Draw a picture, the corners' score over it, and the strongest corners (K, 2)."""
    fig, axes = panels(3, 3, 2.8, titled=True, suptitle=title)
    axes[0].imshow(to_image(picture))
    axes[1].imshow(score.clamp_min(0).sqrt(), cmap="magma")
    axes[2].imshow(0.3 + 0.7 * to_image(picture))
    x, y = (pixels.numpy() - 0.5).T
    axes[2].scatter(x, y, s=7, facecolors="none", edgecolors=VERMILION, linewidths=0.7)
    for ax, name in zip(axes, ("picture", "score: the smaller eigenvalue", "the 300 strongest"), strict=True):
        ax.set_title(name, fontsize=9.5)
    return fig


def four_poses_figure(
    poses: Sequence[tuple[Tensor, Tensor]], points: Sequence[Tensor], front: Sequence[int]
) -> Figure:
    """Draw four poses of the second camera from above, the points of each, and how many are in front.

    Parameters
    ----------
    poses : four of (R (3, 3), t (3,))
    points : four of (P, 3), in the first camera's axes
    front : four numbers
    """
    fig, axes = panels(4, 4, 2.15, titled=True, suptitle="One essential matrix, four poses: seen from above")
    for ax, (rotation, t), own, count in zip(axes, poses, points, front, strict=True):
        centre = -(rotation.mT @ t)
        for eye, forward, colour in (
            (torch.zeros(3), torch.tensor([0.0, 0, 1]), BLUE),
            (centre, rotation[2], ORANGE),
        ):
            x, z = float(eye[0]), float(eye[2])
            dx, dz = float(forward[0]), float(forward[2])
            side = np.array([dz, -dx]) * 1.1
            tip = np.array([x, z])
            far = tip + 2.6 * np.array([dx, dz])
            ax.add_patch(
                Polygon(
                    [tip, far + side, far - side], closed=True, facecolor=colour, alpha=0.3, edgecolor=colour
                )
            )
            ax.plot(x, z, "o", color=colour, markersize=5)
        spots = own[own.isfinite().all(1)]
        good = count > 0.75 * len(own)
        ax.scatter(spots[:, 0], spots[:, 2], s=5, c=GREEN if good else VERMILION, linewidths=0)
        ax.set(xlim=(-9.5, 9.5), ylim=(-9.5, 9.5), aspect="equal")
        ax.set_title(f"in front of both: {count} of {len(own)}", fontsize=9.5)
    return fig


def error_figure(errors: Mapping[str, Tensor], title: str) -> Figure:
    """Draw how reprojection errors (O,) are spread, one line a way of finding them."""
    fig = Figure(figsize=(7.2, 3.0), layout="constrained")
    ax = fig.subplots()
    bins = np.linspace(0, 3, 61)
    for (name, values), colour in zip(errors.items(), (VERMILION, GREEN, BLUE), strict=False):
        share, _ = np.histogram(values.clamp_max(2.99).numpy(), bins)
        share = share / len(values)
        ax.stairs(share, bins, fill=True, alpha=0.35, color=colour)
        ax.stairs(
            share, bins, color=colour, linewidth=1.6, label=f"{name}: mean {float(values.mean()):.2f} px"
        )
    ax.set(xlabel="reprojection error in pixels (the last bar: 3 and more)", ylabel="share", title=title)
    ax.legend(frameon=False, fontsize=9.5)
    return fig
