"""Scenes: the parameters of a batch of toy worlds, from which every picture and every annotation follows.

Legend: N scenes, K places for objects (an unused place has `present` False and its numbers mean nothing).
Image coordinates are fractions of the image's side: x to the right, y down, (0, 0) the upper left corner.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from lecture_utils.data.toyworld import names
from lecture_utils.data.toyworld.shapes import extents


@dataclass(frozen=True, eq=False)
class Scenes:
    """Parameters of N scenes; index it, slice it, join it with `Scenes.cat`.

    Attributes
    ----------
    key : (N,) int64, the scene's hash key (captions and texture offsets hang on it).
    horizon : (N,) y of the horizon.
    ground : (N, 2) int64 ids into STUFF: near the camera, and beyond the shore.
    shore : (N, 4) shoreline between the two: y, amplitude, cycles across the image, phase (radians); no far
        ground where it lies above the horizon.
    sky : (N, 2) sky palette position in [0, 1) and cloudiness in [0, 1].
    tint : (N, 3) multiplies the ground's colour.
    offset : (N, 2) texture offset in [0, 1).
    light : (N, 3) unit vector towards the light, camera frame (x right, y down, z into the scene).
    brightness : (N,) exposure, 1 is a normal day.
    warmth : (N,) colour of the light from cool, -1, to warm, 1.
    present : (N, K) bool.
    class_id, colour_id, material_id : (N, K) int64.
    centre : (N, K, 2).
    radius : (N, K), image units for one shape unit.
    turn : (N, K) radians, clockwise.
    depth : (N, K) metres from the camera to the object's plane.
    rgb, second : (N, K, 3) sRGB albedo and the colour of the pattern.
    pattern : (N, K, 3) angle (radians), period (shape units), phase.
    extent : (N, K, 4) left, top, right, bottom of the whole object, image units, from closed form.
    """

    key: Tensor
    horizon: Tensor
    ground: Tensor
    shore: Tensor
    sky: Tensor
    tint: Tensor
    offset: Tensor
    light: Tensor
    brightness: Tensor
    warmth: Tensor
    present: Tensor
    class_id: Tensor
    colour_id: Tensor
    material_id: Tensor
    centre: Tensor
    radius: Tensor
    turn: Tensor
    depth: Tensor
    rgb: Tensor
    second: Tensor
    pattern: Tensor
    extent: Tensor

    def __len__(self) -> int:
        return self.key.shape[0]

    @property
    def places(self) -> int:
        """K, the number of places for objects."""
        return self.present.shape[1]

    def __getitem__(self, index: int | slice | Tensor | Sequence[int]) -> "Scenes":
        """Pick scenes; an int gives a batch of one."""
        if isinstance(index, int):
            if not -len(self) <= index < len(self):
                raise IndexError(f"scene: got number {index}, want 0 to {len(self) - 1}")
            index = [index % len(self)]
        if not isinstance(index, slice | Tensor):
            index = torch.as_tensor(index, dtype=torch.int64)
        return Scenes(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def __iter__(self) -> Iterator["Scenes"]:
        return (self[i] for i in range(len(self)))

    def to(self, device: torch.device | str) -> "Scenes":
        """Move every parameter to a device."""
        return Scenes(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def replace(self, **changes: Tensor) -> "Scenes":
        """Copy with some parameters replaced; shapes must stay.

        Change `centre`, `radius`, `turn` or `class_id` through `moved` instead, which keeps `extent` in step.
        """
        new = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in changes.items():
            if name not in new:
                raise ValueError(f"scene parameter: got {name!r}, want one of {', '.join(new)}")
            _check_change(name, value, new[name])
            new[name] = value.to(new[name].dtype)
        return Scenes(**new)

    def moved(self, **changes: Tensor) -> "Scenes":
        """Copy with changed geometry (`centre`, `radius`, `turn`, `class_id`, …) and a new `extent`."""
        new = self.replace(**changes)
        unit = extents(new.class_id.cpu().numpy(), new.turn.cpu().double().numpy())  # (N, K, 4) float64
        grown = torch.from_numpy(unit).float().to(new.radius.device) * new.radius[..., None]
        return new.replace(extent=new.centre.repeat(1, 1, 2) + grown)

    @staticmethod
    def cat(parts: Sequence["Scenes"]) -> "Scenes":
        """Join batches; those with fewer places for objects get empty ones."""
        if not parts:
            raise ValueError("Scenes.cat: got an empty sequence, want at least one Scenes")
        places = max(p.places for p in parts)
        out = {}
        for f in fields(Scenes):
            values = [getattr(p, f.name) for p in parts]
            if f.name in PER_OBJECT:
                values = [
                    torch.cat([v, v.new_zeros(len(v), places - v.shape[1], *v.shape[2:])], dim=1)
                    for v in values
                ]
            out[f.name] = torch.cat(values)
        return Scenes(**out)


PER_OBJECT = frozenset(
    {"present", "class_id", "colour_id", "material_id", "centre", "radius", "turn", "depth", "rgb", "second"}
    | {"pattern", "extent"}
)


# Ids that a scene may hold, least and most.
_IDS = {
    "ground": (1, len(names.STUFF) - 1),
    "class_id": (0, len(names.CLASSES) - 1),
    "colour_id": (0, len(names.COLOURS) - 1),
    "material_id": (0, len(names.MATERIALS) - 1),
}


def _check_change(name: str, value: Tensor, old: Tensor) -> None:
    """Raise ValueError unless `value` can stand in for a scene parameter."""
    got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    if got != tuple(old.shape):
        raise ValueError(f"{name}: got {got}, want a tensor of shape {tuple(old.shape)}")
    if value.is_floating_point() and not value.isfinite().all():
        raise ValueError(f"{name}: got NaN or infinity, want finite numbers")
    if name in _IDS and value.numel():
        least, most = _IDS[name]
        if not least <= value.min() <= value.max() <= most:
            raise ValueError(f"{name}: got {value.min()} to {value.max()}, want {least} to {most}")


def cos_sin(angle: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine, float32 from float64 on the CPU: the same on every device, in every batch."""
    exact = angle.cpu().double()
    return exact.cos().float().to(angle.device), exact.sin().float().to(angle.device)
