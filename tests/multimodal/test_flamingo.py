"""Flamingo: at first it is the language model to the last bit; a token sees the last picture before it."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.flamingo.flamingo import Flamingo, last_picture
from lecture_utils.multimodal.flamingo.gated_cross_attention import (
    GatedCrossAttention,
    gated_cross_attention,
    last_picture_mask,
)
from lecture_utils.multimodal.flamingo.resampler import PerceiverResampler
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from tests.multimodal_twins import perceiver_twin
from tests.mutants import planted
from tests.parity import TOLERANCE, assert_parity, liven, parity_gap

pytestmark = pytest.mark.system("S14.3")

V, C, D, R = 23, 10, 24, 5
WHICH = torch.tensor([[0, 0, 1, 1, 2, 2, 2], [0, 1, 1, 1, 1, 1, 2], [1, 1, 1, 2, 2, 2, 2]])
RESAMPLER, GATED = (f"lecture_utils.multimodal.flamingo.{n}" for n in ("resampler", "gated_cross_attention"))
FLAMINGO = "lecture_utils.multimodal.flamingo.flamingo"


def floats(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ids_of(seed: int, batch: int = 3, n: int = 7) -> Tensor:
    return torch.randint(V, (batch, n), generator=torch.Generator().manual_seed(seed))


def language_model() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(V, dim=D, heads=3, layers=4, length=16).eval()


def model_of(every: int = 1, *, made=None, frames: int = 1) -> Flamingo:
    """A Flamingo as training begins, with random weights everywhere else."""
    lm = language_model()
    resampler = PerceiverResampler(C, D, latents=R, layers=2, heads=3, frames=frames)
    return (made or Flamingo)(lm, resampler, every=every, heads=3).eval()


@torch.no_grad()
def lively(every: int = 1, *, made=None, frames: int = 1) -> Flamingo:
    """One whose gates are open, in which pictures and words count."""
    model = model_of(every, made=made, frames=frames)
    shape = (3, 2, 9, C) if frames == 1 else (3, 2, 4, 9, C)

    class Seeing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flamingo = model

        def forward(self, media: Tensor) -> Tensor:
            return model(ids_of(0), media, WHICH)

    liven(Seeing(), floats(1, *shape), floats(2, *shape))
    for layer in model.gated.values():
        layer.alpha.copy_(torch.tensor([0.8, -0.6]))
    return model


# --- as training begins -----------------------------------------------------------------------------
@pytest.mark.parametrize("every", [1, 2, 3])
def test_as_training_begins_it_is_the_language_model_exactly(every):
    model = model_of(every)
    want = model.lm(ids_of(0))
    assert torch.equal(model(ids_of(0), floats(1, 3, 2, 9, C), WHICH), want)
    assert torch.equal(model(ids_of(0), None, torch.zeros_like(WHICH)), want)
    assert sorted(map(int, model.gated)) == list(range(0, 4, every))
    assert not bool(model.gates().any())


@pytest.mark.parametrize(
    "fault",
    [
        ("alpha[0].tanh() * attend(text, latents)", "alpha[0].cosh() * attend(text, latents)"),
        ("text + alpha[1].tanh() * mlp(text)", "text + alpha[1].sigmoid() * mlp(text)"),
        ("self.alpha = nn.Parameter(torch.zeros(2))", "self.alpha = nn.Parameter(torch.full((2,), 1e-3))"),
    ],
)
def test_a_gate_that_is_not_shut_is_seen(fault):
    model, wrong = model_of(), planted(GATED, fault)
    for name in list(model.gated):
        layer = wrong.GatedCrossAttention(D, 3)
        mine = {k: v for k, v in model.gated[name].state_dict().items() if k != "alpha"}
        layer.load_state_dict(mine, strict=False)
        model.gated[name] = layer
    assert not torch.equal(model(ids_of(0), floats(1, 3, 2, 9, C), WHICH), model.lm(ids_of(0)))


def test_only_what_is_new_gets_a_gradient_and_the_gates_get_theirs_first():
    model = model_of(2)
    media = floats(1, 3, 2, 9, C)
    F.cross_entropy(model(ids_of(0), media, WHICH).flatten(0, 1), ids_of(1).flatten()).backward()
    moved = {n for n, p in model.named_parameters() if p.grad is not None and bool((p.grad != 0).any())}
    assert moved == {"gated.0.alpha", "gated.2.alpha"}  # behind a shut gate no weight feels anything
    model = lively(2)
    F.cross_entropy(model(ids_of(0), media, WHICH).flatten(0, 1), ids_of(1).flatten()).backward()
    got = {n for n, p in model.named_parameters() if p.grad is not None and bool((p.grad != 0).any())}
    assert got == {n for n, p in model.named_parameters() if not n.startswith("lm.")}
    assert {id(p) for p in model.learned()} == {id(p) for n, p in model.named_parameters() if n in got}


def test_training_leaves_the_language_model_alone_and_learns_what_only_pictures_tell():
    torch.manual_seed(3)
    model = model_of(2)
    nn.init.normal_(model.lm.token.weight)  # one that has words to say
    before = copy.deepcopy(model.lm.state_dict())
    ids, media, target = ids_of(5, 1).repeat(6, 1), floats(6, 6, 2, 9, C), torch.arange(6)
    optimizer = torch.optim.Adam(model.learned(), 1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(ids, media, WHICH[:1].repeat(6, 1))[:, -1], target)
        loss.backward()
        optimizer.step()
    assert loss < 0.1  # one text, six answers: blind, it stays at log 6
    assert all(torch.equal(value, before[name]) for name, value in model.lm.state_dict().items())
    assert bool((model.gates().abs() > 1e-3).all())


# --- which picture a token looks at -----------------------------------------------------------------
def reached(model: Flamingo, which: Tensor, token: int, text: int = 0) -> list[bool]:
    """Whether the logits of a token have a gradient to each picture of its text."""
    media = floats(1, len(which), 2, 9, C).requires_grad_()
    model(ids_of(0, *which.shape), media, which)[text, token].square().sum().backward()
    return [bool((media.grad[text, m] != 0).any()) for m in range(2)]


def test_a_token_looks_at_the_last_picture_before_it():
    model = lively(4)  # one new layer, before the first: what a token sees is what it itself looks at
    for block in model.lm.layers:
        nn.init.zeros_(block.attention.to_output.weight)  # no token hears of another
    got = [[reached(model, WHICH, token, text) for token in range(7)] for text in range(3)]
    want = [[[w == 1, w == 2] for w in row] for row in WHICH.tolist()]
    assert got == want


def test_through_the_frozen_layers_it_hears_of_the_pictures_before():
    model = lively(1)
    assert [reached(model, WHICH, token) for token in (1, 3, 6)] == [
        [False, False],
        [True, False],
        [True, True],
    ]


def test_the_mask_is_that_of_a_loop():
    mask = last_picture_mask(WHICH, 2, R)
    assert mask.shape == (3, 7, 2 * R)
    for b, n, k in mask.new_ones(mask.shape).nonzero().tolist():
        assert bool(mask[b, n, k]) == (WHICH[b, n] == k // R + 1)


def test_what_stands_before_a_token_is_counted():
    marks = torch.tensor([[False, True, False, False, True], [True, False, False, False, False]])
    assert last_picture(marks).tolist() == [[0, 1, 1, 1, 2], [1, 1, 1, 1, 1]]


def test_tokens_before_the_first_picture_and_plain_text_pass_as_if_there_was_none():
    model = lively(1)
    two = floats(1, 3, 2, 9, C)
    with_pictures = model(ids_of(0), two, WHICH)[:1, :2]
    torch.testing.assert_close(with_pictures, model(ids_of(0)[:1, :2], None, torch.zeros(1, 2).long()))
    other = model(ids_of(0), floats(2, 3, 2, 9, C), torch.zeros_like(WHICH))
    torch.testing.assert_close(other, model(ids_of(0), None, torch.zeros_like(WHICH)))


# --- the gated layer against PyTorch's own attention -----------------------------------------------
class Twin(nn.Module):
    """The listing of figure 4, by nn.MultiheadAttention."""

    def __init__(self, ours: GatedCrossAttention) -> None:
        super().__init__()
        self.ours = ours
        self.attention = nn.MultiheadAttention(D, 3, bias=False, batch_first=True)
        parts = ours.attention.to_query, ours.attention.to_key, ours.attention.to_value
        with torch.no_grad():
            self.attention.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
            self.attention.out_proj.weight.copy_(ours.attention.to_output.weight)

    def forward(self, text: Tensor, latents: Tensor, which: Tensor) -> Tensor:
        owner = 1 + torch.arange(latents.shape[1]).repeat_interleave(latents.shape[2])
        hidden = (which[:, :, None] != owner).repeat_interleave(
            3, dim=0
        )  # (B · heads, N, M · R), True: hidden
        flat = latents.flatten(1, 2)
        y, _ = self.attention(F.layer_norm(text, (D,), *self.norm(1)), flat, flat, attn_mask=hidden)
        text = text + torch.tanh(self.ours.alpha[0]) * y
        inner = F.layer_norm(text, (D,), *self.norm(2))
        inner = F.linear(inner, self.ours.mlp.fc1.weight, self.ours.mlp.fc1.bias).clamp(min=0) ** 2
        return text + torch.tanh(self.ours.alpha[1]) * (
            inner @ self.ours.mlp.fc2.weight.T + self.ours.mlp.fc2.bias
        )

    def norm(self, k: int) -> tuple[Tensor, Tensor]:
        norm = getattr(self.ours, f"norm{k}")
        return norm.weight, norm.bias


@torch.no_grad()
def gated_layer(made=GatedCrossAttention) -> GatedCrossAttention:
    torch.manual_seed(2)
    layer = made(D, 3).eval()
    liven(Bound(layer), floats(3, 3, 2, R, D), floats(4, 3, 2, R, D))
    layer.alpha.copy_(torch.tensor([0.9, 0.7]))
    return layer


class Bound(nn.Module):
    """A gated layer as a function of what is looked at."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, latents: Tensor) -> Tensor:
        return self.layer(floats(5, 3, 7, D), latents, WHICH.clamp(min=1))  # PyTorch's has no empty rows


