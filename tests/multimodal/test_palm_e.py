"""PaLM-E: the multi-modal sentence against one made by hand, its loss, its cache, the policy and the loop."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch14 import asked_solutions
from lecture_utils.data.toyworld.gripper import Block, Table, nudge, plan, sample_tables, sample_tasks, solved
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.multimodal.palm_e import control, palm_e, planning, policy
from lecture_utils.multimodal.palm_e.control import run
from lecture_utils.multimodal.palm_e.palm_e import IGNORE, PaLME, interleave, plan_loss
from lecture_utils.multimodal.palm_e.planning import prompt, steps_of, write
from lecture_utils.multimodal.palm_e.policy import FASTEST, carry_out
from lecture_utils.multimodal.palm_e.sensors import ImageEncoder, StateEncoder
from lecture_utils.multimodal.tokenizer import Tokenizer
from tests.mutants import planted
from tests.parity import TOLERANCE, liven, parity_gap

pytestmark = pytest.mark.system("S14.8")

FOLDER = "lecture_utils.multimodal.palm_e"
TEXT = "given <image> and <state> : put the red star left of the blue ball . last : nothing . plan :"
PLAN = " pick the red star . place left of the blue ball . done ."


def made(*shape: int, seed: int = 0) -> Tensor:
    """Numbers of a normal distribution, always the same."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small(kind: type[PaLME] = PaLME, **more: Any) -> PaLME:
    """A PaLM-E of width 16 that sees pictures of 16 × 16 and a state of 4 numbers."""
    torch.manual_seed(0)
    tokenizer = Tokenizer.train([TEXT + PLAN] * 2, 200)
    lm = LanguageModel(tokenizer.vocabulary, dim=16, heads=2, layers=2, length=80, tokenizer=tokenizer)
    sensors = {"image": ImageEncoder(16, size=16, widths=(4, 6, 8)), "state": StateEncoder(4, 16)}
    markers = {name: tokenizer.encode(f" <{name}>")[0] for name in sensors}
    return kind(lm, sensors, markers, **more).eval()


def inputs(model: PaLME, seed: int = 0, *, rows: int = 2) -> tuple[Tensor, dict[str, Tensor]]:
    """A prompt with a plan, as often as wanted, and readings."""
    ids = torch.tensor([model.lm.tokenizer.encode(TEXT + PLAN)] * rows)
    own = {"image": made(rows, 3, 16, 16, seed=seed).sigmoid(), "state": made(rows, 4, seed=seed + 1)}
    return ids, own


class Lively(nn.Module):
    """A PaLM-E as a function of its picture alone, for `liven`."""

    def __init__(self, model: PaLME) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        """Logits for one prompt."""
        ids, own = inputs(self.model, rows=len(image))
        return self.model(ids, own | {"image": image})


def lively() -> PaLME:
    """One whose answers hang on the picture."""
    model = small()
    liven(Lively(model), inputs(model)[1]["image"], inputs(model, 5)[1]["image"])
    return model


# --- interleaving --------------------------------------------------------------------------------------
def by_hand(ids: Tensor, table: Tensor, slots: Mapping[int, Tensor]) -> Tensor:
    """Vector by vector, as section 3 says it."""
    sentence = []
    for token in ids.tolist():
        if token in slots:
            sentence += [slots[token][i] for i in range(len(slots[token]))]
        else:
            sentence.append(table[token])
    return torch.stack(sentence)


CASES = [[1, 7, 2, 8, 3], [7, 1, 2], [1, 2, 8], [7, 8], [7, 1, 7], [1, 2, 3], [8]]


@pytest.mark.parametrize("tokens", CASES)
@pytest.mark.parametrize("function", [interleave, asked_solutions.interleave], ids=["package", "exercise"])
def test_a_sentence_is_what_one_would_write_by_hand(
    function: Callable[..., Tensor], tokens: list[int]
) -> None:
    table, slots = made(9, 5), {7: made(3, 5, seed=1), 8: made(1, 5, seed=2)}
    ids = torch.tensor(tokens)
    assert torch.equal(function(ids, lambda i: table[i], slots), by_hand(ids, table, slots))


