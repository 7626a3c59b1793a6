"""BLIP-2's masks by their gradients, its three losses by their formulas, and the frozen language model."""

import math
from collections.abc import Callable
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.multimodal.blip2 import qformer, stage1
from lecture_utils.multimodal.blip2.blip2 import BLIP2
from lecture_utils.multimodal.blip2.instruct_blip import InstructBLIP
from lecture_utils.multimodal.blip2.masks import KINDS, hide_padding, qformer_mask
from lecture_utils.multimodal.blip2.qformer import QFormer
from lecture_utils.multimodal.blip2.stage1 import (
    Stage1,
    best_query,
    hard_negatives,
    image_text_contrast,
)
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from tests.mutants import planted

pytestmark = pytest.mark.system("S14.5")

V, PAD, D_IN, Q, T = 23, 21, 10, 3, 5  # ids: 0 to 19 words, 20 the end, 21 padding, 22 decode
FOLDER = "lecture_utils.multimodal.blip2"


def made(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def features(seed: int, batch: int = 4, n: int = 6) -> Tensor:
    return torch.randn(batch, n, D_IN, generator=made(seed))


def texts(seed: int, batch: int = 4, n: int = T) -> Tensor:
    return torch.randint(PAD - 1, (batch, n), generator=made(seed))


def small(module: ModuleType = qformer, queries: int = Q, **more: int) -> QFormer:
    torch.manual_seed(0)
    return module.QFormer(
        V, dim=12, features=D_IN, heads=2, layers=3, queries=queries, length=9, hidden=16, pad=PAD, **more
    ).eval()


def language_model() -> LanguageModel:
    torch.manual_seed(1)
    model = LanguageModel(V, dim=16, heads=2, layers=2, length=16).eval()
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim == 2:
                value.normal_(std=0.4)
    return model


# --- the masks ---------------------------------------------------------------------------------------
def reached(kind: str, module: ModuleType = qformer) -> Tensor:
    """Which inputs move which outputs, (N, N) bool, by the gradient: queries first, then the text."""
    model = small(module).double()
    word = torch.zeros(1, T, 12, dtype=torch.float64, requires_grad=True)  # added to each token's embedding
    inside = model.embed
    model.embed = lambda text, batch=None: inside(text, batch) + word  # type: ignore[method-assign]
    outputs = torch.cat(model.both(features(1, batch=1).double(), texts(2, batch=1), kind), dim=1)[0]
    rows = []
    for token in outputs:  # (D,)
        of_queries, of_words = torch.autograd.grad(
            (token * torch.arange(1.0, 13)).sum(), [model.queries, word], retain_graph=True
        )
        rows.append(torch.cat([of_queries.abs().sum(1), of_words[0].abs().sum(1)]) > 1e-12)
    return torch.stack(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_who_sees_whom_by_the_gradient(kind: str) -> None:
    torch.testing.assert_close(reached(kind), qformer_mask(kind, Q, T))


def test_the_three_masks_entry_by_entry() -> None:
    yes, no = [True] * Q, [False] * Q
    for kind, of_query, of_word in (
        ("matching", yes + [True] * T, lambda i: yes + [True] * T),
        ("generation", yes + [False] * T, lambda i: yes + [j <= i for j in range(T)]),
        ("contrast", yes + [False] * T, lambda i: no + [True] * T),
    ):
        want = torch.tensor([of_query] * Q + [of_word(i) for i in range(T)])
        assert torch.equal(qformer_mask(kind, Q, T), want)
    assert qformer_mask("generation", 2, 0).all() and qformer_mask("contrast", 0, 2).all()


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("generation", ("~column | (row & earlier)", "earlier")),
        ("generation", ("~column | (row & earlier)", "row & earlier | (row == column)")),
        ("generation", ("~column | (row & earlier)", "~column | row")),
        ("contrast", ("return row == column", "return ~column | row")),
        ("contrast", (">= queries  # (N,)", "> queries  # (N,)")),
        ("matching", ('if kind == "matching"', 'if kind == "nothing"')),
    ],
)
def test_the_gradient_sees_a_wrong_mask(kind: str, fault: tuple[str, str]) -> None:
    wrong = planted(f"{FOLDER}.masks", fault)
    copy = planted(f"{FOLDER}.qformer", ("mask: Mask = qformer_mask", "mask: Mask = None"))
    build = copy.QFormer
    copy.QFormer = lambda *a, **k: build(*a, mask=wrong.qformer_mask, **k)  # type: ignore[attr-defined]
    assert not torch.equal(reached(kind, copy), qformer_mask(kind, Q, T))


def test_under_the_mask_of_contrast_one_pass_is_two() -> None:
    model, x, text = small(), features(3), texts(4)
    queries, words = model.both(x, text, "contrast")
    torch.testing.assert_close(queries, model(x))
    torch.testing.assert_close(words, model.read(text))


