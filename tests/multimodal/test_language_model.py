"""The language model against GPT-2 of transformers, its cache against none, and perplexity by its formula."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.metrics.perplexity import perplexity, sequence_nats
from lecture_utils.multimodal.decoding import draw, generate
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from tests.multimodal_twins import gpt2_twin
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S14.2")

V, LENGTH = 37, 20
FINE = 1e-7  # of the logits' spread, in float64
MODULE = "lecture_utils.multimodal.language_model"


def ids_of(seed: int, batch: int = 3, n: int = 11) -> Tensor:
    return torch.randint(V, (batch, n), generator=torch.Generator().manual_seed(seed))


def lively(module=None) -> LanguageModel:
    torch.manual_seed(0)
    make = LanguageModel if module is None else module.LanguageModel
    model = make(V, dim=24, heads=3, layers=3, length=LENGTH).eval()
    liven(model, ids_of(1), ids_of(2))
    return model


def test_whole_model_equals_gpt2_of_transformers():
    ours = lively()
    theirs = gpt2_twin(ours)
    torch.testing.assert_close(ours(ids_of(1)), theirs(ids_of(1)).logits, atol=1e-4, rtol=1e-4)
    ours, theirs = ours.double(), theirs.double()  # so fine that the two forms of GELU differ
    inputs = ids_of(1), ids_of(2), ids_of(3, n=LENGTH)
    assert_parity(ours, lambda x: theirs(x).logits, *inputs, tolerance=FINE)


def test_gradients_equal_those_of_transformers():
    ours = lively()
    theirs = gpt2_twin(ours)
    x = ids_of(4)
    for logits in (ours(x), theirs(x).logits):
        F.cross_entropy(logits[:, :-1].flatten(0, 1), x[:, 1:].flatten()).backward()
    body = theirs.transformer
    for mine, other in (
        (ours.token.weight, body.wte.weight),
        (ours.position.weight, body.wpe.weight),
        (ours.layers[0].mlp.fc1.bias, body.h[0].mlp.c_fc.bias),
        (ours.layers[2].norm1.bias, body.h[2].ln_1.bias),
    ):
        torch.testing.assert_close(mine.grad, other.grad, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    "fault",
    [
        ('approximate="tanh"', 'approximate="none"'),
        ("self.attend(self.norm1(x), cache, layer)", "self.attend(x, cache, layer)"),
        ("return self.norm(x) @ self.token", "return x @ self.token"),
        ("attn_mask=see", "attn_mask=None"),
        ("x = x + self.position.weight[first:last]", "x = x + self.position.weight[last - first]"),
        ("return x + self.mlp(self.norm2(x))", "return self.mlp(self.norm2(x))"),
    ],
)
def test_parity_sees_a_fault(fault):
    right = gpt2_twin(lively()).double()
    wrong = planted(MODULE, fault)
    model = wrong.LanguageModel(V, dim=24, heads=3, layers=3, length=LENGTH).eval()
    model.load_state_dict(lively().state_dict())
    with pytest.raises(AssertionError, match="outputs differ"):
        assert_parity(model.double(), lambda x: right(x).logits, ids_of(1), ids_of(2), tolerance=FINE)


@pytest.mark.parametrize("cuts", [[1] * 11, [4, 1, 6], [10, 1], [11]])
def test_cached_equals_uncached(cuts):
    model, x = lively(), ids_of(5)
    cache = KVCache()
    parts = [model(part, cache) for part in x.split(cuts, dim=1)]
    assert len(cache) == 11 and len(cache.keys) == 3
    assert cache.keys[0].shape == cache.values[2].shape == (3, 3, 11, 8)
    torch.testing.assert_close(torch.cat(parts, dim=1), model(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "fault",
    [
        ("causal_mask(key.shape[2])[-query.shape[2] :]", "causal_mask(key.shape[2])[: query.shape[2]]"),
        ("first, last = len(cache), len(cache) + x.shape[1]", "first, last = 0, x.shape[1]"),
        ("torch.cat([self.values[layer], value], dim=2)", "torch.cat([value, self.values[layer]], dim=2)"),
    ],
)
def test_the_cache_test_sees_a_fault(fault):
    wrong = planted(MODULE, fault)
    model, x = lively(wrong), ids_of(5)
    cache = wrong.KVCache()
    parts = [model(part, cache) for part in x.split([4, 1, 6], dim=1)]
    assert not torch.allclose(torch.cat(parts, dim=1), model(x), atol=1e-3)


def test_no_token_sees_one_after_it():
    model, x = lively().double(), ids_of(6)
    changed = x.clone()
    changed[:, 6] = (x[:, 6] + 1) % V
    moved = (model(x) - model(changed)).abs().amax(dim=(0, 2))  # (N,)
    assert bool((moved[:6] == 0).all()) and bool((moved[6:] > 1e-4).all())


def test_gradients_reach_the_cache():
    model, x = lively(), ids_of(7)
    cache = KVCache()
    model(x[:, :-1], cache)
    leaves = [t.detach().requires_grad_() for t in (*cache.keys, *cache.values)]
    moved = KVCache(leaves[:3], leaves[3:])
    model(x[:, -1:], moved).square().sum().backward()
    assert len(moved) == 11 and all(bool((leaf.grad != 0).any()) for leaf in leaves)


def test_copies_and_rows_of_a_cache_grow_on_their_own():
    model, x = lively(), ids_of(8)
    cache = KVCache()
    model(x[:, :5], cache)
    branch = cache.copy()
    model(x[:, 5:6], branch)
    assert (len(cache), len(branch)) == (5, 6)
    twice = cache.rows(torch.tensor([2, 2, 0]))
    got = model(x[[2, 2, 0], 5:6], twice)
    torch.testing.assert_close(got, model(x[[2, 2, 0], :6])[:, 5:], atol=1e-5, rtol=1e-5)


def test_greedy_generation_equals_the_loop_without_a_cache():
    model, x = lively(), ids_of(9, n=3)
    want = x
    for _ in range(6):
        want = torch.cat([want, model(want)[:, -1].argmax(-1, keepdim=True)], dim=1)
    assert torch.equal(generate(model, x, 6, temperature=0), want)


def test_what_follows_the_end_is_the_end_and_all_ended_stops():
    model, x = lively(), ids_of(9, n=3)
    free = generate(model, x, 8, temperature=0)
    end = int(free[0, 4])  # the first sequence's second new token
    stopped = generate(model, x, 8, temperature=0, end=end)
    for got, want in zip(stopped, free, strict=True):
        new = want[3:].tolist()
        cut = new.index(end) + 1 if end in new else len(new)
        assert got[3 : 3 + cut].tolist() == new[: stopped.shape[1] - 3][:cut]
        assert bool((got[3 + cut :] == end).all())
    assert generate(model, x[:1], 8, temperature=0, end=end).shape == (1, 5)


def test_draws_follow_the_softmax_of_the_tempered_likeliest():
    logits = torch.tensor([[2.0, 0.0, 1.0, -1.0]]).repeat(20_000, 1)
    got = draw(logits, 0.5, 3, torch.Generator().manual_seed(0)).bincount(minlength=4) / 20_000
    want = torch.tensor([4.0, 0.0, 2.0, -math.inf]).softmax(0)
    assert got[3] == 0
    torch.testing.assert_close(got, want, atol=0.015, rtol=0)  # 4 standard errors


def test_a_new_model_is_nearly_undecided_and_its_table_is_tied():
    model = LanguageModel(V, dim=24, heads=3, layers=3)
    x = ids_of(10)
    assert perplexity(model(x[:, :-1]), x[:, 1:]) == pytest.approx(V, rel=0.1)
    assert not any(p.shape == (V, 24) for n, p in model.named_parameters() if n != "token.weight")


def test_one_batch_is_learned():
    torch.manual_seed(0)
    model, x = LanguageModel(V, dim=24, heads=3, layers=2), ids_of(11, n=7)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        F.cross_entropy(model(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten()).backward()
        optimizer.step()
    first_free = perplexity(model(x[:, :-1]), x[:, 1:])
    assert first_free < 1.2
    assert torch.equal(generate(model.eval(), x[:, :2], 5, temperature=0), x)


def test_perplexity_is_its_formula():
    logits = torch.log(
        torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]], [[0.2, 0.2, 0.6], [0.3, 0.3, 0.4]]])
    )
    target = torch.tensor([[0, 1], [2, 0]])
    nats, tokens = sequence_nats(logits, target)
    torch.testing.assert_close(nats, -torch.log(torch.tensor([0.5 * 0.8, 0.6 * 0.3])))
    assert tokens.tolist() == [2, 2]
    assert perplexity(logits, target) == pytest.approx((0.5 * 0.8 * 0.6 * 0.3) ** (-1 / 4))
    assert perplexity(logits, target, ignore=0) == pytest.approx((0.8 * 0.6) ** (-1 / 2))
    assert perplexity(torch.zeros(2, 5, V), ids_of(0, 2, 5)) == pytest.approx(V)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LanguageModel(V, dim=10, heads=3), "want a multiple"),
        (lambda: lively()(ids_of(0, n=LENGTH + 1)), f"got {LENGTH + 1} tokens"),
        (lambda: lively()(ids_of(0).float()), "ids: got"),
        (lambda: lively()(ids_of(0) + V), "want 0 to"),
        (lambda: lively()(ids_of(0)[0]), r"\(11,\)"),
        (lambda: lively()(ids_of(0, 2), KVCache(*[[torch.zeros(3, 3, 1, 8)] * 3] * 2)), "got 3 layers of 3"),
        (lambda: KVCache([torch.zeros(1, 2, 3, 4)], []), "want one"),
        (lambda: generate(lively(), ids_of(0), 0), "steps"),
        (lambda: generate(lively(), ids_of(0), 3, temperature=-1), "temperature: got -1"),
        (lambda: draw(torch.zeros(1, 4), 1.0, 0), "top_k"),
        (lambda: perplexity(torch.zeros(1, 1, 3), torch.tensor([[0]]), ignore=0), "nothing but"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