FAULTS = [
    ("parts += [words[first:at], slots[token]]", "parts += [slots[token], words[first:at]]"),
    ("            first = at + 1", "            first = at"),
    ("return torch.cat([*parts, words[first:]])", "return torch.cat(parts or [words])"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=["sensor first", "marker kept", "the rest lost"])
def test_a_fault_in_the_sentence_is_seen(fault: tuple[str, str]) -> None:
    wrong = planted(palm_e.__name__, fault).interleave
    table, slots = made(9, 5), {7: made(3, 5, seed=1), 8: made(1, 5, seed=2)}
    pairs = [
        (wrong(torch.tensor(c), lambda i: table[i], slots), by_hand(torch.tensor(c), table, slots))
        for c in CASES
    ]
    assert any(a.shape != b.shape or not torch.equal(a, b) for a, b in pairs)


def test_vectors_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="slots"):
        interleave(torch.tensor([1, 7]), lambda i: made(9, 5)[i], {7: made(3, 4)})


# --- the model -----------------------------------------------------------------------------------------
def whole_by_hand(model: PaLME, ids: Tensor, own: Mapping[str, Tensor]) -> Tensor:
    """Each row on its own, its sentence by hand, and the logits after each word or marker."""
    out = []
    for b in range(len(ids)):
        slots = {model.markers[n]: model.sensors[n](own[n])[b] for n in own}
        sentence = by_hand(ids[b], model.lm.token.weight, slots)
        logits = model.lm.from_embeddings(sentence[None])[0]
        ends, at = [], -1
        for token in ids[b].tolist():
            at += len(slots[token]) if token in slots else 1
            ends.append(logits[at])
        out.append(torch.stack(ends))
    return torch.stack(out)


def test_the_model_is_the_language_model_on_such_sentences() -> None:
    model = lively()
    ids, own = inputs(model)
    assert parity_gap(model(ids, own), whole_by_hand(model, ids, own)) < TOLERANCE


MODEL_FAULTS = [
    ("length[ids == mark] = vectors.shape[1]", "length[ids == mark] = 1"),
    ("return length.cumsum(dim=1) - 1", "return (length.cumsum(dim=1) - 2).clamp(min=0)"),
    ("{mark: vectors[b] for", "{mark: vectors[0] for"),
]


@pytest.mark.parametrize(
    "fault", MODEL_FAULTS, ids=["one place a sensor", "one too early", "one picture for all"]
)
def test_a_fault_in_the_model_is_seen(fault: tuple[str, str]) -> None:
    right = lively()
    wrong = small(planted(palm_e.__name__, fault).PaLME)
    wrong.load_state_dict(right.state_dict())
    ids, own = inputs(right)
    assert parity_gap(wrong(ids, own), right(ids, own)) > 10 * TOLERANCE


def test_without_markers_it_is_the_language_model() -> None:
    model = lively()
    ids = torch.tensor([model.lm.tokenizer.encode("put the red star left of")])
    assert torch.equal(model(ids, {}), model.lm(ids))


def test_markers_may_stand_in_other_places_and_in_some_rows_only() -> None:
    model = lively()
    mark = model.markers
    ids = torch.tensor([[5, mark["image"], 6, 7], [mark["state"], 5, 6, mark["state"]], [5, 6, 7, 8]])
    own = {"image": made(3, 3, 16, 16).sigmoid(), "state": made(3, 4)}
    assert parity_gap(model(ids, own), whole_by_hand(model, ids, own)) < TOLERANCE


def test_what_comes_later_is_not_seen_and_padding_changes_nothing() -> None:
    model = lively()
    ids, own = inputs(model)
    longer = torch.cat([ids, ids.new_full((2, 3), model.lm.tokenizer.pad)], dim=1)
    assert parity_gap(model(longer, own)[:, : ids.shape[1]], model(ids, own)) < TOLERANCE
    changed = ids.clone()
    changed[:, -1] = 5
    assert parity_gap(model(changed, own)[:, :-1], model(ids, own)[:, :-1]) < TOLERANCE


def test_cached_is_as_uncached() -> None:
    model = lively()
    ids, own = inputs(model)
    first, cache = len(model.lm.tokenizer.encode(TEXT)), KVCache()
    parts = [model(ids[:, :first], own, cache)]
    parts += [model.lm(ids[:, i : i + 1], cache) for i in range(first, ids.shape[1])]
    assert parity_gap(torch.cat(parts, dim=1), model(ids, own)) < TOLERANCE


def test_a_cache_wants_sentences_of_one_length() -> None:
    model = small()
    ids = torch.tensor([[5, model.markers["image"]], [5, 6]])
    with pytest.raises(ValueError, match="one length"):
        model(ids, {"image": made(2, 3, 16, 16).sigmoid()}, KVCache())


