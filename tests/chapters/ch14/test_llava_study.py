"""Chapter 14: what LLaVA is taught and how it is examined, its picture's place, figures, and the chat."""

from functools import lru_cache

import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch14 import llava_figures as figures
from lecture_utils.chapters.ch14 import llava_study as study
from lecture_utils.chapters.ch14.widgets import chat_with_a_scene as chat
from lecture_utils.data.toyworld.language.asked import described
from lecture_utils.data.toyworld.language.facts import Facts, Thing
from lecture_utils.multimodal.llava.inputs import IGNORE, llava_inputs
from lecture_utils.multimodal.llava.llava import LLaVA, answer_loss
from lecture_utils.recipes import _llava as taught
from lecture_utils.recipes import scenes_llava_aligned
from lecture_utils.recipes._scenes import Portion, exam, language_model, material, seen, words

pytestmark = pytest.mark.system("S14.4")

RED = Facts(7, (Thing(0, "red", "ball", "plain", 0.3, 3.0),), "sand", "clear")


def portion() -> Portion:
    return material(40, split="val")


@lru_cache(maxsize=1)
def untrained() -> LLaVA:
    torch.manual_seed(0)
    return taught.build().eval()


def said(lesson: taught.Lesson) -> str:
    return words().decode([t for t in lesson.target if t != IGNORE])


def test_lessons_say_what_is_true_and_ask_for_nothing_else():
    its = portion()
    for lesson in taught.described_lessons(its):
        assert said(lesson).strip() == described(its.facts[lesson.scene])
        assert lesson.target[-1] == words().end and lesson.ids[0] == words().start
    for lesson in taught.instruction_lessons(its):
        for statement in taught.statements(said(lesson).replace(" so ", " ")):
            assert taught.held(statement, its.facts[lesson.scene]) in (True, None)
    questions = taught.short_lessons(its)
    assert [said(lesson).strip() for lesson in questions] == [q.answer for q in its.questions]
    assert words().end not in questions[0].target
    kinds = len(taught.described_lessons(its)), len(taught.instruction_lessons(its))
    assert kinds[0] == len(its.facts) and 0.9 * kinds[0] <= kinds[1] <= kinds[0]


def test_batches_have_each_lesson_once_a_round_with_its_own_picture():
    its = portion()
    lessons = taught.short_lessons(its)[:128]
    given = taught.batches(its, lessons, 16, 0)
    rows = []
    for _ in range(8):
        (grid, ids), target = next(given)
        assert ids.shape == target.shape and len(grid) == 16
        for picture, row in zip(grid, ids.tolist(), strict=True):
            read = [token for token in row if token != words().pad]
            alike = [i for i, one in enumerate(lessons) if one.ids == read]
            its_own = [i for i in alike if torch.equal(its.grid[lessons[i].scene].float(), picture)]
            assert its_own
            rows.append(its_own[0])
    assert len(set(rows)) >= 120  # some questions may be put twice about one picture
    a, b = (next(taught.batches(its, lessons, 16, 3)) for _ in range(2))
    assert torch.equal(a[0][1], b[0][1])


def test_truth_counts_statements():
    right = described(RED)
    assert taught.truth([right], [RED]) == {"true": 1.0, "told": 1.0, "made_up": 0.0, "no_statement": 0.0}
    wrong = "there is a red ball . there is a blue star . the ground is sand . ball ball ."
    marks = taught.truth([wrong], [RED])
    assert marks["true"] == pytest.approx(2 / 3) and marks["made_up"] == pytest.approx(1 / 2)
    assert marks["no_statement"] == pytest.approx(1 / 4)
    assert marks["told"] == pytest.approx(2 / 3)  # all but the sky


def test_the_poll_asks_for_as_many_absent_as_present_classes():
    drawn = exam(30, split="val")

    class Yes(LLaVA):
        def forward(self, grid: Tensor, ids: Tensor, cache=None, *, at=1) -> Tensor:
            logits = torch.zeros(*ids.shape, self.lm.vocabulary)
            logits[..., words().encode(" yes")[0]] = 1
            return logits

    model = Yes(language_model(), taught.FEATURES, cells=taught.CELLS)
    assert taught.polled(model, drawn) == {"accuracy": 0.5, "made_up": 1.0, "yes": 1.0}


def test_the_file_of_stage_one_has_the_projection_alone():
    assert set(scenes_llava_aligned.build().state_dict()) == {
        "projection.layers.0.weight",
        "projection.layers.0.bias",
    }


