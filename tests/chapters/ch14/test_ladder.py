"""The ladder: shares and intervals by hand, what is right by construction, and what a bad answer costs."""

import math

import pytest
import torch

from lecture_utils.chapters.ch14.ladder import COLUMNS, Share, grid_marks, ladder, share, summary
from lecture_utils.chapters.ch14.ladder_figures import ladder_figure
from lecture_utils.data.toyworld.language.programs import GroundIs
from lecture_utils.data.toyworld.language.questions import ASKED, Question
from lecture_utils.recipes import _scenes
from tests.mutants import planted

pytestmark = pytest.mark.system("S14.2")

MODULE = "lecture_utils.chapters.ch14.ladder"


def put_to(scenes: list[int], kinds: list[str], hops: list[int] | None = None) -> list[Question]:
    hops = [0] * len(scenes) if hops is None else hops
    return [Question(s, "", "", GroundIs(), k, h) for s, k, h in zip(scenes, kinds, hops, strict=True)]


def shares_are_right(of) -> None:
    alone = put_to([0, 1, 2, 3], ["what"] * 4)
    got = of([True, True, True, False], alone, [range(4)])
    assert math.isclose(got.value, 0.75)
    assert math.isclose(got.half, 1.96 * math.sqrt(0.75 * 0.25 / 3))  # that of a mean of four

    twice = put_to(
        [0, 0, 1, 1, 2, 2, 3, 3], ["what"] * 8
    )  # the same four, each asked twice: no more is known
    again = of([True] * 6 + [False] * 2, twice, [range(8)])
    assert math.isclose(again.value, 0.75) and math.isclose(again.half, got.half)

    uneven = of([True, False, True, True, True], put_to([0, 1, 2, 3, 4], ["is"] * 5), [[0, 1], [2, 3, 4]])
    assert math.isclose(uneven.value, 0.75)  # the mean of 1/2 and 1, not 4/5


def test_shares_and_their_intervals():
    shares_are_right(share)


@pytest.mark.parametrize(
    "fault",
    [
        ("sum(levels) / len(levels)", "sum(right) / len(right)"),
        ("residual[put[i].scene]", "residual[i]"),
        ("(right[i] - level)", "right[i]"),
    ],
)
def test_shares_see_a_fault(fault):
    with pytest.raises(AssertionError):
        shares_are_right(planted(MODULE, fault).share)


def test_summary_keeps_kinds_and_relations_apart():
    put = put_to([0, 1, 2, 3], ["what", "what", "scene", "compare"], [0, 1, 0, 0])
    got = summary([True, False, True, True], put)
    assert got["what"].value == 0.5 and got["scene"].value == 1.0
    assert got["hops 0"].value == 1.0 and got["hops 1"].value == 0.0  # scene and compare follow none
    assert math.isclose(got["all"].value, (0.5 + 1 + 1) / 3)


@pytest.fixture
def no_eye(monkeypatch):
    monkeypatch.setattr(_scenes, "grids", lambda images: images[:, :, :6, :6].flatten(2).transpose(1, 2))


def test_who_knows_is_at_the_top_and_who_says_nonsense_at_the_bottom(no_eye):
    def knows(drawn):
        return [True] * len(drawn.questions)

    nonsense = grid_marks(lambda grid, asked: ["hm"] * len(asked))
    table = ladder(12, 8, rows={"nonsense": nonsense, "knows": knows})
    assert set(table["knows"]) <= set(COLUMNS) and {"hops 2", "all"} <= set(table["knows"])
    assert all(cell == Share(1.0, 0.0) for cell in table["knows"].values())
    assert all(cell == Share(0.0, 0.0) for cell in table["nonsense"].values())
    fig = ladder_figure(table, "two rows")
    assert len(fig.axes[0].get_yticklabels()) == 2


def test_each_question_is_answered_from_the_tokens_of_its_own_picture(no_eye):
    drawn = _scenes.exam(10)
    want = _scenes.seen(drawn)
    met = []

    def answers(grid, asked):
        met.append(grid)
        return ["yes"] * len(asked)

    _scenes.marks(answers, drawn, portion=7)
    torch.testing.assert_close(torch.cat(met), want[[q.scene for q in drawn.questions]].float())
    assert float((want[0] - want[1]).abs().max()) > 0
    with pytest.raises(ValueError, match="want one to each of"):
        _scenes.marks(lambda grid, asked: ["yes"], drawn)


def test_what_is_spoken_is_learned_at_the_answer_alone():
    ids, target = _scenes.spoken([" is it red ?", " what ?"], [" no", " a ball"], end=True)
    tokenizer = _scenes.words()
    for row, after, prompt, answer in zip(
        ids, target, [" is it red ?", " what ?"], [" no", " a ball"], strict=True
    ):
        said = after[after != _scenes.IGNORE]
        assert said.tolist() == [*tokenizer.encode(answer), tokenizer.end]
        first = int((after != _scenes.IGNORE).nonzero()[0])
        assert row[: first + 1].tolist() == [tokenizer.start, *tokenizer.encode(prompt)]
        rest = row[first + 1 : first + len(said)]
        assert rest.tolist() == said[:-1].tolist()  # what was said is read before the next is said


def test_judge_is_a_mean_over_kinds(no_eye):
    drawn = _scenes.exam(30)
    got = _scenes.judge(lambda grid, asked: ["yes"] * len(asked), drawn)
    by_kind = {kind: [q.answer == "yes" for q in drawn.questions if q.asked == kind] for kind in ASKED}
    for kind, marks in by_kind.items():
        assert math.isclose(got[kind], sum(marks) / len(marks))
    assert math.isclose(got["all"], sum(sum(m) / len(m) for m in by_kind.values()) / len(by_kind))
