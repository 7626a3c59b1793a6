"""Weight initialisation for networks of rectified linear units.

K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers", ICCV 2015, section 2.2.
"""

import math

from torch import nn


def he_init_(model: nn.Module) -> None:
    """Fill every convolution and linear layer of `model`, in place, as He et al. (2015) do.

    A ReLU halves the second moment of what passes through it. Weights with variance 2 / fan-in (eq. 10,
    forward case) undo that, so that a signal keeps its size through any number of layers. Biases start at
    zero.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_in = layer.weight[0].numel()  # inputs that one output adds up: C·kh·kw, or the features
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_in))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
