"""Encoder and decoder layers against torch.nn, positions against their formula, and a sequence reversed."""

import math

import pytest
import torch
from torch import nn

from lecture_utils.nn.attention import MultiHeadAttention, causal_mask
from lecture_utils.nn.positions import sinusoidal_encoding
from lecture_utils.nn.transformer import DecoderLayer, EncoderLayer, Transformer, next_token_loss

pytestmark = pytest.mark.system("S02.2")


def copy_attention(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    with torch.no_grad():
        parts = ours.to_query, ours.to_key, ours.to_value
        theirs.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
        theirs.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
        theirs.out_proj.load_state_dict(ours.to_output.state_dict())


def copy_rest(ours: EncoderLayer | DecoderLayer, theirs: nn.Module) -> None:
    pairs = [("mlp.fc1", "linear1"), ("mlp.fc2", "linear2")] + [(f"norm{i}", f"norm{i}") for i in (1, 2, 3)]
    for mine, other in pairs:
        if hasattr(theirs, other):
            theirs.get_submodule(other).load_state_dict(ours.get_submodule(mine).state_dict())


def randomise(model: nn.Module) -> None:
    """Layer norms start at 1 and 0: random values show a swap of two norms."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("pre_norm", [False, True])
def test_encoder_layer_equals_torch(pre_norm: bool, masked: bool) -> None:
    ours = EncoderLayer(12, 3, 20, pre_norm=pre_norm, activation=nn.ReLU)
    randomise(ours)
    theirs = nn.TransformerEncoderLayer(12, 3, 20, dropout=0.0, norm_first=pre_norm, batch_first=True)
    copy_attention(ours.attention, theirs.self_attn)
    copy_rest(ours, theirs)
    x, mask = torch.randn(2, 6, 12, requires_grad=True), causal_mask(6) if masked else None
    got, want = ours(x, mask), theirs(x, src_mask=None if mask is None else ~mask)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
    grads = [torch.autograd.grad(y.square().sum(), x)[0] for y in (got, want)]
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pre_norm", [False, True])
def test_decoder_layer_equals_torch(pre_norm: bool) -> None:
    ours = DecoderLayer(12, 3, 20, pre_norm=pre_norm, activation=nn.ReLU)
    randomise(ours)
    theirs = nn.TransformerDecoderLayer(12, 3, 20, dropout=0.0, norm_first=pre_norm, batch_first=True)
    copy_attention(ours.self_attention, theirs.self_attn)
    copy_attention(ours.cross_attention, theirs.multihead_attn)
    copy_rest(ours, theirs)
    x, memory = torch.randn(2, 6, 12, requires_grad=True), torch.randn(2, 4, 12)
    padding = torch.tensor([[True] * 4, [True, True, False, False]])
    got = ours(x, memory, causal_mask(6), padding[:, None, None])
    want = theirs(x, memory, tgt_mask=~causal_mask(6), memory_key_padding_mask=~padding)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
    grads = [torch.autograd.grad(y.square().sum(), x)[0] for y in (got, want)]
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-4)


def test_sinusoids_are_the_papers_formula() -> None:
    table = sinusoidal_encoding(50, 16)
    for position in (0, 1, 7, 49):
        for pair in range(8):
            angle = position / 10_000 ** (2 * pair / 16)
            assert math.isclose(table[position, 2 * pair], math.sin(angle), abs_tol=2e-5)
            assert math.isclose(table[position, 2 * pair + 1], math.cos(angle), abs_tol=2e-5)


def test_similarity_of_two_positions_depends_on_their_distance_only() -> None:
    table = sinusoidal_encoding(60, 32)
    products = table @ table.T
    for distance in (0, 3, 11):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-4)


def test_the_decoder_does_not_see_the_future() -> None:
    model = Transformer(11, dim=16, heads=2, hidden=32)
    source, target = torch.randint(11, (1, 5)), torch.randint(11, (1, 6))
    before = model(source, target)
    target[0, 4] = (target[0, 4] + 1) % 11
    after = model(source, target)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


@pytest.mark.nightly
def test_learns_to_reverse_a_sequence_perfectly() -> None:
    torch.manual_seed(0)
    start, length = 10, 8
    model = Transformer(11, dim=64, heads=4, hidden=128, layers=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    steps = 500
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        source = torch.randint(10, (128, length))
        answer = source.flip(1)
        given = torch.cat([torch.full((128, 1), start), answer[:, :-1]], dim=1)
        loss = next_token_loss(model(source, given), answer)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    held_out = torch.randint(10, (500, length), generator=torch.Generator().manual_seed(99))
    assert torch.equal(model.generate(held_out, start, length), held_out.flip(1))


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match="width 5"):
        sinusoidal_encoding(3, 5)
    with pytest.raises(ValueError, match=r"float32 of shape \(1, 3\)"):
        Transformer(5)(torch.randn(1, 3), torch.zeros(1, 3, dtype=torch.long))
    with pytest.raises(ValueError, match=r"N ≤ 64"):
        Transformer(5).encode(torch.zeros(1, 65, dtype=torch.long))
