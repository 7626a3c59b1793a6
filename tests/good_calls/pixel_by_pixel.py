"""Good calls of networks that tell one pixel after another."""

import torch

from lecture_utils.generative.pixel import fast_sampling, gated_pixelcnn, pixelcnn, row_lstm
from lecture_utils.generative.pixel import masked_convolution as masked
from tests.bad_calls import count, floats, index, labels, made, number, word
from tests.good_calls.makers import Call

SIZES = {"colours": count(2), "width": count(8), "layers": count(1), "size": count(3)}
SHAPE = {"kind": word("A"), "size": count(3), "in_channels": count(2), "out_channels": count(4)}
CONV = {"kind": word("B"), "in_channels": count(2), "out_channels": count(4), "size": count(3)}
LAYER = {"width": count(8), "colours": count(2), "dropout": number(0.1)}
MAPS, X = floats(2, 8, 4, 3), floats(2, 2, 4, 3)
IMAGE = labels(5, 2, 2, 4, 3)
CNN = made(lambda: pixelcnn.PixelCNN(5, colours=2, width=8, layers=1, size=3).eval())
RNN = made(lambda: row_lstm.RowLSTM(8, colours=2))
GATED = made(lambda: gated_pixelcnn.GatedPixelCNN(5, colours=2, width=8, layers=1, size=3, classes=3).eval())
DRAWN = {"n": count(2), "seed": count(3, zero=True), "given": IMAGE, "rows": count(2, zero=True)}
PLACE = {"row": index(1, 4), "column": index(2, 3)}
KNOWN = made(lambda: fast_sampling.PixelByPixel(CNN.make(), 2, (4, 3)))

GOOD: dict[str, dict[str, Call]] = {
    "generative.pixel.masked_convolution": {
        "pixel_mask": {**SHAPE, "colours": count(2)},
        "MaskedConv2d": {**CONV, "colours": count(2)},
        "MaskedConv2d.forward": {"self": made(lambda: masked.MaskedConv2d("A", 2, 4, 3)), "x": X},
        "checked": {"mask": made(lambda: torch.ones(2, 1)), "weight": made(lambda: torch.ones(2, 1))},
    },
    "generative.pixel.pixelcnn": {
        "ResidualBlock": LAYER,
        "ResidualBlock.forward": {"self": made(lambda: pixelcnn.ResidualBlock(8)), "x": MAPS},
        "PixelCNN": {"levels": count(5), **SIZES, "head": count(4), "dropout": number(0.1)},
        "PixelCNN.forward": {"self": CNN, "image": IMAGE},
        "PixelCNN.scaled": {"self": CNN, "image": IMAGE},
        "PixelCNN.logits": {"self": CNN, "x": X},
    },
    "generative.pixel.row_lstm": {
        "MaskedRowConv": {**CONV, "colours": count(2)},
        "MaskedRowConv.forward": {"self": made(lambda: row_lstm.MaskedRowConv("B", 2, 4, 3)), "x": X},
        "RowLSTM": {**LAYER, "size": count(3)},
        "RowLSTM.forward": {"self": RNN, "x": MAPS},
        "RowLSTM.cell": {"self": RNN, "gates": floats(2, 16, 3), "c": floats(2, 4, 3)},
        "PixelRNN": {"levels": count(5), **SIZES, "dropout": number(0.1)},
    },
    "generative.pixel.gated_pixelcnn": {
        "vertical_mask": {**SHAPE, "colours": count(2)},
        "GatedLayer": {"kind": word("B"), "in_channels": count(4), "width": count(4), "size": count(3),
            "colours": count(2), "classes": count(3, zero=True), "dropout": number(0.1)},
        "GatedLayer.forward": {"self": made(lambda: gated_pixelcnn.GatedLayer("B", 8, 8, 3, classes=3)),
            "v": MAPS, "h": MAPS, "label": labels(3, 2)},
        "gate": {"x": MAPS, "colours": count(2)},
        "GatedPixelCNN": {"levels": count(5), **SIZES, "classes": count(3, zero=True),
            "dropout": number(0.1)},
        "GatedPixelCNN.forward": {"self": GATED, "image": IMAGE, "label": labels(3, 2)},
        "GatedPixelCNN.scaled": {"self": GATED, "image": IMAGE},
        "GatedPixelCNN.logits": {"self": GATED, "x": X, "label": labels(3, 2)},
    },
    "generative.pixel.likelihood": {
        "pixel_bits": {"logits": floats(2, 5, 2, 4, 3), "image": IMAGE},
        "bits_per_dim": {"logits": floats(2, 5, 2, 4, 3), "image": IMAGE},
        "sample": {"model": CNN, "size": (4, 3), "colours": count(2), **DRAWN},
        "sample_with_bits": {"model": CNN, "size": (4, 3), "colours": count(2), **DRAWN},
    },
    "generative.pixel.fast_sampling": {
        "fast_sample": {"model": CNN, "size": (4, 3), **DRAWN},
        "PixelByPixel": {"model": CNN, "n": count(2), "size": (4, 3)},
        "PixelByPixel.logits_at": {"self": KNOWN, "image": IMAGE, **PLACE},
    },
    "generative.pixel.influence": {
        "influence": {"model": CNN, "size": (4, 3), **PLACE, "colour": index(1, 2), "draws": count(2),
            "seed": count(0, zero=True)},
    },
}  # fmt: skip
