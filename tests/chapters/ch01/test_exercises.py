"""The references of chapter 01's exercises are what the package, PyTorch and autograd compute."""

import json
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils import runtime
from lecture_utils.chapters.ch01 import solutions
from lecture_utils.chapters.ch01.exercises import EXERCISES
from lecture_utils.ops import receptive_field as fields
from lecture_utils.ops.convolution_plain import conv2d, conv2d_backward

STEPS = {exercise.id: exercise for exercise in EXERCISES}


def cases(id: str) -> list[Any]:
    """The inputs of an exercise for three seeds."""
    make: Any = STEPS[id].cases
    return [case for seed in range(3) for case in make(np.random.default_rng(seed))]


def test_gradients_of_the_classifier_are_autograds() -> None:
    for x, y, weight, bias in cases("01.1"):
        weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
        loss = F.cross_entropy(x @ weight.T + bias, y)
        theirs = loss.detach(), *torch.autograd.grad(loss, (weight, bias))
        ours = solutions.linear_gradients(x, y, weight.detach(), bias.detach())
        for mine, wanted in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, wanted)


def test_convolution_is_the_packages_and_pytorchs() -> None:
    for x, weight, stride, padding in cases("01.2"):
        ours = solutions.convolve(x, weight, stride, padding)
        torch.testing.assert_close(ours, F.conv2d(x[None], weight, stride=stride, padding=padding)[0])
        torch.testing.assert_close(ours, conv2d(x[None], weight, stride=stride, padding=padding)[0])


def test_its_gradients_are_the_packages_and_autograds() -> None:
    for grad_out, x, weight in cases("01.3"):
        ours = solutions.conv_gradients(grad_out, x, weight)
        theirs = conv2d_backward(grad_out[None], x[None], weight)
        torch.testing.assert_close(ours[0], theirs[0][0])
        torch.testing.assert_close(ours[1], theirs[1])
        inputs = x.clone().requires_grad_(), weight.clone().requires_grad_()
        by_autograd = torch.autograd.grad(F.conv2d(inputs[0][None], inputs[1])[0], inputs, grad_out)
        for mine, wanted in zip(ours, by_autograd, strict=True):
            torch.testing.assert_close(mine, wanted)


def touched(layers: list[tuple[int, int, int]], unit: int, first: int) -> tuple[int, int]:
    """First and last pixel with a gradient; the row begins at pixel `first`, and nothing is padded."""
    row = torch.zeros(1, 1, 2000, requires_grad=True)
    value, offset = row, first  # value[k] is the output whose number is k + offset
    for kernel, stride, padding in layers:
        skipped = (-(offset + padding)) % stride  # begin where an output begins
        value = F.conv1d(value[:, :, skipped:], torch.ones(1, 1, kernel), stride=stride)
        offset = (offset + skipped + padding) // stride
    slope = torch.autograd.grad(value[0, 0, unit - offset], row)[0]
    seen = slope[0, 0].nonzero()[:, 0]
    return int(seen[0]) + first, int(seen[-1]) + first


def test_pixels_seen_are_those_with_a_gradient_and_as_many_as_the_formula_says() -> None:
    for layers, unit in cases("01.4"):
        first, last = solutions.pixels_seen(layers, unit)
        assert (first, last) == touched(layers, unit, -700)
        if layers:
            chain = [fields.Layer(*layer) for layer in layers]
            assert last - first + 1 == fields.receptive_field(chain)[-1].size


def test_the_broken_walk_is_right_where_order_does_not_matter() -> None:
    for chain in ([(5, 1, 2)], [(3, 2, 0)], [(3, 1, 0)] * 3, [(3, 2, 0)] * 3):
        assert solutions.pixels_seen_faulty(chain, 6) == solutions.pixels_seen(chain, 6)
    chain = [(3, 1, 0), (2, 2, 0)]
    assert solutions.pixels_seen_faulty(chain, 6) != solutions.pixels_seen(chain, 6)


def test_batch_norm_is_pytorchs() -> None:
    for x, mean, var, training in cases("01.5"):
        new_mean, new_var = mean.clone(), var.clone()
        theirs = F.batch_norm(x, new_mean, new_var, training=training), new_mean, new_var
        for mine, wanted in zip(solutions.batch_norm(x, mean, var, training), theirs, strict=True):
            torch.testing.assert_close(mine, wanted, atol=1e-5, rtol=1e-4)


def test_the_diagnosis_reads_the_record_of_degradation() -> None:
    record = json.loads((runtime.ASSETS / "claims" / "C01.4.json").read_text(encoding="utf-8"))
    for row in record["figures"]:
        plain = sorted((n for n in row["test_error"] if n.startswith("plain")), key=lambda n: int(n[6:]))

        def errors(name: str, row: dict = row) -> tuple[float, float, float]:
            known = row["training_error"][name]
            return known["train"], known["eval"], row["test_error"][name]

        assert solutions.diagnose(errors(plain[-1]), errors(plain[0])) == "degradation"


@pytest.mark.parametrize("id", ["01.1", "01.2", "01.3", "01.5"])
def test_the_first_inputs_can_be_worked_out_by_hand(id: str) -> None:
    first = cases(id)[0]
    tensors = [part for part in first if isinstance(part, Tensor)]
    assert sum(part.numel() for part in tensors) <= 8
    assert all(bool((part == part.round()).all()) for part in tensors)
