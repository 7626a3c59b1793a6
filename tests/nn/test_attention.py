"""Attention against PyTorch's own: values, gradients, masks."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.nn.attention import MultiHeadAttention, attention, causal_mask

pytestmark = pytest.mark.system("S02.1")


def masks(n: int, m: int) -> dict[str, Tensor | None]:
    padding = torch.ones(2, 1, 1, m, dtype=torch.bool)
    padding[1, ..., m // 2 :] = False
    dead_row = torch.ones(n, m, dtype=torch.bool)
    dead_row[1] = False
    return {"none": None, "causal": causal_mask(n)[:, :m], "padding": padding, "dead row": dead_row}


def copied(ours: MultiHeadAttention, dim: int, heads: int) -> nn.MultiheadAttention:
    theirs = nn.MultiheadAttention(dim, heads, batch_first=True)
    with torch.no_grad():
        parts = ours.to_query, ours.to_key, ours.to_value
        theirs.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
        theirs.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
        theirs.out_proj.load_state_dict(ours.to_output.state_dict())
    return theirs


@pytest.mark.parametrize("name", ["none", "causal", "padding", "dead row"])
def test_equals_the_fused_kernel(name: str) -> None:
    mask = masks(7, 7)[name]
    tensors = [torch.randn(2, 3, 7, 5, requires_grad=True) for _ in range(3)]
    got, want = attention(*tensors, mask)[0], F.scaled_dot_product_attention(*tensors, attn_mask=mask)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
    direction = torch.randn_like(want)
    ours, theirs = (torch.autograd.grad(y, tensors, direction) for y in (got, want))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("leading", [(2, 3), (2, 1), (3,)])
def test_a_query_may_look_nowhere_in_one_head_or_one_picture_only(leading: tuple[int, ...]) -> None:
    mask = torch.ones(*leading, 7, 7, dtype=torch.bool)
    mask.flatten(0, -3)[-1, 4] = False
    mask[..., 0, 1:] = False
    tensors = [torch.randn(2, 3, 7, 5) for _ in range(3)]
    want = F.scaled_dot_product_attention(*tensors, attn_mask=mask)
    got, weights = attention(*tensors, mask)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(weights.sum(-1), mask.any(-1).float().expand(2, 3, 7))


def test_rows_of_the_weights_sum_to_one_and_a_masked_row_to_zero() -> None:
    x = torch.randn(1, 1, 7, 5)
    weights = attention(x, x, x, masks(7, 7)["dead row"])[1][0, 0]
    want = torch.ones(7)
    want[1] = 0
    torch.testing.assert_close(weights.sum(-1), want)


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("name", ["none", "causal", "padding", "dead row"])
def test_multi_head_equals_torch(name: str, cross: bool) -> None:
    ours = MultiHeadAttention(12, 3)
    theirs = copied(ours, 12, 3)
    x = torch.randn(2, 7, 12, requires_grad=True)
    context = torch.randn(2, 5, 12) if cross else x
    mask = masks(7, context.shape[1])[name]
    full = None if mask is None else ~mask.expand(2, 3, 7, context.shape[1]).flatten(0, 1)
    want = theirs(x, context, context, attn_mask=full, need_weights=False)[0]
    got = ours(x, context, mask)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
    grads = [torch.autograd.grad(y.square().sum(), x)[0] for y in (got, want)]
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-5)


def test_weights_are_the_ones_that_the_output_used() -> None:
    layer, x = MultiHeadAttention(8, 2), torch.randn(1, 5, 8)
    value = layer.project(x)[2]
    mixed = layer.weights(x, mask=causal_mask(5)) @ value
    got = layer.to_output(mixed.transpose(1, 2).flatten(2))
    torch.testing.assert_close(got, layer(x, mask=causal_mask(5)))


def test_the_scale_keeps_scores_at_unit_variance() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(1, 2000, 256, generator=generator) for _ in range(2))
    scores = query @ key.transpose(-2, -1) / math.sqrt(256)
    assert abs(scores.var().item() - 1) < 0.05


def test_permuting_keys_and_values_together_changes_nothing() -> None:
    query, key, value = torch.randn(2, 4, 8), torch.randn(2, 6, 8), torch.randn(2, 6, 8)
    order = torch.randperm(6)
    before, after = attention(query, key, value)[0], attention(query, key[:, order], value[:, order])[0]
    torch.testing.assert_close(before, after)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_one_token_one_head(dtype: torch.dtype) -> None:
    layer = MultiHeadAttention(4, 1).to(dtype)
    x = torch.randn(1, 1, 4, dtype=dtype)
    torch.testing.assert_close(layer(x), layer.to_output(layer.to_value(x)))


def test_large_half_precision_scores_do_not_overflow() -> None:
    """40² · 64 is beyond float16, but the softmax of the divided scores is not."""
    made = torch.Generator().manual_seed(0)
    query, key, value = (40 * torch.randn(1, 4, 64, generator=made) for _ in range(3))
    got, weights = attention(query.half(), key.half(), value.half())
    assert bool(got.isfinite().all()) and bool(weights.isfinite().all())
    want = attention(query.half().double(), key.half().double(), value.half().double())[0]
    torch.testing.assert_close(got.double(), want, rtol=1e-2, atol=1e-2)
    layer = MultiHeadAttention(64, 1).half()
    assert bool(layer.weights(query.half()).isfinite().all())


def test_bad_input_is_told() -> None:
    x = torch.randn(1, 3, 4)
    for bad, message in (
        (lambda: attention(x, torch.randn(1, 3, 5), x), "width 4 and keys of width 5"),
        (lambda: attention(x, x, torch.randn(1, 2, 4)), "3 keys and 2 values"),
        (lambda: attention(x, x, x, torch.zeros(3, 3)), r"torch\.float32, want torch\.bool"),
        (
            lambda: attention(x, x, x, causal_mask(4)),
            r"mask of shape \(4, 4\), want .* broadcasts to \(1, 3, 3\)",
        ),
        (lambda: attention(x, x, x, torch.ones(2, 3, 3).bool()), r"mask of shape \(2, 3, 3\)"),
        (lambda: attention(x.long(), x.long(), x.long()), "queries: got dtype torch.int64"),
        (lambda: attention(x, x.double(), x), "want one type"),
        (lambda: attention(x, x[:, :0], x[:, :0]), r"keys: got shape \(1, 0, 4\)"),
        (lambda: attention(x[0, 0], x, x), r"queries: got shape \(4,\)"),
        (lambda: attention(x.expand(2, 3, 4), x.expand(3, 3, 4), x), "leading axes"),
        (lambda: causal_mask(0), "got n 0"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()


def test_bad_input_to_the_layer_is_told() -> None:
    layer, x = MultiHeadAttention(8, 2), torch.randn(3, 5, 8)
    for call in (layer, layer.weights):
        for arguments, message in (
            ((x[0],), r"got shape \(5, 8\), want \(B, N, 8\)"),
            ((x[..., :6],), r"got shape \(3, 5, 6\)"),
            ((x[:, :0],), "no axis of length 0"),
            ((x.double(),), "float64, want torch.float32"),
            ((x.byte(),), "torch.uint8"),
            ((x, torch.randn(3, 4, 6)), r"context: got shape \(3, 4, 6\), want \(3, N, 8\)"),
            ((x, torch.randn(1, 4, 8)), r"context: got shape \(1, 4, 8\), want \(3, N, 8\)"),
            ((x, torch.randn(0, 4, 8)), "context"),
            ((x * torch.nan, torch.randn(3, 4, 8)), "got NaN"),
            ((x, None, torch.ones(5, 5)), r"got a mask of torch.float32, want torch.bool"),
            ((x, None, torch.ones(2, 5, 5).bool()), r"mask of shape \(2, 5, 5\), want \(5, 5\) or four axes"),
            ((x, None, torch.ones(3, 5, 5).bool()), r"broadcast to \(3, 2, 5, 5\)"),
            ((x, None, causal_mask(4)), r"mask of shape \(4, 4\)"),
            ((x, torch.randn(3, 4, 8), causal_mask(5)), r"want \(5, 4\)"),
        ):
            with pytest.raises(ValueError, match=message):
                call(*arguments)
    for dim, heads, message in ((10, 3, "width 10 and 3 heads"), (8, 0, "heads 0"), (0, 1, "dim 0")):
        with pytest.raises(ValueError, match=message):
            MultiHeadAttention(dim, heads)


def test_a_mask_a_picture_has_four_axes() -> None:
    layer, x = MultiHeadAttention(8, 2), torch.randn(2, 5, 8)
    mask = torch.stack([causal_mask(5), torch.ones(5, 5).bool()])[:, None]  # (B, 1, N, M)
    got = layer(x, mask=mask)
    torch.testing.assert_close(got[:1], layer(x[:1], mask=causal_mask(5)))
    torch.testing.assert_close(got[1:], layer(x[1:]))


def test_one_sequence_needs_no_batch_axis() -> None:
    query, key, value = torch.randn(2, 4), torch.randn(3, 4), torch.randn(3, 5)
    want = torch.softmax(query @ key.T / 2, dim=-1) @ value
    torch.testing.assert_close(attention(query, key, value)[0], want)
