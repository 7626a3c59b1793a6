"""Faces: the parameters of a batch of toy faces, from which pictures, landmarks and masks follow.

Lengths are in centimetres on the head, angles in radians. Shapes: N faces.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Faces:
    """Parameters of N faces; index it with a number, a slice or a tensor. All are (N,) where nothing is said.

    Attributes
    ----------
    key : int64, each face's hash key.
    age : years. height_m : of the whole body, in metres.
    masculinity : where a person stands between the averages of women, 0, and of men, 1, on what differs in
        the mean between the two; from about -0.3 to 1.3, and the groups overlap.
    head_width, head_length : at the widest, and from crown to chin.
    eye_level : share of the head's length above the eyes.
    jaw, squareness, cheek : narrowing, corner and cheekbones (`distances.Outline`: taper, power, cheek).
    eye_distance, eye_size : from pupil to pupil, and from corner to corner.
    eye_tilt : outer corners upwards.
    brow_height, brow_thickness, brow_arch : above the eye, half thickness, rise of the middle.
    nose_length, nose_width, mouth_width, lip_thickness, ear_size
    wrinkles : in [0, 1].
    skin_id, hair_id, eye_id : int64, into SKINS, HAIRS, EYES. skin, hair, eye, clothes : (N, 3) sRGB.
    hair_style, beard, glasses : int64, into HAIR_STYLES, BEARDS, GLASSES.
    smile : -1, corners down, to 1. mouth_open, eye_open : 0 is shut. brow_raise : -1 to 1.
    gaze : (N, 2), right and down, each -1 to 1.
    yaw, pitch, roll : of the head: positive turns to the picture's right, looks down, tips clockwise.
    centre : (N, 2), of the head at eye level, in shares of the picture's side. side : cm across the picture.
    light : (N, 3), unit vector towards it (x right, y down, z away from the camera). ambient : in [0, 1].
    warmth : -1, cool, to 1.
    backdrop : int64, into BACKDROPS. backdrop_rgb : (N, 3, 3) sRGB. backdrop_at : (N, 8) in [0, 1).
    """

    key: Tensor
    age: Tensor
    height_m: Tensor
    masculinity: Tensor
    head_width: Tensor
    head_length: Tensor
    eye_level: Tensor
    jaw: Tensor
    squareness: Tensor
    cheek: Tensor
    eye_distance: Tensor
    eye_size: Tensor
    eye_tilt: Tensor
    brow_height: Tensor
    brow_thickness: Tensor
    brow_arch: Tensor
    nose_length: Tensor
    nose_width: Tensor
    mouth_width: Tensor
    lip_thickness: Tensor
    ear_size: Tensor
    wrinkles: Tensor
    skin_id: Tensor
    hair_id: Tensor
    eye_id: Tensor
    skin: Tensor
    hair: Tensor
    eye: Tensor
    clothes: Tensor
    hair_style: Tensor
    beard: Tensor
    glasses: Tensor
    smile: Tensor
    mouth_open: Tensor
    eye_open: Tensor
    brow_raise: Tensor
    gaze: Tensor
    yaw: Tensor
    pitch: Tensor
    roll: Tensor
    centre: Tensor
    side: Tensor
    light: Tensor
    ambient: Tensor
    warmth: Tensor
    backdrop: Tensor
    backdrop_rgb: Tensor
    backdrop_at: Tensor

    def __len__(self) -> int:
        return len(self.key)

    def __getitem__(self, index: int | slice | Tensor | Sequence[int]) -> "Faces":
        """Pick faces; a number gives a batch of one."""
        if isinstance(index, int):
            if not -len(self) <= index < len(self):  # IndexError: what ends a `for` loop
                raise IndexError(f"face: got number {index}, want 0 to {len(self) - 1}")
            index = [index % len(self)]
        if not isinstance(index, slice | Tensor):
            index = torch.as_tensor(index, dtype=torch.int64)
        return Faces(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def replace(self, **changes: Tensor) -> "Faces":
        """Copy with some parameters replaced.

        Raises
        ------
        ValueError
            For a name that is none, or another shape or type.
        """
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"face parameter: got {name!r}, want one of {', '.join(known)}")
            old = known[name]
            got = (value.dtype, tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__
            if got != (old.dtype, tuple(old.shape)):
                raise ValueError(f"{name}: got {got}, want {old.dtype} {tuple(old.shape)}")
        return replace(self, **changes)


def canonical(faces: Faces) -> Faces:
    """The same persons from the front, with a neutral face, in even light before a plain wall.

    Speech2Face (Oh et al. 2019) reconstructs faces in this form. The camera stands as far away from each, so
    that a large head is large in the picture.

    Raises
    ------
    ValueError
        For anything but Faces.
    """
    if not isinstance(faces, Faces):
        raise ValueError(f"faces: got {type(faces).__name__}, want Faces, as `sample_faces` gives them")
    zero, grey = torch.zeros_like(faces.yaw), torch.full_like(faces.backdrop_rgb, 0.72)
    light = torch.tensor([-0.3, -0.5, -0.81]).to(faces.light).expand_as(faces.light)
    return faces.replace(
        yaw=zero, pitch=zero, roll=zero, gaze=torch.zeros_like(faces.gaze), smile=zero + 0.1,
        mouth_open=zero, brow_raise=zero, eye_open=zero + 1, side=zero + 29.0, warmth=zero,
        ambient=zero + 0.55, centre=torch.tensor([0.5, 0.48]).to(zero).expand_as(faces.centre),
        light=light, backdrop=torch.zeros_like(faces.backdrop), backdrop_rgb=grey,
        clothes=torch.full_like(faces.clothes, 0.45),
    )  # fmt: skip
