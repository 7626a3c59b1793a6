"""Drawing faces: persons, and the circumstances of one picture of each."""

import math

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld.checks import check_request
from lecture_utils.data.toyworld.faces.names import BACKDROPS
from lecture_utils.data.toyworld.faces.persons import draw_persons
from lecture_utils.data.toyworld.faces.scene import Faces
from lecture_utils.data.toyworld.hashing import between, mix, pick, scene_keys, uniform
from lecture_utils.data.toyworld.names import SPLITS
from lecture_utils.ops.checks import check_whole

YAW, PITCH, ROLL = 28.0, 14.0, 12.0  # degrees to either side


def sample_faces(count: int, seed: int = 0, split: str = "train") -> Faces:
    """Draw faces of as many persons; face i of a seed and split is the same whatever the count.

    Parameters
    ----------
    count : int
        N, 1 or more.
    seed : int
        0 to 2**63 - 1.
    split : str
        "train", "val" or "test"; different splits of one seed share no person.

    Returns
    -------
    Faces
        On the CPU, float32 and int64.

    Raises
    ------
    ValueError
        On anything out of range or of another type.
    """
    check_whole(count, "count")
    check_request(count, seed, split)
    key = scene_keys(seed, SPLITS.index(split), count)
    drawn = draw_persons(key) | _circumstances(key)
    return Faces(key=torch.from_numpy(key.view(np.int64)), **{k: _tensor(v) for k, v in drawn.items()})


def retaken(faces: Faces, picture: int = 1) -> Faces:
    """The same persons, with the expression, pose, light and background of another picture.

    Parameters
    ----------
    faces : Faces
    picture : int
        Which: 0 is the one of `sample_faces`, each further number another.

    Raises
    ------
    ValueError
        For anything but Faces, or a number that is none.
    """
    if not isinstance(faces, Faces):
        raise ValueError(f"faces: got {type(faces).__name__}, want Faces, as `sample_faces` gives them")
    number = check_whole(picture, "picture", 0)
    key = faces.key.cpu().numpy().view(np.uint64)
    other = key if number == 0 else mix(key + np.uint64(number))
    device = faces.yaw.device
    return faces.replace(**{k: _tensor(v).to(device) for k, v in _circumstances(other).items()})


def _circumstances(key: np.ndarray) -> dict[str, np.ndarray]:
    """Draw what changes from picture to picture: `Faces`' fields from smile on."""

    def even(name: str, low: float, high: float) -> np.ndarray:
        return between(key, name, (low, high))

    azimuth, elevation = even("azimuth", -1.1, 1.1), even("elevation", 0.2, 0.9)
    towards = (np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), -np.cos(azimuth) * np.cos(elevation))
    speaks = uniform(key, "speaks") < 0.35
    # Turned heads are rarer than those that look at the camera: the mean of two numbers.
    yaw, pitch, roll = (
        np.radians(most) * between(key, name, (-1, 1), 2).mean(1)
        for name, most in (("yaw", YAW), ("pitch", PITCH), ("roll", ROLL))
    )
    return {
        "smile": even("smile", -0.2, 1.2).clip(None, 1),
        "mouth_open": np.where(speaks, even("mouth open", 0.15, 1.0), 0.0),
        "eye_open": even("eye open", 0.55, 1.15),
        "brow_raise": even("brow raise", -0.7, 1.0),
        "gaze": between(key, "gaze", (-0.8, 0.8), 2),
        "yaw": yaw,
        "pitch": pitch,
        "roll": roll,
        "centre": np.array([0.5, 0.47]) + between(key, "centre", (-0.05, 0.05), 2),
        "side": even("side", 27.0, 34.0),
        "light": np.stack(towards, axis=1),
        "ambient": even("ambient", 0.35, 0.6),
        "warmth": even("warmth", -1.0, 1.0),
        "backdrop": pick(uniform(key, "backdrop"), np.arange(len(BACKDROPS))),
        "backdrop_rgb": _backdrop_colours(key),
        "backdrop_at": uniform(key, "backdrop at", 8),
    }


def _backdrop_colours(key: np.ndarray) -> np.ndarray:
    """Three muted colours (N, 3, 3) of neighbouring hues."""
    hue = uniform(key, "backdrop hue")[:, None] + between(key, "backdrop hues", (-0.08, 0.08), 3)
    angle = 2 * math.pi * (hue[..., None] + np.array([0.0, 1 / 3, 2 / 3]))
    level = between(key, "backdrop level", (0.35, 0.8), 3)[..., None]
    strength = between(key, "backdrop strength", (0.05, 0.2), 3)[..., None]
    return np.clip(level + strength * np.cos(angle), 0, 1)


def _tensor(array: np.ndarray) -> Tensor:
    """Numbers as float32, ids as int64."""
    return torch.from_numpy(np.ascontiguousarray(array, np.float32 if array.dtype.kind == "f" else np.int64))
