"""LLaVA against that of transformers (with GPT-2 inside), its loss, its two stages, its cache, its talks."""

import copy

import pytest
import torch
from torch import Tensor

from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.multimodal.llava.chat import Chat, reply
from lecture_utils.multimodal.llava.inputs import IGNORE, insert_picture, llava_inputs
from lecture_utils.multimodal.llava.instructions import talk_batch, talk_ids
from lecture_utils.multimodal.llava.llava import LLaVA, answer_loss
from lecture_utils.multimodal.llava.projection import Projection, place_codes
from lecture_utils.multimodal.tokenizer import Tokenizer
from tests.llava_twin import llava_twin
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S14.4")

V, F, P, N = 37, 10, 6, 9
FINE = 1e-7  # of the logits' spread, in float64
PLACE = "lecture_utils.multimodal.llava"
WORDS = Tokenizer.train([" user : what is the ball ? assistant : red blue ."], 200)


def ids_of(seed: int, batch: int = 3, n: int = N) -> Tensor:
    return torch.randint(1, V, (batch, n), generator=torch.Generator().manual_seed(seed))


def grid_of(seed: int, batch: int = 3) -> Tensor:
    return torch.randn(batch, P, F, generator=torch.Generator().manual_seed(seed))


def lively(layers: int = 2, model_class=LLaVA, **options) -> LLaVA:
    """A small LLaVA whose logits hang on the picture as on the words."""
    torch.manual_seed(0)
    lm = LanguageModel(V, dim=24, heads=3, layers=2, length=40)
    model = model_class(lm, F, layers=layers, **options).eval()
    x = ids_of(1)

    class OfPictures(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, grid: Tensor) -> Tensor:
            return self.model(grid, x)

    liven(OfPictures(), grid_of(1), grid_of(2))
    return model


@pytest.mark.parametrize("layers", [1, 2])
def test_whole_model_equals_llava_of_transformers(layers):
    ours = lively(layers).double()
    theirs = llava_twin(ours)
    for seed in (1, 2):
        x = ids_of(seed)
        assert_parity(
            lambda g, x=x: ours(g, x), lambda g, x=x: theirs(g, x), grid_of(1).double(), grid_of(2).double(),
            tolerance=FINE,
        )  # fmt: skip
    moved = (ours(grid_of(1).double(), ids_of(1)) - ours(grid_of(1).double(), ids_of(2))).abs().max()
    assert moved > 0.01  # and the words count too


def test_loss_equals_that_of_transformers_which_shifts_labels_itself():
    ours = lively().double()
    theirs = llava_twin(ours)
    ids, grid = ids_of(3, n=N + 1), grid_of(3).double()
    labels = ids.clone()
    labels[:, :4] = IGNORE  # the question
    target = labels[:, 1:]
    mine = answer_loss(ours(grid, ids[:, :-1]), target)
    want = theirs.loss(grid, ids, labels).double()  # it casts its logits to float32
    torch.testing.assert_close(mine, want, atol=1e-6, rtol=1e-6)
    mine.backward()
    other = theirs.model.model.multi_modal_projector.linear_1.weight
    theirs.loss(grid, ids, labels).backward()
    torch.testing.assert_close(ours.projection.layers[0].weight.grad, other.grad, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("llava", ("insert_picture(words, picture, at)", "insert_picture(words, picture, 0)")),
        ("llava", ("insert_picture(words, picture, at)", "insert_picture(words, picture, ids.shape[1])")),
        ("llava", ("picture = self.projection(grid)", "picture = self.projection(grid).flip(1)")),
        ("inputs", ("word + p * (word + 1 >= at)", "word + p * (word >= at)")),
        ("inputs", ("n + slot - at, torch", "n + p - 1 - (slot - at), torch")),
        ("projection", ("(nn.GELU(), nn.Linear(dim, dim))", "(nn.ReLU(), nn.Linear(dim, dim))")),
    ],
)
def test_parity_sees_a_fault(file, fault):
    right = lively().double()
    wrong = planted(f"{PLACE}.{file}", fault)
    module = planted(f"{PLACE}.llava") if file != "llava" else wrong
    for name in ("insert_picture", "Projection"):
        if hasattr(wrong, name):
            setattr(module, name, getattr(wrong, name))
    model = module.LLaVA(copy.deepcopy(right.lm), F, layers=2).double().eval()
    model.load_state_dict(right.state_dict())
    theirs, x = llava_twin(right), ids_of(1)
    with pytest.raises(AssertionError, match="outputs differ"):
        assert_parity(
            lambda g: model(g, x), lambda g: theirs(g, x), grid_of(1).double(), grid_of(2).double(),
            tolerance=FINE,
        )  # fmt: skip


def test_what_is_read_is_start_picture_text_by_hand():
    model = lively()
    grid, ids = grid_of(4), ids_of(4)
    rows = []
    for b in range(3):
        row = [model.lm.token.weight[ids[b, 0]]]
        row += [model.projection.layers(grid[b, p]) for p in range(P)]
        row += [model.lm.token.weight[ids[b, i]] for i in range(1, N)]
        rows.append(torch.stack(row))
    by_hand = model.lm.from_embeddings(torch.stack(rows))[:, P:]  # the start's word is said after the picture
    torch.testing.assert_close(model(grid, ids), by_hand, atol=1e-5, rtol=1e-5)


