"""Good calls of networks that label pixels."""

import torch
from torch import nn

from lecture_utils.backbones.vgg import VGG
from lecture_utils.segmentation import fcn, unet
from tests.bad_calls import count, images, labels, made, number, word
from tests.good_calls.makers import Call

CLASSIFIER = made(lambda: VGG("A", classes=5, width=2, grid=1, hidden=4).eval())
UNET = {"levels": count(1), "padding": word("valid")}


def small_fcn() -> fcn.FCN:
    """Pictures (B, 3, H, W) → 4 scores a pixel, with one skip."""
    torch.manual_seed(0)
    return fcn.FCN(CLASSIFIER.make(), classes=4, stride=16).eval()


def small_unet() -> unet.UNet:
    """Pictures (B, 3, H, W) → 4 scores a pixel, 16 pixels less a side."""
    torch.manual_seed(0)
    return unet.UNet(4, in_channels=3, width=2, levels=1).eval()


GOOD: dict[str, dict[str, Call]] = {
    "segmentation.fcn": {
        "convolutional": {"linear": made(lambda: nn.Linear(18, 4)), "kernel": count(3)},
        "fully_convolutional": {"classifier": CLASSIFIER},
        "without_padding": {"network": CLASSIFIER},
        "FCN": {"classifier": CLASSIFIER, "classes": count(4), "stride": count(16)},
        "FCN.forward": {"self": made(small_fcn), "x": images(2, 3, 33, 40)},
        "side_read": {"classifier": CLASSIFIER},
        "depth": {"stride": count(16)},
        "stage_width": {"stage": made(lambda: nn.Sequential(nn.Conv2d(3, 4, 3)))},
        "score_layer": {"channels": count(4), "classes": count(3)},
        "upsampling": {"classes": count(3), "factor": count(2)},
        "slide": {"classifier": CLASSIFIER, "images": images(1, 3, 40, 33), "window": count(32),
            "stride": count(4)},
    },
    "segmentation.unet": {
        "UNet": {"classes": count(4), "in_channels": count(3), "width": count(2), **UNET,
            "dropout": number(0.1)},
        "UNet.forward": {"self": made(small_unet), "x": images(2, 3, 20, 24)},
        "two_convolutions": {"before": count(3), "after": count(4), "padding": word("same")},
        "centre_crop": {"x": images(2, 3, 8, 6), "height": count(4), "width": count(4)},
        "sizes": {"size": count(20), **UNET},
        "output_size": {"size": count(20), **UNET},
        "overlap_tile": {"model": made(small_unet), "images": images(1, 3, 40, 33), "tile": count(32)},
        "border_weights": {"instances": labels(None, 8, 6), "w0": number(10.0), "sigma": number(5.0)},
    },
}  # fmt: skip
