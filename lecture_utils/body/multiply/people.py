"""People, their poses in all frames, and what is behind them: all that is learned; part of MultiPly (S20.6).

Jiang et al., "MultiPly", CVPR 2024, sections 3.1 and 3.2.

Shapes: P people, F frames, J joints, H and W height and width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils.body.multiply.avatar import Avatar, Cloud
from lecture_utils.body.multiply.layers import Layers, render_layers
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_tensor


class People(nn.Module):
    """P people in F frames before one background: all that a fit learns.

    Parameters
    ----------
    avatars : sequence of Avatar
        P of them.
    poses : Tensor
        (P, F, J, 3), axis-angle in radians: where the poses begin.
    translations : Tensor
        (P, F, 3), in metres.
    background : Tensor
        (3, H, W) in [0, 1]; the median over a video's frames is a good start.
    """

    def __init__(
        self, avatars: Sequence[Avatar], poses: Tensor, translations: Tensor, background: Tensor
    ) -> None:
        if not isinstance(avatars, Sequence) or not all(isinstance(one, Avatar) for one in avatars):
            raise ValueError(f"avatars: got {type(avatars).__name__}, want a list of Avatars")
        check_tensor(poses, "poses", len(avatars), "F", "J", 3, finite=True, some=True)
        check_tensor(translations, "translations", *poses.shape[:2], 3, finite=True)
        check_tensor(background, "background", 3, "H", "W", finite=True)
        super().__init__()
        self.avatars = nn.ModuleList(avatars)
        self.poses = nn.Parameter(poses.clone())
        self.translations = nn.Parameter(translations.clone())
        self.background = nn.Parameter(background.clone())

    @property
    def persons(self) -> list[Avatar]:
        """The avatars, as a list."""
        return [one for one in self.avatars if isinstance(one, Avatar)]

    def clouds(self) -> list[Cloud]:
        """Pose each person in all frames."""
        return [
            avatar(pose, place)
            for avatar, pose, place in zip(self.persons, self.poses, self.translations, strict=True)
        ]

    def forward(self, frame: int, cameras: Cameras) -> Layers:
        """Render one frame."""
        return render_layers([cloud.frame(frame) for cloud in self.clouds()], cameras, self.background)

    def joints(self) -> Tensor:
        """Return (P, F, J, 3), in the world, in metres."""
        return torch.stack([cloud.joints for cloud in self.clouds()])
