"""YolactEdge: YOLACT for video, which computes the deep layers on keyframes alone and moves them in between.

H. Liu, R. A. Rivera Soto, F. Xiao, Y. J. Lee, "YolactEdge: Real-time Instance Segmentation on the Edge", ICRA
2021, section III: keyframes, partial feature transform (figure 2), motion from features (`feature_flow.py`).

On a frame between keyframes the backbone stops at its fine map (C3 in the paper); C4 and C5 are skipped. The
coarse levels of the pyramid are those of the last keyframe, warped by the flow between the fine maps of the
two frames. The finest level is computed anew: from this frame's C3, and the warped level above it. As in the
authors' code, what is warped is the pyramid before its last 3 × 3 convolutions.

Left out: the other half of the paper, 8-bit arithmetic by TensorRT.

Shapes: B videos side by side, T frames of H × W, C_l channels of the backbone's map l, finest first, D of the
pyramid, h × w fine map.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.detection.fpn import FPN
from lecture_utils.ops.checks import check_images, check_tensor, check_whole
from lecture_utils.ops.flow_warp import resize_flow, warp
from lecture_utils.segmentation.structures import Instances
from lecture_utils.segmentation.yolact import Yolact


class StagedPyramid(nn.Module):
    """A backbone and its pyramid that can be run in parts: fine, coarse, and what puts the two together.

    `forward` runs all parts, and gives just what the pyramid gives for all maps of the backbone.

    Parameters
    ----------
    early : nn.Module
        Pictures (B, 3, H, W) to the fine map (B, C_0, h, w), as a tensor or a list of one.
    late : sequence of nn.Module
        From the fine map to the next coarser one, from that to the next, …; one or more.
    fpn : FPN
        For the widths of all these maps, finest first.

    Raises
    ------
    ValueError
        For a pyramid of another number of maps, or maps that do not fit it.
    """

    def __init__(self, early: nn.Module, late: Sequence[nn.Module], fpn: FPN) -> None:
        super().__init__()
        if not isinstance(fpn, FPN) or len(late) < 1 or len(fpn.widths) != 1 + len(late):
            got = f"{len(fpn.widths)} maps" if isinstance(fpn, FPN) else type(fpn).__name__
            raise ValueError(
                f"fpn: got {got}, want an FPN on {1 + max(len(late), 1)} maps, a fine and the late ones"
            )
        self.stem, self.late, self.fpn = early, nn.ModuleList(late), fpn
        self.channels = fpn.channels

    def forward(self, images: Tensor) -> list[Tensor]:  # (B, 3, H, W)
        fine = self.early(images)
        return self.finish(fine, self.coarse(fine))

    def early(self, images: Tensor) -> Tensor:
        """Compute the fine map (B, C_0, h, w) of pictures (B, 3, H, W)."""
        check_images(images)
        fine = self.stem(images)
        return fine[0] if isinstance(fine, list | tuple) else fine

    def coarse(self, fine: Tensor) -> list[Tensor]:
        """Run the late stages, and hand their maps down: the coarse levels (B, D, …), not yet smoothed."""
        check_images(fine, self.fpn.widths[0], maps=True)
        maps = []
        for stage in self.late:
            fine = stage(fine)
            maps.append(fine)  # C4, C5
        merged: list[Tensor] = []
        above = None
        for lateral, x in zip(reversed(self.fpn.lateral[1:]), reversed(maps), strict=True):
            above = merge(lateral(x), above)  # the coarsest first
            merged.insert(0, above)
        return merged

    def finish(self, fine: Tensor, coarse: Sequence[Tensor]) -> list[Tensor]:
        """Put this frame's fine map and coarse levels, its own or warped ones, together to a pyramid."""
        check_images(fine, self.fpn.widths[0], maps=True)
        if not isinstance(coarse, Sequence) or len(coarse) != len(self.late):
            got = len(coarse) if isinstance(coarse, Sequence) else type(coarse).__name__
            raise ValueError(
                f"coarse: got {got}, want a list of {len(self.late)} maps (B, {self.channels}, h, w)"
            )
        for x in coarse:
            check_tensor(x, "coarse", len(fine), self.channels, "h", "w", some=True)
        merged = [merge(self.fpn.lateral[0](fine), coarse[0]), *coarse]
        pyramid = [smooth(x) for smooth, x in zip(self.fpn.smooth, merged, strict=True)]  # P3, P4, P5
        if self.fpn.extra:
            pyramid.append(pyramid[-1][:, :, ::2, ::2])
        return pyramid