def test_rows_may_have_the_picture_at_places_of_their_own():
    model = lively()
    grid, ids = grid_of(5), ids_of(5)
    places = torch.tensor([1, 4, N])
    got = model(grid, ids, at=places)
    for b, at in enumerate(places.tolist()):
        torch.testing.assert_close(got[b], model(grid, ids, at=at)[b], atol=1e-5, rtol=1e-5)
    other = model(grid_of(6), ids, at=4)
    same = (got[1] - other[1]).abs().amax(dim=1) < 1e-6
    assert same.tolist() == [True] * 3 + [False] * (N - 3)  # words before the picture are said without it


def test_the_exercises_inputs_give_the_same_loss_and_ask_for_the_answer_alone():
    model = lively()
    grid, ids = grid_of(7), ids_of(7)
    answer = (torch.arange(N) >= 5).expand(3, N)
    x, target = llava_inputs(model.projection(grid), model.lm.token, ids, answer)
    assert x.shape == (3, P + N, 24) and target.shape == (3, P + N)
    asked = target[0] != IGNORE
    assert asked.nonzero()[:, 0].tolist() == list(range(P + 4, P + N - 1))
    assert torch.equal(target[:, P + 4 : P + N - 1], ids[:, 5:])
    whole = answer_loss(model.lm.from_embeddings(x), target)
    plain = ids.clone()
    plain[:, :5] = IGNORE
    torch.testing.assert_close(whole, answer_loss(model(grid, ids[:, :-1]), plain[:, 1:]))


@pytest.mark.parametrize(
    "fault",
    [
        ("target[:, image.shape[1] : -1] = asked[:, 1:]", "target[:, image.shape[1] :] = asked"),  # late
        ("words[:, :1], image, words[:, 1:]", "words, image"),  # the picture after the text
        ("ids.masked_fill(~answer, IGNORE)", "ids"),  # on the question too
    ],
)  # fmt: skip
def test_the_inputs_test_sees_a_fault(fault):
    model = lively()
    answer = (torch.arange(N) >= 5).expand(3, N)
    inputs = model.projection(grid_of(7)), model.lm.token, ids_of(7), answer
    right, wrong = llava_inputs(*inputs), planted(f"{PLACE}.inputs", fault).llava_inputs(*inputs)
    losses = [answer_loss(model.lm.from_embeddings(x), target) for x, target in (right, wrong)]
    assert (losses[0] - losses[1]).abs() > 1e-3


def test_each_target_is_said_from_all_before_it_and_nothing_after():
    model = lively().double()
    grid, ids = grid_of(8).double().requires_grad_(), ids_of(8)
    logits = model(grid, ids)
    for place in (0, 3, N - 1):
        seen = torch.autograd.grad(logits[:, place].sum(), grid, retain_graph=True)[0]
        assert bool((seen.abs().amax(dim=2) > 0).all())  # every word is said in sight of the whole picture
    changed = ids.clone()
    changed[:, 5] = (ids[:, 5] % (V - 1)) + 1
    moved = (model(grid, changed) - logits).abs().amax(dim=(0, 2))
    assert bool((moved[:5] == 0).all()) and bool((moved[5:] > 1e-6).all())


def test_stage_one_moves_the_projection_and_leaves_the_language_model_bit_equal():
    model = lively(1).align_only().train()
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)
    ids = ids_of(9)
    target = ids.roll(-1, 1)
    losses = []
    for _ in range(60):
        loss = answer_loss(model(grid_of(9), ids), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("lm."), name
    model.tune_all()
    answer_loss(model(grid_of(9), ids), target).backward()
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in model.parameters())


