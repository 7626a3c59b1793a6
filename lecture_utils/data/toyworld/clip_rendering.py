"""Rendering clips: every frame's picture, its exact masks and identities, and where each point came from.

The number of an object in the instance map is its place in the lists plus one, in every frame of the clip.

Legend: V clips, T frames, K places for objects, N frames of several clips, P object pixels, S pixels a side.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_utils.data.toyworld import annotate
from lecture_utils.data.toyworld.checks import check_integer, check_number
from lecture_utils.data.toyworld.clips import Clips
from lecture_utils.data.toyworld.render import _CHUNK_PIXELS
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.data.toyworld.surfaces import moving
from lecture_utils.data.toyworld.surfaces.layers import Layers, list_layers
from lecture_utils.data.toyworld.surfaces.shading import shade
from lecture_utils.data.toyworld.surfaces.shadows import shadow_layers

CLIP_FIELDS = (
    "image", "instance", "semantic", "panoptic", "class_id", "boxes", "visibility", "flow", "known",
)  # fmt: skip


class ClipSample:
    """What `render_clips` returns: V clips of T frames with K places for objects, S pixels a side.

    Attributes
    ----------
    image : (V, T, 3, S, S) float32 sRGB in [0, 1].
    instance : (V, T, S, S) int64, 0 for stuff, k + 1 for the object in place k: its identity over the clip.
    semantic : (V, T, S, S) int64 index into SEMANTIC: stuff 0..3, then 4 + class.
    panoptic : (V, T, S, S) int64, semantic * 1000 + instance.
    class_id : (V, K) int64 index into CLASSES, -1 where there is no object.
    boxes : (V, T, K, 4) float32 x1, y1, x2, y2 in pixels around the visible pixels; zeros if none.
    visibility : (V, T, K) float32, visible share of the object's pixels within the image; 0 if it has none.
    flow : (V, T, 2, S, S) float32 pixels, x right, y down: where the point that a pixel shows was in the
        frame before, minus the pixel's own place; zeros in frame 0. From closed form.
    known : (V, T, S, S) bool, that point was in the picture then, and not hidden; False in frame 0.

    Fields that were not asked for raise AttributeError.
    """

    image: Tensor
    instance: Tensor
    semantic: Tensor
    panoptic: Tensor
    class_id: Tensor
    boxes: Tensor
    visibility: Tensor
    flow: Tensor
    known: Tensor

    def __init__(self, size: int, **values: Tensor) -> None:
        check_integer("size", size, 8, 4096, " pixels")
        self.size = size
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Tensor:
        if name in CLIP_FIELDS:
            raise AttributeError(f"{name} was not rendered; ask for it: render_clips(…, only=({name!r}, …))")
        raise AttributeError(f"a ClipSample has no {name!r}; it can have {', '.join(CLIP_FIELDS)}")

    def targets(
        self, clip: int, frame: int, *, least_seen: float = 0.0
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The objects that can be seen in one frame: what a network that finds and follows them learns from.

        Parameters
        ----------
        clip, frame : int
        least_seen : float
            Share of an object that must show, in [0, 1], or it is left out.

        Returns
        -------
        boxes, labels, masks, identities : Tensor
            (G, 4) pixels, (G,) int64 index into CLASSES, (G, S, S) bool, (G,) int64 as in `instance`.

        Raises
        ------
        ValueError
            For a clip or frame that there is not, or a share outside [0, 1].
        """
        check_number("least_seen", least_seen, 0, 1)
        check_integer("clip", clip, 0, len(self.instance) - 1)
        check_integer("frame", frame, 0, self.instance.shape[1] - 1)
        shares = self.visibility[clip, frame]
        seen = ((shares > 0) & (shares >= least_seen)).nonzero()[:, 0]  # (G,)
        masks = self.instance[clip, frame] == (seen + 1)[:, None, None]
        return self.boxes[clip, frame, seen], self.class_id[clip, seen], masks, seen + 1


