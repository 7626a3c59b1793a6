"""Random body models, in the package's form and in the published files', for tests."""

from typing import Any

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
