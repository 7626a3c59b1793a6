"""torchvision's Mask and Keypoint R-CNN: their tensors fit ours one by one, but for background's mask."""

import pytest
import torch
import torchvision

from lecture_utils.hub import mask_weights
from lecture_utils.hub.detector_weights import renamed
from lecture_utils.segmentation import mask_rcnn

pytestmark = pytest.mark.system("S09.2")


@pytest.mark.parametrize(
    ("name", "build", "parameters"),
    [
        ("maskrcnn_resnet50_fpn", mask_rcnn.mask_rcnn_resnet50, 44_401_393 - 257),  # less background's mask
        ("keypointrcnn_resnet50_fpn", mask_rcnn.keypoint_rcnn_resnet50, 59_137_258),
    ],
)
def test_the_renamed_weights_are_all_of_ours(name, build, parameters):
    with torch.device("meta"):
        theirs = getattr(torchvision.models.detection, name)(weights=None, weights_backbone=None)
        ours = build()
    state = renamed(theirs.state_dict(), mask_weights.our_name)
    state |= {key: state[key][1:] for key in mask_weights.WITH_BACKGROUND if key in state}
    want = {key: value.shape for key, value in ours.state_dict().items()}
    assert {key: value.shape for key, value in state.items()} == want
    assert sum(value.numel() for value in ours.parameters()) == parameters  # as torchvision counts its own
