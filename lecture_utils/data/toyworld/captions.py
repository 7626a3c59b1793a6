"""Captions from a small grammar, naming only what can be seen.

caption  = (things | pair [", with" things]) ", on" ground "under a" ("clear" | "cloudy") "sky."
         | "Nothing stands on the" ground "under a" ("clear" | "cloudy") "sky."
pair     = noun ("left of" | "right of" | "in front of" | "behind") noun
things   = noun {"," noun} ["and" noun]
noun     = ("a" | "an") [material] colour class

The nearest object comes first. Left and right are the viewer's.
"""

import numpy as np
from torch import Tensor

from lecture_utils.data.toyworld.hashing import uniform
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, MATERIALS, STUFF
from lecture_utils.data.toyworld.scene import Scenes

SEEN = 0.25  # an object is named if at least this share of it is visible


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _relation(x: float, depth: float, other_x: float, other_depth: float) -> str | None:
    """How the first of two objects stands to the second, if one direction is plain."""
    if abs(x - other_x) > 0.15:
        return "left of" if x < other_x else "right of"
    if abs(depth - other_depth) > 0.5:
        return "in front of" if depth < other_depth else "behind"
    return None


def captions(scenes: Scenes, visibility: Tensor) -> list[str]:
    """Describe each scene in one sentence.

    Parameters
    ----------
    scenes : Scenes
        N of them.
    visibility : Tensor (N, K)
        Share of each object that is visible.

    Returns
    -------
    list of N str
        Objects of which less than a quarter is visible are not mentioned.
    """
    scenes = scenes.to("cpu")
    named = (scenes.present & (visibility.cpu() >= SEEN)).tolist()
    die = uniform(scenes.key.numpy().view(np.uint64), "caption", 3)
    class_id, colour_id, material_id = (
        t.tolist() for t in (scenes.class_id, scenes.colour_id, scenes.material_id)
    )
    x, depth = scenes.centre[..., 0].tolist(), scenes.depth.tolist()
    near, cloudy = scenes.ground[:, 0].tolist(), (scenes.sky[:, 1] > 0.5).tolist()
    out = []
    for i in range(len(scenes)):
        order = sorted((k for k, seen in enumerate(named[i]) if seen), key=lambda k: depth[i][k])
        sky = _article("cloudy sky" if cloudy[i] else "clear sky")
        if not order:
            out.append(f"Nothing stands on the {STUFF[near[i]]} under {sky}.")
            continue
        with_material = bool(die[i, 0] < 0.7)
        words = [
            f"{MATERIALS[material_id[i][k]]} " * with_material
            + f"{COLOURS[colour_id[i][k]]} {CLASSES[class_id[i][k]]}"
            for k in order
        ]
        text = _join([_article(w) for w in words])
        if len(order) > 1 and die[i, 1] < 0.6 and words[0] != words[1]:
            a, b = order[0], order[1]
            relation = _relation(x[i][a], depth[i][a], x[i][b], depth[i][b])
            if relation and words.count(words[0]) == words.count(words[1]) == 1:
                text = f"{_article(words[0])} {relation} {_article(words[1])}"
                text += f", with {_join([_article(w) for w in words[2:]])}" if len(words) > 2 else ""
        out.append(f"{text[0].upper()}{text[1:]}, on {STUFF[near[i]]} under {sky}.")
    return out
