"""Portraits: toy-world pictures of one object that fills a good part of the frame, as in ImageNet.

What the models of chapter 03 learn from and are judged on. All stand on sand and none has a pattern: two
crops of a picture are most easily told from other pictures by their ground or pattern, and a network that
learns without labels takes the easy way. Shape, size, colour, place, turn, horizon, sky and light vary.
"""

from typing import NamedTuple

from torch import Tensor

from lecture_utils.data import toyworld
from lecture_utils.data.toyworld import Scenes


class Portraits(NamedTuple):
    """N pictures of one object each.

    image : (N, 3, S, S) float32 in [0, 1].
    label : (N,) int64 index into `toyworld.CLASSES`.
    outline : (N, S, S) bool, the object's visible pixels.
    """

    image: Tensor
    label: Tensor
    outline: Tensor


def portrait_scenes(n: int, *, split: str = "train", seed: int = 0) -> Scenes:
    """Draw the scenes of `portraits`, for whoever wants to know more of them than the label.

    Objects are plain, on sand, 2.2 to 3 m away, 0.68 to 0.9 m in radius: most are 40 to 65 % as wide as the
    picture. Parameters are those of `toyworld.sample_scenes`, which raises ValueError where they are wrong.
    """
    return toyworld.sample_scenes(
        n,
        seed=seed,
        split=split,
        ground=toyworld.Ground(kinds=("sand",)),
        objects=toyworld.Objects(count=1, size=(0.45, 0.6), distance=(2.2, 3.0), materials=("plain",)),
    )


def portraits(n: int, *, split: str = "train", seed: int = 0, size: int = 48) -> Portraits:
    """Render n pictures of `size` pixels a side; scene i of a seed and split is the same whatever n."""
    scenes = portrait_scenes(n, split=split, seed=seed)
    sample = toyworld.render(scenes, size, only=("image", "class_id", "instance"))
    return Portraits(sample.image, sample.class_id[:, 0], sample.instance > 0)
