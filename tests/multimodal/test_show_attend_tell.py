"""Show, Attend and Tell: its cell against nn.LSTMCell, its attention against torch's, and what it learns."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.show_attend_tell import attention, captioner, describe, lstm_cell
from lecture_utils.multimodal.tokenizer import Tokenizer
from tests.mutants import planted

pytestmark = pytest.mark.system("S14.1")

FOLDER = "lecture_utils.multimodal.show_attend_tell"
WORDS = Tokenizer.train([" a", " red", " blue", " ball", " star"], 100)
TEXTS = [" a red ball", " a blue ball", " a red star", " a blue star"]
IDS = WORDS.batch(TEXTS, 5)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def model(**changed: Callable) -> captioner.ShowAttendTell:
    torch.manual_seed(0)
    return captioner.ShowAttendTell(WORDS, features=6, places=4, embed=8, dim=10, hidden=7, **changed)


def lively() -> captioner.ShowAttendTell:
    """In double precision, with weights under which picture and words count."""
    made = model().eval()
    for seed, value in enumerate(made.parameters()):
        value.data = 0.8 * normal(*value.shape, seed=seed)
    return made.double()


@torch.no_grad()
def run(step: Callable) -> Tensor:
    """Six steps of a cell with one bias, all of h and c, (6, 2, B, H)."""
    given = normal(6, 3, 5), 1.5 * normal(16, 5, seed=1), 1.5 * normal(16, 4, seed=2), normal(16, seed=3)
    state, seen = (normal(3, 4, seed=4), 2 * normal(3, 4, seed=5)), []
    for x in given[0]:
        state = step(x, state, *given[1:])
        seen.append(torch.stack(state))
    return torch.stack(seen)


def torch_step(x: Tensor, state: tuple[Tensor, Tensor], wx: Tensor, wh: Tensor, bias: Tensor) -> tuple:
    cell = nn.LSTMCell(x.shape[1], wh.shape[1], dtype=x.dtype)
    share = normal(len(bias), seed=9).to(x)  # the library has two biases: any two with this sum
    for own, value in zip(cell.parameters(), (wx, wh, bias - share, share), strict=True):
        own.data = value
    return cell(x, state)


def test_the_cell_is_torch_lstm_cell() -> None:
    assert float((run(lstm_cell.lstm_step) - run(torch_step)).abs().max()) < 1e-12


@pytest.mark.parametrize(
    "fault",
    [
        ("let_in, keep, new, let_out = ", "keep, let_in, new, let_out = "),
        ("let_in, keep, new, let_out = ", "let_in, keep, let_out, new = "),
        ("new.tanh()", "new.sigmoid()"),
        ("h = let_out.sigmoid() * c.tanh()", "h = let_out.sigmoid() * c"),
        ("keep.sigmoid() * c", "(1 - keep.sigmoid()) * c"),
        ("keep.sigmoid() * c", "keep.sigmoid() * h"),
        (" + bias  # (B, 4H)", "  # (B, 4H)"),
        ("h @ weight_h.T", "c @ weight_h.T"),
    ],
)
def test_a_fault_in_the_cell_is_seen(fault: tuple[str, str]) -> None:
    step = planted(f"{FOLDER}.lstm_cell", fault).lstm_step
    assert float((run(step) - run(torch_step)).abs().max()) > 1e-3


def test_a_cell_with_open_and_shut_gates_remembers() -> None:
    """Nothing is let in, all is kept: c stays as it is for ever, whatever is read."""
    cell = lstm_cell.LSTMCell(2, 3)
    with torch.no_grad():
        cell.bias.copy_(torch.tensor([-30.0] * 3 + [30.0] * 3 + [0.0] * 6))
        state = torch.zeros(1, 3), torch.tensor([[1.0, -2.0, 5.0]])
        for x in torch.randn(20, 1, 2):
            h, c = state = cell(x, state)
    assert torch.allclose(c, torch.tensor([[1.0, -2.0, 5.0]]), atol=1e-4)
    assert bool((h.abs() <= 1).all())


def torch_attention(scores: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """The library's, with queries and keys of nothing, and our scores as what is added to their products."""
    query, key = features.new_zeros(len(scores), 1, 4), features.new_zeros(*scores.shape, 4)
    look = F.scaled_dot_product_attention
    context = look(query, key, features, attn_mask=scores[:, None])[:, 0]
    each = torch.eye(scores.shape[1], dtype=scores.dtype).expand(len(scores), -1, -1)
    return context, look(query, key, each, attn_mask=scores[:, None])[:, 0]


