"""The nonlinearity of CLIP's first weights: x · σ(1.702 x), a quick stand-in for GELU.

D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units", 2016, section 2, give it as an approximation. Weights
that were trained with it must be run with it.
"""

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_float


class QuickGELU(nn.Module):
    """x · σ(1.702 x): within 0.021 of the exact GELU everywhere."""

    def forward(self, x: Tensor) -> Tensor:
        check_float(x, name="activations")
        return x * torch.sigmoid(1.702 * x)
