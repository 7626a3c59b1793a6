"""Networks that others trained: torchvision's, from the local cache or, if the learner allows it, the hub.

Nothing is downloaded by surprise: without the file and without ``COURSE_DOWNLOAD=1`` one line says what to
do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils import runtime
from lecture_utils.detection.structures import Detections
from lecture_utils.hub import cache
from lecture_utils.hub.classifier import Classifier, checked
from lecture_utils.ops.checks import check_number


def classifier(name: str = "resnet50") -> Classifier | None:
    """Load a torchvision classifier with its best ImageNet weights, in evaluation mode.

    Parameters
    ----------
    name : str
        As in `torchvision.models`, for example ``"resnet18"`` or ``"vgg16"``.

    Returns
    -------
    Classifier or None
        None when the weights are not to be had; one line says why and what to do.

    Raises
    ------
    ValueError
        If torchvision has no classifier of that name.
    """
    from torchvision import models

    found = _loaded(name, "ImageNet", models, "a classifier of torchvision.models, such as 'resnet50'")
    return (
        None if found is None else Classifier(found[0], found[1].transforms(antialias=True), _names(found[1]))
    )


@dataclass(frozen=True)
class Segmenter:
    """A trained network: `model`, `transform` for its inputs, `names` of its classes."""

    model: nn.Module
    transform: Callable[[Tensor], Tensor]
    names: Sequence[str]

    def label_map(self, image: Tensor) -> Tensor:
        """Return the class of every pixel, (H, W) int64, of a picture (3, H, W) in [0, 1].

        Raises TypeError or ValueError for another kind, shape or range.
        """
        (picture,) = checked(image[None] if isinstance(image, Tensor) else image)
        with torch.inference_mode():
            scores = self.model(self.transform(picture)[None])["out"]  # (1, K, h, w)
        scores = nn.functional.interpolate(scores, picture.shape[1:], mode="bilinear", align_corners=False)
        return scores[0].argmax(0)


def segmenter(name: str = "lraspp_mobilenet_v3_large") -> Segmenter | None:
    """Load a torchvision segmenter with its best weights (COCO pictures, the classes of PASCAL VOC).

    Parameters
    ----------
    name : str
        As in `torchvision.models.segmentation`, for example ``"fcn_resnet50"``.

    Returns
    -------
    Segmenter or None
        None when the weights are not to be had; one line says why and what to do.

    Raises
    ------
    ValueError
        If torchvision has no segmenter of that name.
    """
    from torchvision.models import segmentation

    what = "a segmenter of torchvision.models.segmentation, such as 'fcn_resnet50'"
    found = _loaded(name, "COCO", segmentation, what, weights_backbone=None)
    return None if found is None else Segmenter(found[0], found[1].transforms(), _names(found[1]))


@dataclass(frozen=True)
class Detector:
    """A trained network: `model`, `transform` for its inputs, `names` of its classes.

    Classes are counted from 0, without torchvision's background: the number of a class is torchvision's less
    one. The numbers that COCO left unused are named "N/A".
    """

    model: nn.Module
    transform: Callable[[Tensor], Tensor]
    names: Sequence[str]

    def detect(self, image: Tensor, *, least: float = 0.5) -> Detections:
        """Find the objects of one picture.

        Parameters
        ----------
        image : Tensor
            (3, H, W) in [0, 1].
        least : float
            Least score, 0 to 1. What is below a threshold of its own, 0.05 in a Faster R-CNN, the model has
            dropped already.

        Returns
        -------
        Detections
            By falling score: boxes in pixels of the picture, and labels that are places in `names`.

        Raises
        ------
        TypeError
            On a path, a Pillow image or an array in place of a tensor.
        ValueError
            On another shape or range, or a least score that is none.
        """
        (picture,) = checked(image[None] if isinstance(image, Tensor) else image)
        check_number(least, "least", 0, 1)
        with torch.inference_mode():
            (found,) = self.model([self.transform(picture)])
        sure = found["scores"] >= least
        return Detections(found["boxes"][sure], found["labels"][sure] - 1, found["scores"][sure])


def detector(name: str = "fasterrcnn_mobilenet_v3_large_320_fpn") -> Detector | None:
    """Load a torchvision detector with its best weights (COCO), in evaluation mode.

    Parameters
    ----------
    name : str
        As in `torchvision.models.detection`, for example ``"fasterrcnn_resnet50_fpn"``, which
        `detector_weights.from_torchvision` turns into ours.

    Returns
    -------
    Detector or None
        None when the weights are not to be had; one line says why and what to do.

    Raises
    ------
    ValueError
        If torchvision has no detector of that name.
    """
    from torchvision.models import detection

    what = "a detector of torchvision.models.detection, such as 'fasterrcnn_resnet50_fpn'"
    # Told of its weights, torchvision builds what it trained: batch norm is frozen, in some with an eps of 0.
    found = _loaded(name, "COCO", detection, what, weights="DEFAULT")
    return None if found is None else Detector(found[0], found[1].transforms(), _names(found[1])[1:])


def _names(weights: Any) -> list[str]:
    names: list[str] = weights.meta["categories"]
    return names


def _loaded(
    name: str, trained_on: str, module: ModuleType, what: str, **settings: Any
) -> tuple[nn.Module, Any] | None:
    """Build a network of a torchvision module with its best weights; None, and a line, if none are here."""
    from torchvision import models

    if name not in models.list_models(module=module):
        raise ValueError(f"name: got {name!r}, want {what}")
    weights = models.get_model_weights(name).DEFAULT
    state = _state(name, trained_on, weights)
    if state is None:
        return None
    try:
        model = models.get_model(name, **settings)
        model.load_state_dict(state)
    except RuntimeError:
        cache.tell(f"The cached weights of {name} do not fit it: delete {Path(weights.url).name}.")
        return None
    return model.eval(), weights


def _state(name: str, trained_on: str, weights: Any) -> dict[str, Tensor] | None:
    path = cache.torch_file(weights.url)
    try:
        if not path.exists():
            if not runtime.downloads_allowed():
                cache.not_here(f"The {trained_on} weights of {name}", weights.meta["_file_size"])
                return None
            path = cache.fetch(weights.url)
        return cache.read_state(path)
    except cache.Unfit as problem:
        cache.tell(f"The cached weights of {name} {problem}.")
    except (OSError, RuntimeError) as error:
        cache.tell(
            f"The weights of {name} could not be fetched ({error}). Try again when the network is back."
        )
    return None
