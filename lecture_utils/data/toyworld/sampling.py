"""Drawing scenes: from a seed to parameters, scene by scene independent of all others.

The world is a level pinhole camera (focal length one image width) over flat ground: an object whose foot is
g below the horizon stands CAMERA_HEIGHT_M / g metres away and its size in the picture is its size in camera
heights times g, so that nearer is lower and larger.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch

from lecture_utils.data.toyworld import checks, names
from lecture_utils.data.toyworld.checks import Range
from lecture_utils.data.toyworld.hashing import scene_keys, uniform
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.data.toyworld.shapes import TURN_LIMIT, extents

_TRIES = 8  # candidate places per object
_LOWEST = 0.97  # no foot is drawn below this


def sample_scenes(
    n: int,
    *,
    seed: int = 0,
    split: str = "train",
    objects: int | tuple[int, int] = (1, 4),
    held_out: bool = False,
    classes: Sequence[str] | None = None,
    colours: Sequence[str] | None = None,
    materials: Sequence[str] | None = None,
    grounds: Sequence[str] | None = None,
    brightness: Range = (0.8, 1.2),
    size: Range = (0.32, 0.54),
    distance: Range = (2.2, 6.0),
    azimuth: Range = (-60.0, 60.0),
    elevation: Range = (30.0, 60.0),
    warmth: Range = (-1.0, 1.0),
    turn: float = 1.0,
) -> Scenes:
    """Draw n scenes; scene i of a seed and split is the same whatever n.

    Parameters
    ----------
    n : number of scenes, 0 or more.
    seed : 0 to 2**63 - 1. split : "train", "val" or "test"; different splits of one seed share no scene.
    objects : how many objects a scene has, one number or an inclusive range within 0..8.
    held_out : False never pairs a class with its held-out colours (`HELD_OUT`); True draws only those.
    classes, colours, materials : draw only from these names. grounds : likewise, of "grass", "water", "sand".
    brightness : exposure, 1 is a normal day. size : an object's radius in camera heights (1.5 m).
    distance : metres from the camera, at least 1.6.
    azimuth, elevation : where the light is, in degrees: azimuth 0 is behind the camera, right is positive.
    warmth : colour of the light, cool to warm, within [-1, 1].
    turn : share of each class's turning range, within [0, 1].

    Returns
    -------
    Scenes on the CPU, float32.

    Raises
    ------
    ValueError for anything out of range, for unknown names, or where no class-colour pair is left.
    """
    low, high = checks.counts(n, seed, split, objects)
    for label, given, least, most in (
        ("brightness", brightness, 0.0, 4.0),
        ("size", size, 0.05, 1.0),
        ("distance", distance, 1.6, 50.0),
        ("azimuth", azimuth, -85.0, 85.0),
        ("elevation", elevation, 5.0, 85.0),
        ("warmth", warmth, -1.0, 1.0),
        ("turn", (0.0, turn), 0.0, 1.0),
    ):
        checks.check_range(label, given, least, most)
    pairs = checks.allowed_pairs(
        checks.known_ids("classes", classes, names.CLASSES),
        checks.known_ids("colours", colours, names.COLOURS),
        held_out,
    )
    material_ids = np.array(checks.known_ids("materials", materials, names.MATERIALS))
    ground_ids = np.array(
        [names.STUFF.index(g) for g in checks.known_names("grounds", grounds, names.STUFF[1:])]
    )
    key = scene_keys(seed, names.SPLITS.index(split), n)
    places = high

    def draw(name: str, span: Range, *shape: int) -> np.ndarray:
        return span[0] + (span[1] - span[0]) * uniform(key, name, *shape)

    horizon = draw("horizon", (0.26, 0.46))
    near = _pick(uniform(key, "near ground"), ground_ids)
    beyond = ground_ids[None, :] + np.where(ground_ids[None, :] == near[:, None], 99, 0)
    beyond = np.sort(beyond, axis=1)[:, : max(1, len(ground_ids) - 1)]
    far = beyond[np.arange(n), (uniform(key, "far ground") * beyond.shape[1]).astype(int)]
    two = (uniform(key, "two grounds") < 0.55) & (far < 99)
    far = np.where(two, far, near)
    shore_y = np.where(two, horizon + draw("shore", (0.06, 0.24)), horizon - 1.0)
    shore = np.stack(
        [
            shore_y,
            draw("shore amplitude", (0.006, 0.03)),
            draw("shore cycles", (0.5, 1.6)),
            draw("shore phase", (0, 2 * math.pi)),
        ],
        axis=1,
    )
    az, el = np.radians(draw("azimuth", azimuth)), np.radians(draw("elevation", elevation))
    light = np.stack([np.sin(az) * np.cos(el), -np.sin(el), -np.cos(az) * np.cos(el)], axis=1)

    class_id, colour_id = _draw_pairs(uniform(key, "class", places), uniform(key, "colour", places), pairs)
    count = low + (uniform(key, "count") * (high - low + 1)).astype(int)
    present = np.arange(places)[None, :] < count[:, None]
    limit = np.radians(np.array([TURN_LIMIT[c] for c in names.CLASSES]))[class_id]
    angle = turn * limit * (2 * uniform(key, "turn", places) - 1)
    unit = extents(class_id, angle)  # (N, K, 4)
    centre, radius, depth = _place(key, horizon, unit, present, size, distance)
    rgb, second = _paint(key, colour_id, places)
    pattern = np.stack(
        [
            draw("pattern angle", (-1.2, 1.2), places),
            draw("pattern period", (0.46, 0.62), places),
            uniform(key, "pattern phase", places),
        ],
        axis=2,
    )
    extent = np.concatenate([centre, centre], axis=2) + unit * radius[..., None]

    def as_float(a: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32))

    def as_long(a: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(a, dtype=np.int64))

    return Scenes(
        key=torch.from_numpy(key.view(np.int64)),
        horizon=as_float(horizon),
        ground=as_long(np.stack([near, far], axis=1)),
        shore=as_float(shore),
        sky=as_float(np.stack([uniform(key, "sky"), uniform(key, "clouds")], axis=1)),
        tint=as_float(draw("tint", (0.92, 1.08), 3)),
        offset=as_float(uniform(key, "offset", 2)),
        light=as_float(light),
        brightness=as_float(draw("brightness", brightness)),
        warmth=as_float(draw("warmth", warmth)),
        present=torch.from_numpy(present),
        class_id=as_long(class_id),
        colour_id=as_long(colour_id),
        material_id=as_long(_pick(uniform(key, "material", places), material_ids)),
        centre=as_float(centre),
        radius=as_float(radius),
        turn=as_float(angle),
        depth=as_float(depth),
        rgb=as_float(rgb),
        second=as_float(second),
        pattern=as_float(pattern),
        extent=as_float(extent),
    )


def _place(
    key: np.ndarray, horizon: np.ndarray, unit: np.ndarray, present: np.ndarray, size: Range, distance: Range
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stand the objects on the ground one by one, each at the first try that leaves the earlier in sight."""
    n, places = present.shape
    drop = np.minimum(names.CAMERA_HEIGHT_M / distance[0], _LOWEST - horizon)[
        :, None
    ]  # (N, 1): foot, at most
    least = np.minimum(names.CAMERA_HEIGHT_M / distance[1], drop)
    share = uniform(key, "foot", places, _TRIES)  # (N, K, tries)
    foot = least[..., None] + (drop - least)[..., None] * share
    radius = (size[0] + (size[1] - size[0]) * uniform(key, "size", places))[..., None] * foot
    y = horizon[:, None, None] + foot - unit[..., 3:] * radius
    half = (unit[..., 2:3] - unit[..., 0:1]) / 2 * radius
    margin = np.minimum(0.85 * half, 0.5)  # a little of an object may leave the picture at the sides
    x = (
        margin
        + (1 - 2 * margin) * uniform(key, "x", places, _TRIES)
        - (unit[..., 2:3] + unit[..., 0:1]) / 2 * radius
    )
    wanted = 0.75 + 0.45 * uniform(key, "crowding")
    chosen = np.zeros((n, places, 4))  # x, y, radius, foot
    rows = np.arange(n)
    for k in range(places):
        gap = np.full((n, _TRIES), 9.0)
        for j in range(k):
            apart = np.hypot(x[:, k] - chosen[:, j, :1], y[:, k] - chosen[:, j, 1:2])
            gap = np.minimum(gap, apart / (radius[:, k] + chosen[:, j, 2:3]))
        good = gap >= wanted[:, None]
        best = np.where(good.any(1), good.argmax(1), gap.argmax(1))
        chosen[:, k] = np.stack([a[rows, k, best] for a in (x, y, radius, foot)], axis=1)
    return chosen[..., :2], chosen[..., 2], names.CAMERA_HEIGHT_M / np.maximum(chosen[..., 3], 1e-6)