def test_whole_lessons_are_the_exercises_and_cost_the_same():
    its, model = portion(), untrained()
    lessons = taught.instruction_lessons(its) + taught.short_lessons(its)
    for _, ((grid, ids), target) in zip(range(6), taught.batches(its, lessons, 8, 0), strict=False):
        longer, answer = study.whole(ids, target)
        back = longer.masked_fill(~answer, IGNORE)[:, 1:]
        assert torch.equal(back, target) and torch.equal(
            longer[:, :-1] * (ids != words().pad), ids * (ids != words().pad)
        )
        x, asked = llava_inputs(model.projection(grid), model.lm.token, longer, answer)
        with torch.no_grad():
            torch.testing.assert_close(
                answer_loss(model.lm.from_embeddings(x), asked), answer_loss(model(grid, ids), target)
            )


def test_in_the_open_the_learners_inputs_are_called_and_the_projection_alone_moves(monkeypatch):
    monkeypatch.setattr(study, "material", lambda scenes: portion())
    called = []

    def inputs(*given):
        called.append(1)
        return llava_inputs(*given)

    model, history = study.align_in_the_open(inputs, steps=3, batch=8)
    assert len(called) == history.steps == 3
    for name, value in model.lm.state_dict().items():
        assert torch.equal(value, language_model().state_dict()[name]), name


def test_a_picture_behind_all_words_changes_no_answer():
    drawn, model = exam(12, split="val"), untrained()
    asked = [q.text for q in drawn.questions[:8]]
    grid = seen(drawn)[:8].float()
    answers = study.picture_last(model)
    assert answers(grid, asked) == answers(grid.flip(0) * 3, asked)
    assert set(study.by_place(model, drawn)) == {
        *study.PLACES, "after the answer's place", "before, but of another scene",
    }  # fmt: skip


def test_the_nearest_word_of_a_words_own_embedding_is_itself():
    model = untrained()
    ids = torch.tensor([words().encode(f" {word}")[0] for word in study.SEEN_WORDS])

    class Words(torch.nn.Module):
        def forward(self, grid: Tensor) -> Tensor:
            return model.lm.token.weight[ids][None]

    before, model.projection = model.projection, Words()
    try:
        near, cosine = study.nearest_words(model, torch.zeros(1))
        assert near == [list(study.SEEN_WORDS)]
        torch.testing.assert_close(cosine, torch.ones(1, len(study.SEEN_WORDS)))
    finally:
        model.projection = before


def test_words_near_cells_counts_cells_that_say_what_they_show(monkeypatch):
    drawn = exam(12, split="val")
    _, kind, colour, _ = study.cells_of(drawn.scenes)

    def said(_, grid):
        rows = [
            [
                study.SEMANTIC[k] if c == study.NONE else study.COLOURS[c]
                for k, c in zip(kinds, hues, strict=True)
            ]
            for kinds, hues in zip(kind.tolist(), colour.tolist(), strict=True)
        ]
        return rows, torch.ones(kind.shape)

    monkeypatch.setattr(study, "nearest_words", said)
    assert study.words_near_cells(untrained(), drawn) == {"colour": 1.0, "shape": 0.0, "ground": 1.0}


def test_figures_are_drawn():
    drawn, model = exam(12, split="val"), untrained()
    scores = {name: dict.fromkeys((*figures.ASKED, "all"), 0.5) for name in ("stage 1", "both")}
    for figure in (
        figures.written_figure(drawn, 1),
        figures.chat_figure(model, drawn, 0, ["describe the picture .", "what is the ground ?"]),
        figures.stages_figure(scores),
        figures.nearest_figure(model, drawn),
        figures.failures_figure(model, drawn),
        figures.places_figure({"before": 0.7, "after": 0.4}),
    ):
        figure.canvas.draw()
        assert figure.axes


def test_the_chat_knows_what_is_true_and_takes_any_text():
    drawn, rows = chat.scenes()
    question = next(q for q in drawn.questions if q.scene == rows[0])
    assert chat.truth(question.text, drawn.facts[rows[0]]) == question.answer
    assert chat.truth("is there an elephant ?", drawn.facts[rows[0]]) == ""
    widget = chat.chat_with_a_scene(untrained())
    for text in ("describe the picture .", "삼각형 $x$ " * 10, "a" * 120):
        assert len(words().encode(chat.cut(text))) <= chat.LONGEST
        assert widget.picture(scene=chat.SCENES - 1, question=text).ndim == 3
