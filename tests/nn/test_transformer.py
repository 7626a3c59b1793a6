"""Encoder and decoder layers against torch.nn, positions against their formula, and a sequence reversed."""

import math

import pytest
import torch
from torch import nn

from lecture_utils.nn.attention import MultiHeadAttention, causal_mask
from lecture_utils.nn.positions import sinusoidal_encoding
from lecture_utils.nn.transformer import MLP, DecoderLayer, EncoderLayer, Transformer, next_token_loss

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


def test_embeddings_are_multiplied_by_the_root_of_the_width() -> None:
    torch.manual_seed(0)
    model = Transformer(500, dim=64)
    ids = torch.randint(500, (2, 7))
    want = 8 * model.embed(ids) + sinusoidal_encoding(7, 64)
    torch.testing.assert_close(model.tokens(ids), want)
    # So that they enter at unit size.
    assert model.embed.weight.std().item() == pytest.approx(1 / 8, rel=0.02)


def test_one_activation_is_the_default_of_all_layers() -> None:
    layers = MLP(4, 8), EncoderLayer(4, 2, 8).mlp, DecoderLayer(4, 2, 8).mlp
    assert all(type(layer.activation) is nn.GELU for layer in layers)
    used = [m for m in Transformer(5).modules() if isinstance(m, MLP)]
    assert len(used) == 4 and all(type(layer.activation) is nn.ReLU for layer in used)  # as in the paper


def test_the_layers_sizes_and_norms_are_those_asked_for() -> None:
    model = Transformer(5, dim=8, heads=2, hidden=12, layers=3, max_length=9, pre_norm=False)
    assert len(model.encoder) == len(model.decoder) == 3 and model.positions.shape == (9, 8)
    assert isinstance(model.norm_encoder, nn.Identity) and isinstance(model.norm_decoder, nn.Identity)
    pre = Transformer(5)
    assert isinstance(pre.norm_encoder, nn.LayerNorm) and isinstance(pre.norm_decoder, nn.LayerNorm)
    layer = EncoderLayer(8, 2, 12, eps=1e-3)
    assert layer.norm1.eps == layer.norm2.eps == 1e-3 and layer.pre_norm and layer.mlp.fc1.out_features == 12
    decoder = DecoderLayer(8, 2, 12, eps=1e-3)
    assert decoder.norm1.eps == decoder.norm2.eps == decoder.norm3.eps == 1e-3 and decoder.pre_norm


def test_positions_are_no_weights_a_longer_model_takes_a_shorter_one_s() -> None:
    torch.manual_seed(0)
    short, long = (Transformer(7, dim=8, heads=2, hidden=12, max_length=n) for n in (5, 9))
    long.load_state_dict(short.state_dict())
    ids = torch.randint(7, (2, 5))
    torch.testing.assert_close(long(ids, ids), short(ids, ids))
    assert Transformer(7).positions.shape == (64, 64) and len(Transformer(7).encoder) == 2


def test_the_model_is_its_layers_in_order() -> None:
    torch.manual_seed(0)
    model = Transformer(7, dim=8, heads=2, hidden=12)
    for norm in (model.norm_encoder, model.norm_decoder):
        nn.init.normal_(norm.weight)
    source, target = torch.randint(7, (2, 4)), torch.randint(7, (2, 3))
    memory = model.tokens(source)
    for layer in model.encoder:
        memory = layer(memory)
    memory = model.norm_encoder(memory)
    torch.testing.assert_close(model.encode(source), memory)
    x = model.tokens(target)
    for layer in model.decoder:
        x = layer(x, memory, causal_mask(3))
    torch.testing.assert_close(model(source, target), model.head(model.norm_decoder(x)))


def test_greedy_decoding_takes_the_likeliest_after_those_before() -> None:
    torch.manual_seed(0)
    model = Transformer(7, dim=8, heads=2, hidden=12)
    source = torch.randint(7, (2, 4))
    ids = model.generate(source, 3, 5)
    assert ids.shape == (2, 5)
    given = torch.cat([torch.full((2, 1), 3), ids[:, :-1]], dim=1)
    assert torch.equal(model(source, given).argmax(-1), ids)


def test_next_token_loss_is_the_mean_over_all_places() -> None:
    logits, target = torch.randn(2, 3, 5), torch.randint(5, (2, 3))
    want = -logits.log_softmax(-1).gather(2, target[..., None]).mean()
    torch.testing.assert_close(next_token_loss(logits, target), want)


def test_bad_input_is_told() -> None:
    model, ids = Transformer(5), torch.zeros(1, 3, dtype=torch.long)
    encoder, decoder, x = EncoderLayer(8, 2, 12), DecoderLayer(8, 2, 12), torch.randn(2, 4, 8)
    logits = torch.randn(1, 3, 5)
    for bad, message in (
        (lambda: sinusoidal_encoding(3, 5), "width 5"),
        (lambda: sinusoidal_encoding(0, 4), "got positions 0"),
        (lambda: model(torch.randn(1, 3), ids), r"float32 of shape \(1, 3\)"),
        (lambda: model.encode(torch.zeros(1, 65, dtype=torch.long)), "N ≤ 64"),
        (lambda: model.encode(ids[0]), r"shape \(3,\), want int64 \(B, N"),
        (lambda: model(ids + 5, ids), "tokens: got numbers from 5 to 5, want 0 to 4"),
        (lambda: model(ids, ids - 1), "tokens: got numbers from -1 to -1"),
        (lambda: model(ids[:, :0], ids), "one or more"),
        (lambda: model.generate(ids, 5, 2), "got numbers from 5"),
        (lambda: model.generate(ids, 0, 0), "got length 0"),
        (lambda: model.decode(torch.randn(1, 4, 7), ids), r"context: got shape \(1, 4, 7\)"),
        (lambda: Transformer(0), "got vocabulary 0"),
        (lambda: Transformer(5, layers=0), "got layers 0"),
        (lambda: MLP(0, 4), "got dim 0"),
        (lambda: MLP(4, 4)(torch.ones(2, 4, dtype=torch.uint8)), "uint8"),
        (lambda: encoder(x[0]), r"got shape \(4, 8\), want \(B, N, 8\)"),
        (lambda: encoder(x[..., :6]), r"got shape \(2, 4, 6\)"),
        (lambda: encoder(x.double()), "float64, want torch.float32"),
        (lambda: encoder(x, torch.ones(2, 4, 4).bool()), r"mask of shape \(2, 4, 4\)"),
        (lambda: decoder(x[0], x), r"got shape \(4, 8\)"),
        (lambda: decoder(x, x[:1]), r"context: got shape \(1, 4, 8\), want \(2, N, 8\)"),
        (lambda: next_token_loss(logits, ids[:, :2]), r"target: got shape \(1, 2\), want \(1, 3\)"),
        (lambda: next_token_loss(logits, ids + 5), "target: got numbers from 5"),
        (lambda: next_token_loss(logits, ids - 100), "target: got numbers from -100"),
        (lambda: next_token_loss(logits[0], ids[0]), r"logits: got shape \(3, 5\)"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
