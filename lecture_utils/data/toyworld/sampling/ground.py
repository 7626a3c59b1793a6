"""The ground and the sky: which stuff lies near and far, where the horizon and the shore run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lecture_utils.data.toyworld import checks
from lecture_utils.data.toyworld.hashing import between, pick, uniform
from lecture_utils.data.toyworld.names import STUFF

HORIZON = (0.26, 0.46)  # y of the horizon, as a share of the image's side
TWO_GROUNDS = 0.55  # share of scenes with a shore, where there are two kinds of ground to draw from


@dataclass(frozen=True)
class Ground:
    """What the ground may be.

    Parameters
    ----------
    kinds : sequence of str, optional
        Draw only from these of "grass", "water", "sand"; all of them where not given.

    Raises
    ------
    ValueError
        On an unknown or repeated name, or none.
    """

    kinds: Sequence[str] | None = None

    def __post_init__(self) -> None:
        checks.known_names("Ground.kinds", self.kinds, STUFF[1:])


def draw_ground(key: np.ndarray, ground: Ground) -> dict[str, np.ndarray]:
    """Draw the ground and the sky of N scenes.

    Parameters
    ----------
    key : (N,) uint64
        The scenes' keys.
    ground : Ground

    Returns
    -------
    dict
        `Scenes`' fields horizon, ground, shore, sky, tint and offset, float64 and int64.
    """
    n = len(key)
    kinds = np.array([STUFF.index(k) for k in checks.known_names("Ground.kinds", ground.kinds, STUFF[1:])])
    horizon = between(key, "horizon", HORIZON)
    near = pick(uniform(key, "near ground"), kinds)
    # The other kinds of each scene, in order; its own sorts behind them as 99 or more.
    beyond = np.sort(kinds[None, :] + np.where(kinds[None, :] == near[:, None], 99, 0), axis=1)
    beyond = beyond[:, : max(1, len(kinds) - 1)]
    far = beyond[np.arange(n), (uniform(key, "far ground") * beyond.shape[1]).astype(int)]
    two = (uniform(key, "two grounds") < TWO_GROUNDS) & (far < 99)
    shore = [
        np.where(two, horizon + between(key, "shore", (0.06, 0.24)), horizon - 1.0),
        between(key, "shore amplitude", (0.006, 0.03)),
        between(key, "shore cycles", (0.5, 1.6)),
        between(key, "shore phase", (0, 2 * math.pi)),
    ]
    return {
        "horizon": horizon,
        "ground": np.stack([near, np.where(two, far, near)], axis=1),
        "shore": np.stack(shore, axis=1),
        "sky": np.stack([uniform(key, "sky"), uniform(key, "clouds")], axis=1),
        "tint": between(key, "tint", (0.92, 1.08), 3),
        "offset": uniform(key, "offset", 2),
    }