def test_soft_attention_is_torch_attention() -> None:
    for scores in (3 * normal(4, 7), 900 + 300 * normal(4, 7, seed=1), normal(1, 1)):
        features = normal(*scores.shape, 5, seed=2)
        for ours, theirs in zip(
            attention.soft_attention(scores, features), torch_attention(scores, features), strict=True
        ):
            assert torch.allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize(
    "fault",
    [
        ("scores.softmax(dim=1)", "scores.softmax(dim=0)"),
        ("scores.softmax(dim=1)", "scores.sigmoid()"),
        (".sum(dim=1)  # (B, D): Σ_i α_i a_i", ".mean(dim=1)"),
        ("weights[..., None] * features", "scores[..., None] * features"),
    ],
)
def test_a_fault_in_the_attention_is_seen(fault: tuple[str, str]) -> None:
    scores, features = 3 * normal(4, 7), normal(4, 7, 5, seed=2)
    got = planted(f"{FOLDER}.attention", fault).soft_attention(scores, features)
    want = torch_attention(scores, features)
    assert max(float((a - b).abs().max()) for a, b in zip(got, want, strict=True)) > 1e-3


def by_hand(own: captioner.ShowAttendTell, grid: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """The paper's equations, picture by picture and place by place, with the library's cell."""
    score, looked = [], []
    look = own.attention
    for a, words in zip(grid + own.place, ids, strict=True):
        h, c = (layer(a.mean(0)).tanh() for layer in (own.start_h, own.start_c))
        for word in words:
            e = torch.stack(
                [look.score.weight[0] @ (look.of_place(p) + look.of_state.weight @ h).tanh() for p in a]
            )
            alpha = e.exp() / e.exp().sum()
            z = torch.sigmoid(look.gate(h)) * sum(w * p for w, p in zip(alpha, a, strict=True))
            read = torch.cat([own.token.weight[word], z])
            cell = own.cell
            h, c = (
                x[0]
                for x in torch_step(read[None], (h[None], c[None]), cell.weight_x, cell.weight_h, cell.bias)
            )
            score.append(own.to_word(own.token.weight[word] + own.from_h(h) + own.from_context.weight @ z))
            looked.append(alpha)
    n = ids.shape[1]
    return torch.stack(score).unflatten(0, (-1, n)), torch.stack(looked).unflatten(0, (-1, n))


def gap(own: captioner.ShowAttendTell) -> float:
    grid, ids = normal(3, 4, 6), IDS[:3, :-1]
    with torch.no_grad():
        pairs = zip(own(grid, ids), by_hand(own, grid, ids), strict=True)
        return max(float((a - b).abs().max()) for a, b in pairs)


def test_the_whole_captioner_is_the_papers_equations() -> None:
    own = lively()
    with torch.no_grad():
        seen, unseen = (own(normal(3, 4, 6, seed=s), IDS[:3, :-1])[0] for s in (0, 1))
    assert float((seen - unseen).abs().max()) > 0.1, "the picture has to count"
    assert gap(own) < 1e-10


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ("captioner", ("features = grid + self.place", "features = grid")),
        ("captioner", ("self.start_h(mean).tanh()", "self.start_c(mean).tanh()")),
        ("captioner", ("torch.cat([said, context], dim=1)", "torch.cat([said, 0 * context], dim=1)")),
        ("captioner", ("said + self.from_h(h)", "self.from_h(h)")),
        ("captioner", (" + self.from_context(context)", "")),
        ("captioner", ("self.from_h(h)", "self.from_h(state[0])")),
        ("captioner", ("(features, places, state[0])", "(features, places, state[1])")),
        ("attention", ("self.gate(h).sigmoid() * context, weights", "context, weights")),
        ("attention", ("torch.tanh(places + self.of_state(h)[:, None])", "torch.tanh(places)")),
        ("attention", ("torch.tanh(places + ", "torch.relu(places + ")),
    ],
)  # fmt: skip
def test_a_fault_in_the_captioner_is_seen(part: str, fault: tuple[str, str]) -> None:
    own, wrong = lively(), planted(f"{FOLDER}.{part}", fault)
    if part == "captioner":
        own.__class__ = wrong.ShowAttendTell
    else:
        own.attention.__class__ = wrong.Attention
    assert gap(own) > 1e-6


def test_places_may_be_told_in_any_order() -> None:
    own, order = lively(), torch.tensor([2, 0, 3, 1])
    grid, ids = normal(2, 4, 6), IDS[:2, :-1]
    with torch.no_grad():
        logits, weights = own(grid, ids)
        own.place.data = own.place.data[order]
        same, turned = own(grid[:, order], ids)
    assert torch.allclose(same, logits)
    assert torch.allclose(turned, weights[..., order])
    assert torch.allclose(weights.sum(-1), torch.ones_like(weights[..., 0]))