def test_the_gated_layer_equals_the_listing_with_pytorchs_attention():
    layer = gated_layer()
    theirs = Bound(Twin(layer))
    assert_parity(Bound(layer), theirs, floats(3, 3, 2, R, D), floats(4, 3, 2, R, D))
    gradients = []
    for bound in (Bound(layer), theirs):
        layer.zero_grad()
        latents = floats(3, 3, 2, R, D).requires_grad_()
        bound(latents).square().mean().backward()
        gradients.append((latents.grad, layer.alpha.grad, layer.mlp.fc1.weight.grad))
    for got, want in zip(*gradients, strict=True):
        assert parity_gap(got, want) < TOLERANCE


@pytest.mark.parametrize(
    "fault",
    [
        ("which[:, :, None] == owner", "which[:, :, None] >= owner"),
        ("repeat_interleave(latents)", "repeat(latents)"),
        ("self.attention(self.norm1(text), latents", "self.attention(text, latents"),
        ("text + alpha[0].tanh()", "text + alpha[0]"),
        ("return text + alpha[1].tanh() * mlp(text)", "return text + alpha[0].tanh() * mlp(text)"),
        ("activation=SquaredReLU", "activation=nn.ReLU"),
        ("return self.mlp(self.norm2(text))", "return self.mlp(text)"),
    ],
)
def test_the_layers_parity_sees_a_fault(fault):
    right = gated_layer()
    wrong = planted(GATED, fault).GatedCrossAttention(D, 3)
    wrong.load_state_dict(right.state_dict())
    with pytest.raises(AssertionError, match="outputs differ"):
        assert_parity(Bound(wrong), Bound(Twin(right)), floats(3, 3, 2, R, D))