def _paint(key: np.ndarray, colour_id: np.ndarray, places: int) -> tuple[np.ndarray, np.ndarray]:
    """Jitter the named colour a little, and mix the pattern's colour from it: cream or a deep shade."""
    base = names.COLOUR_RGB[colour_id]
    value = 1 + 0.10 * (2 * uniform(key, "value", places)[..., None] - 1)
    rgb = np.clip(base * value + 0.03 * (2 * uniform(key, "jitter", places, 3) - 1), 0, 1)
    cream, deep = np.array([0.98, 0.95, 0.88]), 0.45 * rgb
    light = (uniform(key, "pattern tone", places) < 0.65)[..., None]
    return rgb, np.where(light, 0.18 * rgb + 0.82 * cream, deep)


def _pick(u: np.ndarray, options: np.ndarray) -> np.ndarray:
    return options[(u * len(options)).astype(int)]


def _draw_pairs(u: np.ndarray, v: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw a class evenly among those with an allowed colour, then one of its allowed colours evenly."""
    class_id = _pick(u, np.flatnonzero(pairs.any(1)))
    allowed = np.argsort(~pairs, axis=1, kind="stable")  # (classes, colours): allowed ones first
    return class_id, allowed[class_id, (v * pairs.sum(1)[class_id]).astype(int)]