def test_the_loss_is_on_the_plan_alone_and_reaches_all_parts() -> None:
    model = lively()
    ids, own = inputs(model)
    first = len(model.lm.tokenizer.encode(TEXT)) - 1
    target = torch.cat([ids[:, 1:], ids.new_full((2, 1), model.lm.tokenizer.end)], dim=1)
    target[:, :first] = IGNORE
    loss = plan_loss(model, ids, own, target)
    logits = whole_by_hand(model, ids, own)[:, first:]
    want = F.cross_entropy(logits.flatten(0, 1), target[:, first:].flatten())
    assert float(loss) == pytest.approx(float(want), rel=1e-4)
    loss.backward()
    for name in (
        "lm.token.weight",
        "sensors.image.place",
        "sensors.state.mlp.0.weight",
        "sensors.image.eye.0.weight",
    ):
        grad = model.get_parameter(name).grad
        assert grad is not None and float(grad.abs().max()) > 0, name


def test_one_batch_is_learned_by_heart() -> None:
    """Two pictures, one instruction, two plans: only who looks can tell."""
    model = small().train()
    tokenizer = model.lm.tokenizer
    plans = [PLAN, PLAN.replace("red star", "blue ball")]
    asked = tokenizer.encode(TEXT)
    told = [[*tokenizer.encode(text), tokenizer.end] for text in plans]
    ids = torch.tensor([asked + t[:-1] for t in told])
    target = torch.tensor([[IGNORE] * (len(asked) - 1) + t for t in told])
    own = inputs(model)[1] | {"state": torch.zeros(2, 4)}
    optimizer = torch.optim.AdamW(model.parameters(), 2e-2)
    for _ in range(40):
        optimizer.zero_grad()
        plan_loss(model, ids, own, target).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():  # batch norm's running figures are of these two pictures
        assert float(plan_loss(model, ids, own, target)) < 0.1
    assert write(model, [TEXT, TEXT], own, most=30) == [text.strip() for text in plans]
    assert write(model, [TEXT], {name: x[1:] for name, x in own.items()}, most=30) == [plans[1].strip()]


def test_missing_and_unknown_readings_are_refused() -> None:
    model = small()
    ids, own = inputs(model)
    with pytest.raises(ValueError, match="'state' too"):
        model(ids, {"image": own["image"]})
    with pytest.raises(ValueError, match="smell"):
        model(ids, own | {"smell": own["state"]})
    with pytest.raises(ValueError, match="vectors"):
        model(ids, own | {"state": own["state"][:1]})
    with pytest.raises(ValueError, match="markers"):
        PaLME(model.lm, {"state": StateEncoder(4, 16)}, {"image": 3})


def test_an_odd_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="16"):
        ImageEncoder(8, size=16)(made(1, 3, 24, 24))
    with pytest.raises(ValueError, match="multiple of 8"):
        ImageEncoder(8, size=20)


# --- words ---------------------------------------------------------------------------------------------
def test_prompts_and_steps() -> None:
    assert prompt("put the red star left of the blue ball .", ("image", "state")) == TEXT
    assert prompt("is the middle clear ?", (), want="answer") == "given : is the middle clear ? answer :"
    assert steps_of(PLAN) == ["pick the red star", "place left of the blue ball", "done"]
    assert steps_of("") == [] and steps_of("done") == ["done"]


def test_prompts_of_several_lengths_are_answered_each_as_alone() -> None:
    model = lively()
    asked = [TEXT, "given <image> : put the red star . plan :", TEXT, "given : plan :"]
    own = {"image": made(4, 3, 16, 16).sigmoid(), "state": made(4, 4)}
    alone = [
        write(model, [t], {n: x[i : i + 1] for n, x in own.items()}, most=6)[0] for i, t in enumerate(asked)
    ]
    assert write(model, asked, own, most=6) == alone


# --- the policy and the loop ---------------------------------------------------------------------------
def table() -> Table:
    """A red star in the middle, a blue ball behind it at the right."""
    return Table([Block("red", "star", 0.4, 0.5), Block("blue", "ball", 0.8, 0.3)], gripper=(0.1, 0.9))


def test_the_policy_moves_smoothly_to_what_is_named() -> None:
    own, move = table(), Table.move
    path = [(own.x, own.y)]

    def moved(dx: float, dy: float) -> None:
        move(own, dx, dy)
        path.append((own.x, own.y))

    own.move = moved  # type: ignore[method-assign]
    assert carry_out(own, "pick the red star")
    assert own.held == 0
    jumps = [math.dist(a, b) for a, b in pairwise(path)]
    assert max(jumps) <= FASTEST + 1e-9 and len(path) > 5
    assert carry_out(own, "place left of the blue ball") and own.held is None
    assert (own.blocks[0].x, own.blocks[0].y) == pytest.approx((0.55, 0.3), abs=0.003)


