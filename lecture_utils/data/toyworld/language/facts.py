"""What can be said of a scene: the objects that can be seen, with all that words name about them.

Everything that is asked, answered, told or programmed in the toy world is a function of these facts alone, so
that whether a sentence is true of a picture is never a matter of taste.
"""

from dataclasses import dataclass

from torch import Tensor

from lecture_utils.data.toyworld.captions import SEEN
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, MATERIALS, STUFF
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.ops.checks import check_tensor

# How far one object must stand from another for a relation to hold, and from how near on it is plain that it
# does not: shares of the picture's side for left and right, metres for in front and behind.
HOLDS = {"left of": 0.12, "right of": 0.12, "in front of": 0.5, "behind": 0.5}
FAILS = {"left of": 0.04, "right of": 0.04, "in front of": 0.2, "behind": 0.2}
RELATIONS = tuple(HOLDS)
OPPOSITE = {"left of": "right of", "right of": "left of", "in front of": "behind", "behind": "in front of"}
KINDS = {"colour": COLOURS, "shape": CLASSES, "pattern": MATERIALS}  # what may be asked of an object


@dataclass(frozen=True)
class Thing:
    """One object that can be seen.

    Attributes
    ----------
    place : int
        Its place among the scene's objects, 0 to K - 1.
    colour, shape, pattern : str
        Of COLOURS, CLASSES and MATERIALS.
    x : float
        Of its centre, as a share of the picture's side.
    depth_m : float
        Metres from the camera.
    """

    place: int
    colour: str
    shape: str
    pattern: str
    x: float
    depth_m: float

    def stands(self, relation: str, other: "Thing") -> bool | None:
        """Whether it stands so to another, such as "left of"; None where people might disagree."""
        if relation not in HOLDS:
            raise ValueError(f"relation: got {relation!r}, want one of {', '.join(RELATIONS)}")
        by = {
            "left of": other.x - self.x,
            "right of": self.x - other.x,
            "in front of": other.depth_m - self.depth_m,
            "behind": self.depth_m - other.depth_m,
        }[relation]
        if by >= HOLDS[relation]:
            return True
        return False if by <= FAILS[relation] else None


@dataclass(frozen=True)
class Facts:
    """One scene, in words.

    Attributes
    ----------
    key : int
        The scene's, on which all choices of words hang.
    things : tuple of Thing
        The nearest first.
    ground : str
        What the camera stands on, of STUFF.
    sky : str
        "clear" or "cloudy".
    """

    key: int
    things: tuple[Thing, ...]
    ground: str
    sky: str


def facts(scenes: Scenes, visibility: Tensor) -> list[Facts]:
    """Put N scenes into words.

    Parameters
    ----------
    scenes : Scenes
        N of them.
    visibility : Tensor
        (N, K), the share of each object that is visible, as `render(…, only="visibility")` gives it. Objects
        of which less than a quarter is visible are left out.

    Returns
    -------
    list of N Facts
    """
    check_tensor(visibility, "visibility", len(scenes), scenes.places, finite=True)
    scenes = scenes.to("cpu")
    named = (scenes.present & (visibility.cpu() >= SEEN)).tolist()
    columns = (scenes.class_id, scenes.colour_id, scenes.material_id, scenes.centre[..., 0], scenes.depth)
    shape, colour, pattern, x, depth = (column.tolist() for column in columns)
    keys, ground = scenes.key.tolist(), scenes.ground[:, 0].tolist()
    cloudy = (scenes.sky[:, 1] > 0.5).tolist()
    out = []
    for i, seen in enumerate(named):
        own = [
            Thing(
                k, COLOURS[colour[i][k]], CLASSES[shape[i][k]], MATERIALS[pattern[i][k]], x[i][k], depth[i][k]
            )
            for k, is_seen in enumerate(seen)
            if is_seen
        ]
        own.sort(key=lambda thing: thing.depth_m)
        out.append(Facts(keys[i], tuple(own), STUFF[ground[i]], "cloudy" if cloudy[i] else "clear"))
    return out