def test_the_learners_way_of_adding_branches_is_the_one_that_runs():
    seen = []

    def own(text, latents, attend, mlp, alpha):
        seen.append((tuple(text.shape), tuple(latents.shape), tuple(alpha.shape)))
        return gated_cross_attention(text, latents, attend, mlp, alpha)

    model = Flamingo(language_model(), PerceiverResampler(C, D, latents=R, heads=3), heads=3, combine=own)
    model(ids_of(0), floats(1, 3, 2, 9, C), WHICH)
    assert seen == [((3, 7, D), (3, 2 * R, D), (2,))] * 4


# --- the resampler against transformers' ------------------------------------------------------------
@torch.no_grad()
def resampler_of(made=PerceiverResampler) -> PerceiverResampler:
    """One with the ReLU and without the biases that the twin has not."""
    torch.manual_seed(0)
    ours = made(D, D, latents=R, layers=3, heads=3, activation=nn.ReLU).eval()
    liven(ours, floats(1, 3, 9, D), floats(2, 3, 9, D))
    ours.to_width.weight.copy_(torch.eye(D))
    ours.to_width.bias.zero_()
    ours.time.zero_()
    for layer in ours.layers:
        layer.mlp.fc1.bias.zero_()
        layer.mlp.fc2.bias.zero_()
    return ours