@pytest.mark.parametrize(
    "step", ["place on the left", "pick the green cross", "pick", "", "done", "put the red star", "place"]
)
def test_a_step_that_cannot_be_fails_and_changes_nothing(step: str) -> None:
    own = table()
    assert not carry_out(own, step)
    assert (own.x, own.y, own.held) == (0.1, 0.9, None) and own.blocks == table().blocks


def test_a_slip_is_a_failure_and_the_gripper_opens_before_it_picks_again() -> None:
    own = table()
    own.slips = 0
    assert carry_out(own, "pick the red star") and not carry_out(own, "place on the right")
    assert own.held is None and own.find("red star") == 0
    assert carry_out(own, "pick the red star") and carry_out(own, "place on the right")


def expert(tables: Sequence[Table], tasks: Sequence[Any]) -> control.Planner:
    """A planner that reads the true state; it finds its table by number, which the readings carry."""

    def plans(_: Sequence[str], seen: Mapping[str, Tensor], __: Sequence[str]) -> list[str]:
        return [" . ".join(plan(tables[i], tasks[i])) + " ." for i in seen["number"].tolist()]

    return plans


def numbered(tables: Sequence[Table]) -> control.Look:
    """Readings: which table this is."""
    place = {id(own): i for i, own in enumerate(tables)}
    return lambda bodies: {"number": torch.tensor([place[id(body)] for body in bodies])}


def episodes(*, closed: bool, slip: bool = False, push: bool = False) -> tuple[float, list[control.Episode]]:
    """Let the expert work on 30 tables, perhaps disturbed; the share of tasks done."""
    tables = sample_tables(30, seed=9, split="val")
    tasks = sample_tasks(tables, seed=3)
    rng = random.Random(0)
    for own in tables:
        own.slips = 0 if slip else None
    between = (lambda i, body, tried: nudge(body, rng, tasks[i]) if tried == 2 else None) if push else None
    told = run(
        expert(tables, tasks), tables, [task.text for task in tasks], numbered(tables),
        closed=closed, between=between,
    )  # fmt: skip
    return sum(map(solved, tables, tasks)) / len(tables), told


def test_with_the_expert_the_loop_does_every_task_even_disturbed() -> None:
    for closed in (True, False):
        share, told = episodes(closed=closed)
        assert share == 1 and all(one.done and all(ok for _, ok in one.steps) for one in told)
    assert episodes(closed=True, slip=True)[0] == 1
    assert episodes(closed=True, push=True)[0] == 1


def test_open_loop_a_slip_is_not_mended() -> None:
    share, told = episodes(closed=False, slip=True)
    slipped = [any(not ok for _, ok in one.steps) for one in told]
    assert share < 1 and sum(slipped) > 10
    assert all(len(one.plans) == 1 for one in told), "one look"


def test_the_loop_ends_where_nothing_is_said_and_where_it_takes_too_long() -> None:
    own = [table(), table()]
    told = run(
        lambda words, seen, last: ["", "pick the green cross ."][-len(words) :],
        own,
        ["a", "b"],
        lambda b: {},
        most=1,
    )
    assert told[0].done and not told[0].steps
    assert not told[1].done and told[1].steps == [("pick the green cross", False)]


LOOP_FAULTS = [
    (control.__name__, ("(closed or turn == 0)", "turn == 0")),
    (
        policy.__name__,
        ("return body.held is not None and body.release()", "return body.release()"),
    ),
    (planning.__name__, ('plan.split(" .")', 'plan.split(".")[:1]')),
]


def test_faults_in_loop_and_words_are_seen() -> None:
    loop = planted(*LOOP_FAULTS[0]).run
    tables = sample_tables(10, seed=9, split="val")
    tasks = sample_tasks(tables, seed=3)
    for own in tables:
        own.slips = 0
    loop(expert(tables, tasks), tables, [task.text for task in tasks], numbered(tables))
    assert not all(map(solved, tables, tasks)), "it never looked again"
    own = table()
    own.slips = 0
    slipped = planted(*LOOP_FAULTS[1]).carry_out
    assert slipped(own, "pick the red star") and slipped(own, "place on the right"), (
        "a slip passes for success"
    )
    assert planted(*LOOP_FAULTS[2]).steps_of(PLAN) != steps_of(PLAN)
