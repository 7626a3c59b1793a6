"""The body model as it is stored: what is small in float32, what is large in float16 and sparse."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lecture_utils.body.skeleton import PARENTS
from lecture_utils.body.smpl import SMPL

MOST = 4  # joints a vertex
STORED = (
    "template", "shape_directions", "faces", "weight_values", "weight_joints", "regressor_values",
    "regressor_places", "pose_values", "pose_places",
)  # fmt: skip


class PackedSMPL(SMPL):
    """An `SMPL` whose state is compact: 1 to 2 MB instead of 20; loading makes the matrices of it."""

    def _save_to_state_dict(self, destination: dict[str, Tensor], prefix: str, keep_vars: bool) -> None:
        """Write the compact form."""
        strongest, joint = self.weights.topk(MOST, dim=1)
        row, column = self.joint_regressor.nonzero().T
        blocks = self.pose_directions.unflatten(-1, (-1, 9))  # (V, 3, J - 1, 9)
        vertex, bone = (blocks != 0).any(-1).any(1).nonzero().T
        state = {
            "template": self.template,
            "shape_directions": self.shape_directions.half(),
            "faces": self.faces.to(torch.int16),
            "weight_values": strongest,
            "weight_joints": joint.to(torch.uint8),
            "regressor_values": self.joint_regressor[row, column],
            "regressor_places": torch.stack([row, column]).to(torch.int16),
            "pose_values": blocks[vertex, :, bone].half(),
            "pose_places": torch.stack([vertex, bone]).to(torch.int16),
        }
        destination.update({prefix + key: value for key, value in state.items()})

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, local_metadata: Mapping[str, Any], strict: bool,
        missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        """Make the five matrices of the compact form."""
        absent = [prefix + name for name in STORED if prefix + name not in state_dict]
        missing_keys += absent
        if absent:
            return
        s = {name: state_dict[prefix + name] for name in STORED}
        count, joints = len(s["template"]), len(PARENTS)
        weights = torch.zeros(count, joints)
        weights.scatter_(1, s["weight_joints"].long(), s["weight_values"].float())
        regressor = torch.zeros(joints, count)
        regressor[tuple(s["regressor_places"].long())] = s["regressor_values"]
        blocks = torch.zeros(count, joints - 1, 3, 9)
        blocks[tuple(s["pose_places"].long())] = s["pose_values"].float()
        directions = blocks.transpose(1, 2).flatten(2)
        full = SMPL(
            s["template"], s["shape_directions"].float(), directions, regressor, weights, s["faces"].long(),
            PARENTS,
        )  # fmt: skip
        for name, value in full.named_buffers():
            setattr(self, name, value)


def empty() -> PackedSMPL:
    """Return a body of one vertex, to load a state into."""
    joints, one = len(PARENTS), torch.ones(1, 1)
    return PackedSMPL(
        torch.zeros(1, 3), torch.zeros(1, 3, 10), torch.zeros(1, 3, 9 * (joints - 1)),
        one.expand(joints, 1).clone(), torch.eye(joints)[:1], torch.zeros(0, 3, dtype=torch.long), PARENTS,
    )  # fmt: skip
