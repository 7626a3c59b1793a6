"""ZeroCap: its step against autograd on transformers' GPT-2, and what a CLIP of known taste makes it say."""

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.multimodal import zerocap as z
from lecture_utils.multimodal.beams import Beams
from lecture_utils.multimodal.decoding import generate
from lecture_utils.multimodal.embedding_arithmetic import combine
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.multimodal.tokenizer import Tokenizer
from tests.mutants import planted
from tests.parity import liven

pytestmark = pytest.mark.system("S13.5")

MODULE = "lecture_utils.multimodal.zerocap"
COLOURS, SHAPES = ("red", "green", "blue", "pink"), ("ball", "star", "ring")
SENTENCES = [f"a photo of a {c} {s}" for c in COLOURS for s in SHAPES]


class KnownTaste:
    """A CLIP whose joint space has one axis a word: a text lies along those that it names, or along none."""

    words = ("nothing", *COLOURS, *SHAPES)

    def texts(self, texts: Sequence[str]) -> Tensor:
        named = torch.tensor([[float(w in text.split()) for w in self.words] for text in texts])
        named[:, 0] = (named.sum(dim=1) == 0).float()
        return F.normalize(named, dim=1)


@pytest.fixture(scope="module")
def speaker() -> LanguageModel:
    """A model that has learned twelve sentences, and prefers none."""
    torch.manual_seed(0)
    tokenizer = Tokenizer.train(SENTENCES, 60)
    lm = LanguageModel(tokenizer.vocabulary, dim=32, heads=4, layers=2, length=12, tokenizer=tokenizer)
    ids = tokenizer.batch(SENTENCES, 8)
    optimizer = torch.optim.Adam(lm.parameters(), 5e-3)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(lm(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()).backward()
        optimizer.step()
    return lm.eval()


V, D, HEADS, LAYERS = 23, 24, 3, 2


def lively(module=None) -> LanguageModel:
    torch.manual_seed(0)
    lm = LanguageModel(V, dim=D, heads=HEADS, layers=LAYERS, length=12).eval()
    liven(lm, tokens(1), tokens(2))
    return lm.double()


def tokens(seed: int, batch: int = 2, n: int = 6) -> Tensor:
    return torch.randint(V, (batch, n), generator=torch.Generator().manual_seed(seed))


def scene(lm: LanguageModel, ids: Tensor) -> tuple[KVCache, Tensor, Tensor, Tensor]:
    """The cache before the last token, the last token, its plain logits, and a CLIP that likes two tokens."""
    past = KVCache()
    with torch.no_grad():
        lm(ids[:, :-1], past)
        plain = lm(ids)[:, -1]
    target = torch.zeros_like(plain)
    target[:, 3], target[:, 7] = 0.75, 0.25
    return past, ids[:, -1:], plain, target


def by_autograd(lm: LanguageModel, ids: Tensor, target: Tensor, guidance: z.Guidance) -> list[Tensor]:
    """One sentence after another, with transformers' GPT-2 and its own cache, the loss written out."""
    from transformers import DynamicCache

    from tests.multimodal_twins import gpt2_twin

    theirs = gpt2_twin(lm).double()
    out = []
    for sentence, wanted in zip(ids, target, strict=True):
        with torch.no_grad():
            before = theirs(sentence[None, :-1], use_cache=True).past_key_values
            plain = theirs(sentence[None]).logits[0, -1].softmax(0)
        start = [layer.keys for layer in before.layers] + [layer.values for layer in before.layers]
        now = [tensor.clone() for tensor in start]
        for _ in range(guidance.steps):
            leaves = [tensor.clone().requires_grad_() for tensor in now]
            cache = DynamicCache()
            for layer in range(LAYERS):
                cache.update(leaves[layer], leaves[LAYERS + layer], layer)
            p = theirs(sentence[None, -1:], past_key_values=cache).logits[0, -1].softmax(0)
            loss = 0
            for v in range(V):
                loss = loss - guidance.clip_weight * wanted[v] * p[v].log()
                loss = loss + guidance.fluency * p[v] * (p[v] / plain[v]).log()
            loss.backward()
            for k, leaf in enumerate(leaves):
                length = math.sqrt(sum(g * g for g in leaf.grad.flatten().tolist()))
                now[k] = now[k] - guidance.step_size * leaf.grad / length**guidance.norm_power
        out.append([a - b for a, b in zip(now, start, strict=True)])
    return [torch.cat([sentence[k] for sentence in out]) for k in range(2 * LAYERS)]


def shifts_of(module, guidance: z.Guidance) -> list[Tensor]:
    lm = lively()
    past, last, plain, target = scene(lm, tokens(1))
    cache = module.shift_cache(lm, past, last, plain, target, guidance)
    pairs = zip((*cache.keys, *cache.values), (*past.keys, *past.values), strict=True)
    return [(after - before).detach() for after, before in pairs]


def gap(got: Sequence[Tensor], want: Sequence[Tensor]) -> float:
    return max(float((a - b).abs().max() / b.std()) for a, b in zip(got, want, strict=True))


@pytest.fixture(scope="module")
def reference() -> dict[z.Guidance, list[Tensor]]:
    pytest.importorskip("transformers")
    lm = lively()
    target = scene(lm, tokens(1))[3]
    both = z.Guidance(steps=1), z.Guidance(steps=3, fluency=2.0, clip_weight=0.7, step_size=5)
    return {guidance: by_autograd(lm, tokens(1), target, guidance) for guidance in both}


def test_the_steps_equal_plain_autograd_on_transformers(reference):
    for guidance, want in reference.items():
        assert gap(shifts_of(z, guidance), want) < 1e-6
        assert all(float(shift.abs().max()) > 1e-3 for shift in want)


@pytest.mark.parametrize(
    "fault",
    [
        ("shift - guidance.step_size", "shift + guidance.step_size"),
        ("dim=tuple(range(1, gradient.ndim))", "dim=tuple(range(gradient.ndim))"),
        ("** power", "** 1"),
        ("(log_p.exp() * (log_p - log_plain))", "(log_plain.exp() * (log_plain - log_p))"),
        ("guidance.fluency * fluency_loss", "guidance.fluency * clip_loss"),
        ("moved(past, shifts))[:, -1]", "moved(past, shifts))[:, -1] / 2"),
        ("in zip((*past.keys, *past.values), shifts", "in zip((*past.values, *past.keys), shifts"),
    ],
)  # fmt: skip
def test_the_comparison_sees_a_fault(reference, fault):
    wrong = planted(MODULE, fault)
    assert max(gap(shifts_of(wrong, guidance), want) for guidance, want in reference.items()) > 1e-3


def test_the_target_is_a_softmax_over_the_candidates_alone():
    similarity, candidates = (
        torch.tensor([[0.3, 0.31, 0.2], [0.0, 0.5, 0.5]]),
        torch.tensor([[4, 0, 2], [1, 2, 3]]),
    )
    got = z.candidate_target(similarity, candidates, 6, temperature=0.01)
    for row in range(2):
        whole = sum(math.exp(s / 0.01) for s in similarity[row].tolist())
        for v in range(6):
            at = (candidates[row] == v).nonzero().flatten().tolist()
            want = math.exp(float(similarity[row, at[0]]) / 0.01) / whole if at else 0.0
            assert float(got[row, v]) == pytest.approx(want, rel=1e-4)


def test_to_stay_costs_nothing_and_clip_is_satisfied_by_its_own_answer():
    plain, target = torch.randn(2, V).double(), torch.softmax(torch.randn(2, V).double(), dim=1)
    still = z.zerocap_loss(plain, plain, target, z.Guidance(clip_weight=0, fluency=1))
    torch.testing.assert_close(still, torch.zeros(2).double())
    free = z.Guidance(fluency=0)
    entropy = -(target * target.log()).sum(dim=1)
    torch.testing.assert_close(z.zerocap_loss(target.log(), plain, target, free), entropy)
    assert bool((z.zerocap_loss(plain, plain, target, free) > entropy).all())


def test_the_wanted_token_gets_likelier_and_only_the_moved_copy_changes():
    lm = lively()
    past, last, plain, target = scene(lm, tokens(1))
    weights = {name: value.clone() for name, value in lm.state_dict().items()}
    before = [tensor.clone() for tensor in (*past.keys, *past.values)]
    cache = z.shift_cache(lm, past, last, plain, target, z.Guidance(step_size=10))
    after = lm(last, cache)[:, -1].softmax(dim=1)
    assert bool((after[:, 3] > 1.5 * plain.softmax(dim=1)[:, 3]).all())
    assert all(torch.equal(a, b) for a, b in zip((*past.keys, *past.values), before, strict=True))
    assert all(torch.equal(value, weights[name]) for name, value in lm.state_dict().items())
    assert all(parameter.grad is None for parameter in lm.parameters())


def test_sentences_side_by_side_do_not_touch():
    lm, ids = lively(), tokens(1)
    together = shifts_of(z, z.Guidance())
    for row in range(2):
        past, last, plain, target = scene(lm, ids[row : row + 1])
        cache = z.shift_cache(lm, past, last, plain, target, z.Guidance())
        alone = [a - b for a, b in zip((*cache.keys, *cache.values), (*past.keys, *past.values), strict=True)]
        for one, both in zip(alone, together, strict=True):
            torch.testing.assert_close(one, both[row : row + 1])


def test_the_fluency_loss_holds_the_model_back():
    lm = lively()
    past, last, plain, target = scene(lm, tokens(1))
    apart = []
    for fluency in (0.0, 1.0, 10.0):
        guidance = z.Guidance(fluency=fluency, steps=20, step_size=2.5)
        cache = z.shift_cache(lm, past, last, plain, target, guidance)
        log_p = lm(last, cache)[:, -1].detach().log_softmax(dim=1)
        apart.append(float((log_p.exp() * (log_p - plain.log_softmax(dim=1))).sum()))
    assert apart[0] > 2 * apart[1] > 4 * apart[2] > 0


def test_without_clip_it_is_the_language_model_exactly(speaker):
    tokenizer = speaker.tokenizer
    pictures = torch.eye(8)[:3]
    said = z.zerocap(speaker, KnownTaste(), pictures, guidance=z.Guidance(clip_weight=0), most=5)
    start = torch.tensor([[tokenizer.start, *tokenizer.encode("a photo of")]])
    want = tokenizer.decode(generate(speaker, start, 5, temperature=0, end=tokenizer.end)[0])
    assert said == [want] * 3


@pytest.mark.parametrize("beams", [1, 3])
def test_it_names_what_clip_likes(speaker, beams):
    wanted = list(itertools.product(COLOURS, SHAPES))
    pictures = KnownTaste().texts([f"{c} {s}" for c, s in wanted])
    said = z.zerocap(speaker, KnownTaste(), pictures, beams=beams, most=6, guidance=z.Guidance(candidates=4))
    assert said == [f"a photo of a {c} {s}" for c, s in wanted]


def test_a_word_of_the_prompt_is_followed_and_arithmetic_changes_one_word(speaker):
    taste = KnownTaste()
    picture = taste.texts(["red star", "blue", "red"])
    moved = combine(picture, (1, 1, -1))
    settings = {"guidance": z.Guidance(candidates=4), "most": 6}
    assert z.zerocap(speaker, taste, moved[None], **settings) == ["a photo of a blue star"]
    assert z.zerocap(speaker, taste, picture[:1], "a photo of a blue", **settings) == [
        "a photo of a blue star"
    ]


def test_an_empty_prompt_lets_the_model_begin(speaker):
    said = z.zerocap(speaker, KnownTaste(), torch.eye(8)[1:2], "", most=3, guidance=z.Guidance(candidates=4))
    assert said == ["a photo of"]


def test_combining_is_a_weighted_sum_of_unit_length():
    terms = torch.randn(3, 4, 5)
    want = 2 * terms[0] - terms[1] + 0.5 * terms[2]
    want = want / want.norm(dim=1, keepdim=True)
    torch.testing.assert_close(combine(terms, (2, -1, 0.5)), want)


def markov(seed: int, vocabulary: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(vocabulary, vocabulary, generator=generator).mul(2).log_softmax(dim=1)


def search(table: Tensor, beams: int, steps: int, end: int = 0) -> Beams:
    found = Beams(torch.tensor([1]), 1, beams, end=end)
    for _ in range(steps):
        found.extend(table[found.ids[:, -1]])
    return found


@pytest.mark.parametrize("seed", range(5))
def test_enough_beams_find_the_best_of_all_sentences(seed):
    """Every sentence of three tokens over an alphabet of four, an end (0) included."""
    table, best = markov(seed), (-math.inf, ())
    for sentence in itertools.product(range(4), repeat=3):
        cut = sentence.index(0) + 1 if 0 in sentence else 3
        if any(sentence[cut:]):
            continue
        steps = zip((1, *sentence), sentence[:cut], strict=False)
        mean = sum(float(table[a, b]) for a, b in steps) / cut
        best = max(best, (mean, sentence))
    found = search(table, 64, 3)
    assert tuple(found.best()[0, 1:].tolist()) == best[1]
    assert search(table, 64, 3).best().shape == (1, 4)


def test_one_beam_takes_the_likeliest_each_time_and_searches_are_apart():
    table = markov(7)
    found = Beams(torch.tensor([1]), 2, 2, end=0)
    greedy = search(table, 1, 1)
    assert int(greedy.ids[0, 1]) == int(table[1].argmax())
    other = markov(8)
    for _ in range(3):
        last = found.ids[:, -1]
        found.extend(torch.cat([table[last[:2]], other[last[2:]]]))
    assert torch.equal(found.best()[0], search(table, 2, 3).best()[0])
    assert torch.equal(found.best()[1], search(other, 2, 3).best()[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: z.Guidance(steps=0), "steps"),
        (lambda: z.Guidance(fluency=-1), "fluency: got -1"),
        (lambda: z.Guidance(temperature=0), "temperature: got 0"),
        (lambda: combine(torch.ones(2, 3), (1,)), "weights: got 1"),
        (lambda: combine(torch.ones(2, 3), (1, -1)), "length 0"),
        (lambda: z.candidate_target(torch.zeros(1, 2), torch.tensor([[0, 6]]), 6), "want tokens from 0 to 5"),
        (lambda: z.zerocap(lively(), KnownTaste(), torch.ones(1, 8)), "embeddings of length 1"),
        (lambda: Beams(torch.tensor([1]), 1, 1, end=0).extend(torch.full((1, 3), math.nan)), "NaN"),
        (lambda: Beams(torch.tensor([1]), 1, 0, end=0), "beams"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_too_long_a_prompt_is_refused(speaker):
    with pytest.raises(ValueError, match="prompt: got 4 tokens"):
        z.zerocap(speaker, KnownTaste(), torch.eye(8)[:1], most=10)
