"""Features of EfficientNet-Lite0: timm's own, at any batch size; bad input."""

import pytest
import torch
from torch.nn import functional as F

from lecture_utils.hub.imagenet_features import FEATURES, imagenet_features
from lecture_utils.hub.packaged import efficientnet_lite0

pytestmark = pytest.mark.system("S15.7")


def test_they_are_what_timms_head_is_given() -> None:
    """The mean over places of the last block's output, caught in the network's own forward pass."""
    model, caught = efficientnet_lite0().model, []
    images = torch.rand(3, 3, 32, 40)
    hook = model.conv_head.register_forward_pre_hook(lambda module, args: caught.append(args[0]))
    with torch.inference_mode():
        large = F.interpolate(images, (96, 96), mode="bilinear", antialias=True)
        model((large * 255 - 127) / 128)
    hook.remove()
    got = imagenet_features(images, batch_size=2)
    assert got.shape == (3, FEATURES)
    assert (got[0] - got[1]).abs().max() > 0.1  # unlike pictures, unlike features
    torch.testing.assert_close(got, caught[0].mean((2, 3)), rtol=1e-3, atol=1e-3)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="got values from"):
        imagenet_features(2 * torch.ones(1, 3, 8, 8))
    with pytest.raises(ValueError, match="got 1 channels"):
        imagenet_features(torch.rand(1, 1, 8, 8))
    with pytest.raises(ValueError, match="side: got 16"):
        imagenet_features(torch.rand(1, 3, 8, 8), side=16)
