"""Good calls of bodies: body.skeleton, body.lbs, body.smpl and its files."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
import torch

from lecture_utils.body.smpl import SMPL
from tests.bad_calls import build, count, floats, made, number, word
from tests.good_calls.makers import Call

TREE = (-1, 0, 1)
ROWS = torch.tensor([[0.5, 0.5, 0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0.3, 0.7, 0, 0, 0]])
WEIGHTS = floats(8, 3, of=lambda x: (x + 0.1) / (x + 0.1).sum(1, keepdim=True))
TURNS = floats(2, 3, 3, 3, of=lambda x: torch.linalg.matrix_exp(x - x.mT))
WORLD = floats(2, 3, 3, 3, of=lambda x: torch.linalg.matrix_exp(x.mT - x))
MATRICES: Call = {
    "template": floats(8, 3),
    "shape_directions": floats(8, 3, 2),
    "pose_directions": floats(8, 3, 18),
    "joint_regressor": floats(3, 8, of=lambda x: ROWS.clone()),
    "weights": WEIGHTS,
    "faces": made(lambda: torch.tensor([[0, 1, 2], [5, 6, 7]])),
    "parents": TREE,
}


def body() -> SMPL:
    """A model of three joints and eight vertices."""
    return SMPL(**build(MATRICES))


BODY = made(body)


def place(ending: str) -> str:
    """A path where nothing is yet."""
    return str(Path(tempfile.mkdtemp()) / f"body{ending}")


def written() -> str:
    """A file of the body in the published layout."""
    model, path = body(), place(".npz")
    own = {
        "v_template": model.template,
        "shapedirs": model.shape_directions,
        "posedirs": model.pose_directions,
        "J_regressor": model.joint_regressor,
        "weights": model.weights,
        "f": model.faces,
    }
    np.savez(path, kintree_table=np.array([TREE, range(3)]), **{name: x.numpy() for name, x in own.items()})
    return path


GOOD: dict[str, dict[str, Call]] = {
    "body.skeleton": {"joint_index": {"name": word("head")}},
    "body.lbs": {
        "forward_kinematics": {"rotations": TURNS, "joints": floats(2, 3, 3), "parents": TREE},
        "skin": {"vertices": floats(2, 8, 3), "joints": floats(2, 3, 3),
            "posed": floats(2, 3, 3, of=lambda x: x + 1), "world": WORLD, "weights": WEIGHTS},
    },
    "body.smpl": {
        "SMPL": MATRICES,
        "SMPL.shaped": {"self": BODY, "shape": floats(2, 2)},
        "SMPL.correctives": {"self": BODY, "rotations": TURNS},
        "SMPL.forward": {"self": BODY, "shape": floats(2, 2), "pose": floats(2, 3, 3),
            "translation": floats(2, 3), "correctives": True},
    },
    "body.smpl_file": {"load_smpl": {"path": made(written), "shapes": count(2), "dtype": torch.float32}},
    "body.pickled_arrays": {
        "read_records": {"data": made(lambda: pickle.dumps(np.arange(3.0), 2))},
        "as_array": {"value": 3.0, "depth": 1},
    },
    "body.export": {
        "to_obj": {"vertices": floats(8, 3), "faces": made(lambda: torch.tensor([[0, 1, 2], [5, 6, 7]])),
            "path": made(lambda: place(".obj")), "overwrite": False},
        "to_gltf": {"model": BODY, "path": made(lambda: place(".glb")), "shape": floats(2),
            "poses": floats(4, 3, 3), "translations": floats(4, 3), "frames_per_second": number(30.0),
            "overwrite": False},
    },
}  # fmt: skip
