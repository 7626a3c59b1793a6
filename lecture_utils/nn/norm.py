"""Normalisation layers of the convolutional networks.

- Batch normalisation: S. Ioffe, C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
  Reducing Internal Covariate Shift", ICML 2015, algorithms 1 and 2.
- Local response normalisation: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet Classification with Deep
  Convolutional Neural Networks", NeurIPS 2012, section 3.3.

`BatchNorm2d` is the equations and is the one to read; autograd differentiates it step by step.
`FusedBatchNorm2d` has the same parameters and buffers and calls PyTorch's kernel: the tests hold the two
equal, and the networks use the fused one for its speed.

Simplified: statistics of one process only; no momentum schedule, no affine-free variant.

Shapes: B batch, C channels, H height, W width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import check_images, check_number, check_sizes, check_type


class BatchNorm2d(nn.Module):
    """Normalise each channel over the batch and the positions, then scale and shift it.

    Parameters
    ----------
    channels : int
        C.
    eps : float
        Added to the variance (ε of algorithm 1).
    momentum : float
        Share of the newest batch in the running statistics.

    Notes
    -----
    Training: the batch's own mean and (biased) variance normalise it, and the running statistics move towards
    its mean and *unbiased* variance. Evaluation: the running statistics normalise, so one image's answer does
    not depend on its neighbours.

    Raises
    ------
    ValueError
        For input that is not floating point (B, C, H, W), is of another type than the parameters (half types
        may meet float32 ones), or has one value a channel in training (no variance).
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        check_sizes("batch norm", channels=channels)
        check_number(eps, "batch norm, eps", 0)
        check_number(momentum, "batch norm, momentum", 0, 1)
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(channels))  # γ
        self.bias = nn.Parameter(torch.zeros(channels))  # β
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        self.check(x)
        if self.training:
            mean = x.mean(dim=(0, 2, 3))  # (C,)
            var = x.var(dim=(0, 2, 3), correction=0)  # (C,) divided by n, not n - 1
            self.update(mean.detach(), var.detach(), n=x.numel() // x.shape[1])
        else:
            mean, var = self.running_mean, self.running_var
        x = (x - mean[:, None, None]) / torch.sqrt(var[:, None, None] + self.eps)
        return self.weight[:, None, None] * x + self.bias[:, None, None]

    def update(self, mean: Tensor, var: Tensor, n: int) -> None:
        """Move the running statistics a step towards those of a batch with `n` values a channel."""
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * n / (n - 1), self.momentum)  # unbiased: n / (n - 1)

    def check(self, x: Tensor) -> None:
        """Raise ValueError unless `x` can be normalised."""
        check_images(x, len(self.weight))
        if torch.float64 in (x.dtype, self.weight.dtype):  # half types may meet float32 statistics
            check_type(x, self.weight)
        if self.training and x.numel() == x.shape[1]:
            raise ValueError(
                f"batch norm in training: got one value a channel, shape {tuple(x.shape)}, want two or more"
            )

    def extra_repr(self) -> str:
        """What `print(layer)` shows between the brackets."""
        return f"{len(self.weight)}, eps={self.eps}, momentum={self.momentum}"


class FusedBatchNorm2d(BatchNorm2d):
    """The same layer through `F.batch_norm`: equal up to rounding, and fast."""

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        self.check(x)
        statistics = self.running_mean, self.running_var
        return F.batch_norm(x, *statistics, self.weight, self.bias, self.training, self.momentum, self.eps)


class LocalResponseNorm(nn.Module):
    """Divide each channel by the energy of the channels beside it (Krizhevsky et al. 2012, section 3.3).

    b_c = a_c / (k + α Σ a_j²)^β, where j runs over the `size` channels centred on c. It has no parameters to
    learn.

    Parameters
    ----------
    size : int
        Channels in the window (n of the paper), odd.
    alpha, beta, k : float
        As in the paper. `F.local_response_norm` divides its alpha by `size`; the paper does not.
    """

    def __init__(self, size: int = 5, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0) -> None:
        super().__init__()
        if not isinstance(size, int) or size < 1 or size % 2 == 0:
            raise ValueError(f"local response norm: got size {size}, want an odd positive number of channels")
        check_number(alpha, "local response norm, alpha")
        check_number(beta, "local response norm, beta")
        check_number(k, "local response norm, k")
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        check_images(x, maps=True)
        half = self.size // 2
        # (B, C + size - 1, H, W): zeros beyond the first and the last channel
        energy = F.pad(x**2, (0, 0, 0, 0, half, half))
        energy = energy.unfold(1, self.size, 1).sum(-1)  # (B, C, H, W): sums over sliding windows of channels
        return x / (self.k + self.alpha * energy) ** self.beta

    def extra_repr(self) -> str:
        """What `print(layer)` shows between the brackets."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
