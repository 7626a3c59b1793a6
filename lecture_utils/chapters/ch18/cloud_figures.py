"""Figures of chapter 18, part a: clouds, meshes, one shape in six forms, boxes, slices of a volume.

What is found is blue, what is wrong or what decides vermilion, what is true green.

Shapes: P points, B clouds.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from lecture_utils.geometry.meshes import Mesh, face_normals
from lecture_utils.ops.boxes_3d import box_corners_3d
from lecture_utils.plotting.images import panels, to_array
from lecture_utils.plotting.style import BLUE, GREEN, HAIRLINE, INK, ORANGE, QUIET, VERMILION
from lecture_utils.plotting.wireframes import Lines


def flat(
    points: Any, azimuth_deg: float = 30.0, elevation_deg: float = 25.0
) -> tuple[np.ndarray, np.ndarray]:
    """Where points (…, 3) fall for an eye far away: right and up (…, 2), and how near they are (…)."""
    a, e = math.radians(azimuth_deg), math.radians(elevation_deg)
    right = np.array([-math.sin(a), math.cos(a), 0.0])
    up = np.array([-math.sin(e) * math.cos(a), -math.sin(e) * math.sin(a), math.cos(e)])
    towards = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    places = to_array(points).astype(float)
    return np.stack([places @ right, places @ up], axis=-1), places @ towards


def draw_cloud(
    ax: Axes, points: Any, colours: Any = BLUE, *, size: float = 4.0, marker: str = "o",
    view_deg: tuple[float, float] = (30, 25),
) -> None:  # fmt: skip
    """Draw points (P, 3), z up, the nearest last.

    Parameters
    ----------
    ax : Axes
    points : (P, 3)
    colours : (P, 3) in [0, 1], or a colour for all
    size : float
        Area of a dot, in points squared.
    marker : str
        As matplotlib names them.
    view_deg : (float, float)
        Azimuth and elevation of the eye.
    """
    spots, near = flat(points, *view_deg)
    order = np.argsort(near)
    hues = colours if isinstance(colours, str) else to_array(colours)[order]
    x, y = spots[order].T
    ax.scatter(x, y, s=size, c=hues, linewidths=0, marker=marker)
    ax.set_aspect("equal")
    ax.axis("off")


def draw_mesh(ax: Axes, mesh: Mesh, colour: str = BLUE, *, view_deg: tuple[float, float] = (30, 25)) -> None:
    """Draw a mesh, lit from beside the eye, the nearest triangle last; edges show where triangles are few."""
    corners, near = flat(mesh.corners, *view_deg)
    normals, _ = face_normals(mesh)
    _, facing = flat(normals, view_deg[0] + 25, view_deg[1] + 20)
    light = 0.45 + 0.55 * np.clip(facing, 0, 1)
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    order = np.argsort(near.mean(1))
    tints = (light[:, None] * rgb + 0.15).clip(0, 1)[order]
    few = len(mesh.faces) < 3000
    edges = "white" if few else tints
    ax.add_collection(
        PolyCollection(
            list(corners[order]), facecolors=tints, edgecolors=edges, linewidths=0.25 if few else 0.2
        )
    )
    ax.autoscale_view()
    ax.set_aspect("equal")
    ax.axis("off")


def forms_figure(
    depth_m: Tensor, points: Tensor, voxels: Tensor, mesh: Mesh, slice_m: Tensor, labels: Tensor
) -> Figure:
    """Draw one shape as depth map, points, voxels, mesh, signed distance (a slice) and parts.

    Parameters
    ----------
    depth_m : (H, W), 0 where nothing is
    points : (P, 3)
    voxels : (V, 3), the centres of occupied cells
    mesh : Mesh
    slice_m : (A, B), signed distances in a plane, rows upward
    labels : (P,) int64, the part of each point
    """
    fig, axes = panels(6, 3, 2.6, titled=True, suptitle="One shape, six forms")
    axes[0].imshow(torch.where(depth_m > 0, depth_m, torch.nan), cmap="viridis_r")
    draw_cloud(axes[1], points, BLUE, size=3)
    draw_cloud(axes[2], voxels, _shaded(voxels), size=30, marker="s")
    draw_mesh(axes[3], mesh)
    limit = float(slice_m.abs().max())
    axes[4].imshow(slice_m, cmap="RdBu", vmin=-limit, vmax=limit, origin="lower")
    axes[4].contour(slice_m, levels=[0], colors=INK, linewidths=1.6)
    hues = np.array(
        [[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in (BLUE, ORANGE, GREEN, VERMILION)]
    )
    draw_cloud(axes[5], points, hues[labels.numpy() % 4], size=3)
    named = ("depth map: bright is near", "points: a sample", "voxels: filled cells", "mesh: triangles",
             "signed distance: a slice", "parts: few numbers")  # fmt: skip
    for ax, name in zip(axes, named, strict=True):
        ax.set_title(name, fontsize=9.5)
    return fig


def _shaded(points: Tensor) -> np.ndarray:
    """Blue, the darker the farther from the eye of `flat`."""
    _, near = flat(points)
    share = (near - near.min()) / max(float(np.ptp(near)), 1e-9)
    return (0.35 + 0.65 * share)[:, None] * np.array([0x3A, 0x8F, 0xCC]) / 255


def squares_figure(values: Tensor, lines: Sequence[Tensor]) -> Figure:
    """Draw samples (A, B) of a signed distance, those inside filled, and the outlines (K, 2) between them."""
    fig = Figure(figsize=(4.6, 4.4), layout="constrained")
    ax = fig.subplots()
    rows, columns = np.mgrid[: values.shape[0], : values.shape[1]]
    inside = values.numpy() < 0
    ax.scatter(
        rows[~inside], columns[~inside], s=26, facecolors="white", edgecolors=QUIET, linewidths=0.9, zorder=3
    )
    ax.scatter(rows[inside], columns[inside], s=30, c=BLUE, linewidths=0, zorder=3)
    for line in lines:
        ax.plot(*line.T.numpy(), color=VERMILION, linewidth=2.2, zorder=4)
    ax.set(xticks=range(values.shape[0]), yticks=range(values.shape[1]), aspect="equal")
    ax.grid(True, color=HAIRLINE, linewidth=0.7)
    ax.tick_params(labelbottom=False, labelleft=False, length=0)
    ax.set_title("A slice through the pot: each cell decides alone", fontsize=10.5, loc="left")
    return fig


def clouds_figure(points: Tensor, words: Sequence[str], right: Tensor, title: str) -> Figure:
    """Draw clouds (B, P, 3) with a word each, five a row; vermilion where `right` (B,) is False."""
    fig, axes = panels(len(points), 5, 1.75, titled=True, suptitle=title)
    for ax, cloud, word, good in zip(axes, points, words, right.tolist(), strict=True):
        draw_cloud(ax, cloud, BLUE if good else VERMILION, size=6)
        ax.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05))
        ax.set_title(word, fontsize=9, color=INK if good else VERMILION)
    return fig


def critical_figure(points: Tensor, critical: Tensor, names: Sequence[str], title: str) -> Figure:
    """Draw clouds (B, P, 3), above all points, below those that hold a maximum (B, P) bool."""
    count = len(points)
    fig, axes = panels(2 * count, count, 1.75, titled=True, suptitle=title)
    for k in range(count):
        draw_cloud(axes[k], points[k], "#9DB8CC", size=7)
        draw_cloud(axes[count + k], points[k], HAIRLINE, size=5)
        own = points[k][critical[k]]
        draw_cloud(axes[count + k], own, VERMILION, size=13)
        axes[k].set_title(names[k], fontsize=9.5)
        axes[count + k].set_title(f"{int(critical[k].sum())} of {points.shape[1]}", fontsize=9.5)
        for ax in (axes[k], axes[count + k]):
            ax.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05))
    return fig


def labelled_figure(
    clouds: Sequence[Tensor],
    names: Sequence[str],
    rows: Mapping[str, Sequence[Tensor]],
    palette: Any,
    title: str,
) -> Figure:
    """Draw named clouds (P, 3) in rows of labels (P,) int64: the truth above, what was found below."""
    count = len(clouds)
    fig, axes = panels(count * len(rows), count, 9.0 / count, titled=True, suptitle=title)
    for i, (name, labels) in enumerate(rows.items()):
        for k in range(count):
            draw_cloud(axes[i * count + k], clouds[k], to_array(palette)[labels[k].numpy()], size=7)
            axes[i * count + k].set_title(f"{names[k]}, {name}", fontsize=9.5)
    return fig


def slices_figure(
    volume: Tensor, truth: Tensor, found: Tensor, hues: Mapping[str, Tensor], title: str
) -> Figure:
    """Draw three slices of a volume (D, H, W), true tissues and those found, each in its colour (3,)."""
    depth = volume.shape[0]
    at = [round(share * depth) for share in (0.35, 0.5, 0.65)]
    fig, axes = panels(9, 3, 2.0, titled=True, suptitle=title)
    colours = to_array(torch.stack(list(hues.values())))
    marks = [
        Patch(facecolor=own, edgecolor=QUIET, label=name) for name, own in zip(hues, colours, strict=True)
    ]
    fig.legend(handles=marks, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    for i, k in enumerate(at):
        axes[i].imshow(volume[k], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes[3 + i].imshow(colours[truth[k]], interpolation="nearest")
        axes[6 + i].imshow(colours[found[k]], interpolation="nearest")
        for row, name in ((0, f"scan, slice {k}"), (3, "true tissues"), (6, "found")):
            axes[row + i].set_title(name, fontsize=9.5)
    return fig


def boxes_figure(clouds: Sequence[Tensor], true: Tensor, found: Tensor) -> Figure:
    """Draw clouds (P, 3) with their true boxes and those found, (B, 7) each."""
    title = "A box around what is not all seen: green the true one, vermilion the one found"
    fig, axes = panels(len(clouds), len(clouds), 2.2, suptitle=title)
    for k, ax in enumerate(axes):
        draw_cloud(ax, clouds[k], "#9DB8CC", size=5)
        for boxes, colour in ((true, GREEN), (found, VERMILION)):
            spots, _ = flat(box_edges(boxes[k : k + 1], colour).ends)
            ax.add_collection(LineCollection(list(spots), colors=colour, linewidths=1.4))
        ax.set(xlim=(-0.62, 0.62), ylim=(-0.62, 0.62))
    return fig


def box_edges(boxes: Tensor, colour: str) -> Lines:
    """The twelve edges of boxes (N, 7), for `plotting.orbit`."""
    ring = [(k, (k + 1) % 4) for k in range(4)]  # the footprint's corners go round
    pairs = torch.tensor([*ring, *((i + 4, j + 4) for i, j in ring), *((k, k + 4) for k in range(4))])
    return Lines(box_corners_3d(boxes)[:, pairs].flatten(0, 1), colour)


def colours(*names: str) -> Tensor:
    """Colours like "#D55E00" as a table (K, 3) in [0, 1], for `palette`."""
    return torch.tensor([[int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)] for name in names])
