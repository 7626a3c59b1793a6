"""Figures of motions: strips of small figures, strips of bodies, and the pictures of a film.

Shapes: B motions, F frames, V vertices, S a picture's side.
"""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people.sticks import stick_pictures
from lecture_utils.ops.rotation import rotation_6d_to_matrix
from lecture_utils.plotting.bodies import body_views
from lecture_utils.recipes._people_motion import joints_of


def film(motion: Tensor, *, size: int = 160) -> Tensor:
    """Return the pictures (B, F, 3, S, S) in [0, 1] of motions (B, F, 24, 6), from one place, for a film."""
    joints = joints_of(motion.detach())
    return stick_pictures(joints.flatten(0, 1), size=size).unflatten(0, motion.shape[:2])


def motion_strips(motion: Tensor, titles: Sequence[str], *, shown: int = 8, size: int = 120) -> Figure:
    """Draw motions (B, F, 24, 6) as rows of pictures, a title over each; time runs to the right."""
    if len(titles) != len(motion):
        raise ValueError(f"titles: got {len(titles)} for {len(motion)} motions, want one a motion")
    when = torch.linspace(0, motion.shape[1] - 1, shown).round().long()
    pictures = film(motion[:, when], size=size)  # (B, shown, 3, S, S)
    fig = Figure(figsize=(8.0, 1.28 * len(titles)), layout="constrained")
    axes = fig.subplots(len(titles), 1, squeeze=False)[:, 0]
    for ax, row, title in zip(axes, pictures, titles, strict=True):
        ax.imshow(torch.cat(list(row), dim=2).permute(1, 2, 0).numpy())
        ax.set_title(title, fontsize=9.5, fontweight="normal", loc="left", pad=3)
        ax.set_axis_off()
    return fig


def body_strip(motion: Tensor, title: str, *, shown: int = 8) -> Figure:
    """Draw one motion (F, 24, 6) as shaded bodies, from left to right."""
    body = zoo.load("people_body")
    assert isinstance(body, SMPL)
    when = torch.linspace(0, len(motion) - 1, shown).round().long()
    posed = body(torch.zeros(shown, 1), rotation_6d_to_matrix(motion.detach()[when]))
    return body_views(posed.vertices, body.faces, columns=shown, size=1.0, suptitle=title)