def test_the_resampler_equals_that_of_transformers():
    ours = resampler_of()
    inputs = floats(1, 3, 9, D), floats(2, 3, 9, D), floats(3, 2, 30, D)
    assert_parity(ours, perceiver_twin(ours), *inputs)


@pytest.mark.parametrize(
    "fault",
    [
        ("torch.cat([self.norm_x(x), query], dim=1)", "self.norm_x(x)"),
        ("torch.cat([self.norm_x(x), query], dim=1)", "torch.cat([x, query], dim=1)"),
        ("query = self.norm_latents(latents)", "query = latents"),
        ("return latents + self.mlp(self.norm_mlp(latents))", "return latents + self.mlp(latents)"),
        ("return self.norm(latents)", "return latents"),
        ("latents = latents + self.attention(", "latents = self.attention("),
    ],
)
def test_the_resamplers_parity_sees_a_fault(fault):
    right = resampler_of()
    wrong = planted(RESAMPLER, fault).PerceiverResampler(
        D, D, latents=R, layers=3, heads=3, activation=nn.ReLU
    )
    wrong.load_state_dict(right.state_dict())
    with pytest.raises(AssertionError, match="outputs differ"):
        assert_parity(wrong, perceiver_twin(right), floats(1, 3, 9, D))


@pytest.mark.parametrize("shape", [(1, 1), (1, 36), (3, 500), (2, 4, 9), (2, 7, 1)])
def test_the_number_of_latents_does_not_depend_on_that_of_tokens(shape):
    ours = PerceiverResampler(C, D, latents=R, layers=2, heads=3, frames=4)
    assert ours(floats(0, *shape, C)).shape == (shape[0], R, D)
    weights = ours.weights(floats(0, *shape, C))
    assert weights.shape == (2, shape[0], 3, R, torch.Size(shape[1:]).numel() + R)
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


def test_the_order_of_tokens_does_not_count_but_that_of_frames_does():
    ours = PerceiverResampler(C, D, latents=R, layers=2, heads=3, frames=4).double()
    nn.init.normal_(ours.time)
    x = floats(0, 2, 4, 9, C).double()
    torch.testing.assert_close(ours(x), ours(x[:, :, torch.randperm(9)]))
    assert parity_gap(ours(x), ours(x.flip(1))) > 100 * TOLERANCE
    ours = PerceiverResampler(C, D, latents=R, layers=2, heads=3, places=9).double()
    nn.init.normal_(ours.place)
    assert parity_gap(ours(x[:, 0]), ours(x[:, 0].flip(1))) > 100 * TOLERANCE


def test_a_longer_clip_gets_times_between_those_learned():
    ours = PerceiverResampler(C, D, latents=R, heads=3, frames=3)
    five = ours.moments(5)
    torch.testing.assert_close(five[::2], ours.time)
    torch.testing.assert_close(five[1], (ours.time[0] + ours.time[1]) / 2)


def test_clips_pass_the_whole_model():
    model = lively(2, frames=4)
    clips = floats(1, 3, 2, 4, 9, C)
    got = model(ids_of(0), clips, WHICH)
    assert got.shape == (3, 7, V)
    assert parity_gap(got, model(ids_of(0), clips.flip(2), WHICH)) > 100 * TOLERANCE


