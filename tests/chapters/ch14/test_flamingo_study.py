"""How Flamingo is taught and shown: what is drawn is as it is said to be; gates do what they are set to."""

import copy

import pytest
import torch

from lecture_utils.chapters.ch14 import flamingo_study, gate_claims
from lecture_utils.chapters.ch14.flamingo_figures import gates_figure, shots_figure
from lecture_utils.chapters.ch14.widgets import gates_opening
from lecture_utils.data.toyworld.language.prompts import short
from lecture_utils.data.toyworld.language.questions import ASKED
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.experiments import ledger
from lecture_utils.multimodal.flamingo.gated_cross_attention import gated_cross_attention
from lecture_utils.recipes import scenes_flamingo
from lecture_utils.recipes._flamingo import NAMES, NEW_NAMES, UNNAMED, Turn, Tutor, interleave, lessons
from lecture_utils.recipes._scenes import IGNORE, exam, language_model, material, words

pytestmark = pytest.mark.system("S14.3")


@pytest.fixture(scope="module")
def tutor() -> Tutor:
    return Tutor(material(200, split="val"), 0)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = scenes_flamingo.build()
    with torch.no_grad():
        for layer in made.new_layers():
            layer.alpha.copy_(torch.tensor([0.8, -0.6]))
    return made.eval()


def test_a_text_is_start_then_each_question_with_its_answer_behind_its_picture(tutor):
    texts = [[Turn(3, "what ?", "sand"), Turn(5, "is the ball red ?", "no")], [Turn(1, "what ?", "2")] * 2]
    told = interleave(texts, tutor.portion.grid)
    tokenizer = words()
    said = tokenizer.decode(told.ids[0].tolist()[1:])
    assert said == " question : what ? answer : sand question : is the ball red ? answer :"
    assert told.ids[0, 0] == tokenizer.start and told.which[0].tolist() == [0, *[1] * 7, *[2] * 9]
    at = (told.target[0] != IGNORE).nonzero()[:, 0].tolist()
    assert [tokenizer.decode([i]) for i in told.target[0, at].tolist()] == [" sand", " no"]
    assert torch.equal(told.ids[0, at[0] + 1], told.target[0, at[0]])  # said one token later
    assert torch.equal(told.media[0, 1], tutor.portion.grid[5].float())
    assert bool((told.which[1].diff() >= 0).all()) and int(told.which[1, -1]) == 2  # padding too


def test_a_task_without_a_name_is_one_and_the_same_in_a_text(tutor):
    for _ in range(30):
        turns = tutor.unnamed(5)
        facts = [tutor.portion.facts[turn.picture] for turn in turns]
        fits = [
            all(tell(s) == t.answer for s, t in zip(facts, turns, strict=True)) for tell in UNNAMED.values()
        ]
        assert any(fits) and {turn.asked for turn in turns} == {"what ?"}
    assert {tutor.unnamed(1)[0].answer for _ in range(200)} >= {"sand", "clear", "1", "red", "star"}


def test_two_shapes_have_two_names_that_are_not_theirs(tutor):
    assert not set(NAMES) & set(NEW_NAMES) and not (set(NAMES) | set(NEW_NAMES)) & set(CLASSES)
    for names in (NAMES, NEW_NAMES):
        for _ in range(20):
            turns = tutor.binding(5, names)
            things = [tutor.portion.facts[turn.picture].things for turn in turns]
            called = {(own[0].shape, turn.answer) for own, turn in zip(things, turns, strict=True)}
            assert all(len(own) == 1 for own in things) and len(called) == 2
            assert len({s for s, _ in called}) == len({n for _, n in called} & set(names)) == 2
            assert turns[0].answer != turns[1].answer and turns[2].answer != turns[3].answer
    thirds = [turns[2].answer == turns[0].answer for turns in (tutor.binding(3) for _ in range(200))]
    assert 70 < sum(thirds) < 130  # the third is not told by the order


def test_lessons_have_as_many_answers_however_long_their_texts(tutor):
    kinds = (("named", 3, 0.4), ("unnamed", 5, 0.3), ("binding", 5, 0.3))
    made = lessons(Tutor(tutor.portion, 1), kinds=kinds, answers=30)
    for _, (told, target) in zip(range(12), made, strict=False):
        assert int((target != IGNORE).sum()) == 30 and told.media.shape[1] in (3, 5)


def test_the_file_leaves_the_language_model_out_and_loading_keeps_it(model):
    state = model.state_dict()
    assert not any(key.startswith("lm.") for key in state) and "gated.0.alpha" in state
    fresh = scenes_flamingo.build()
    assert not torch.equal(fresh.gates(), model.gates())
    fresh.load_state_dict(copy.deepcopy(state))
    assert torch.equal(fresh.gates(), model.gates())
    assert torch.equal(fresh.lm.token.weight, language_model().token.weight)
    with pytest.raises(RuntimeError, match=r"gated\.0\.alpha"):
        fresh.load_state_dict({key: value for key, value in state.items() if key != "gated.0.alpha"})


