"""Portraits: toy-world pictures of one object that fills a good part of the frame, as in ImageNet.

What the models of chapter 03 learn from and are judged on.
"""

from typing import NamedTuple

from torch import Tensor

from lecture_utils.data import toyworld


class Portraits(NamedTuple):
    """N pictures of one object each.

    image : (N, 3, S, S) float32 in [0, 1].
    label : (N,) int64 index into `toyworld.CLASSES`.
    outline : (N, S, S) bool, the object's visible pixels.
    """

    image: Tensor
    label: Tensor
    outline: Tensor


def portraits(n: int, *, split: str = "train", seed: int = 0, size: int = 48) -> Portraits:
    """Render n pictures of `size` pixels a side; scene i of a seed and split is the same whatever n.

    Objects are drawn 2.2 to 3 m away, 0.68 to 0.9 m in radius: most are 40 to 65 % as wide as the picture.
    Parameters are those of `toyworld.sample_scenes`, which raises ValueError where they are wrong.
    """
    scenes = toyworld.sample_scenes(
        n, seed=seed, split=split, objects=1, size=(0.45, 0.6), distance=(2.2, 3.0)
    )
    sample = toyworld.render(scenes, size, only=("image", "class_id", "instance"))
    return Portraits(sample.image, sample.class_id[:, 0], sample.instance > 0)
