"""Good calls of representations of shapes (S18.1): stereo, depth maps, voxels, meshes, signed distances."""

import tempfile
from typing import Any

import torch

from lecture_utils.geometry.marching_squares import marching_squares
from lecture_utils.geometry.meshes import Mesh, write_obj
from lecture_utils.geometry.parts import Part
from lecture_utils.geometry.voxels import Grid
from lecture_utils.ops import camera
from tests.bad_calls import (
    Value,
    count,
    floats,
    images,
    made,
    masks,
    number,
    pair,
    word,
)  # fmt: skip


def but(value: Value, *kinds: str) -> Value:
    """A value that is not spoiled in ways that are no mistake here."""
    return value._replace(kinds={kind: spoil for kind, spoil in value.kinds.items() if kind not in kinds})


CAMERAS, GRID = made(lambda: camera.orbit(2, (6, 8))), made(lambda: Grid.cube(4))
MESH = made(lambda: Mesh(torch.eye(3), torch.tensor([[0, 1, 2]])))
LEFT, RIGHT, VOLUME = images(2, 3, 8, 12), images(2, 3, 8, 12), floats(2, 5, 6, 8, of=lambda x: x)
DEPTH, POINTS = floats(2, 6, 8, of=lambda x: 2 + x), floats(7, 3)
PAIR = {"left": LEFT, "right": RIGHT, "most": count(5), "least": count(1, zero=True)}
BLOCKS = {"radius": count(1, zero=True), "measure": word("sad")}
SETS = {"a": floats(2, 5, 3), "b": floats(2, 6, 3)}
FIELDS = {"a": floats(4, 3), "b": floats(4, 3)}  # one is spoiled at a time: their shapes differ
FIELD = floats(5, 6)
ANY_SHAPE = ("axis dropped", "axis added", "empty", "nan")
FOUND = but(floats(2, 6, 8), "nan")  # there it stands for "none"
SEEN = but(images(2, 3, 6, 8), "uint8", "nan")  # any values that a picture may have
PLACES = but(POINTS, *ANY_SHAPE[:3])
PARTS = [Part("sphere", (0.5,)), Part("box", (0.2, 0.3, 0.4))]
EYES = {"focal_px": number(100.0), "baseline_m": number(0.1), "offset_px": number(3.0)}


def written() -> str:
    """The name of an OBJ file."""
    path = tempfile.mkstemp(suffix=".obj")[1]
    write_obj(MESH.make(), path)
    return path


def directions(x: torch.Tensor) -> torch.Tensor:
    """Vectors of length 1."""
    return torch.nn.functional.normalize(x - 0.3, dim=-1)


def corners() -> Value:
    """Faces of a mesh of three vertices."""
    kinds = {
        "label -1": lambda x: x - 1,
        "label K": lambda x: x + 1,
        "axis dropped": lambda x: x[0],
        "floats for classes": lambda x: x.float(),
    }
    return Value(lambda: torch.tensor([[0, 1, 2]]), kinds)


