"""Exported files: read by trimesh, and skinned from the file's own numbers by the specification's rules."""

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial.transform import Rotation

from lecture_utils.body.export import to_gltf, to_obj
from lecture_utils.body.skeleton import JOINTS, PARENTS
from lecture_utils.body.smpl import SMPL
from tests.body.models import random_inputs, random_tensors
from tests.body.stick import stick_body

pytestmark = pytest.mark.system("S20.3")
BODY = stick_body()


def _poses(count: int = 4) -> torch.Tensor:
    return 0.6 * torch.randn(count, 24, 3, generator=torch.Generator().manual_seed(0))


def _read(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The JSON of a .glb and the numbers of its accessors, after section 4.4 and 3.6 of the specification."""
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    chunks, at = {}, 12
    while at < len(data):
        size, kind = struct.unpack_from("<I4s", data, at)
        assert size % 4 == 0
        chunks[kind], at = data[at + 8 : at + 8 + size], at + 8 + size
    document = json.loads(chunks[b"JSON"])
    assert document["buffers"] == [{"byteLength": len(chunks[b"BIN\0"])}]
    kinds, widths = (
        {5121: "<u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"},
        {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16},
    )
    numbers = []
    for accessor in document["accessors"]:
        view = document["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        own = chunks[b"BIN\0"][view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        numbers.append(np.frombuffer(own, kinds[accessor["componentType"]]).reshape(accessor["count"], -1))
        assert numbers[-1].shape[1] == widths[accessor["type"]]
    return document, numbers


def _skinned(path: Path, frame: int | None) -> np.ndarray:
    """The vertices as a viewer draws them: global joint transforms, inverse bind matrices, four weights."""
    document, numbers = _read(path)
    nodes, skin = document["nodes"], document["skins"][0]
    local = {}
    for i, node in enumerate(nodes):
        local[i] = np.eye(4)
        local[i][:3, 3] = node.get("translation", (0, 0, 0))
    if frame is not None:
        animation = document["animations"][0]
        for channel in animation["channels"]:
            value = numbers[animation["samplers"][channel["sampler"]]["output"]][frame]
            node, path_ = channel["target"]["node"], channel["target"]["path"]
            if path_ == "rotation":
                local[node][:3, :3] = Rotation.from_quat(value).as_matrix()
            else:
                local[node][:3, 3] = value
    world, todo = {}, [(root, np.eye(4)) for root in document["scenes"][0]["nodes"]]
    while todo:
        node, above = todo.pop()
        world[node] = above @ local[node]
        todo += [(child, world[node]) for child in nodes[node].get("children", [])]
    bind = numbers[skin["inverseBindMatrices"]].reshape(-1, 4, 4).transpose(0, 2, 1)
    joint = np.stack([world[node] @ bind[k] for k, node in enumerate(skin["joints"])])
    own = document["meshes"][0]["primitives"][0]["attributes"]
    points, joints, weights = (numbers[own[name]] for name in ("POSITION", "JOINTS_0", "WEIGHTS_0"))
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    each = np.einsum("vkab,vb->vka", joint[joints], homogeneous)
    return (weights[:, :, None] * each).sum(1)[:, :3]


def test_an_obj_is_read_again_by_trimesh(tmp_path: Path) -> None:
    posed = BODY(torch.zeros(1, 10), _poses(1)).vertices[0]
    path = to_obj(posed, BODY.faces, tmp_path / "body.obj")
    mesh = trimesh.load(path, process=False)
    assert np.array_equal(np.float32(mesh.vertices), posed.numpy())
    assert np.array_equal(mesh.faces, BODY.faces.numpy())
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert 0.03 < mesh.volume < 0.08  # m³


def test_a_glb_is_read_again_by_trimesh(tmp_path: Path) -> None:
    shape = torch.linspace(-1, 1, 10)
    path = to_gltf(BODY, tmp_path / "body.glb", shape=shape, poses=_poses())
    scene = trimesh.load(path, process=False)
    (mesh,) = scene.geometry.values()
    rest, joints = (x[0].numpy() for x in BODY.shaped(shape[None]))
    assert np.array_equal(np.float32(mesh.vertices), rest)
    assert np.array_equal(mesh.faces, BODY.faces.numpy())
    assert mesh.is_watertight
    assert (mesh.vertex_normals * _outwards(rest, BODY)).sum(1).min() > 0
    for name, place in zip(JOINTS, joints, strict=True):
        assert np.abs(scene.graph.get(name)[0][:3, 3] - place).max() < 1e-6
    for joint, parent in enumerate(PARENTS[1:], 1):
        assert scene.graph.transforms.parents[JOINTS[joint]] == JOINTS[parent]


def _outwards(rest: np.ndarray, model: SMPL) -> np.ndarray:
    """Vertex normals by trimesh, of a mesh made here."""
    return np.array(trimesh.Trimesh(rest, model.faces.numpy(), process=False).vertex_normals)


def test_the_files_own_numbers_give_the_bodys_poses(tmp_path: Path) -> None:
    """Linear skinning, as our own without correctives; the weights beyond the fourth are below 1e-3 here."""
    poses, moved = _poses(), torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    shape = torch.linspace(-1, 1, 10)
    path = to_gltf(BODY, tmp_path / "body.glb", shape=shape, poses=poses, translations=moved)
    rest = BODY.shaped(shape[None])[0][0].numpy()
    assert np.abs(_skinned(path, None) - rest).max() < 1e-6
    posed = BODY(shape.expand(4, -1), poses, moved, correctives=False).vertices.numpy()
    for frame in range(4):
        assert np.abs(_skinned(path, frame) - posed[frame]).max() < 1e-3
        assert np.abs(_skinned(path, frame) - rest).max() > 0.1
    exact = SMPL(**{name: x.float() if isinstance(x, torch.Tensor) and x.is_floating_point() else x
                    for name, x in random_tensors().items()})  # fmt: skip
    to_gltf(exact, path, poses=poses, overwrite=True)
    posed = exact(torch.zeros(4, 10), poses, correctives=False).vertices.numpy()
    for frame in range(4):
        assert np.abs(_skinned(path, frame) - posed[frame]).max() < 1e-5


def test_times_bounds_and_targets_are_what_the_specification_wants(tmp_path: Path) -> None:
    document, numbers = _read(to_gltf(BODY, tmp_path / "b.glb", poses=_poses(), frames_per_second=10))
    primitive, animation = document["meshes"][0]["primitives"][0], document["animations"][0]
    times = animation["samplers"][0]["input"]
    assert numbers[times][:, 0] == pytest.approx([0, 0.1, 0.2, 0.3])
    for i in (times, primitive["attributes"]["POSITION"]):  # where bounds are obligatory
        assert document["accessors"][i]["min"] == numbers[i].min(0).tolist()
        assert document["accessors"][i]["max"] == numbers[i].max(0).tolist()
    weights, joints = (numbers[primitive["attributes"][name]] for name in ("WEIGHTS_0", "JOINTS_0"))
    assert np.abs(weights.sum(1) - 1).max() < 1e-6
    assert joints.max() < 24
    assert (joints[weights == 0] == 0).all()
    lengths = np.linalg.norm(numbers[primitive["attributes"]["NORMAL"]], axis=1)
    assert np.abs(lengths - 1).max() < 1e-6
    targets = {"POSITION": 34962, "NORMAL": 34962, "JOINTS_0": 34962, "WEIGHTS_0": 34962}
    for name, target in targets.items():
        view = document["accessors"][primitive["attributes"][name]]["bufferView"]
        assert document["bufferViews"][view]["target"] == target
    indices = document["accessors"][primitive["indices"]]
    assert document["bufferViews"][indices["bufferView"]]["target"] == 34963


def test_turns_take_the_shorter_way_between_frames(tmp_path: Path) -> None:
    angles = torch.linspace(0, 4 * math.pi, 40)
    poses = torch.zeros(40, 24, 3)
    poses[:, 0, 1] = (
        torch.remainder(angles + math.pi, 2 * math.pi) - math.pi
    )  # the vector jumps at half a turn
    document, numbers = _read(to_gltf(BODY, tmp_path / "b.glb", poses=poses))
    turns = numbers[document["animations"][0]["samplers"][0]["output"]]
    assert (turns[1:] * turns[:-1]).sum(1).min() > 0.9


def test_models_of_other_trees_and_few_weights_are_written(tmp_path: Path) -> None:
    eye = torch.eye(3)
    model = SMPL(eye, torch.zeros(3, 3, 1), torch.zeros(3, 3, 9), torch.full((2, 3), 1 / 3),
                 torch.full((3, 2), 0.5), torch.tensor([[0, 1, 2]]), (-1, 0))  # fmt: skip
    path = to_gltf(model, tmp_path / "b.glb")
    assert np.abs(_skinned(path, None) - eye.numpy()).max() < 1e-6
    assert [node["name"] for node in _read(path)[0]["nodes"]] == ["body", "joint_0", "joint_1"]
    assert "animations" not in _read(path)[0]


def test_a_file_that_is_there_stays_unless_asked_and_bad_calls_are_refused(tmp_path: Path) -> None:
    vertices = BODY.template
    for write, name in ((lambda p, **k: to_obj(vertices, BODY.faces, p, **k), "body.obj"),
                        (lambda p, **k: to_gltf(BODY, p, **k), "body.glb")):  # fmt: skip
        path = tmp_path / name
        path.write_bytes(b"mine")
        with pytest.raises(FileExistsError, match=r"which is there, want another name or overwrite=True"):
            write(path)
        assert path.read_bytes() == b"mine"
        assert write(path, overwrite=True) == path
        assert path.read_bytes() != b"mine"
        with pytest.raises(ValueError, match=r"path: got 'body.txt', want a name that ends in"):
            write(tmp_path / "body.txt")
        with pytest.raises(FileNotFoundError, match="whose folder is not there"):
            write(tmp_path / "nowhere" / name)
    with pytest.raises(ValueError, match="faces"):
        to_obj(vertices, BODY.faces + 1, tmp_path / "b.obj")
    for own, said in (
        ({"poses": _poses()[:, :5]}, "poses: got"),
        ({"poses": _poses() * math.nan}, "poses: got NaN"),
        ({"poses": _poses(), "translations": torch.zeros(3, 3)}, "translations: got"),
        ({"translations": torch.zeros(3, 3)}, "translations: got some without poses"),
        ({"shape": torch.zeros(11)}, "shape: got 11 numbers"),
        ({"poses": _poses(), "frames_per_second": 0}, "frames_per_second: got 0"),
    ):
        with pytest.raises(ValueError, match=said):
            to_gltf(BODY, tmp_path / "c.glb", **own)  # type: ignore[arg-type]
        assert not (tmp_path / "c.glb").exists()


def test_a_double_model_is_written_too(tmp_path: Path) -> None:
    model = stick_body(dtype=torch.float64)
    shape, pose, _ = random_inputs(batch=1)
    path = to_gltf(model, tmp_path / "b.glb", shape=shape[0], poses=pose)
    posed = model(shape, pose, correctives=False).vertices[0].numpy()
    assert np.abs(_skinned(path, 0) - posed).max() < 1e-3
