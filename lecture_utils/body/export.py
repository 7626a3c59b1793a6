"""Bodies for other programs (S20.3): a posed mesh as OBJ, a whole body with skeleton and movement as glTF.

A .glb is a binary glTF 2.0: a JSON text that says what is in the block of numbers behind it. It is y up with
the front to z, in metres, as a body's own frame is; so is the OBJ.

Khronos Group, "glTF 2.0 specification", 2021, sections 3.6 (numbers), 3.7.3 (skins), 3.11 (movement), 4
(.glb). Left out: pose correctives (a viewer skins linearly, whence the candy wrapper), more than four joints
a vertex, colours and texture.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS
from lecture_utils.body.smpl import SMPL
from lecture_utils.geometry.meshes import Mesh, face_normals, write_obj
from lecture_utils.ops.checks import check_number, check_tensor
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_quaternion

# The specification's numbers for what an accessor holds.
TYPES = {np.dtype("u1"): 5121, np.dtype("u2"): 5123, np.dtype("u4"): 5125, np.dtype("f4"): 5126}
SHAPES = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (16,): "MAT4"}
VERTICES, INDICES = 34962, 34963  # targets of a buffer view


def to_obj(vertices: Tensor, faces: Tensor, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write one mesh as a Wavefront OBJ; return its path.

    Parameters
    ----------
    vertices : Tensor
        (V, 3), such as `model(shape, pose).vertices[0]`, in metres; nine digits are kept.
    faces : Tensor
        (F, 3), triangles as numbers of vertices from 0; the file counts from 1.
    path : str or Path
        Its name ends in .obj.
    overwrite : bool
        Whether a file that is there already may be lost.

    Raises
    ------
    FileExistsError
        If there is such a file, and `overwrite` is not set.
    """
    mesh = Mesh(vertices.detach(), faces.long())
    place = _free(path, ".obj", overwrite)
    write_obj(mesh, place)
    return place


def to_gltf(
    model: SMPL,
    path: str | Path,
    *,
    shape: Tensor | None = None,
    poses: Tensor | None = None,
    translations: Tensor | None = None,
    frames_per_second: float = 30.0,
    overwrite: bool = False,
) -> Path:
    """Write a person with skeleton and skin as a binary glTF, with a movement if given; return its path.

    Parameters
    ----------
    model : SMPL
        The body; of its weights the four largest of each vertex are kept, and made to add up to 1.
    path : str or Path
        Its name ends in .glb.
    shape : Tensor, optional
        (up to K,), the person; the mean one if not given.
    poses : Tensor, optional
        (T, J, 3), the joints' axis-angle vectors, frame by frame.
    translations : Tensor, optional
        (T, 3), of the whole body, in metres.
    frames_per_second : float
        How fast the poses follow.
    overwrite : bool
        Whether a file that is there already may be lost.

    Raises
    ------
    FileExistsError
        If there is such a file, and `overwrite` is not set.
    """
    check_number(frames_per_second, "frames_per_second", 0, above=True)
    person = model.template.new_zeros(0) if shape is None else shape
    check_tensor(person, "shape", "k", finite=True)
    rest, joints = (x[0].detach() for x in model.shaped(person[None]))
    place, block = _free(path, ".glb", overwrite), _Block()
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "lecture_utils.body.export"},
        "scene": 0,
        "scenes": [{"nodes": [0, 1]}],
        "nodes": [{"name": "body", "mesh": 0, "skin": 0}, *_nodes(joints, model.parents)],
        "meshes": [{"name": "body", "primitives": [_mesh(rest, model, block)]}],
        "skins": [_skin(joints, block)],
    }
    if poses is not None:
        check_tensor(poses, "poses", "T", len(model.parents), 3, finite=True, some=True)
        moved = torch.zeros(len(poses), 3).to(poses) if translations is None else translations
        check_tensor(moved, "translations", len(poses), 3, finite=True)
        document["animations"] = [_movement(poses, joints[0] + moved, frames_per_second, block)]
    elif translations is not None:
        raise ValueError("translations: got some without poses, want both or neither")
    document |= block.listed()
    place.write_bytes(_glb(document, block.data))
    return place


class _Block:
    """The block of numbers of a .glb, and the lists that say what is where."""

    def __init__(self) -> None:
        self.data = b""
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, numbers: np.ndarray, target: int | None = None, bounds: bool = False) -> int:
        """Append numbers (N, …) of a type in TYPES; return the accessor's number."""
        numbers = np.ascontiguousarray(numbers.astype(numbers.dtype.newbyteorder("<")))
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": numbers.nbytes}
        self.views.append(view | ({} if target is None else {"target": target}))
        accessor: dict[str, Any] = {
            "bufferView": len(self.views) - 1,
            "componentType": TYPES[numbers.dtype],
            "count": len(numbers),
            "type": SHAPES[numbers.shape[1:]],
        }
        if bounds:
            accessor |= {
                key: np.atleast_1d(of(numbers, axis=0)).tolist()
                for key, of in (("min", np.min), ("max", np.max))
            }
        self.accessors.append(accessor)
        self.data += _padded(numbers.tobytes(), b"\0")
        return len(self.accessors) - 1

    def listed(self) -> dict[str, Any]:
        buffers = [{"byteLength": len(self.data)}]
        return {"buffers": buffers, "bufferViews": self.views, "accessors": self.accessors}