def test_what_is_said_later_changes_nothing_before() -> None:
    own, ids, other = lively(), IDS[:1, :-1], IDS[:1, :-1].clone()
    other[0, -1] = 7
    with torch.no_grad():
        (one, where), (two, there) = (own(normal(1, 4, 6), x) for x in (ids, other))
    assert torch.equal(one[:, :-1], two[:, :-1])
    assert torch.equal(where, there), "where it looks for the next word, it has not read yet"
    assert not torch.allclose(one[:, -1], two[:, -1])


def test_step_and_attention_can_be_the_readers_own() -> None:
    def uniform(scores: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        return features.mean(1), torch.full_like(scores, 1 / scores.shape[1])

    grid, ids = normal(2, 4, 6).float(), IDS[:2, :-1]
    with torch.no_grad():
        _, weights = model(attend=uniform)(grid, ids)
        theirs, _ = model(step=torch_step)(grid, ids)
        ours, _ = model()(grid, ids)
    assert bool((weights == 0.25).all())
    assert torch.allclose(theirs, ours, atol=1e-5)


def test_the_loss_counts_words_and_the_regulariser_counts_places() -> None:
    ids = WORDS.batch([" a red ball", " a"], 5)
    logits = normal(2, 4, WORDS.vocabulary)
    weights = normal(2, 4, 6, seed=1).softmax(-1)
    log_p = logits.log_softmax(-1)
    words = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]  # with the ends, without the pads
    nats = -sum(float(log_p[b, n, ids[b, n + 1]]) for b, n in words) / 2
    sums = weights[0].sum(0), weights[1, :2].sum(0)
    squares = sum(float((1 - s).square().sum()) for s in sums) / 2
    loss = [float(captioner.caption_loss(logits, weights, ids, pad=WORDS.pad, spread=x)) for x in (0.0, 0.5)]
    assert math.isclose(loss[0], nats, rel_tol=1e-9)
    assert math.isclose(loss[1], nats + 0.5 * squares, rel_tol=1e-9)
    for changed in (logits, weights):
        changed[1, 2:] = 7 * changed[1, 2:].flip(-1)
    same = captioner.caption_loss(logits, weights, ids, pad=WORDS.pad, spread=0.5)
    assert float(same) == loss[1], "what is said and looked at after the end costs nothing"


def test_unevenness_is_nothing_where_each_place_gets_one() -> None:
    assert float(captioner.unevenness(torch.eye(5)[None])) == 0  # five words, five places, each its own
    assert float(captioner.unevenness(torch.eye(5)[None, [0, 0, 0, 0, 0]])) == 4**2 + 4


@pytest.fixture(scope="module")
def taught() -> tuple[captioner.ShowAttendTell, Tensor]:
    """A captioner that has learned four pictures: places show a colour or a shape, two show nothing."""
    shown = torch.eye(6)
    grid = torch.zeros(4, 4, 6)
    for n, (colour, shape) in enumerate([(0, 2), (1, 2), (0, 3), (1, 3)]):
        grid[n, n % 4], grid[n, (n + 1) % 4] = shown[colour], shown[shape]
    own = model()
    optimizer = torch.optim.Adam(own.parameters(), 1e-2)
    for _ in range(90):
        optimizer.zero_grad()
        logits, weights = own(grid, IDS[:, :-1])
        captioner.caption_loss(logits, weights, IDS, pad=WORDS.pad, spread=0.0).backward()
        optimizer.step()
    return own.eval(), grid


def test_one_batch_is_learned_word_for_word(taught: tuple[captioner.ShowAttendTell, Tensor]) -> None:
    own, grid = taught
    for beams in (1, 3):
        told = describe.describe(own, grid, beams=beams)
        assert [one.text for one in told] == [text.strip() for text in TEXTS]
        assert told[0].words == ["a", "red", "ball"]
        assert told[0].weights.shape == (3, 4)


def undecided() -> captioner.ShowAttendTell:
    """A captioner that says a, b or c, or ends, much as it likes."""
    few = Tokenizer(torch.empty(0, 2, dtype=torch.int64))
    own = captioner.ShowAttendTell(few, features=3, places=2, embed=4, dim=5, hidden=3).eval().double()
    with torch.no_grad():
        for seed, value in enumerate(own.parameters()):
            value.copy_(normal(*value.shape, seed=seed))
        own.to_word.weight.mul_(0.1)
        own.to_word.bias.fill_(-50)  # all but four tokens are out of the question
        own.to_word.bias[torch.tensor([97, 98, 99, few.end])] = 0
    return own


