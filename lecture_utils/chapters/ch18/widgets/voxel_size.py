"""Depth maps fused into one surface: how large a voxel, how many views, how much noise.

B. Curless and M. Levoy, "A Volumetric Method for Building Complex Models from Range Images", SIGGRAPH 1996;
`geometry/voxels.py` fuses, `geometry/meshes.py` finds the surface by marching cubes.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.chapters.ch18.cloud_figures import draw_mesh
from lecture_utils.geometry.chamfer import f_score
from lecture_utils.geometry.depth_maps import depth_to_points
from lecture_utils.geometry.meshes import Mesh, grid_to_mesh, sample_mesh
from lecture_utils.geometry.voxels import Grid, fuse_depth
from lecture_utils.ops.camera import Cameras, orbit
from lecture_utils.plotting.style import INK
from lecture_utils.widgets.controls import Choice, Slider
from lecture_utils.widgets.layouts import strip
from lecture_utils.widgets.widget import Widget

SIZE, VIEWS, HALF_M = (120, 120), 12, 0.62
CELLS = {"8 cm": 16, "5 cm": 25, "4 cm": 31, "2.5 cm": 50}  # voxels a side
NEAR_M = 0.02
_TOUR: tuple[tuple[dict[str, Any], str], ...] = (
    ({"voxel": "4 cm", "noise_cm": 2.0}, "Cells of 4 cm, depth noise of 2 cm: twelve views average it out."),
    ({"voxel": "4 cm", "noise_cm": 2.0, "views": 1}, "One view: half a shape, and all of its noise."),
    ({"voxel": "4 cm", "noise_cm": 2.0, "views": 3}, "Three views: most of the outside is there, rough."),
    (
        {"voxel": "8 cm", "noise_cm": 2.0},
        "Cells of 8 cm: an eighth of the voxels, and no point to the heart.",
    ),
    ({"voxel": "2.5 cm", "noise_cm": 2.0}, "Cells of 2.5 cm: finer, and the noise that is left shows."),
    ({"voxel": "2.5 cm", "noise_cm": 0.0}, "The same without noise."),
    ({"voxel": "4 cm", "noise_cm": 4.0}, "Noise of 4 cm, as large as the cells."),
)


class Seen(NamedTuple):
    """Twelve cameras, exact depth (N, H, W), and points of the surface that they see (P, 3)."""

    cameras: Cameras
    depth_m: Tensor
    points: Tensor


@lru_cache(maxsize=1)
def seen() -> Seen:
    """Look at one heart from all sides."""
    from lecture_utils.data.toyworld import solids

    scene = solids.sample_solid(3, classes=["heart"], count=1, ground=False, max_tilt_deg=0)
    cameras = orbit(VIEWS, SIZE, elevation_deg=20, field_of_view_deg=32)
    depth_m = solids.render_solids(scene, cameras).depth_m
    points = depth_to_points(depth_m, cameras)
    points = points[points.isfinite().all(-1)]
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))[:3000]
    return Seen(cameras, depth_m, points[order])


@lru_cache(maxsize=16)
def fused(voxel: str, views: int, noise_cm: float) -> tuple[Mesh, float]:
    """The surface from the first of evenly spread views, and its F-score at 2 cm."""
    own = seen()
    chosen = torch.linspace(0, VIEWS, views + 1)[:-1].long()
    noise = noise_cm / 100 * torch.randn(own.depth_m.shape, generator=torch.Generator().manual_seed(0))
    side = CELLS[voxel]
    grid = Grid.cube(side, HALF_M)
    depth_m = (own.depth_m + noise).clamp_min(0)[chosen]
    cut = max(2.5 * grid.voxel_m, 2 * noise_cm / 100)
    both = fuse_depth(depth_m, own.cameras[chosen], grid, cut)
    mesh = grid_to_mesh(both.distance_m, grid, known=both.weight > 0)
    if not len(mesh.faces):
        return mesh, 0.0
    points, _ = sample_mesh(mesh, 3000, torch.Generator().manual_seed(0))
    return mesh, float(f_score(points[None], own.points[None], NEAR_M).f_score)


def surfaces(voxel: str, views: int, noise_cm: float) -> Figure:
    """Draw the fused surface from two sides, with its size and F-score.

    Parameters
    ----------
    voxel : str
        A key of CELLS.
    views : int
        How many depth maps.
    noise_cm : float
        Standard deviation of the noise on depth.

    Returns
    -------
    Figure
    """
    mesh, score = fused(voxel, int(views), noise_cm)
    side = CELLS[voxel]
    words = f"{side**3:,} voxels, {len(mesh.faces):,} triangles, F-score at 2 cm: {score:.2f}"
    fig, axes = strip((2.7, 2.7), 2.7, foot=words)
    for ax, turn, name in zip(axes, (310.0, 30.0), ("from the front", "from the side"), strict=True):
        if len(mesh.faces):
            draw_mesh(ax, mesh, view_deg=(turn, 15))
        ax.set(xlim=(-0.62, 0.62), ylim=(-0.62, 0.62))
        ax.set_title(name, fontsize=10, fontweight="normal", loc="center", pad=3, color=INK)
    return fig


def voxel_size() -> Widget:
    """Make the widget.

    Returns
    -------
    Widget
    """
    return Widget(
        title="Depth maps fused into a surface",
        compute=surfaces,
        controls={
            "voxel": Choice(list(CELLS), "4 cm", label="voxel"),
            "views": Slider(1, VIEWS, 1, VIEWS, label="depth maps"),
            "noise_cm": Slider(0.0, 4.0, 1.0, 2.0, label="noise of depth in cm"),
        },
        tour=[(caption, values) for values, caption in _TOUR],
        trivial={"voxel": "8 cm", "views": 1, "noise_cm": 0.0},
        alt="The surface of a heart that is fused from depth maps, from two sides, with its voxels, its "
        "triangles and F-score.",
    )
