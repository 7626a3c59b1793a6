"""The renderer: from scenes to pictures and every annotation, a batch at a time.

What is dense (sky, ground, the maps themselves) is computed for every pixel; objects only inside their
bounding boxes, as one flat list of pixels ordered by depth rank and class, so that each signed distance
function runs once per rank on its own pixels. Layers are then painted from the farthest to the nearest.

Legend: N scenes, K places for objects, M objects, P object pixels, S the image's side in pixels.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lecture_utils.data.toyworld import annotate
from lecture_utils.data.toyworld.captions import captions
from lecture_utils.data.toyworld.checks import check_integer
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.data.toyworld.surfaces import background
from lecture_utils.data.toyworld.surfaces.layers import Layers, list_layers
from lecture_utils.data.toyworld.surfaces.shading import shade
from lecture_utils.data.toyworld.surfaces.shadows import shadow_layers

FIELDS = (
    "image", "class_id", "colour_id", "material_id", "present", "boxes_full", "boxes", "visibility",
    "instance", "semantic", "panoptic", "depth", "normals", "silhouette", "keypoints", "captions",
)  # fmt: skip
# What needs the list of the objects' pixels.
_DENSE = {"image", "boxes", "visibility", "instance", "semantic", "panoptic", "depth", "normals",
          "silhouette", "captions"}  # fmt: skip
_CHUNK_PIXELS = 64 * 64 * 64  # pixels rendered at a time, to stay in the processor's cache


class Sample:
    """What `render` returns: pictures and annotations of N scenes with K places for objects, S pixels a side.

    Attributes
    ----------
    image : (N, 3, S, S) float32 sRGB in [0, 1].
    class_id, colour_id, material_id : (N, K) int64, -1 where there is no object.
    present : (N, K) bool.
    boxes_full : (N, K, 4) float32 x1, y1, x2, y2 in pixels around the whole object, hidden and cut-off parts
        included (may leave the image).
    boxes : (N, K, 4) float32, likewise around its visible pixels (pixel i covers i to i + 1); zeros if none.
    visibility : (N, K) float32, visible share of the object's pixels within the image; 0 where it has none.
    instance : (N, S, S) int64, 0 for stuff, k + 1 for the object in place k.
    semantic : (N, S, S) int64 index into SEMANTIC: stuff 0..3, then 4 + class.
    panoptic : (N, S, S) int64, semantic * 1000 + instance.
    depth : (N, S, S) float32 metres along the viewing axis; the sky is at 100.
    normals : (N, 3, S, S) float32 unit vectors, camera frame (x right, y down, z away); 0 in the sky.
    silhouette : (N, K, S, S) bool, each object's pixels as if it stood alone.
    keypoints : (N, K, 5, 3) float32 x, y in pixels and 1 where visible, else 0; names in KEYPOINTS.
    captions : list of N sentences that name only what can be seen.

    Fields that were not asked for raise AttributeError, with the call that would render them.
    """

    image: Tensor
    class_id: Tensor
    colour_id: Tensor
    material_id: Tensor
    present: Tensor
    boxes_full: Tensor
    boxes: Tensor
    visibility: Tensor
    instance: Tensor
    semantic: Tensor
    panoptic: Tensor
    depth: Tensor
    normals: Tensor
    silhouette: Tensor
    keypoints: Tensor
    captions: list[str]

    def __init__(self, size: int, **values: Tensor | list[str]) -> None:
        self.size = size
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Tensor:
        if name in FIELDS:
            raise AttributeError(
                f"{name} was not rendered; ask for it: render(..., only=({name!r}, ...)) or leave `only` out"
            )
        raise AttributeError(f"a Sample has no {name!r}; it can have {', '.join(FIELDS)}")

    def fields(self) -> tuple[str, ...]:
        """Names of the rendered fields."""
        return tuple(f for f in FIELDS if f in self.__dict__)


def render(
    scenes: Scenes,
    size: int = 64,
    device: torch.device | str | None = None,
    *,
    only: Sequence[str] | str | None = None,
) -> Sample:
    """Render scenes at any resolution.

    Parameters
    ----------
    scenes : Scenes
        From `sample_scenes`.
    size : int
        Pixels a side, 8 to 4096.
    device : torch.device or str, optional
        Where to compute; where the scenes are if not given.
    only : sequence of str, or one
        Names of the `Sample` fields wanted, all if not given; what is not wanted costs nothing.

    Returns
    -------
    Sample
        On that device.

    Raises
    ------
    ValueError
        On anything but scenes, a size out of range, or an unknown field.
    """
    if not isinstance(scenes, Scenes):
        raise ValueError(f"scenes: got {type(scenes).__name__}, want Scenes, as `sample_scenes` gives them")
    check_integer("size", size, 8, 4096, " pixels")
    wanted = set(FIELDS if only is None else ([only] if isinstance(only, str) else only))
    if not wanted or wanted - set(FIELDS):
        got = ", ".join(sorted(map(str, wanted - set(FIELDS)))) or "nothing"
        raise ValueError(f"only: got {got}, want some of {', '.join(FIELDS)}")
    if device is not None:
        scenes = scenes.to(device)
    pixels = _CHUNK_PIXELS * (1 if scenes.key.device.type == "cpu" else 16)
    step = max(1, pixels // (size * size))
    with torch.no_grad():
        parts = [
            _render_chunk(scenes[i : i + step], size, wanted) for i in range(0, max(1, len(scenes)), step)
        ]
    out: dict[str, Tensor | list[str]] = {}
    for name in (f for f in FIELDS if f in wanted):
        if name == "captions":
            out[name] = [c for p in parts for c in p[name]]
        else:
            out[name] = torch.cat([p[name] for p in parts]) if len(parts) > 1 else parts[0][name]
    return Sample(size, **out)


def _render_chunk(scenes: Scenes, size: int, wanted: set[str]) -> dict:
    """Render one chunk; each field is computed at most once and only if something wanted needs it."""
    done: dict = {}
    # What needs the objects' surfaces, not only their outlines.
    solid = wanted & {"image", "depth", "normals"}
    layers = list_layers(scenes, size, surface=bool(solid)) if wanted & _DENSE else None

    def get(name: str) -> Tensor:
        if name not in done:
            done[name] = _MAKE[name](scenes, size, layers, get)
        return done[name]

    return {name: get(name) for name in wanted}


def _image(scenes: Scenes, size: int, layers: Layers, get: Callable) -> Tensor:
    n = len(scenes)
    canvas = background.paint(scenes, size).reshape(-1, 3)  # (N * S * S, 3) linear light
    for pixel, keep in shadow_layers(scenes, size):
        canvas.index_copy_(0, pixel, canvas.index_select(0, pixel) * keep)
    colour = shade(scenes, layers, size)  # (P, 3)
    for rank in layers.ranks:
        pixel = layers.pixel[rank]
        canvas.index_copy_(
            0, pixel, torch.lerp(canvas.index_select(0, pixel), colour[rank], layers.cover[rank][:, None])
        )
    return canvas.clamp_(0, 1).sqrt_().reshape(n, size, size, 3).permute(0, 3, 1, 2).contiguous()


def _instance(scenes: Scenes, size: int, layers: Layers, get: Callable) -> Tensor:
    out = torch.zeros(len(scenes) * size * size, dtype=torch.int64, device=scenes.key.device)
    for rank in layers.solid_ranks:
        out[layers.solid_pixel[rank]] = layers.solid_place[rank] + 1
    return out.reshape(-1, size, size)


def _semantic(scenes: Scenes, size: int, layers: Layers, get: Callable) -> Tensor:
    instance = get("instance")
    table = torch.cat([scenes.class_id.new_zeros(len(scenes), 1), scenes.class_id + 4], dim=1)
    thing = table.gather(1, instance.flatten(1)).reshape(instance.shape)
    return torch.where(instance > 0, thing, background.stuff_map(scenes, size))


def _depth(scenes: Scenes, size: int, layers: Layers, get: Callable) -> Tensor:
    out = background.ground_depth(scenes, size)[:, :, None].repeat(1, 1, size).reshape(-1)
    for rank in layers.solid_ranks:
        out[layers.solid_pixel[rank]] = layers.depth[layers.solid[rank]]
    return out.reshape(-1, size, size)


def _normals(scenes: Scenes, size: int, layers: Layers, get: Callable) -> Tensor:
    below = background.pixel_centres(size, scenes.key.device) > scenes.horizon[:, None]
    out = torch.zeros(len(scenes), size, size, 3, device=scenes.key.device)
    out[..., 1] = -below[:, :, None].float()
    out = out.reshape(-1, 3)
    for rank in layers.solid_ranks:
        out[layers.solid_pixel[rank]] = layers.normal[layers.solid[rank]]
    return out.reshape(len(scenes), size, size, 3).permute(0, 3, 1, 2).contiguous()


def _ids(name: str) -> Callable:
    return lambda scenes, size, layers, get: torch.where(scenes.present, getattr(scenes, name), -1)


_MAKE: dict[str, Callable] = {
    "image": _image,
    "class_id": _ids("class_id"),
    "colour_id": _ids("colour_id"),
    "material_id": _ids("material_id"),
    "present": lambda scenes, size, layers, get: scenes.present.clone(),
    "boxes_full": lambda scenes, size, layers, get: annotate.boxes_full(scenes, size),
    "boxes": lambda scenes, size, layers, get: annotate.boxes_visible(scenes, size, layers, get("instance")),
    "visibility": lambda scenes, size, layers, get: annotate.visibility(scenes, layers, get("instance")),
    "instance": _instance,
    "semantic": _semantic,
    "panoptic": lambda scenes, size, layers, get: get("semantic") * 1000 + get("instance"),
    "depth": _depth,
    "normals": _normals,
    "silhouette": lambda scenes, size, layers, get: annotate.silhouette(scenes, size, layers),
    "keypoints": lambda scenes, size, layers, get: annotate.keypoints(scenes, size),
    "captions": lambda scenes, size, layers, get: captions(scenes, get("visibility")),
}
