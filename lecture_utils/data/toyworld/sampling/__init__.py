"""Drawing scenes: from a seed to parameters, scene by scene independent of all others.

One module draws one part of a scene (`ground`, `light`, `objects`) from that part's own settings. Every
random number is a function of the scene's key and the number's name (`hashing`), so a part that is added
later changes nothing in the scenes that are there.
"""

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld import checks, names
from lecture_utils.data.toyworld.hashing import scene_keys
from lecture_utils.data.toyworld.sampling.ground import Ground, draw_ground
from lecture_utils.data.toyworld.sampling.light import Light, draw_light
from lecture_utils.data.toyworld.sampling.objects import Objects, draw_objects
from lecture_utils.data.toyworld.scene import Scenes

__all__ = ["Ground", "Light", "Objects", "sample_scenes"]


def sample_scenes(
    n: int,
    *,
    seed: int = 0,
    split: str = "train",
    ground: Ground = Ground(),
    light: Light = Light(),
    objects: Objects = Objects(),
) -> Scenes:
    """Draw n scenes; scene i of a seed and split is the same whatever n.

    Parameters
    ----------
    n : int
        Number of scenes, 0 or more.
    seed : int
        0 to 2**63 - 1.
    split : str
        "train", "val" or "test"; different splits of one seed share no scene.
    ground : Ground
    light : Light
    objects : Objects
        What may be drawn; the defaults vary everything.

    Returns
    -------
    Scenes
        On the CPU, float32.

    Raises
    ------
    ValueError
        On anything out of range or of another type.
    """
    checks.check_request(n, seed, split)
    settings = (("ground", ground, Ground), ("light", light, Light), ("objects", objects, Objects))
    for name, given, kind in settings:
        if not isinstance(given, kind):
            raise ValueError(f"{name}: got {given!r}, want {kind.__name__}(…)")
    key = scene_keys(seed, names.SPLITS.index(split), n)
    below = draw_ground(key, ground)
    parts = below | draw_light(key, light) | draw_objects(key, below["horizon"], objects)
    return Scenes(
        key=torch.from_numpy(key.view(np.int64)), **{name: _tensor(array) for name, array in parts.items()}
    )


def _tensor(array: np.ndarray) -> Tensor:
    """Numbers as float32, ids as int64, flags as they are."""
    dtype = {"f": np.float32, "i": np.int64, "b": np.bool_}[array.dtype.kind]
    return torch.from_numpy(np.ascontiguousarray(array, dtype=dtype))
