"""What instance segmenters take and give: the objects of a picture, each with a mask of its own.

Classes are numbers from 0 to K - 1, as in `detection/structures.py`; background is no class here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from lecture_utils.detection.structures import Sizes, check_picture_sizes, check_targets
from lecture_utils.ops.checks import check_tensor

MaskTargets = Sequence[tuple[Tensor, Tensor, Tensor]]  # a picture: boxes (G, 4), labels (G,), masks (G, H, W)


class Instances(NamedTuple):
    """What was found in one picture, by falling score. Read it by name: the last field may be None.

    Attributes
    ----------
    boxes : Tensor
        (D, 4) x1, y1, x2, y2 in pixels.
    labels : Tensor
        (D,) int64 classes from 0.
    scores : Tensor
        (D,) in [0, 1].
    masks : Tensor
        (D, H, W) in [0, 1], of the picture's size: the object is where it is 0.5 or more. (D, 0, 0) from a
        network without a mask branch.
    keypoints : Tensor or None
        (D, N, 3) x, y in pixels and the score of each point, a logit; None without a keypoint branch.
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    masks: Tensor
    keypoints: Tensor | None = None


def check_mask_targets(
    targets: MaskTargets,
    batch: int,
    classes: int | None = None,
    size: tuple[int, int] | Sizes | None = None,
) -> None:
    """Raise ValueError unless there is one (boxes, labels, masks) a picture, each object with an area.

    Parameters
    ----------
    targets : sequence of (Tensor, Tensor, Tensor)
        A picture: boxes (G, 4) in pixels, classes (G,) from 0, masks (G, H, W) bool; G may be 0.
    batch : int
        How many pictures there are.
    classes : int, optional
        K: want labels below it.
    size : (int, int) or a sequence of them, optional
        H, W: want masks of that size, or of one for each picture.
    """
    if not isinstance(targets, Sequence) or len(targets) != batch:
        got = len(targets) if isinstance(targets, Sequence) else type(targets).__name__
        raise ValueError(
            f"targets: got {got}, want {batch} triples of boxes, labels and masks, one a picture"
        )
    for target in targets:
        if not isinstance(target, Sequence) or len(target) != 3:
            got = f"{len(target)} parts" if isinstance(target, Sequence) else type(target).__name__
            raise ValueError(f"targets: got {got}, want triples of boxes, labels and masks")
    check_targets([(boxes, labels) for boxes, labels, _ in targets], batch, classes)
    wanted: Sequence[Sequence[int | str]] = [("H", "W")] * batch
    if size is not None:
        own: Any = [size] * batch if isinstance(size[0], int) else size
        check_picture_sizes(own, batch)
        wanted = own
    for (boxes, _, masks), (height, width) in zip(targets, wanted, strict=True):
        check_tensor(masks, "targets, masks", len(boxes), height, width, kind="bool")
        if len(masks) and not bool(masks.flatten(1).any(1).all()):
            raise ValueError("targets, masks: got one without a pixel, want one or more in each")


def check_keypoints(keypoints: Any, counts: Sequence[int], points: int | None = None) -> None:
    """Raise ValueError unless there are keypoints (G, N, 3) for each picture's G objects.

    Parameters
    ----------
    keypoints : sequence of Tensor
        A picture: x, y in pixels and whether the point is seen.
    counts : sequence of int
        G of each picture.
    points : int, optional
        N.
    """
    if not isinstance(keypoints, Sequence) or len(keypoints) != len(counts):
        got = len(keypoints) if isinstance(keypoints, Sequence) else type(keypoints).__name__
        raise ValueError(f"keypoints: got {got}, want {len(counts)} sets (G, N, 3), one a picture")
    for own, count in zip(keypoints, counts, strict=True):
        check_tensor(own, "keypoints", count, points or "N", 3, finite=True)