GOOD: dict[str, dict[str, dict[str, Any]]] = {
    "geometry.stereo": {
        "block_cost": {"left": LEFT, "right": RIGHT, **BLOCKS},
        "block_mean": {"x": images(2, 3, 8, 12), "radius": count(1, zero=True)},
        "cost_volume": {**PAIR, **BLOCKS},
        "best_disparity": {"volume": VOLUME, "least": count(1, zero=True)},
        "seen_from_the_right": {"volume": VOLUME, "least": count(1, zero=True)},
        "left_right_check": {"left": FOUND, "right": FOUND, "tolerance": number(1.0)},
        "match": {**PAIR, **BLOCKS, "smooth": pair(0.1, 0.3), "tolerance": number(1.0)},
    },
    "geometry.semi_global": {
        "semi_global": {"volume": VOLUME, "small": number(0.1), "large": number(0.3)},
        "walk": {"costs": floats(6, 4, 2, 5, of=lambda x: x), "small": number(0.1), "large": number(0.3)},
    },
    "geometry.disparity": {
        "disparity_to_depth": {"disparity": but(FIELD, *ANY_SHAPE), **EYES},
        "depth_to_disparity": {"depth_m": but(floats(5, 6, of=lambda x: 1 + x), *ANY_SHAPE), **EYES},
        "bad_pixels": {
            "disparity": made(FIELD.make), "truth": made(FIELD.make), "threshold": number(4.0),
            "valid": masks(5, 6),
        },
    },
    "geometry.depth_maps": {
        "depth_to_points": {"depth_m": DEPTH, "cameras": CAMERAS},
        "depth_to_cloud": {"depth_m": DEPTH, "cameras": CAMERAS, "values": SEEN},
        "points_to_depth": {"points": but(POINTS, "empty"), "cameras": CAMERAS},
        "draw_points": {"points": POINTS, "values": floats(7, 2), "cameras": CAMERAS},
        "depth_to_normals": {"depth_m": DEPTH, "cameras": CAMERAS},
    },
    "geometry.voxels": {
        "Grid": {"lower": pair(0.0, 0.0, 0.0), "voxel_m": number(0.1), "shape": pair(2, 3, 4)},
        "Grid.to_world": {"self": GRID, "index": PLACES},
        "Grid.to_index": {"self": GRID, "points": PLACES},
        "points_to_voxels": {"points": but(POINTS, "empty"), "grid": GRID},
        "voxels_to_points": {"occupied": masks(4, 4, 4), "grid": GRID},
        "fuse_depth": {"depth_m": DEPTH, "cameras": CAMERAS, "grid": GRID, "truncation_m": number(0.5)},
    },
    "geometry.meshes": {
        "Mesh": {"vertices": floats(3, 3), "faces": corners()},
        "grid_to_mesh": {
            "values": floats(4, 4, 4), "grid": GRID, "level": number(0.0), "known": masks(4, 4, 4),
        },
        "sample_mesh": {"mesh": MESH, "count": count(5)},
        "face_normals": {"mesh": MESH},
        "mesh_area": {"mesh": MESH},
        "mesh_volume": {"mesh": MESH},
        "write_obj": {"mesh": MESH, "path": made(written)},
        "read_obj": {"path": made(written)},
    },
    "geometry.marching_squares": {
        "marching_squares": {"values": FIELD, "level": number(0.0)},
        "side_crossings": {"values": FIELD, "level": number(0.0)},
        "join_segments": {"outline": made(lambda: marching_squares(FIELD.make()))},
    },
    "geometry.signed_distance": {
        "sphere": {"points": PLACES, "radius": number(0.5)},
        "box": {"points": PLACES, "half": pair(0.5, 0.4, 0.3)},
        "torus": {"points": PLACES, "ring": number(0.5), "tube": number(0.2)},
        "cylinder": {"points": PLACES, "radius": number(0.5), "half": number(0.2)},
        "union": FIELDS,
        "intersection": FIELDS,
        "difference": FIELDS,
        "smooth_union": {**FIELDS, "width": number(0.2)},
        "normals_of": {"distance": lambda x: x.norm(dim=-1), "points": PLACES},
        "sphere_trace": {
            "distance": lambda x: x.norm(dim=-1) - 0.5, "origins": POINTS,
            "directions": floats(7, 3, of=directions), "farthest_m": number(9.0), "steps": count(9),
            "tolerance_m": number(0.01),
        },
        "points_to_distance": {
            "queries": floats(5, 3), "points": POINTS, "normals": floats(7, 3, of=directions),
        },
    },
    "geometry.parts": {
        "Part": {
            "kind": word("cylinder"), "sizes": pair(0.1, 0.2), "centre": pair(0.0, 0.0, 0.0),
            "rotation": but(floats(3, 3, of=lambda x: torch.eye(3)), "uint8"),
        },
        "Part.distance": {"self": made(lambda: PARTS[0]), "points": PLACES},
        "distances_to_parts": {"parts": PARTS, "points": PLACES},
        "assembly_distance": {"parts": PARTS, "points": PLACES},
        "part_labels": {"parts": PARTS, "points": PLACES},
    },
    "geometry.chamfer": {
        "nearest": SETS,
        "chamfer_distance": SETS,
        "f_score": {"predicted": SETS["a"], "true": SETS["b"], "threshold_m": number(0.1)},
        "normal_consistency": {
            **SETS, "normals_a": floats(2, 5, 3, of=directions), "normals_b": floats(2, 6, 3, of=directions),
        },
    },
}  # fmt: skip
