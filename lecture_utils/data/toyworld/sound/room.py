"""A small room around camera and object: where its walls mirror the source, and how its echo dies away.

J. B. Allen and D. A. Berkley, "Image method for efficiently simulating small-room acoustics", JASA 1979; the
reverberation time by W. C. Sabine (T60 = 0.161 V / (S α)). Floor and camera are those of the picture: the
camera is 1.5 m above the floor; the other walls are drawn from the scene's key.

Simplified: images of the first order only (six walls), all walls alike at all frequencies, a microphone that
hears all directions alike; what comes later is noise that decays exponentially.

Legend: N scenes, W = 7 paths (direct, left, right, floor, ceiling, back, front). Camera frame: x right, y
down, z into the scene, metres.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from lecture_utils.data.toyworld.hashing import between, uniform
from lecture_utils.data.toyworld.names import CAMERA_HEIGHT_M

SPEED = 343.0  # of sound in air at 20 °C, m/s
T60 = (0.15, 0.45)  # seconds
SIDE, ABOVE, BACK = (1.5, 3.5), (1.0, 2.0), (1.0, 2.5)  # metres beyond camera and object to each wall
TAIL = 0.35  # mean energy of the late echo over that of the six first reflections

STRIDE = 1 << 16  # places in the table of noise at which an echo may begin


@dataclass(frozen=True, eq=False)
class Room:
    """What N sounds meet on their way.

    Attributes
    ----------
    distance : (N, 7) metres along each path, the direct one first.
    gain : (N, 7) share of the pressure that is left after the wall (1 for the direct path), without 1 / r.
    t60 : (N,) seconds in which the late echo falls by 60 dB.
    low, high : (N, 3) the walls, camera frame, metres.
    """

    distance: np.ndarray
    gain: np.ndarray
    t60: np.ndarray
    low: np.ndarray
    high: np.ndarray


def draw_room(key: np.ndarray, source: np.ndarray) -> Room:
    """Draw a room around the camera and a source (N, 3) above the floor, from the scenes' keys (N,)."""
    zero = np.zeros_like(source)
    left_right = between(key, "room sides", SIDE, 2)
    back_front = between(key, "room ends", BACK, 2)
    floor = np.maximum(CAMERA_HEIGHT_M, source[:, 1])  # the object stands on it, or has sunk in a little
    low, high = np.minimum(source, zero), np.maximum(source, zero)
    low -= np.stack([left_right[:, 0], between(key, "room height", ABOVE), back_front[:, 0]], axis=1)
    high += np.stack([left_right[:, 1], 0 * floor, back_front[:, 1]], axis=1)
    high[:, 1] = floor
    t60 = between(key, "room t60", T60)
    images = mirror(source, low, high)  # (N, 7, 3)
    gain = np.repeat(reflection(low, high, t60)[:, None], 7, axis=1)
    gain[:, 0] = 1.0
    return Room(np.linalg.norm(images, axis=2), gain, t60, low, high)


def mirror(source: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the source (N, 3) and its six mirror images in the walls, (N, 7, 3)."""
    images = np.repeat(source[:, None], 7, axis=1)
    for axis, (least, most) in enumerate([(1, 2), (4, 3), (5, 6)]):  # the floor is below, where y is high
        images[:, least, axis] = 2 * low[:, axis] - source[:, axis]
        images[:, most, axis] = 2 * high[:, axis] - source[:, axis]
    return images


def reflection(low: np.ndarray, high: np.ndarray, t60: np.ndarray) -> np.ndarray:
    """Return a wall's reflection coefficient for pressure, (N,): √(1 - α), α by Sabine's formula."""
    x, y, z = (high - low).T
    absorbed = 0.161 * x * y * z / (2 * (x * y + y * z + z * x) * t60)
    return np.sqrt(1 - np.clip(absorbed, 0.02, 0.98))


@cache
def _noise(count: int) -> np.ndarray:
    """One long table of white noise in [-0.5, 0.5); each scene's echo is cut from it where its key tells."""
    return uniform(np.zeros(1, np.uint64), "room noise", count)[0].astype(np.float32) - np.float32(0.5)


def tail(key: np.ndarray, room: Room, samples: int, rate: int) -> np.ndarray:
    """Return the late echo of a click, (N, samples) float32: noise from the last first reflection on."""
    begins = room.distance[:, 1:].max(axis=1) / SPEED
    since = (np.arange(samples) / rate - begins[:, None]).astype(np.float32)
    first = (uniform(key, "room tail") * STRIDE).astype(int)
    noise = _noise(samples + STRIDE)[first[:, None] + np.arange(samples)]
    fall = np.exp(-np.float32(np.log(1000)) / room.t60[:, None].astype(np.float32) * since)
    echo = np.where(since > 0, noise * fall, np.float32(0))
    early = ((room.gain / room.distance)[:, 1:] ** 2).sum(axis=1)
    late = rate * room.t60 / (24 * np.log(1000))  # what Σ echo² comes to on average: noise² is 1/12
    return echo * np.sqrt(TAIL * early / late).astype(np.float32)[:, None]