def test_gates_can_be_set_by_hand(model, tutor):
    told = interleave([tutor.named(2) for _ in range(3)], tutor.portion.grid)

    def logits(its):
        return scenes_flamingo.at_answers(its, told)

    torch.testing.assert_close(logits(flamingo_study.with_gates(model, 1.0)), logits(model))
    blind = model.lm(told.ids)[told.target != IGNORE]
    assert torch.equal(logits(flamingo_study.with_gates(model, 0.0)), blind)
    assert not torch.allclose(logits(flamingo_study.with_gates(model, 1.5)), logits(model), atol=1e-2)
    random = flamingo_study.gates_at_random(model)
    assert bool((random.gates().abs() > 0).all()) and not torch.equal(random.gates(), model.gates())


def test_the_widget_shows_the_blind_model_where_gates_are_shut(model):
    drawn, numbers = gates_opening.asked()
    assert {drawn.questions[i].asked for i in numbers} == set(ASKED)
    put = drawn.questions[numbers[0]]

    def bars(share):
        return [bar.get_width() for bar in gates_opening.answers(numbers[0], share, model).axes[1].patches]

    tokenizer = words()
    ids = torch.tensor([[tokenizer.start, *tokenizer.encode(short(put.text))]])
    blind = model.lm(ids)[0, -1].softmax(0)
    group = next(group for group in gates_opening.SETS if put.answer in group)
    want = [float(blind[tokenizer.encode(f" {word}")[0]]) for word in group]
    assert bars(0.0) == pytest.approx(want, abs=1e-6) and bars(1.0) != pytest.approx(want, abs=1e-3)


def test_answers_are_read_at_the_right_place_alone_or_in_a_batch(model):
    drawn = exam(10, split="val")
    asked = [q.text for q in drawn.questions]
    grid = material(200, split="val").grid[: len(asked)].float()
    together = scenes_flamingo.answerer(model)(grid, asked)
    alone = [scenes_flamingo.answerer(model)(grid[i : i + 1], asked[i : i + 1])[0] for i in range(len(asked))]
    assert together == alone


def test_latents_spend_all_of_their_attention(model, tutor):
    cells, within = flamingo_study.looks(model, tutor.portion.grid[:3].float())
    assert cells.shape == (2, 3, 8, 6, 6)
    torch.testing.assert_close(cells.sum((-2, -1)) + within, torch.ones(2, 3, 8))


def test_the_training_in_the_open_uses_the_learners_function_and_keeps_the_gates(monkeypatch, model):
    monkeypatch.setattr(flamingo_study, "shipped", lambda: model)
    monkeypatch.setattr(flamingo_study, "SCENES", 60)
    calls = []

    def own(*arguments):
        calls.append(len(arguments))
        return gated_cross_attention(*arguments)

    told = flamingo_study.open_gates(own, steps=3)
    assert calls and told.opened.shape == (4, 4, 2)
    assert not bool(told.opened[0].any()) and bool((told.opened[-1] != 0).all())
    same = zip(told.model.resampler.parameters(), model.resampler.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)
    assert len(gates_figure(told.opened).axes) == 2
    assert shots_figure({"named": [0.5] * 5}).axes


# --- C14.2 ---------------------------------------------------------------------------------------------
def test_behind_shut_gates_the_loss_is_the_language_models_and_at_random_it_is_not():
    found = gate_claims.begins(0, "quick")
    assert found["moved"] == 0.0 and found["harm"] > 0
    assert abs(gate_claims.begins(0, "quick", 0.01)["harm"]) < found["harm"]


def test_the_arms_differ_by_their_gates_alone():
    shut, opened, none = (gate_claims.started(arm, 3) for arm in gate_claims.ARMS)
    for name, value in shut.named_parameters():
        same = [torch.equal(value, dict(other.named_parameters())[name]) for other in (opened, none)]
        assert same == [not name.endswith("alpha"), True], name
    assert float(opened.gates().min()) == pytest.approx(0.7616, abs=1e-4)


def test_the_claims_figures_have_what_its_rules_ask_for():
    claim = next(c for c in ledger.statements() if c.id == "C14.2")
    found = gate_claims.c14_2_gates(0, "quick")
    assert {rule.figure for rule in claim.rules} <= found.keys()
    assert set(found["arms"]) == set(gate_claims.ARMS) and 0 < found["trained_share"] < 1
