"""Frozen batch norm against torchvision's, and against batch norm in evaluation."""

import pytest
import torch
import torchvision

from lecture_utils.nn.frozen_norm import FrozenBatchNorm2d
from lecture_utils.nn.norm import BatchNorm2d


def random_state(channels: int) -> dict[str, torch.Tensor]:
    made = torch.Generator().manual_seed(0)
    values = torch.randn(3, channels, generator=made)
    names = dict(zip(("weight", "bias", "running_mean"), values, strict=True))
    return names | {"running_var": 0.5 + torch.rand(channels, generator=made)}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("eps", [0.0, 1e-5, 0.1])
def test_it_equals_torchvision_and_batch_norm_in_evaluation(eps, training):
    ours = FrozenBatchNorm2d(5, eps=eps).train(training)
    theirs = torchvision.ops.FrozenBatchNorm2d(5, eps=eps)
    evaluated = BatchNorm2d(5, eps=eps).eval()
    for layer in (ours, theirs, evaluated):
        layer.load_state_dict(random_state(5))
    x = torch.randn(2, 5, 4, 3, requires_grad=True)
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours(x), evaluated(x))
    slope = torch.autograd.grad(ours(x).square().sum(), x)[0]
    torch.testing.assert_close(slope, torch.autograd.grad(theirs(x).square().sum(), x)[0])


def test_nothing_of_it_learns():
    assert not list(FrozenBatchNorm2d(4).parameters())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: FrozenBatchNorm2d(0), "channels"),
        (lambda: FrozenBatchNorm2d(3, eps=-1), "eps"),
        (lambda: FrozenBatchNorm2d(3)(torch.rand(1, 4, 2, 2)), "want"),
        (lambda: FrozenBatchNorm2d(3)(torch.rand(3, 2, 2)), "want"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
