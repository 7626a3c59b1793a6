"""The references of chapter 02's exercises are what the package and PyTorch compute."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.backbones.swin import shift_mask
from lecture_utils.backbones.vit import ViT
from lecture_utils.chapters.ch02 import solutions
from lecture_utils.chapters.ch02.exercises import EXERCISES
from lecture_utils.nn.attention import attention

STEPS = {exercise.id: exercise for exercise in EXERCISES}


def cases(id: str) -> list[Any]:
    """The inputs of an exercise for three seeds."""
    make: Any = STEPS[id].cases
    return [case for seed in range(3) for case in make(np.random.default_rng(seed))]


def test_attention_is_the_packages() -> None:
    for query, key, value, mask in cases("02.1"):
        for ours, theirs in zip(
            solutions.attend(query, key, value, mask), attention(query, key, value, mask), strict=True
        ):
            torch.testing.assert_close(ours, theirs)


def test_several_heads_are_pytorchs() -> None:
    for x, *rest in cases("02.2"):
        matrices, heads = rest[:4], rest[4]
        layer = nn.MultiheadAttention(x.shape[2], heads, bias=False, batch_first=True)
        with torch.no_grad():
            layer.in_proj_weight.copy_(torch.cat(matrices[:3]))
            layer.out_proj.weight.copy_(matrices[3])
            wanted = layer(x, x, x)[0]
        torch.testing.assert_close(solutions.multi_head(x, *rest), wanted, atol=1e-5, rtol=1e-4)


def test_tokens_are_the_vits() -> None:
    torch.manual_seed(0)
    vit: Any = ViT(image=8, patch=4, dim=6, heads=2, hidden=8, layers=1, classes=2)
    with torch.no_grad():
        vit.class_token.normal_()
        vit.position = nn.Parameter(torch.randn(1, 5, 6))
        x = torch.rand(3, 3, 8, 8)
        kernel, bias = vit.embed.projection.weight.flatten(1), vit.embed.projection.bias
        ours = solutions.vit_tokens(x, 4, kernel, bias, vit.class_token[0, 0], vit.position[0])
        torch.testing.assert_close(ours, vit.embed_tokens(x))


def test_cost_is_the_papers_and_heads_do_not_matter() -> None:
    for n, d, m in ((3136, 96, 7), (64, 12, 4), (196, 768, 14)):
        for heads in (1, 3):
            assert solutions.multiply_adds(n, d, heads) == 4 * n * d**2 + 2 * n**2 * d
            assert solutions.multiply_adds(n, d, heads, m) == 4 * n * d**2 + 2 * m**2 * n * d


def test_the_mask_is_swins() -> None:
    for side, window, shift in cases("02.5"):
        if shift:
            theirs = shift_mask(side, side, window, shift)
            assert torch.equal(solutions.window_mask(side, window, shift), theirs)


def test_the_faulty_mask_is_wrong_in_the_last_window_only() -> None:
    ours, theirs = solutions.window_mask(8, 4, 2), solutions.window_mask_faulty(8, 4, 2)
    assert torch.equal(ours[:-1], theirs[:-1]) and not torch.equal(ours[-1], theirs[-1])


def test_even_attention_is_once_chance() -> None:
    inside = torch.rand(5, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.3
    torch.testing.assert_close(solutions.times_chance(torch.full((5, 16), 0.01), inside, 2), torch.ones(5))
    share = F.avg_pool2d(inside.float()[:, None], 2).flatten(1)
    best = torch.zeros(5, 16).scatter_(1, share.argmax(1, keepdim=True), 1.0)
    assert bool((solutions.times_chance(best, inside, 2) > 1).all())


@pytest.mark.parametrize("id", ["02.1", "02.2", "02.3", "02.6"])
def test_the_first_inputs_can_be_worked_out_by_hand(id: str) -> None:
    first = cases(id)[0]
    assert sum(part.numel() for part in first if isinstance(part, Tensor)) <= 20