def test_one_batch_is_overfitted_where_only_the_picture_tells_the_answer():
    torch.manual_seed(0)
    model = LLaVA(LanguageModel(V, dim=24, heads=3, layers=2, length=40), F)
    grid, ids = grid_of(10, 8), ids_of(10, 1).expand(8, N)
    target = torch.full((8, N), IGNORE)
    target[:, -1] = torch.arange(8)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(150):
        loss = answer_loss(model(grid, ids), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_cached_equals_uncached_and_a_reply_is_the_slow_loops():
    model = lively()
    grid, ids = grid_of(11), ids_of(11)
    cache = KVCache()
    first = model(grid, ids[:, :4], cache)
    assert len(cache) == P + 4
    rest = model.lm(ids[:, 4:], cache)
    torch.testing.assert_close(torch.cat([first, rest], 1), model(grid, ids), atol=1e-5, rtol=1e-5)
    slow = ids
    for _ in range(5):
        slow = torch.cat([slow, model(grid, slow)[:, -1].argmax(-1, keepdim=True)], 1)
    said = slow[:, N:]
    assert torch.equal(reply(model, grid, ids, steps=5, end=0), said)
    end = int(said[0, 1])
    stopped = reply(model, grid, ids, steps=5, end=end)
    assert bool((stopped[0, 1:] == end).all())
    with pytest.raises(ValueError, match="want none: the picture is read once"):
        model(grid, ids, cache)


def speaking() -> LLaVA:
    torch.manual_seed(3)
    return LLaVA(LanguageModel(WORDS.vocabulary, dim=24, heads=3, layers=2, length=60, tokenizer=WORDS), F)


def test_a_talk_asks_for_answers_and_their_ends_alone():
    turns = [(" user : what ? assistant :", " red ."), (" user : is the ball ? assistant :", " blue .")]
    ids, target = talk_ids(turns, WORDS)
    whole = [WORDS.start]
    for asked, told in turns:
        whole += [*WORDS.encode(asked), *WORDS.encode(told), WORDS.end]
    assert ids == whole[:-1]
    assert [b for a, b in zip(target, whole[1:], strict=True) if a != IGNORE and a != b] == []
    said = WORDS.decode([t for t in target if t != IGNORE])
    assert said == " red . blue ." and target.count(WORDS.end) == 2
    both, targets = talk_batch([turns, turns[:1]], WORDS)
    assert both.shape == targets.shape == (2, len(ids))
    short = len(talk_ids(turns[:1], WORDS)[0])
    assert bool((both[1, short:] == WORDS.pad).all()) and bool((targets[1, short:] == IGNORE).all())


def test_what_fills_a_batch_up_changes_no_loss():
    model = speaking()
    turns = [(" user : what ? assistant :", " red ."), (" user : is the ball ? assistant :", " blue .")]
    ids, target = talk_batch([turns, turns[:1]], WORDS)
    alone, its = talk_batch([turns[:1]], WORDS)
    both = model(grid_of(1, 2), ids)
    one = answer_loss(both[1:], target[1:])
    torch.testing.assert_close(one, answer_loss(model(grid_of(1, 2)[1:], alone), its))


def test_a_chat_says_what_the_whole_talk_read_at_once_would_say():
    model = speaking().eval()
    liven(model.lm, *(torch.randint(WORDS.vocabulary, (2, 8), generator=torch.Generator().manual_seed(s))
                      for s in (1, 2)))  # fmt: skip
    grid = grid_of(12, 1)
    chat = Chat(model, grid)
    ids = torch.tensor([[WORDS.start]])
    for asked in (" user : what ? assistant :", " user : is the ball ? assistant :"):
        before = len(chat.cache)
        said = chat.ask(asked, steps=4)
        ids = torch.cat([ids, torch.tensor([WORDS.encode(asked)])], 1)
        want = reply(model, grid, ids, steps=4, end=WORDS.end)
        assert said == WORDS.decode(want[0])
        ids = torch.cat([ids, want], 1)
        assert len(chat.cache) == P + ids.shape[1] > before
    with pytest.raises(ValueError, match="want room for an answer"):
        chat.ask(" ball" * 60)


def test_a_place_is_two_ones_and_tells_cells_apart():
    codes = place_codes(2, 3)
    assert codes.tolist()[4] == [0, 1, 0, 1, 0] and bool((codes.sum(1) == 2).all())
    assert len({tuple(row) for row in codes.tolist()}) == 6
    same = torch.ones(1, 6, F)
    torch.manual_seed(0)
    without, with_places = Projection(F, 8), Projection(F, 8, cells=(2, 3))
    torch.testing.assert_close(without(same), without(same)[:, :1].expand(1, 6, 8))
    assert (with_places(same)[0, 1:] - with_places(same)[0, :-1]).abs().amax(dim=1).min() > 0.01
    with pytest.raises(ValueError, match="got 5 tokens, want 6, one a cell"):
        with_places(same[:, :5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: insert_picture(torch.zeros(2, 3, 4), torch.zeros(2, 5, 4), 4), "from 4 to 4, want 0 to 3"),
        (lambda: insert_picture(torch.zeros(2, 3, 4), torch.zeros(1, 5, 4)), "want \\(2, N, 4\\)"),
        (
            lambda: llava_inputs(
                torch.zeros(2, 5, 4), torch.nn.Embedding(V, 4), ids_of(0, 2), ids_of(0, 2) > 0
            ),
            "start token among",
        ),
        (lambda: answer_loss(torch.zeros(1, 2, 3), torch.full((1, 2), IGNORE)), "got IGNORE everywhere"),
        (lambda: answer_loss(torch.zeros(1, 2, 3), torch.full((1, 2), 3)), "want 0 to 2"),
        (lambda: talk_ids([], WORDS), "one or more"),
        (lambda: talk_ids([("a", "b", "c")], WORDS), "want \\(prompt, answer\\)"),
        (lambda: Chat(speaking(), grid_of(0, 2)), "want \\(1, N, 10\\)"),
        (lambda: speaking()(grid_of(0, 2).double(), torch.ones(2, 3, dtype=torch.long)), "torch.float64"),
        (lambda: Projection(F, 8, layers=3), "want 1 or 2"),
    ],
)
def test_bad_calls_say_what_is_wanted(call, message):
    with pytest.raises(ValueError, match=message):
        call()
