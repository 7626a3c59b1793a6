"""The bench's part on bodies (chapter 20): SMPL's forward pass against smplx's, at the published size."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from bench_pairs import Rows, compared
from torch import Tensor

VERTICES, SHAPES = 6890, 10  # of the published model


def model_tensors(parents: tuple[int, ...]) -> dict[str, Tensor]:
    """Random numbers of the published sizes: four joints a vertex, some thirty vertices a joint."""
    draw, joints = torch.Generator().manual_seed(0), len(parents)

    def rows(count: int, width: int, filled: int) -> Tensor:
        value = torch.rand(count, width, generator=draw)
        kept = value * (value >= value.topk(filled).values[:, -1:])
        return kept / kept.sum(1, keepdim=True)

    return {
        "template": torch.randn(VERTICES, 3, generator=draw),
        "shape_directions": 0.01 * torch.randn(VERTICES, 3, SHAPES, generator=draw),
        "pose_directions": 0.01 * torch.randn(VERTICES, 3, 9 * (joints - 1), generator=draw),
        "joint_regressor": rows(joints, VERTICES, 30),
        "weights": rows(VERTICES, joints, 4),
        "faces": torch.randint(VERTICES, (13776, 3), generator=draw),
    }


def smpl() -> Rows:
    """SMPL forward for one body and for 64, ours and smplx's, on the same random model."""
    import smplx

    from lecture_utils.body.skeleton import PARENTS
    from lecture_utils.body.smpl import SMPL

    tensors = model_tensors(PARENTS)
    ours = SMPL(**tensors, parents=PARENTS)  # type: ignore[arg-type]
    names = {"template": "v_template", "shape_directions": "shapedirs", "pose_directions": "posedirs",
             "joint_regressor": "J_regressor", "weights": "weights", "faces": "f"}  # fmt: skip
    file = SimpleNamespace(
        **{names[name]: value.numpy() for name, value in tensors.items()},
        kintree_table=np.array([PARENTS, range(len(PARENTS))]),
    )
    rows: Rows = []
    for batch, pairs in ((1, 41), (64, 15)):
        theirs = smplx.SMPL("", data_struct=file, num_betas=SHAPES, batch_size=batch)
        shape, move = torch.randn(batch, SHAPES), torch.randn(batch, 3)
        pose = 0.3 * torch.randn(batch, len(PARENTS), 3)
        rows.append(_forward(ours, theirs, (shape, pose, move), pairs))
    return rows


def _forward(ours: Any, theirs: Any, inputs: tuple[Tensor, ...], pairs: int) -> tuple[str, str, str]:
    shape, pose, move = inputs
    first, others = pose[:, 0], pose[:, 1:].flatten(1)
    with torch.inference_mode():
        return compared(
            f"SMPL forward, 6,890 vertices, batch {len(shape)}, ours : smplx",
            lambda: ours(shape, pose, move),
            lambda: theirs(betas=shape, global_orient=first, body_pose=others, transl=move),
            pairs=pairs,
            aim="≤ 1.00",
        )


SECTIONS: dict[str, Callable[[], Rows]] = {"smpl": smpl}