def merge(lateral: Tensor, above: Tensor | None) -> Tensor:
    """Add the next coarser level, if there is one, to what a lateral connection gives (B, D, h, w)."""
    if above is None:
        return lateral
    return lateral + F.interpolate(above, size=lateral.shape[2:], mode="nearest")


class EdgeState(NamedTuple):
    """What is remembered from one frame to the next.

    Attributes
    ----------
    age : int
        Frames since the keyframe; 0 at the keyframe itself.
    fine : Tensor
        (B, C_0, h, w), the keyframe's fine map.
    coarse : list of Tensor
        (B, D, …), its coarse levels.
    flow : Tensor or None
        (B, 2, h, w) in cells of the fine map: where each cell of the last frame was in the keyframe. None
        after a keyframe, and where there is no flow network.
    """

    age: int
    fine: Tensor
    coarse: list[Tensor]
    flow: Tensor | None = None


class YolactEdge(nn.Module):
    """A trained YOLACT that sees a video.

    Parameters
    ----------
    yolact : Yolact
        With a `StagedPyramid` as its backbone.
    flow : nn.Module or None
        `FeatureFlow` for the fine map's channels. None: nothing moves, the keyframe's coarse levels stay
        where they are.
    every : int
        A keyframe every so many frames; with 1, each frame is one.

    Raises
    ------
    ValueError
        For a backbone that cannot be run in parts, a number below 1, frames that are not floating point
        (B, 3, H, W), or a state of other videos.
    """

    def __init__(self, yolact: Yolact, flow: nn.Module | None, *, every: int = 5) -> None:
        super().__init__()
        backbone = getattr(yolact, "backbone", None)
        if not isinstance(backbone, StagedPyramid):
            raise ValueError(f"yolact: got a backbone {type(backbone).__name__}, want a StagedPyramid")
        self.yolact, self.flow, self.every = yolact, flow, check_whole(every, "every")

    @property
    def backbone(self) -> StagedPyramid:
        """The network that is run in parts."""
        backbone = self.yolact.backbone
        assert isinstance(backbone, StagedPyramid)
        return backbone

    def pyramid(self, frame: Tensor, state: EdgeState | None = None) -> tuple[list[Tensor], EdgeState]:
        """Give the maps of the next frame (B, 3, H, W), computed or warped, and what to remember.

        Parameters
        ----------
        frame : Tensor
            The next frame of each of B videos.
        state : EdgeState, optional
            From the frame before; without it this frame is a keyframe.
        """
        check_images(frame)
        if state is not None and not isinstance(state, EdgeState):
            raise ValueError(f"state: got {type(state).__name__}, want an EdgeState, as `step` gives it")
        fine = self.backbone.early(frame)  # (B, C_0, h, w): C3, on every frame
        if state is None or state.age + 1 >= self.every:
            state = EdgeState(0, fine, self.backbone.coarse(fine))  # a keyframe: C4 and C5 as well
            return self.backbone.finish(fine, state.coarse), state
        check_tensor(state.fine, "state, fine", *fine.shape)
        flow = None if self.flow is None else self.flow(state.fine, fine)  # (B, 2, h, w)
        state = state._replace(age=state.age + 1, flow=flow)
        return self.backbone.finish(fine, warp_levels(state.coarse, flow)), state

    def step(self, frame: Tensor, state: EdgeState | None = None) -> tuple[list[Instances], EdgeState]:
        """Find the objects of the next frame of B videos, and say what to remember; see `pyramid`."""
        features, state = self.pyramid(frame, state)
        raw = self.yolact.read(features, (frame.shape[2], frame.shape[3]))
        return self.yolact.instances(raw), state

    def run(self, clip: Tensor) -> list[list[Instances]]:
        """Find the objects of clips (B, T, 3, H, W): for each of T frames a list over the B clips."""
        check_tensor(clip, "clip", "B", "T", 3, "H", "W", some=True)
        found, state = [], None
        for frame in clip.unbind(1):
            instances, state = self.step(frame, state)
            found.append(instances)
        return found

    def forward(self, clip: Tensor) -> list[list[Instances]]:  # (B, T, 3, H, W)
        return self.run(clip)


def warp_levels(levels: Sequence[Tensor], flow: Tensor | None) -> list[Tensor]:
    """Move maps (B, D, …) of an earlier frame along a flow (B, 2, h, w) in cells of the fine map, if any."""
    if flow is None:
        return list(levels)
    return [warp(x, resize_flow(flow, (x.shape[2], x.shape[3]))) for x in levels]
