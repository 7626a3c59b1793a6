"""Random body models, in the package's form and in the published files', for tests."""

import io
import pickle
import struct
import sys
import types
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from lecture_utils.body.skeleton import PARENTS

FILES_ROOT = 2**32 - 1  # what the published files have for "no parent"


def random_tensors(vertices: int = 120, shapes: int = 10, seed: int = 0) -> dict[str, Any]:
    """Return what `SMPL` is made of: no body, but every entry counts (centimetres of each direction).

    Each vertex has four joints, each joint some twelve vertices, as in the published model.
    """
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    def rows(count: int, width: int, filled: int) -> Tensor:
        own = torch.rand(count, width, generator=draw).topk(filled).indices
        value = torch.rand(count, filled, generator=draw, dtype=torch.float64) + 0.1
        return torch.zeros(count, width, dtype=torch.float64).scatter(
            1, own, value / value.sum(1, keepdim=True)
        )

    return {
        "template": 0.5 * normal(vertices, 3),
        "shape_directions": 0.03 * normal(vertices, 3, shapes),
        "pose_directions": 0.02 * normal(vertices, 3, 9 * (len(PARENTS) - 1)),
        "joint_regressor": rows(len(PARENTS), vertices, 12),
        "weights": rows(vertices, len(PARENTS), 4),
        "faces": torch.randint(0, vertices, (2 * vertices, 3), generator=draw),
        "parents": PARENTS,
    }


def random_inputs(batch: int = 3, shapes: int = 10, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Return β (B, K), θ (B, 24, 3) with turns of all sizes, one of them none, and a translation (B, 3)."""
    draw = torch.Generator().manual_seed(seed)
    shape, translation = (torch.randn(batch, n, generator=draw, dtype=torch.float64) for n in (shapes, 3))
    pose = torch.randn(batch, len(PARENTS), 3, generator=draw, dtype=torch.float64)
    pose[0, 5] = 0
    return shape, pose, translation


def published(tensors: dict[str, Any], shapes: int = 300) -> dict[str, Any]:
    """Return the same in the published files' names, types and sizes (further shape directions are noise)."""
    draw = np.random.default_rng(0)
    own = tensors["shape_directions"].numpy()
    more = 0.01 * draw.standard_normal((*own.shape[:2], max(0, shapes - own.shape[2])))
    parents = np.array(tensors["parents"], dtype=np.int64)
    parents[0] = FILES_ROOT
    return {
        "v_template": tensors["template"].numpy(),
        "shapedirs": np.concatenate([own, more], axis=2),
        "posedirs": tensors["pose_directions"].numpy(),
        "J_regressor": sparse.csc_matrix(tensors["joint_regressor"].numpy()),
        "weights": tensors["weights"].numpy(),
        "f": tensors["faces"].numpy().astype(np.uint32),
        "kintree_table": np.stack([parents, np.arange(len(parents))]).astype(np.uint32),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
        "J": (tensors["joint_regressor"] @ tensors["template"]).numpy(),
    }


class Python2Pickler(pickle._Pickler):
    """A pickler whose bytes are what Python 2 wrote: text and bytes are both its `str`."""

    dispatch = dict(pickle._Pickler.dispatch)  # noqa: RUF012 (the parent's too)

    def save_either(self, value: bytes | str) -> None:
        raw = value.encode("latin1") if isinstance(value, str) else value
        if self.proto:
            self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        else:
            self.write(pickle.STRING + repr(raw)[1:].encode() + b"\n")
        self.memoize(value)

    dispatch[bytes] = save_either
    dispatch[str] = save_either


def python2_pickle(value: Any, protocol: int = 2) -> bytes:
    """Return the pickle with the names of Python 2, NumPy 1 and SciPy 1.7, as in the published files."""
    stream = io.BytesIO()
    Python2Pickler(stream, protocol).dump(value)
    data = stream.getvalue().replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")
    return data.replace(b"scipy.sparse._csc\n", b"scipy.sparse.csc\n")


def with_chumpy(fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, types.ModuleType]]:
    """Return the fields as chumpy holds them, and the modules that must be there while they are pickled.

    chumpy wants an `inspect` that Python no longer has, so its two classes are made here, with the state that
    its `__getstate__` leaves: all but two caches. The shape directions are a selection, the rest arrays.
    """
    modules = {name: types.ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering")}
    ch = type("Ch", (), {"__module__": "chumpy.ch"})
    select = type("Select", (), {"__module__": "chumpy.reordering"})
    modules["chumpy.ch"].Ch, modules["chumpy.reordering"].Select = ch, select  # type: ignore[attr-defined]

    def filled(kind: type, **own: Any) -> Any:
        made = kind()
        common = {"_dirty_vars": {"x"}, "_itr": None, "_make_dense": False, "_make_sparse": False}
        made.__dict__.update(common, _depends_on_deps={"shape": {"deps": {"r"}, "value": None}}, **own)
        return made

    held = {name: filled(ch, x=value) if name in ("v_template", "weights", "posedirs") else value
            for name, value in fields.items()}  # fmt: skip
    directions = fields["shapedirs"]
    whole = np.concatenate([directions, directions[..., :2]], axis=2)
    places = np.arange(whole.size).reshape(whole.shape)[..., :-2]
    held["shapedirs"] = filled(
        select, a=filled(ch, x=whole), idxs=places.ravel(), preferred_shape=directions.shape
    )
    return held, modules


def write_pkl(path: Path, fields: dict[str, Any], *, protocol: int = 2, python: int = 2) -> Path:
    """Write the fields as the published .pkl has them, chumpy's arrays among them."""
    held, modules = with_chumpy(fields)
    with mock.patch.dict(sys.modules, modules):
        data = python2_pickle(held, protocol) if python == 2 else pickle.dumps(held, protocol)
    path.write_bytes(data)
    return path
