"""Networks that others trained on ImageNet: torchvision's, from the local cache or, if the learner allows
it, the hub.

Nothing is downloaded by surprise: without the file and without ``COURSE_DOWNLOAD=1`` one line says what to
do. Shapes: N images, C channels, H and W height and width, K classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils import runtime


@dataclass(frozen=True)
class Classifier:
    """A trained network with all that is needed to ask it: `transform` for its inputs, `names` of its
    classes."""

    model: nn.Module
    transform: Callable[[Tensor], Tensor]
    names: Sequence[str]

    def top(self, images: Sequence[Tensor], k: int = 3) -> list[list[tuple[str, float]]]:
        """Return the k most probable classes of each image.

        Parameters
        ----------
        images : sequence of Tensor, (3, H, W)
            In [0, 1], of any sizes.
        k : int
            How many.

        Returns
        -------
        list of list of (str, float)
            Name and probability, most probable first.
        """
        batch = torch.stack([self.transform(image) for image in images])  # (N, 3, 224, 224)
        with torch.inference_mode():
            shares = self.model(batch).softmax(dim=1)  # (N, K)
        best = shares.topk(k, dim=1)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [[(self.names[i], p) for i, p in zip(ids, values, strict=True)] for ids, values in pairs]


def classifier(name: str = "resnet50") -> Classifier | None:
    """Load a torchvision classifier with its best ImageNet weights, in evaluation mode.

    Parameters
    ----------
    name : str
        As in `torchvision.models`, for example ``"resnet18"`` or ``"vgg16"``.

    Returns
    -------
    Classifier or None
        None when the weights are not to be had; one printed line says why and what to do.

    Raises
    ------
    ValueError
        If torchvision has no classifier of that name.
    """
    from torchvision import models

    if name not in models.list_models(module=models):
        raise ValueError(f"name: got {name!r}, want a classifier of torchvision.models, such as 'resnet50'")
    weights = models.get_model_weights(name).DEFAULT
    state = _state(name, weights)
    if state is None:
        return None
    model = models.get_model(name)
    try:
        model.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError):
        print(f"The cached weights of {name} do not fit it: delete {Path(weights.url).name}.")
        return None
    return Classifier(model.eval(), weights.transforms(antialias=True), weights.meta["categories"])


def cached(url: str) -> Path:
    """Where torch keeps the file of that address, whether or not it is there."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name


def _state(name: str, weights: Any) -> dict[str, Tensor] | None:
    path, size = cached(weights.url), weights.meta["_file_size"]
    if path.exists():
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged archive raises many kinds
            print(f"The cached weights of {name} are damaged ({type(error).__name__}): delete {path}.")
            return None
    if not runtime.downloads_allowed():
        print(
            f"The ImageNet weights of {name} ({size:.0f} MB) are not on this machine. "
            "Start JupyterLab with COURSE_DOWNLOAD=1 to fetch them once; everything else works without."
        )
        return None
    try:
        return weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        print(f"The weights of {name} could not be fetched ({error}). Try again when the network is back.")
        return None