def _padded(data: bytes, by: bytes) -> bytes:
    return data + by * (-len(data) % 4)  # everything starts at a multiple of four bytes


def _glb(document: dict[str, Any], data: bytes) -> bytes:
    """Header, JSON chunk, binary chunk; section 4.4."""
    text = _padded(json.dumps(document, separators=(",", ":")).encode(), b" ")
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _numbers(x: Tensor, dtype: str = "f4") -> np.ndarray:
    return x.detach().cpu().numpy().astype(dtype)


def _nodes(joints: Tensor, parents: tuple[int, ...]) -> list[dict[str, Any]]:
    """A node for each joint, placed relative to its parent; node 0 is the mesh, so joint j is node j + 1."""
    places = joints.cpu()
    offsets = [
        place if parent < 0 else place - places[parent] for place, parent in zip(places, parents, strict=True)
    ]
    names = JOINTS if len(parents) == len(JOINTS) else [f"joint_{j}" for j in range(len(parents))]
    nodes: list[dict[str, Any]] = [
        {"name": name, "translation": _numbers(offset).tolist()}
        for name, offset in zip(names, offsets, strict=True)
    ]
    for j, parent in enumerate(parents):
        if parent >= 0:
            nodes[parent].setdefault("children", []).append(j + 1)
    return nodes


def _mesh(rest: Tensor, model: SMPL, block: _Block) -> dict[str, Any]:
    """Positions, normals, joints and weights of the vertices, and the triangles."""
    weights, joints = model.weights.topk(min(4, model.weights.shape[1]), dim=1)  # (V, 4)
    missing = (0, 4 - weights.shape[1])
    weights = torch.nn.functional.pad(weights / weights.sum(1, keepdim=True), missing)
    joints = torch.nn.functional.pad(torch.where(weights[:, : joints.shape[1]] > 0, joints, 0), missing)
    small = "u1" if model.weights.shape[1] <= 256 else "u2"
    attributes = {
        "POSITION": block.add(_numbers(rest), VERTICES, bounds=True),
        "NORMAL": block.add(_numbers(_normals(rest, model.faces)), VERTICES),
        "JOINTS_0": block.add(_numbers(joints, small), VERTICES),
        "WEIGHTS_0": block.add(_numbers(weights), VERTICES),
    }
    return {"attributes": attributes, "indices": block.add(_numbers(model.faces.flatten(), "u4"), INDICES)}


def _normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals (V, 3): the mean of the triangles around, by their areas; upwards where there are none."""
    each, area = face_normals(Mesh(vertices, faces))
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total.index_add_(0, faces[:, corner], area[:, None] * each)
    up = torch.tensor([0.0, 1.0, 0.0]).to(vertices)
    flat = total.norm(dim=1, keepdim=True) < 1e-20
    return torch.nn.functional.normalize(torch.where(flat, up, total), dim=1, eps=1e-30)


def _skin(joints: Tensor, block: _Block) -> dict[str, Any]:
    """The joints' nodes, and what takes a point at rest into each joint's frame: a shift by its place."""
    inverse = torch.eye(4).repeat(len(joints), 1, 1)
    inverse[:, :3, 3] = -joints.cpu()
    columns = _numbers(inverse.mT.flatten(1))  # column by column, as the specification wants
    return {
        "joints": list(range(1, len(joints) + 1)),
        "skeleton": 1,
        "inverseBindMatrices": block.add(columns),
    }


def _movement(poses: Tensor, root: Tensor, frames_per_second: float, block: _Block) -> dict[str, Any]:
    """A turn of each joint and a shift of the root for each frame; between them a viewer interpolates."""
    times = block.add((np.arange(len(poses)) / frames_per_second).astype("f4"), bounds=True)
    turns = matrix_to_quaternion(axis_angle_to_matrix(poses.detach().double()))  # (T, J, 4), w x y z
    jumps = torch.where((turns[1:] * turns[:-1]).sum(-1) < 0, -1.0, 1.0).cumprod(0)
    turns[1:] *= jumps[..., None]  # the shorter way from each to the next
    samplers = [
        {"input": times, "output": block.add(_numbers(turns[:, j, [1, 2, 3, 0]]))}
        for j in range(turns.shape[1])
    ]
    channels = [{"sampler": j, "target": {"node": j + 1, "path": "rotation"}} for j in range(turns.shape[1])]
    samplers.append({"input": times, "output": block.add(_numbers(root))})
    channels.append({"sampler": len(samplers) - 1, "target": {"node": 1, "path": "translation"}})
    return {"name": "movement", "samplers": samplers, "channels": channels}


def _free(path: str | Path, ending: str, overwrite: bool) -> Path:
    """Return where a file can be written."""
    place = Path(path)
    if place.suffix != ending:
        raise ValueError(f"path: got {place.name!r}, want a name that ends in {ending}")
    if not place.parent.is_dir():
        raise FileNotFoundError(f"path: got {place}, whose folder is not there, want one that is")
    if place.exists() and not overwrite:
        raise FileExistsError(f"path: got {place}, which is there, want another name or overwrite=True")
    return place
