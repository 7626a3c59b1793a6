"""Chapter 20, part b: several people: two who hug, and a video in layers."""

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.body.multiply.avatar import Avatar, Cloud
from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people.scene import on_the_floor, upright
from lecture_utils.ops.camera import Cameras, orbit
from lecture_utils.plotting.charts import curves
from lecture_utils.plotting.images import panels, to_image
from lecture_utils.plotting.style import BLUE, ORANGE, rgb
from lecture_utils.recipes._people_video import Video

__all__ = ["FRAMES", "cut", "hug", "trust_figure", "video_figure"]


def hug(model: SMPL, size: tuple[int, int] = (84, 56)) -> tuple[Cameras, Cloud, Cloud, Tensor]:
    """Make two people who hug, as clouds of Gaussians, before a camera that sees them from the side.

    Returns
    -------
    camera : Cameras
        One.
    anna, ben : Cloud
        In one frame, in two colours, lit from above.
    behind : Tensor
        (3, H, W), white.
    """
    pose = torch.zeros(24, 3)
    pose[joint_index("left_shoulder")] = torch.tensor([0.0, -1.25, 0.0])  # arms to the front
    pose[joint_index("right_shoulder")] = torch.tensor([0.0, 1.25, 0.0])
    pose[joint_index("left_elbow")] = torch.tensor([0.0, -0.7, 0.0])
    pose[joint_index("right_elbow")] = torch.tensor([0.0, 0.7, 0.0])
    clouds = []
    for person, (yaw, x, hue, tall) in enumerate(
        ((math.pi / 2, -0.19, ORANGE, 0.8), (-math.pi / 2, 0.19, BLUE, -0.8))
    ):
        own = upright(pose[None], torch.tensor([yaw]))
        avatar = Avatar(model, 500, seed=person)
        with torch.no_grad():
            avatar.shape[0] = tall  # so that their arms do not meet
            low = on_the_floor(model, avatar.shape[None], own, torch.tensor([[x, 0.0]]))
            one = avatar(own, low).frame(0)
        light = 0.55 + 0.25 * torch.rand(len(one.points), 1, generator=torch.Generator().manual_seed(person))
        colour = (torch.tensor(rgb(hue)) * light + 0.2).clamp(0, 1)
        clouds.append(one._replace(colours=colour, radii_m=0.8 * one.radii_m))
    camera = orbit(1, size, radius_m=4.0, elevation_deg=6.0, start_deg=-75.0, target=(0.0, 0.0, 0.85),
                   field_of_view_deg=19.0)  # fmt: skip
    return camera, clouds[0], clouds[1], torch.ones(3, *size)


def cut(picture: Tensor) -> Tensor:
    """Bring a picture's values into [0, 1]."""
    return picture.detach().clamp(0, 1)


FRAMES = (0, 6, 9, 12, 15, 21)  # of the video; 9, 15 and 21 are held out


def video_figure(
    video: Video, first: list[tuple[Tensor, Tensor]], last: list[tuple[Tensor, Tensor]], title: str
) -> Figure:
    """Draw six frames: the video, layers at first and at the end, and the masks, true and fitted.

    Parameters
    ----------
    video : Video
    first, last : list of tuple
        Of each frame the picture (3, H, W) and the shares (2, H, W).
    title : str
    """
    height, width = video.camera.size
    rows = ("video", "at first", "fitted", "true masks", "fitted masks")
    fig, axes = panels(len(rows) * len(FRAMES), len(FRAMES), 1.28, width / height, False, title)
    ink = torch.tensor([rgb(BLUE), rgb(ORANGE)]) - 1  # (2, 3), what each takes from white
    for k, frame in enumerate(FRAMES):
        shares = (video.masks[frame].float(), last[k][1])
        masks = [torch.einsum("phw,pc->chw", share, ink) + 1 for share in shares]
        shown = (video.images[frame], first[k][0], last[k][0], *masks)
        for row, picture in enumerate(shown):
            ax = axes[row * len(FRAMES) + k]
            ax.imshow(to_image(cut(picture)), interpolation="nearest")
            if row == 0:
                ax.set_title(f"frame {frame}" + (", held out" if video.held_out[frame] else ""), fontsize=8.5,
                             fontweight="normal", loc="center", pad=3)  # fmt: skip
    for row, words in enumerate(rows):
        axes[row * len(FRAMES)].set_ylabel(words, fontsize=9)
    return fig


def trust_figure(frames: Tensor, agreement: Tensor, hidden: Tensor, reliable: Tensor) -> Figure:
    """Draw the agreement (F, P) of both masks by frame, who is hidden (F,), and trusted frames (F,) bool."""
    mean = agreement.mean(1)
    lines = {"agreement of the masks": (frames, mean), "share of a person hidden": (frames, hidden)}
    fig = curves(lines, "frame", "share", "Half of the frames may teach: none with much hidden")
    ax = fig.axes[0]
    marks = [
        ax.plot(frames[which], mean[which], "o", color=fill, markeredgecolor=rim, label=word)[0]
        for which, fill, rim, word in (
            (reliable, BLUE, "white", "trusted"),
            (~reliable, "white", BLUE, "not"),
        )
    ]
    ax.legend(handles=marks, loc="upper center", ncols=2, fontsize=9)
    ax.set_ylim(0, 1.1)
    return fig
