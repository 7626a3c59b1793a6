"""Questions as visual programs: each program, read and run over exact things, gives the question's answer."""

from itertools import pairwise

import pytest

from lecture_utils.data.toyworld.language.asked import ABOUT, asked, asked_scenes
from lecture_utils.data.toyworld.language.program_text import program_steps, program_text, written_exactly
from lecture_utils.data.toyworld.language.programs import Both, Count, Either, Having, Standing, Things
from lecture_utils.data.toyworld.language.questions import Question, questions
from lecture_utils.data.toyworld.language.wording import parse
from lecture_utils.multimodal.visual_programs.generator import with_name
from lecture_utils.multimodal.visual_programs.interpreter import run
from lecture_utils.multimodal.visual_programs.program import read_program
from lecture_utils.multimodal.visual_programs.values import Picture
from lecture_utils.recipes._programs import exact_modules, retrieving
from tests.mutants import planted

pytestmark = pytest.mark.system("S14.7")


def asked_of(hops: int | tuple[int, int]) -> list[Question]:
    _, facts = asked_scenes(40, seed=3, split="val", objects=(2, 3))
    return questions(facts, 4, about=ABOUT, hops=hops)


def right_answers(text_of: object, hops: int | tuple[int, int]) -> float:
    """Share of the questions whose program, run over exact things, gives their answer."""
    drawn = asked(40, seed=3, split="val", objects=(2, 3), hops=hops)
    modules = exact_modules(drawn)
    right = [
        run(read_program(text_of(q.program)), modules[q.scene], Picture(drawn.image[q.scene]))[0] == q.answer  # type: ignore[operator]
        for q in drawn.questions
    ]
    return sum(right) / len(right)


@pytest.mark.parametrize("hops", [(0, 1), (2, 3)])
def test_programs_over_exact_things_give_the_answers(hops: tuple[int, int]) -> None:
    assert right_answers(program_text, hops) == 1.0


@pytest.mark.parametrize(
    "fault",
    [
        ('sign = ">" if isinstance(program, More) else "=="', 'sign = "=="'),
        ('box={box})"\n\n\ndef _named', 'box=BOX0)"\n\n\ndef _named'),
        (
            "(f\"{box} = LOC(image=IMAGE, object='{name}')\", *filters)",
            "(f\"{box} = LOC(image=IMAGE, object='{name}')\",)",
        ),
        ("_related(name, two, other)", "_related(name, one, other)"),
    ],
)
def test_a_fault_in_the_writing_gives_wrong_answers(fault: tuple[str, str]) -> None:
    copy = planted("lecture_utils.data.toyworld.language.program_text", fault)
    assert right_answers(copy.program_text, (0, 1)) < 1.0


def test_a_question_is_taken_apart_from_the_right() -> None:
    steps = program_steps(parse("is the star left of the red ball a star ?"))
    assert [step.phrase for step in steps] == [
        "the red ball", "the star left of BOX0", "is BOX0 a star ?",
    ]  # fmt: skip
    assert steps[1].lines == ("BOX0 = RELATE(image=IMAGE, object='star', relation='left of', box=BOX0)",)


@pytest.mark.parametrize("hops", [0, 1, 2, 3])
def test_each_step_follows_from_the_one_before(hops: int) -> None:
    for question in asked_of(hops):
        steps = program_steps(question.program)
        assert steps[0].left == question.text and steps[-1].phrase == steps[-1].left
        for step, after in pairwise(steps):
            assert with_name(step.left, step.phrase, step.lines[-1].split(" = ")[0]) == after.left
        assert "\n".join(line for step in steps for line in step.lines) == written_exactly(question.text)


def test_deeper_questions_need_no_new_names() -> None:
    def names(hops: int) -> set[str]:
        return {line.target for q in asked_of(hops) for line in read_program(program_text(q.program))}

    assert names(2) | names(3) <= names(1) | names(0)


def test_things_in_one_of_two_sets_have_a_program() -> None:
    either = Either(Having(Things(), "colour", "red"), Having(Things(), "shape", "star"))
    assert program_text(Count(either)).split("\n")[2] == "BOX0 = UNION(box=BOX0, other=BOX1)"
    both = Both(
        Standing("left of", Having(Things(), "shape", "ball")),
        Standing("behind", Having(Things(), "shape", "ring")),
    )
    assert "INTERSECT(box=BOX0, other=BOX1)" in program_text(Count(both))


def test_what_has_no_wording_is_refused() -> None:
    with pytest.raises(ValueError, match="want one that ends in an answer"):
        program_text(Things())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="how many"):
        written_exactly("tell me a joke")


def test_an_example_built_alike_is_enough_for_a_short_question_and_not_for_a_long_one() -> None:
    writer = retrieving(asked_of((0, 1)))
    known = written_exactly("how many red stars are there ?")
    assert writer.one("how many red stars are there ?") == known
    long = "how many stars left of the ball behind the ring right of the cross are there ?"
    assert writer.one(long) != written_exactly(long)