def test_under_the_mask_of_generation_a_longer_text_changes_nothing_before() -> None:
    model, x, text = small(), features(3), texts(4)
    queries, words = model.both(x, text, "generation")
    few, begun = model.both(x, text[:, :2], "generation")
    torch.testing.assert_close(few, queries)
    torch.testing.assert_close(begun, words[:, :2])


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind: str) -> None:
    model, x, text = small(), features(3), texts(4)
    queries, words = model.both(x, text, kind)
    padded = model.both(x, F.pad(text, (0, 3), value=PAD), kind)
    torch.testing.assert_close(padded[0], queries)
    torch.testing.assert_close(padded[1][:, :T], words)
    torch.testing.assert_close(model.read(F.pad(text, (0, 3), value=PAD))[:, :T], model.read(text))


def test_features_are_a_set_unless_they_are_told_where_they_lie() -> None:
    x = features(5)
    torch.testing.assert_close(small()(x), small()(x.flip(1)))
    placed = small(places=6)
    assert not torch.allclose(placed(x), placed(x.flip(1)), atol=1e-3)
    assert placed(x[:, :4]).shape == (4, Q, 12)
    with pytest.raises(ValueError, match="got 7 places, want at most 6"):
        placed(features(5, n=7))


def test_where_queries_look_sums_to_one_and_follows_the_text() -> None:
    model, x = small(), features(6)
    looks = model.looks(x, texts(7))
    assert looks.shape == (4, Q, 6)
    torch.testing.assert_close(looks.sum(2), torch.ones(4, Q))
    assert not torch.allclose(looks, model.looks(x, texts(8)), atol=1e-4)
    torch.testing.assert_close(model.looks(x, texts(7), "generation"), model.looks(x))


# --- stage 1 -----------------------------------------------------------------------------------------
def unit(seed: int, *shape: int) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=made(seed)), dim=-1)


def contrast_by_loops(queries: Tensor, text: Tensor, scale: float) -> float:
    b = len(text)
    score = [[scale * max(float(q @ text[j]) for q in queries[i]) for j in range(b)] for i in range(b)]
    total = 0.0
    for i in range(b):
        row, column = score[i], [score[k][i] for k in range(b)]
        total += math.log(sum(map(math.exp, row))) + math.log(sum(map(math.exp, column))) - 2 * score[i][i]
    return total / (2 * b)


def test_contrast_is_its_formula_and_one_query_makes_it_clips() -> None:
    from lecture_utils.multimodal.clip.loss import clip_loss

    queries, text = unit(1, 5, Q, 8), unit(2, 5, 8)
    assert float(image_text_contrast(queries, text, 7.0)) == pytest.approx(
        contrast_by_loops(queries, text, 7.0), rel=1e-5
    )
    one = image_text_contrast(queries[:, :1], text, 7.0)
    torch.testing.assert_close(one, clip_loss(queries[:, 0], text, math.log(7.0)))


@pytest.mark.parametrize(
    "fault",
    [
        ("each.max(dim=2).values", "each.mean(dim=2)"),
        ("each.max(dim=2).values", "each.min(dim=2).values"),
        ("F.cross_entropy(logits.T, right)", "F.cross_entropy(logits, right)"),
        ("logits = scale * best_query", "logits = best_query"),
    ],
)
def test_the_formula_sees(fault: tuple[str, str]) -> None:
    wrong = planted(f"{FOLDER}.stage1", fault)
    queries, text = unit(1, 5, Q, 8), unit(2, 5, 8)
    got = float(wrong.image_text_contrast(queries, text, 7.0))
    assert abs(got - contrast_by_loops(queries, text, 7.0)) > 1e-2


def test_the_best_query_alone_is_moved() -> None:
    queries, text = unit(1, 5, Q, 8).requires_grad_(), unit(2, 5, 8)
    best_query(queries, text).diagonal().sum().backward()
    assert queries.grad is not None
    assert (queries.grad.abs().sum(2) > 0).sum(1).tolist() == [1] * 5


def test_negatives_are_never_right_and_the_hard_ones_are_commoner() -> None:
    logits = torch.tensor([[9.0, 2.0, 0.0], [1.0, 9.0, 0.0], [0.0, 0.0, 9.0]])
    generator = made(0)
    drawn = [hard_negatives(logits, generator=generator) for _ in range(4000)]
    text, picture = (torch.stack(part) for part in zip(*drawn, strict=True))  # (4000, 3)
    for found in (text, picture):
        assert not bool((found == torch.arange(3)).any())
    share = math.exp(2) / (math.exp(2) + 1)
    assert float((text[:, 0] == 1).double().mean()) == pytest.approx(share, abs=0.03)
    share = math.exp(1) / (math.exp(1) + 1)  # down column 0: 1 for picture 1, 0 for picture 2
    assert float((picture[:, 0] == 1).double().mean()) == pytest.approx(share, abs=0.03)


