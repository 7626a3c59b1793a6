"""Small networks for the tests of this folder, with weights under which every path counts."""

import torch

from lecture_utils.generative.pixel.pixelcnn import PixelCNN
from lecture_utils.generative.pixel.row_lstm import PixelRNN


def lively(kind=PixelCNN, *, levels=17, colours=1, seed=0, **sizes):
    """A network in float64, with larger weights and open ReLUs, so that no path is shut by chance."""
    torch.manual_seed(seed)
    sizes = {"width": 12, "layers": 2, "size": 3, **sizes}
    model = kind(levels, colours=colours, **sizes).double().eval()
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim > 1:
                value.mul_(2)
            else:
                value.copy_(0.5 + 0.3 * torch.randn_like(value))
    return model


KINDS = {"cnn": PixelCNN, "rnn": PixelRNN}