# --- the cache ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("cuts", [[1] * 7, [3, 1, 3], [6, 1], [7]])
def test_cached_equals_uncached(cuts):
    model, media = lively(2), floats(1, 3, 2, 9, C)
    latents, cache = model.look(media), KVCache()
    parts = [
        model.read(part, latents, seen, cache)
        for part, seen in zip(ids_of(0).split(cuts, 1), WHICH.split(cuts, 1), strict=True)
    ]
    torch.testing.assert_close(torch.cat(parts, 1), model(ids_of(0), media, WHICH), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "fault",
    [
        ("first, last = len(cache), len(cache) + ids.shape[1]", "first, last = 0, ids.shape[1]"),
        ("x = frozen(x, cache, i)", "x = frozen(x, KVCache(), 0)"),
    ],
)
def test_the_cache_test_sees_a_fault(fault):
    model = lively(2)
    wrong = lively(2, made=planted(FLAMINGO, fault).Flamingo)
    media = floats(1, 3, 2, 9, C)
    latents, cache = model.look(media), KVCache()
    parts = [
        wrong.read(ids_of(0)[:, k], latents, WHICH[:, k], cache)
        for k in (slice(0, 3), slice(3, 4), slice(4, 7))
    ]
    assert parity_gap(torch.cat(parts, 1), model(ids_of(0), media, WHICH)) > 1e-3


def test_writing_equals_the_loop_without_a_cache():
    model, media = lively(2), floats(1, 3, 2, 9, C)
    ids, which = ids_of(0), WHICH
    for _ in range(5):
        new = model(ids, media, which)[:, -1:].argmax(-1)
        ids, which = torch.cat([ids, new], 1), torch.cat([which, which[:, -1:]], 1)
    assert torch.equal(model.write(ids_of(0), media, WHICH, 5), ids)


@pytest.mark.parametrize("batch", [1, 3])
def test_sequences_of_a_batch_do_not_meet(batch):
    model, media = lively(1), floats(1, 3, 2, 9, C)
    rows = slice(0, batch)
    alone = torch.cat([model(ids_of(0)[[i]], media[[i]], WHICH[[i]]) for i in range(batch)])
    together = model(ids_of(0)[rows], media[rows], WHICH[rows])
    torch.testing.assert_close(alone, together, atol=1e-4, rtol=1e-4)


# --- what is refused ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Flamingo(language_model(), PerceiverResampler(C, 12)), "got latents of width 12, want 24"),
        (lambda: model_of(0), "every 0"),
        (lambda: PerceiverResampler(C, D, latents=0), "latents 0"),
        (lambda: PerceiverResampler(C, D, places=4)(floats(0, 2, 9, C)), "got 9 places, want 4"),
        (lambda: PerceiverResampler(C, D, heads=5), "want a multiple"),
        (lambda: PerceiverResampler(C, D)(floats(0, 2, 9, C + 1)), "features: got"),
        (lambda: PerceiverResampler(C, D)(floats(0, 2, 9, C).double()), "want torch.float32"),
        (lambda: model_of()(ids_of(0), floats(1, 3, 2, 9, C), WHICH + 1), "which: got numbers from 1 to 3"),
        (lambda: model_of()(ids_of(0), floats(1, 3, 2, 9, C), WHICH.flip(1)), "falls along the text"),
        (lambda: model_of()(ids_of(0), floats(1, 3, 2, 9, C), WHICH[:, :5]), "which: got"),
        (lambda: model_of()(ids_of(0), floats(1, 3, 2, 9, C), WHICH.float()), "which: got"),
        (lambda: model_of()(ids_of(0), floats(1, 2, 2, 9, C), WHICH), "latents: got"),
        (lambda: model_of()(ids_of(0), None, WHICH), "want 0, there is none"),
        (lambda: model_of()(ids_of(0), floats(1, 3, 9, C), WHICH), "media: got"),
        (lambda: model_of()(ids_of(0, n=17), None, torch.zeros(3, 17).long()), "got 17 tokens"),
        (lambda: model_of().write(ids_of(0), None, 0 * WHICH, 0), "steps 0"),
        (lambda: last_picture(WHICH), "marks: got"),
        (lambda: gated_cross_attention(*[floats(0, 1, 1, 1)] * 2, max, abs, torch.zeros(1)), "alpha: got"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
