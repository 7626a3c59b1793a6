"""S01.5 and S01.3: batch norm against `F.batch_norm`, local response norm against PyTorch's and a loop."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.nn.norm import BatchNorm2d, FusedBatchNorm2d, LocalResponseNorm

NORMS = [BatchNorm2d, FusedBatchNorm2d]
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")),
]


def filled(cls: type[BatchNorm2d], channels: int, dtype: torch.dtype, device: str = "cpu") -> BatchNorm2d:
    """A layer in which no number is at its default, so that a forgotten one shows."""
    made = torch.Generator().manual_seed(0)
    layer = cls(channels, eps=1e-3, momentum=0.2)
    for value in (layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var):
        value.copy_(torch.rand(channels, generator=made) + 0.5)
    return layer.to(device, dtype)


@pytest.mark.system("S01.5")
@pytest.mark.parametrize("cls", NORMS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(4, 3, 5, 7), (1, 2, 3, 3), (2, 5, 1, 1)])
def test_batch_norm_equals_pytorch(
    cls: type[BatchNorm2d], training: bool, dtype: torch.dtype, device: str, shape: Any
) -> None:
    """Values, gradients of input, scale and shift, and both running statistics over three steps."""
    ours = filled(cls, shape[1], dtype, device).train(training)
    theirs = nn.BatchNorm2d(shape[1], eps=ours.eps, momentum=ours.momentum, device=device, dtype=dtype)
    theirs.load_state_dict({**ours.state_dict(), "num_batches_tracked": torch.tensor(0)})
    theirs.train(training)
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
    made = torch.Generator().manual_seed(1)
    for _ in range(3):
        x = (3 * torch.randn(shape, generator=made, dtype=dtype) + 1).to(device)
        back = torch.randn(shape, generator=made, dtype=dtype).to(device)
        a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
        got, want = ours(a), theirs(b)
        torch.testing.assert_close(got, want, **tolerance)
        grads = torch.autograd.grad(got, (a, *ours.parameters()), back)
        wanted = torch.autograd.grad(want, (b, *theirs.parameters()), back)
        for ours_grad, theirs_grad in zip(grads, wanted, strict=True):
            torch.testing.assert_close(ours_grad, theirs_grad, **tolerance)
        torch.testing.assert_close(ours.running_mean, theirs.running_mean, **tolerance)
        torch.testing.assert_close(ours.running_var, theirs.running_var, **tolerance)


@pytest.mark.system("S01.5")
@pytest.mark.parametrize("cls", NORMS)
def test_batch_norm_invariants(cls: type[BatchNorm2d]) -> None:
    layer = cls(3).double()
    x = 5 * torch.randn(8, 3, 6, 6, dtype=torch.float64) - 2
    y = layer(x)
    assert float(y.detach().mean(dim=(0, 2, 3)).abs().max()) < 1e-10
    torch.testing.assert_close(y.var(dim=(0, 2, 3), correction=0), torch.ones(3).double(), rtol=1e-4, atol=0)
    # Brightness and contrast of a channel are gone, up to eps.
    torch.testing.assert_close(layer(7 * x + 3), y, rtol=1e-4, atol=1e-5)
    # In training an image's answer depends on its neighbours; in evaluation not, and nothing is updated.
    assert not torch.allclose(layer(x)[:1], layer(torch.cat([x[:1], 3 * x[1:]]))[:1])
    layer.eval()
    before = layer.running_mean.clone(), layer.running_var.clone()
    torch.testing.assert_close(layer(x)[:1], layer(x[:1]))
    assert torch.equal(layer.running_mean, before[0]) and torch.equal(layer.running_var, before[1])


@pytest.mark.system("S01.5")
def test_running_statistics_converge_to_the_data() -> None:
    layer = BatchNorm2d(2)
    made = torch.Generator().manual_seed(0)
    for _ in range(200):
        layer(torch.randn(16, 2, 8, 8, generator=made) * torch.tensor([2.0, 0.5])[:, None, None] + 3)
    torch.testing.assert_close(layer.running_mean, torch.tensor([3.0, 3.0]), rtol=0, atol=0.1)
    torch.testing.assert_close(layer.running_var, torch.tensor([4.0, 0.25]), rtol=0.05, atol=0)


@pytest.mark.system("S01.5")
@pytest.mark.parametrize("cls", NORMS)
def test_batch_norm_bad_input_is_named(cls: type[BatchNorm2d]) -> None:
    layer = cls(3)
    for bad, message in [
        (torch.zeros(3, 4, 4), r"got shape \(3, 4, 4\), want \(B, 3, H, W\); for one image use x\[None\]"),
        (torch.zeros(2, 4, 4, 4), "got 4 channels"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), "got dtype torch.uint8"),
        (torch.zeros(0, 3, 4, 4), "empty shape"),
        (torch.zeros(1, 3, 1, 1), r"one value a channel, shape \(1, 3, 1, 1\), want two or more"),
    ]:
        with pytest.raises(ValueError, match=message):
            layer(bad)
    for made, message in (
        (lambda: cls(0), "got channels 0"),
        (lambda: cls(3, momentum=2.0), "momentum: got 2.0, want"),
        (lambda: cls(3, eps=-1.0), "eps: got -1.0"),
        (lambda: layer(torch.zeros(2, 3, 4, 4, dtype=torch.float64)), "float64, want torch.float32"),
        (lambda: cls(3).double()(torch.zeros(2, 3, 4, 4)), "float32, want torch.float64"),
    ):
        with pytest.raises(ValueError, match=message):
            made()
    assert layer.eval()(torch.zeros(1, 3, 1, 1)).shape == (1, 3, 1, 1)  # in evaluation that is no problem


def lrn_loops(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    out = torch.empty_like(x)
    for b, c, i, j in np.ndindex(*x.shape):
        first, last = max(0, c - size // 2), min(x.shape[1] - 1, c + size // 2)
        energy = sum(float(x[b, n, i, j]) ** 2 for n in range(first, last + 1))
        out[b, c, i, j] = x[b, c, i, j] / (k + alpha * energy) ** beta
    return out


@pytest.mark.system("S01.3")
@pytest.mark.parametrize("size", [1, 3, 5, 9])
@pytest.mark.parametrize("channels", [1, 4, 8])
def test_local_response_norm_equals_pytorch_and_the_papers_loop(size: int, channels: int) -> None:
    x = 30 * torch.randn(2, channels, 3, 2, dtype=torch.float64)  # large, so that the energy counts beside k
    layer = LocalResponseNorm(size, alpha=1e-2, beta=0.6, k=1.5)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    got = layer(a)
    want = F.local_response_norm(b, size, alpha=1e-2 * size, beta=0.6, k=1.5)  # PyTorch divides alpha by size
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(got.detach(), lrn_loops(x, size, 1e-2, 0.6, 1.5))
    back = torch.randn_like(x)
    torch.testing.assert_close(*(torch.autograd.grad(y, z, back) for y, z in ((got, a), (want, b))))


@pytest.mark.system("S01.3")
def test_local_response_norm_defaults_and_bad_input() -> None:
    layer = LocalResponseNorm()
    assert (layer.size, layer.alpha, layer.beta, layer.k) == (5, 1e-4, 0.75, 2.0)  # the paper's section 3.3
    assert list(layer.parameters()) == []
    for size in (0, 2, -3):
        with pytest.raises(ValueError, match=f"got size {size}, want an odd positive"):
            LocalResponseNorm(size)
    with pytest.raises(ValueError, match=r"got shape \(4,\), want \(B, C, H, W\)"):
        layer(torch.zeros(4))
