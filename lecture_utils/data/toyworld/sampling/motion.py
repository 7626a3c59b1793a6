"""Motion: how the objects of a scene and the camera move, frame by frame, in metres over the ground.

Every place is a closed form of the frame's number, so frame t is the same whatever the length of the clip.

Legend: V clips, T frames, K places for objects.
"""

import math
from dataclasses import dataclass

import numpy as np

from lecture_utils.data.toyworld.checks import Range, check_range
from lecture_utils.data.toyworld.hashing import between, uniform
from lecture_utils.data.toyworld.names import CAMERA_HEIGHT_M, CLASSES
from lecture_utils.data.toyworld.sampling.objects import Objects
from lecture_utils.data.toyworld.sampling.placement import _LOWEST
from lecture_utils.data.toyworld.shapes import TURN_LIMIT, extents

INWARD = 0.8  # share of the objects that set out towards the middle of the picture, so that many meet
BEYOND = 1.1  # radii beyond the edge of the first picture at which an object turns back
CAMERA_PERIOD = (60.0, 120.0)  # frames in which the camera is carried to one side, to the other and back


@dataclass(frozen=True)
class Motion:
    """How things may move; each setting is a range (low, high) from which amounts are drawn evenly.

    Which way each goes is drawn too.

    Parameters
    ----------
    speed : (float, float)
        Of an object, sideways, in metres a frame, within [0, 1]. It keeps it until it is out of sight, turns
        round there and comes back. At depth d metres and a picture of S pixels, v metres are S·v / d pixels.
    turn : (float, float)
        Degrees a frame, within [0, 45], to and fro within each class's turning range (a ball and a ring,
        whose outline has none, keep turning).
    approach : (float, float)
        Share of its distance by which an object comes nearer or goes farther in a frame, within [0, 0.2],
        to and fro within `Objects.distance`.
    camera : (float, float)
        Of the camera, sideways, in metres a frame, within [0, 1]: its speed at first; it is carried to and
        fro in 60 to 120 frames.

    Raises
    ------
    ValueError
        On a range that is turned round or leaves its bounds.
    """

    speed: Range = (0.03, 0.14)
    turn: Range = (0.0, 4.0)
    approach: Range = (0.0, 0.015)
    camera: Range = (0.0, 0.12)

    def __post_init__(self) -> None:
        check_range("Motion.speed", self.speed, 0.0, 1.0)
        check_range("Motion.turn", self.turn, 0.0, 45.0)
        check_range("Motion.approach", self.approach, 0.0, 0.2)
        check_range("Motion.camera", self.camera, 0.0, 1.0)


def draw_motion(
    key: np.ndarray, first: dict[str, np.ndarray], frames: int, motion: Motion, objects: Objects
) -> dict[str, np.ndarray]:
    """Draw the paths of V clips' objects and of their cameras.

    Parameters
    ----------
    key : (V,) uint64
        The scenes' keys.
    first : dict
        `Scenes`' fields horizon (V,), class_id, radius, turn, depth (V, K) and centre (V, K, 2) in frame 0.
    frames : int
        T.
    motion : Motion
    objects : Objects
        Its distances are the nearest and the farthest that an object may go.

    Returns
    -------
    dict
        `Scenes`' fields centre (V, T, K, 2), radius, turn and depth (V, T, K), and camera (V, T), metres to
        the right of where it was in frame 0; float64. In frame 0 they are those of `first`.
    """
    places = first["radius"].shape[1]
    x, horizon = first["centre"][..., 0], first["horizon"][:, None, None]

    def signed(name: str, span: Range) -> np.ndarray:
        sign = np.where(uniform(key, f"{name} way", places) < 0.5, -1.0, 1.0)
        return sign * between(key, f"motion {name}", span, places)

    frame = np.arange(frames, dtype=float)[None, :, None]
    turn = first["turn"][:, None] + _turned(first, np.radians(signed("turn", motion.turn)), frame)
    # Nearer and farther: the logarithm of the distance goes to and fro at an even rate.
    nearest = np.maximum(objects.distance[0], CAMERA_HEIGHT_M / (_LOWEST - first["horizon"]))
    bounds = np.log(np.stack([nearest, np.full_like(nearest, objects.distance[1])]))[..., None]
    grown = _to_and_fro(np.log(first["depth"]), signed("approach", motion.approach), frame, *bounds)
    depth = first["depth"][:, None] * np.exp(grown)
    # Sideways: in metres along the object's plane; the picture shows x = 1/2 + metres / depth.
    speed = np.abs(signed("speed", motion.speed))
    inward = uniform(key, "inward", places) < INWARD
    speed *= np.where((x < 0.5) == inward, 1.0, -1.0)
    metres = (x - 0.5) * first["depth"]
    side = (0.5 + BEYOND * first["radius"]) * first["depth"]
    moved = _to_and_fro(metres, speed, frame, -side, side)
    camera = _carried(key, motion.camera, frames)
    radius = first["radius"][:, None] * np.exp(-grown)
    across = (metres[:, None] + moved - camera[..., None]) / depth - metres[:, None] / first["depth"][:, None]
    # Down: the foot stands on the ground, CAMERA_HEIGHT_M / depth below the horizon, however it is turned.
    ids = np.broadcast_to(first["class_id"][:, None], turn.shape)
    centre_y = horizon + CAMERA_HEIGHT_M / depth - extents(ids, turn)[..., 3] * radius  # (V, T, K)
    down = centre_y - centre_y[:, :1]
    centre = first["centre"][:, None] + np.stack([across, down], axis=-1)
    return {"centre": centre, "radius": radius, "turn": turn, "depth": depth, "camera": camera}


def _to_and_fro(
    start: np.ndarray, rate: np.ndarray, frame: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """How far (V, T, K) a path at an even rate (V, K) has gone from its start, thrown back at both ends."""
    span = np.maximum(high - low, 1e-9)[:, None]
    begin = (start - low)[:, None]

    def thrown_back(at: np.ndarray) -> np.ndarray:
        return span - np.abs(at % (2 * span) - span)

    return thrown_back(begin + rate[:, None] * frame) - thrown_back(begin + 0 * frame)


def _turned(first: dict[str, np.ndarray], rate: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """How far (V, T, K) each object has turned since frame 0, in radians."""
    limit = np.radians(np.array([TURN_LIMIT[c] for c in CLASSES]))[first["class_id"]]
    swayed = _to_and_fro(first["turn"], rate, frame, -limit, limit)
    return np.where(limit[:, None] > 0, swayed, rate[:, None] * frame)


def _carried(key: np.ndarray, speed: Range, frames: int) -> np.ndarray:
    """Metres (V, T) to the right by which the camera has moved since frame 0."""
    way = np.where(uniform(key, "camera way") < 0.5, -1.0, 1.0)
    period = between(key, "camera period", CAMERA_PERIOD)
    reach = way * between(key, "motion camera", speed) * period / (2 * math.pi)
    return reach[:, None] * np.sin(2 * math.pi * np.arange(frames) / period[:, None])