def reading_gap(told: Callable, longest: int = 7) -> float:
    """How far what is told of the telling is from the captioner that reads the caption."""
    own, grid, gaps = undecided(), 3 * normal(5, 2, 3), []
    for beams in (1, 4):
        for n, one in enumerate(told(own, grid, beams=beams, longest=longest)):
            end = [own.tokenizer.end] * (len(one.words) < longest)
            ids = torch.tensor([[own.tokenizer.start, *own.tokenizer.encode(one.text), *end]])
            with torch.no_grad():
                logits, weights = own(grid[n : n + 1], ids[:, :-1])
            log_p = logits.log_softmax(-1).gather(2, ids[:, 1:, None]).sum()
            gaps.append(abs(one.log_probability - float(log_p)))
            gaps.append(float((one.weights - weights[0, : len(one.words)]).abs().max()))
    return max(gaps)


def test_what_is_told_is_what_the_model_reads() -> None:
    """The weights and the log-probability of a caption, also where beams have changed places."""
    assert reading_gap(describe.describe) < 1e-9


@pytest.mark.parametrize(
    "fault",
    [
        ("state = state[0][rows], state[1][rows]", "pass"),
        ("weights[:, None]], dim=1)[rows]", "weights[:, None]], dim=1)"),
        ("grid.repeat_interleave(beams, dim=0)", "grid.repeat(beams, 1, 1)"),
        ("float(kept.total[row])", "float(kept.total[row] / kept.count[row])"),
    ],
)
def test_a_fault_in_the_search_is_seen(fault: tuple[str, str]) -> None:
    assert reading_gap(planted(f"{FOLDER}.describe", fault).describe) > 1e-4


def best_of_all(told: Callable) -> bool:
    """Of all sentences over three words, ended or cut off after the third, tried one by one."""
    own, same = undecided(), []
    for seed in range(8):
        grid, scores = 3 * normal(1, 2, 3, seed=seed), {}
        for n in range(4):
            for said in itertools.product((97, 98, 99), repeat=n):
                ids = torch.tensor([[own.tokenizer.start, *said, *[own.tokenizer.end] * (n < 3)]])
                with torch.no_grad():
                    log_p = own(grid, ids[:, :-1])[0].log_softmax(-1).gather(2, ids[:, 1:, None])
                scores[said] = float(log_p.mean())
        found = tuple(own.tokenizer.encode(told(own, grid, beams=64, longest=3)[0].text))
        same.append(found == max(scores, key=lambda said: scores[said]))
    return all(same)


def test_enough_beams_find_the_best_of_all_sentences() -> None:
    assert best_of_all(describe.describe)
    fault = ("kept.total / kept.count.clamp(min=1)", "kept.total")
    assert not best_of_all(planted(f"{FOLDER}.describe", fault).describe)


def test_pictures_do_not_mix(taught: tuple[captioner.ShowAttendTell, Tensor]) -> None:
    own, grid = taught
    grid = grid + 0.3 * normal(*grid.shape).float()
    together = describe.describe(own, grid, beams=3, longest=6)
    for n, one in enumerate(together):
        (alone,) = describe.describe(own, grid[n : n + 1], beams=3, longest=6)
        assert alone.text == one.text
        assert torch.allclose(alone.weights, one.weights, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda own: own(torch.zeros(1, 5, 6), IDS[:1]), "grid: got"),
        (lambda own: own(torch.zeros(1, 4, 6), IDS), "ids: got"),
        (lambda own: own(torch.zeros(1, 4, 6), IDS[:1] + 5000), "word: got"),
        (lambda own: describe.describe(own, torch.zeros(1, 4, 6), beams=0), "beams"),
        (lambda own: own.cell(torch.zeros(1, 14), torch.zeros(2, 1, 10)), "state: got Tensor"),
    ],
)
def test_bad_input_is_refused(wrong: Callable, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        wrong(model())


def test_a_fresh_cell_keeps_and_starts_small_on_both_sides() -> None:
    torch.manual_seed(0)
    cell = lstm_cell.LSTMCell(40, 16)
    assert cell.bias.tolist() == [0.0] * 16 + [1.0] * 16 + [0.0] * 32
    for weight in (cell.weight_x.detach(), cell.weight_h.detach()):
        assert -0.25 <= float(weight.min()) < -0.24
        assert 0.24 < float(weight.max()) <= 0.25  # 1 / √16, as nn.LSTMCell has it


def test_a_wrong_state_and_no_scores_are_named() -> None:
    given = torch.zeros(3, 5), torch.zeros(16, 5), torch.zeros(16, 4), torch.zeros(16)
    good = torch.zeros(3, 4)
    with pytest.raises(ValueError, match="scores: got"):
        attention.soft_attention(torch.zeros(0, 4), torch.zeros(0, 4, 2))
    assert attention.Attention(3, 4, 5).score.weight.shape == (1, 5)
    for state, said in (((good[0], good), "h: got"), ((good, good[:2]), "c: got"), ((good,), "state: got")):
        with pytest.raises(ValueError, match=said):
            lstm_cell.lstm_step(given[0], state, *given[1:])  # type: ignore[arg-type]