def stage(module: ModuleType = stage1) -> Stage1:
    model = small()
    return module.Stage1(model, joint=6).eval()


def test_matching_is_the_mean_over_queries_and_sees_the_text() -> None:
    model, x, text = stage(), features(1), texts(2)
    out = model.qformer(x, text)
    torch.testing.assert_close(model.match(x, text), model.matched(out.mean(1)))
    assert not torch.allclose(model.match(x, text), model.match(x, texts(3)), atol=1e-4)


def test_generation_is_the_mean_log_probability_of_each_next_word() -> None:
    model, x, text = stage(), features(1), texts(2)
    text[0, 3:] = PAD
    logits = model.next_words(x, text)
    first = torch.cat([torch.full((4, 1), V - 1), text[:, 1:]], dim=1)
    words = model.qformer.both(x, first, "generation")[1]
    torch.testing.assert_close(logits, words @ model.qformer.token.weight.T + model.word_bias)
    logs = logits.log_softmax(-1)
    each = [-logs[b, t, text[b, t + 1]] for b in range(4) for t in range(T - 1) if text[b, t + 1] != PAD]
    torch.testing.assert_close(model.generation_loss(x, text), torch.stack(each).mean())


def test_the_first_word_of_what_is_written_is_the_decode_token() -> None:
    model, x, text = stage(), features(1), texts(2)
    other = text.clone()
    other[:, 0] = (other[:, 0] + 1) % PAD
    torch.testing.assert_close(model.next_words(x, text), model.next_words(x, other))
    assert not torch.allclose(model.encode_text(text), model.encode_text(other), atol=1e-3)


def test_no_loss_of_writing_looks_ahead() -> None:
    model, x, text = stage().double(), features(1).double(), texts(2)
    changed = text.clone()
    changed[:, 3] = (changed[:, 3] + 1) % PAD
    moved = (model.next_words(x, text) - model.next_words(x, changed)).abs().amax(dim=(0, 2))
    assert bool((moved[:3] == 0).all()) and bool((moved[3:] > 1e-6).all())


@pytest.mark.parametrize("fault", [('"generation")[1]', '"matching")[1]')])
def test_the_look_ahead_is_seen(fault: tuple[str, str]) -> None:
    wrong = stage(planted(f"{FOLDER}.stage1", fault))
    x, text = features(1), texts(2)
    changed = text.clone()
    changed[:, 3] = (changed[:, 3] + 1) % PAD
    assert not torch.allclose(wrong.next_words(x, text)[:, 0], wrong.next_words(x, changed)[:, 0], atol=1e-5)


def test_one_batch_is_learned_by_all_three_losses_and_written_down() -> None:
    torch.manual_seed(0)
    model = Stage1(QFormer(V, dim=24, features=D_IN, heads=2, layers=2, queries=Q, hidden=32, pad=PAD))
    x, text = features(1), texts(2)
    text[:, -1] = 20  # the end
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    generator = made(0)
    for _ in range(100):
        losses = model(x, text, generator)
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
    model.eval()
    assert all(float(loss.detach()) < 0.1 for loss in model(x, text, generator))
    assert torch.equal(model.write(x, 6, end=20), text[:, 1:])
    assert bool((model.match(x, text).argmax(1) == 1).all())


# --- stage 2 and the instruction ---------------------------------------------------------------------
def test_the_language_model_is_frozen_and_not_stored() -> None:
    lm = language_model()
    model = BLIP2(lm, small())
    model(features(1), texts(2)).sum().backward()
    assert all(p.grad is None and not p.requires_grad for p in lm.parameters())
    assert model.projection.weight.grad is not None
    assert bool((model.qformer.queries.grad.abs().sum(1) > 0).all())  # type: ignore[union-attr]
    assert all(name.startswith(("qformer.", "projection.")) for name in model.state_dict())


def test_the_text_reads_the_queries_before_it_and_only_they_bring_the_picture() -> None:
    lm = language_model()
    model, x, ids = BLIP2(lm, small()), features(1), texts(2)
    prompt = model.soft_prompt(x)
    want = lm.from_embeddings(torch.cat([prompt, lm.token(ids)], dim=1))[:, Q:]
    torch.testing.assert_close(model(x, ids), want)
    assert not torch.allclose(model(x, ids), model(features(3), ids), atol=1e-3)
    model.qformer.queries.data.zero_()
    with torch.no_grad():
        model.projection.weight.zero_()
    torch.testing.assert_close(model(x, ids), model(features(3), ids))


