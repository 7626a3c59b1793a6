"""The objects: how many, of which class, colour and material, how large, how far and how turned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lecture_utils.data.toyworld import checks
from lecture_utils.data.toyworld.checks import Range
from lecture_utils.data.toyworld.hashing import pick, uniform
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, MATERIALS
from lecture_utils.data.toyworld.sampling.paint import draw_paint
from lecture_utils.data.toyworld.sampling.placement import place
from lecture_utils.data.toyworld.shapes import TURN_LIMIT, extents


@dataclass(frozen=True)
class Objects:
    """What the objects of a scene may be.

    Parameters
    ----------
    count : int or (int, int)
        How many a scene has, one number or an inclusive range within 0..8.
    classes, colours, materials : sequence of str, optional
        Draw only from these names; from all of them where not given.
    held_out : bool
        False never pairs a class with its held-out colours (`HELD_OUT`); True draws only such pairs.
    size : (float, float)
        Radius in camera heights (1.5 m), within [0.05, 1].
    distance : (float, float)
        Metres from the camera, within [1.6, 50].
    turn : float
        Share of each class's turning range, within [0, 1].

    Raises
    ------
    ValueError
        On anything out of range, an unknown or repeated name, or where no class-colour pair is left.
    """

    count: int | tuple[int, int] = (1, 4)
    classes: Sequence[str] | None = None
    colours: Sequence[str] | None = None
    materials: Sequence[str] | None = None
    held_out: bool = False
    size: Range = (0.32, 0.54)
    distance: Range = (2.2, 6.0)
    turn: float = 1.0

    def __post_init__(self) -> None:
        checks.count_range("Objects.count", self.count)
        checks.check_range("Objects.size", self.size, 0.05, 1.0)
        checks.check_range("Objects.distance", self.distance, 1.6, 50.0)
        checks.check_number("Objects.turn", self.turn, 0.0, 1.0)
        checks.known_names("Objects.materials", self.materials, MATERIALS)
        self.pairs()

    def pairs(self) -> np.ndarray:
        """Which pairs may be drawn, (classes, colours) bool."""
        return checks.allowed_pairs(
            checks.known_ids("Objects.classes", self.classes, CLASSES),
            checks.known_ids("Objects.colours", self.colours, COLOURS),
            self.held_out,
        )


def draw_objects(key: np.ndarray, horizon: np.ndarray, objects: Objects) -> dict[str, np.ndarray]:
    """Draw the objects of N scenes, in K places each, K being the largest count.

    Parameters
    ----------
    key : (N,) uint64
        The scenes' keys.
    horizon : (N,)
        y of the horizon, as a share of the image's side.
    objects : Objects

    Returns
    -------
    dict
        `Scenes`' fields of the objects, (N, K, …) bool, int64 and float64.
    """
    low, places = checks.count_range("Objects.count", objects.count)
    count = low + (uniform(key, "count") * (places - low + 1)).astype(int)
    class_id, colour_id = _draw_pairs(
        uniform(key, "class", places), uniform(key, "colour", places), objects.pairs()
    )
    materials = np.array(checks.known_ids("Objects.materials", objects.materials, MATERIALS))
    limit = np.radians(np.array([TURN_LIMIT[c] for c in CLASSES]))[class_id]
    turn = objects.turn * limit * (2 * uniform(key, "turn", places) - 1)
    unit = extents(class_id, turn)  # (N, K, 4)
    centre, radius, depth = place(key, horizon, unit, objects.size, objects.distance)
    return {
        "present": np.arange(places)[None, :] < count[:, None],
        "class_id": class_id,
        "colour_id": colour_id,
        "material_id": pick(uniform(key, "material", places), materials),
        "centre": centre,
        "radius": radius,
        "turn": turn,
        "depth": depth,
        "extent": np.concatenate([centre, centre], axis=2) + unit * radius[..., None],
        **draw_paint(key, colour_id),
    }


def _draw_pairs(u: np.ndarray, v: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw a class evenly among those with an allowed colour, then one of its allowed colours evenly."""
    class_id = pick(u, np.flatnonzero(pairs.any(1)))
    allowed = np.argsort(~pairs, axis=1, kind="stable")  # (classes, colours): allowed ones first
    return class_id, allowed[class_id, (v * pairs.sum(1)[class_id]).astype(int)]
