"""Solid scenes: the parameters of a few solids, their materials and the light, from which all follows.

The world has z up and is measured in metres, as in `ops.camera`.

Legend: K solids.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from lecture_utils.data.toyworld.names import CLASSES, MATERIALS
from lecture_utils.data.toyworld.solids import shapes
from lecture_utils.ops.checks import check_choice, check_classes, check_number, check_tensor

BACKGROUNDS = ("white", "black", "sky")


@dataclass(frozen=True, eq=False)
class SolidScene:
    """Parameters of K solids, a ground and a sun.

    Attributes
    ----------
    class_id, colour_id, material_id : Tensor
        (K,) int64, indices into CLASSES, COLOURS, MATERIALS.
    centre : Tensor
        (K, 3), where each solid's own origin stands, in metres.
    rotation : Tensor
        (K, 3, 3), from a solid's own axes to the world's.
    scale : Tensor
        (K,), metres for one unit of the solid.
    rgb, second : Tensor
        (K, 3), sRGB in [0, 1]: its colour, and that of the pattern on it.
    pattern : Tensor
        (K, 4): direction of the pattern in the solid's axes (length 1) and its phase, in periods.
    frequency : Tensor
        (K,), periods of the pattern in one unit.
    speckle : float
        Strength in [0, 1] of a fine random texture on solids and ground: corners to match.
    specular : float
        Strength of the highlight, 0 (matt) or more: the only light that depends on where the camera stands.
    shininess : float
        Blinn's exponent: the larger, the smaller the highlight.
    sun : Tensor
        (3,), of length 1, towards the sun.
    ambient : float
        Share in [0, 1] of the light that comes from all sides.
    ground_m : float
        Radius of a disc of ground around the z axis; 0 where there is none.
    ground_z : float
        Its height.
    background : str
        "white", "black" or "sky".
    """

    class_id: Tensor
    colour_id: Tensor
    material_id: Tensor
    centre: Tensor
    rotation: Tensor
    scale: Tensor
    rgb: Tensor
    second: Tensor
    pattern: Tensor
    frequency: Tensor
    sun: Tensor
    speckle: float = 0.0
    specular: float = 0.0
    shininess: float = 40.0
    ambient: float = 0.35
    ground_m: float = 0.0
    ground_z: float = 0.0
    background: str = "white"

    def __post_init__(self) -> None:
        check_classes(self.class_id, "class_id", "K", classes=len(CLASSES))
        check_classes(self.material_id, "material_id", len(self), classes=len(MATERIALS))
        check_tensor(self.rotation, "rotation", len(self), 3, 3, finite=True)
        for name in ("centre", "rgb", "second"):
            check_tensor(getattr(self, name), name, len(self), 3, finite=True)
        check_tensor(self.scale, "scale", len(self), finite=True)
        if bool((self.scale <= 0).any()):
            raise ValueError(f"scale: got {self.scale.tolist()}, want all above 0 metres")
        for name in ("speckle", "ambient"):
            check_number(getattr(self, name), name, 0, 1)
        check_number(self.specular, "specular", 0)
        check_number(self.shininess, "shininess", 0, above=True)
        check_number(self.ground_m, "ground_m", 0)
        check_choice(self.background, "background", *BACKGROUNDS)

    def __len__(self) -> int:
        return len(self.class_id)

    def to(self, device: torch.device | str) -> "SolidScene":
        """Move every tensor to a device."""
        own = ((f.name, getattr(self, f.name)) for f in fields(self))
        moved: dict[str, Any] = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in own}
        return SolidScene(**moved)

    def replace(self, **changes: Any) -> "SolidScene":
        """Return a copy with some parameters replaced, checked anew."""
        unknown = set(changes) - {f.name for f in fields(self)}
        if unknown:
            raise ValueError(f"replace: got {sorted(unknown)}, want names of the scene's parameters")
        return replace(self, **changes)

    def to_own(self, points: Tensor, k: int) -> Tensor:
        """Take points of the world (…, 3) to the axes and unit of solid k."""
        return (points - self.centre[k]) @ self.rotation[k] / self.scale[k]

    def distance(self, points: Tensor) -> Tensor:
        """Signed distance in metres (P,) of points of the world (P, 3) to the nearest solid; no ground."""
        each = [
            self.scale[k] * shapes.distance(self.to_own(points, k), int(self.class_id[k]))
            for k in range(len(self))
        ]
        return torch.stack(each).amin(0)
