"""Networks that others trained on ImageNet: torchvision's, from the local cache or, if the learner allows
it, the hub.

Nothing is downloaded by surprise: without the file and without ``COURSE_DOWNLOAD=1`` one line says what to
do.
"""

from pathlib import Path
from typing import Any

from torch import Tensor

from lecture_utils import runtime
from lecture_utils.hub import cache
from lecture_utils.hub.classifier import Classifier


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

    if name not in models.list_models(module=models):
        raise ValueError(f"name: got {name!r}, want a classifier of torchvision.models, such as 'resnet50'")
    weights = models.get_model_weights(name).DEFAULT
    state = _state(name, weights)
    if state is None:
        return None
    model = models.get_model(name)
    try:
        model.load_state_dict(state)
    except RuntimeError:
        cache.tell(f"The cached weights of {name} do not fit it: delete {Path(weights.url).name}.")
        return None
    return Classifier(model.eval(), weights.transforms(antialias=True), weights.meta["categories"])


def _state(name: str, weights: Any) -> dict[str, Tensor] | None:
    path = cache.torch_file(weights.url)
    try:
        if not path.exists():
            if not runtime.downloads_allowed():
                cache.not_here(f"The ImageNet weights of {name}", weights.meta["_file_size"])
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