def render_clips(
    clips: Clips,
    size: int = 64,
    device: torch.device | str | None = None,
    *,
    only: Sequence[str] | str | None = None,
) -> ClipSample:
    """Render clips at any resolution.

    Parameters
    ----------
    clips : Clips
        From `sample_clips`.
    size : int
        Pixels a side, 8 to 4096.
    device : torch.device or str, optional
        Where to compute; where the clips are if not given.
    only : sequence of str, or one
        Names of the `ClipSample` fields wanted, all if not given.

    Returns
    -------
    ClipSample
        On that device.

    Raises
    ------
    ValueError
        On anything but clips, a size out of range, or an unknown field.
    """
    if not isinstance(clips, Clips):
        raise ValueError(f"clips: got {type(clips).__name__}, want Clips, as `sample_clips` gives them")
    check_integer("size", size, 8, 4096, " pixels")
    wanted = set(CLIP_FIELDS if only is None else ([only] if isinstance(only, str) else only))
    if not wanted or wanted - set(CLIP_FIELDS):
        got = ", ".join(sorted(map(str, wanted - set(CLIP_FIELDS)))) or "nothing"
        raise ValueError(f"only: got {got}, want some of {', '.join(CLIP_FIELDS)}")
    scenes, camera = clips.scenes, clips.camera
    if device is not None:
        scenes, camera = scenes.to(device), camera.to(device)
    step = max(1, _CHUNK_PIXELS * (1 if scenes.key.device.type == "cpu" else 16) // (size * size))
    with torch.no_grad():
        parts = [
            _render_frames(scenes[i : i + step], camera.flatten()[i : i + step], size, "image" in wanted)
            for i in range(0, max(1, len(scenes)), step)
        ]
        out = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        if wanted & {"flow", "known"}:
            out |= _motion(scenes, camera, out["instance"], out["panoptic"], step)
    shape = (len(clips), clips.frames)
    made = {name: value.unflatten(0, shape) for name, value in out.items() if name in wanted}
    if "class_id" in wanted:
        own = scenes[:: clips.frames]
        made["class_id"] = torch.where(own.present, own.class_id, -1)
    return ClipSample(size, **made)


def _render_frames(scenes: Scenes, camera: Tensor, size: int, picture: bool) -> dict[str, Tensor]:
    """Render some frames (N scenes, camera (N,)), each by itself."""
    layers = list_layers(scenes, size, surface=picture)
    instance = torch.zeros(len(scenes) * size * size, dtype=torch.int64, device=scenes.key.device)
    for rank in layers.solid_ranks:
        instance[layers.solid_pixel[rank]] = layers.solid_place[rank] + 1
    instance = instance.reshape(-1, size, size)
    table = torch.cat([scenes.class_id.new_zeros(len(scenes), 1), scenes.class_id + 4], dim=1)
    thing = table.gather(1, instance.flatten(1)).reshape(instance.shape)
    below = moving.below_shore(scenes, camera, size)
    semantic = torch.where(instance > 0, thing, moving.stuff_seen(scenes, below))
    out = {
        "instance": instance,
        "semantic": semantic,
        "panoptic": semantic * 1000 + instance,
        "boxes": annotate.boxes_visible(scenes, size, layers, instance),
        "visibility": annotate.visibility(scenes, layers, instance),
    }
    return out | ({"image": _image(scenes, camera, below, layers)} if picture else {})


def _image(scenes: Scenes, camera: Tensor, below: Tensor, layers: Layers) -> Tensor:
    """The picture, (N, 3, S, S), painted from the farthest to the nearest as `render` does."""
    size = below.shape[1]
    canvas = moving.paint_seen(scenes, camera, below).reshape(-1, 3)  # (N · S · S, 3) linear light
    for pixel, keep in shadow_layers(scenes, size):
        canvas.index_copy_(0, pixel, canvas.index_select(0, pixel) * keep)
    colour = shade(scenes, layers, size)  # (P, 3)
    for rank in layers.ranks:
        pixel = layers.pixel[rank]
        mixed = torch.lerp(canvas.index_select(0, pixel), colour[rank], layers.cover[rank][:, None])
        canvas.index_copy_(0, pixel, mixed)
    return canvas.clamp_(0, 1).sqrt_().reshape(-1, size, size, 3).permute(0, 3, 1, 2).contiguous()


def _motion(
    scenes: Scenes, camera: Tensor, instance: Tensor, panoptic: Tensor, step: int
) -> dict[str, Tensor]:
    """Flow (V·T, 2, S, S) and known (V·T, S, S); zeros and False in each clip's first frame."""
    frames = camera.shape[1]
    numbers = torch.arange(len(scenes), device=instance.device)
    first = numbers % frames == 0
    before = torch.where(first, numbers, numbers - 1)
    carried = camera.diff(dim=1, prepend=camera[:, :1]).flatten()
    flows, knowns = [], []
    for now in numbers.split(step):
        last = before[now]
        flow = moving.flow_since(scenes[now], scenes[last], carried[now], instance[now])
        flows.append(flow)
        knowns.append(moving.seen_before(flow, panoptic[now], panoptic[last]) & ~first[now, None, None])
    return {"flow": torch.cat(flows), "known": torch.cat(knowns)}
