"""Toy faces painted by signed distances with soft edges, with exact landmarks and masks.

Simplified: the head is half an ellipsoid in weak perspective and turns a little only; light knows of relief
but casts no shadows except under the chin; hair, glasses and beards are flat.

Shapes: N faces, S the picture's side in pixels, Q points, L landmarks.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor

from lecture_utils.data.toyworld.checks import check_integer
from lecture_utils.data.toyworld.faces.anatomy import Anatomy, landmarks
from lecture_utils.data.toyworld.faces.backdrop import backdrop
from lecture_utils.data.toyworld.faces.canvas import Canvas, Region
from lecture_utils.data.toyworld.faces.distances import FAR
from lecture_utils.data.toyworld.faces.features import (
    brow_region,
    cheeks_region,
    eye_region,
    forehead_region,
    lay_brow,
    lay_cheeks,
    lay_eye,
    lay_folds,
    lay_forehead,
    lay_mouth,
    lay_nose,
    mouth_region,
    nose_region,
)
from lecture_utils.data.toyworld.faces.hair import (
    beard_distance,
    glasses_region,
    hair_before,
    hair_behind,
    lay_beard,
    lay_glasses,
    lay_hair,
    wears,
)
from lecture_utils.data.toyworld.faces.names import LANDMARKS
from lecture_utils.data.toyworld.faces.scene import Faces
from lecture_utils.data.toyworld.faces.sitters import Sitters, seated
from lecture_utils.data.toyworld.faces.skin import ear_region, head_region, lay_body, lay_ear, lay_head

# Lips are painted over a beard; the outline lies under it.
_BEARDED = torch.tensor([name.endswith(("cheek", "jaw", "chin")) for name in LANDMARKS])
_CHUNK = 2**18  # pixels at a time: what stays in a processor's cache


@dataclass(frozen=True, eq=False)
class FaceSample:
    """Pictures of N faces and what is known of them.

    Attributes
    ----------
    image : Tensor
        (N, 3, S, S) float32 sRGB in [0, 1].
    part : Tensor
        (N, S, S) int64 into PARTS: what is uppermost at each pixel.
    landmarks : Tensor
        (N, L, 2) x, y in pixels: (0, 0) is the upper left corner of the picture, (0.5, 0.5) the middle of its
        first pixel. In the order of LANDMARKS; may lie outside.
    visible : Tensor
        (N, L) bool: inside the picture, and under neither hair nor beard.
    """

    image: Tensor
    part: Tensor
    landmarks: Tensor
    visible: Tensor

    def __len__(self) -> int:
        return len(self.image)


def render_faces(faces: Faces, size: int = 64) -> FaceSample:
    """Paint faces at any resolution.

    Parameters
    ----------
    faces : Faces
        From `sample_faces`.
    size : int
        S, 8 to 4096.

    Returns
    -------
    FaceSample
        On the faces' device.

    Raises
    ------
    ValueError
        On anything but faces, none of them, or a size out of range.
    """
    if not isinstance(faces, Faces) or not len(faces):
        raise ValueError(f"faces: got {type(faces).__name__}, want Faces, one or more")
    check_integer("size", size, 8, 4096, " pixels")
    each = max(1, _CHUNK // (size * size))
    with torch.no_grad():
        parts = [_render(faces[i : i + each], int(size)) for i in range(0, len(faces), each)]
    return FaceSample(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(FaceSample)))


def _render(faces: Faces, size: int) -> FaceSample:
    """Paint one chunk, from back to front."""
    middle = (torch.arange(size, device=faces.yaw.device) + 0.5) / size
    row, column = torch.meshgrid(middle, middle, indexing="ij")
    px, py = column.reshape(1, -1), row.reshape(1, -1)  # (1, S²), shares of the side
    x, y = (faces.side[:, None] * (p - faces.centre[:, i : i + 1]) for i, p in enumerate((px, py)))
    cos, sin = torch.cos(faces.roll)[:, None], torch.sin(faces.roll)[:, None]
    canvas = Canvas(
        backdrop(faces, px, py),
        torch.zeros(x.shape, dtype=torch.int64, device=x.device),
        faces.side[:, None] / size,
        u=cos * x + sin * y, v=cos * y - sin * x, x=x, y=y,
    )  # fmt: skip
    sitters = seated(faces)
    _paint(canvas, sitters, size)
    image = (canvas.light * sitters.paint.tone).clamp(0, 1).sqrt().reshape(-1, 3, size, size)
    points = landmarks(sitters.parts)  # (N, L, 2), cm in the head's frame
    u, v = points.unbind(-1)
    beard = beard_distance(faces, sitters.parts, u, v).masked_fill(~_BEARDED.to(u.device), FAR)
    over = torch.minimum(hair_before(faces, sitters.parts, u, v), beard)
    across = torch.stack([cos * u - sin * v, sin * u + cos * v], dim=-1) / faces.side[:, None, None]
    pixels = size * (faces.centre[:, None] + across)  # (N, L, 2)
    inside = ((pixels >= 0) & (pixels < size)).all(-1)
    part = canvas.part.reshape(-1, size, size)
    return FaceSample(image.contiguous(), part, pixels, inside & (over > 0))


def _paint(canvas: Canvas, sitters: Sitters, size: int) -> None:
    """Lay all parts on, from back to front, each in a window of its size on those faces that have it."""
    faces = sitters.faces
    every = torch.arange(len(faces), device=faces.yaw.device)

    def within(region: Callable[..., Region], *lays: Callable[..., None], of: Tensor = every) -> None:
        if len(of):
            some = sitters[of]
            window, index = canvas.cut(faces, size, of, region(some.parts))
            for lay in lays:
                lay(window, some)
            canvas.put(window, of, index)

    def whole(parts: Anatomy) -> Region:
        far = torch.full_like(parts.outline.a, 1e3)
        return torch.zeros_like(far), torch.zeros_like(far), far, far

    def behind(window: Canvas, some: Sitters) -> None:
        lay_hair(window, some, hair_behind(some.faces, some.parts, window.u, window.v))

    within(whole, behind, of=wears(faces, "long", "bun").nonzero()[:, 0])
    lay_body(canvas, sitters)
    for side in (0, 1):
        within(partial(ear_region, side=side), partial(lay_ear, side=side))
    within(head_region, lay_head)
    within(nose_region, lay_nose)
    within(forehead_region, lay_forehead)
    within(cheeks_region, lay_cheeks)
    within(head_region, lay_beard, of=(faces.beard > 0).nonzero()[:, 0])
    within(mouth_region, lay_mouth)
    for side in (0, 1):
        within(partial(eye_region, side=side), partial(lay_folds, side=side), partial(lay_eye, side=side))
        within(partial(brow_region, side=side), partial(lay_brow, side=side))
    within(glasses_region, lay_glasses, of=(faces.glasses > 0).nonzero()[:, 0])
    lay_hair(canvas, sitters, hair_before(faces, sitters.parts, canvas.u, canvas.v))