def test_an_instruction_changes_the_queries_and_none_is_blip2() -> None:
    lm = language_model()
    model, x, ids = InstructBLIP(lm, small()), features(1), texts(2)
    twin = BLIP2(lm, small())
    twin.load_state_dict(model.state_dict())
    torch.testing.assert_close(model(x, ids), twin(x, ids))
    one, two = model.soft_prompt(x, texts(3)), model.soft_prompt(x, texts(4))
    assert one.shape == (4, Q, 16) and not torch.allclose(one, two, atol=1e-4)
    torch.testing.assert_close(model(x, ids, texts(3)), model.read(one, ids, KVCache()))


@pytest.mark.parametrize("kind", ["generation", "contrast"])
def test_under_another_mask_the_instruction_does_not_reach_the_queries(kind: str) -> None:
    wrong = planted(f"{FOLDER}.instruct_blip", ('instruction, "matching"', f'instruction, "{kind}"'))
    model, x = wrong.InstructBLIP(language_model(), small()), features(1)
    torch.testing.assert_close(model.soft_prompt(x, texts(3)), model.soft_prompt(x, texts(4)))


@pytest.mark.parametrize("model_of", [BLIP2, InstructBLIP])
def test_what_is_written_equals_the_loop_without_a_cache(model_of: type[BLIP2]) -> None:
    model, x, ids = model_of(language_model(), small()), features(1), texts(2, n=2)
    more = {"instruction": texts(3)} if model_of is InstructBLIP else {}
    want = ids
    for _ in range(5):
        want = torch.cat([want, model(x, want, **more)[:, -1].argmax(-1, keepdim=True)], dim=1)
    assert torch.equal(model.generate(x, ids, 5, end=20, **more) * (want != 20), want * (want != 20))
    end = int(want[0, 3])
    stopped = model.generate(x, ids, 5, end=end, **more)
    assert bool((stopped[0, 3:] == end).all())


def test_a_frozen_model_is_told_what_it_cannot_see() -> None:
    torch.manual_seed(0)
    lm = language_model()
    model, x, ids = BLIP2(lm, small()), features(1), texts(2)[:1].repeat(4, 1)
    target = torch.tensor([3, 9, 4, 17])  # the same text for all: only the features tell
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        F.cross_entropy(model(x, ids)[:, -1], target).backward()
        optimizer.step()
    assert torch.equal(model(x, ids)[:, -1].argmax(1), target)


def test_to_moves_the_language_model_too() -> None:
    model = BLIP2(language_model(), small()).double()
    assert model.lm.token.weight.dtype == torch.float64
    assert model(features(1).double(), texts(2)).dtype == torch.float64


# --- odd and bad input -------------------------------------------------------------------------------
def test_one_picture_one_query_one_word() -> None:
    model = small(queries=1)
    queries, words = model.both(features(1, batch=1, n=1), texts(2, batch=1, n=1), "generation")
    assert queries.shape == (1, 1, 12) and words.shape == (1, 1, 12)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: qformer_mask("none", 2, 2), "kind: got 'none'"),
        (lambda: qformer_mask("matching", 0, 0), "got tokens 0"),
        (lambda: qformer_mask("matching", -1, 3), "got queries -1"),
        (lambda: hide_padding(torch.ones(2, 2), torch.ones(1, 1).bool()), "want bool"),
        (lambda: hide_padding(torch.ones(2, 2).bool(), torch.ones(1, 3).bool()), "at least as many"),
        (lambda: hide_padding(torch.ones(2, 2).bool(), torch.zeros(1, 2).bool()), "nothing but padding"),
        (lambda: small()(features(1)[0]), "features: got shape"),
        (lambda: small()(features(1)[..., :9]), "features: got shape"),
        (lambda: small()(features(1), texts(1, batch=3)), "text: got"),
        (lambda: small()(features(1), texts(1, n=10)), "got 10 tokens, want at most 9"),
        (lambda: small()(features(1), texts(1) + V), "text: got numbers from"),
        (lambda: small()(features(1), texts(1), "all"), "kind: got 'all'"),
        (lambda: QFormer(V, dim=10, heads=3), "a multiple"),
        (lambda: Stage1(QFormer(V, dim=12, heads=2, layers=1)), "got pad None"),
        (lambda: best_query(2 * unit(1, 2, 3, 4), unit(2, 2, 4)), "lengths from 2"),
        (lambda: image_text_contrast(unit(1, 2, 3, 4), unit(2, 3, 4), 1.0), "text: got"),
        (lambda: image_text_contrast(unit(1, 2, 3, 4), unit(2, 2, 4), 0.0), "scale: got 0"),
        (lambda: hard_negatives(torch.zeros(1, 1)), "2 or more"),
        (lambda: BLIP2(language_model(), small())(features(1), texts(1, n=14)), "got 17 tokens"),
        (lambda: BLIP2(language_model(), small())(features(1), texts(1, batch=2)), "ids: got"),
    ],
)
def test_bad_input_is_refused(bad: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad()
