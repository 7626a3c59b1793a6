"""The toy world's language: every question is understood, every answer right, every sentence true.

The checker counts on the scenes' own numbers and not on the programs.
"""

import itertools
from collections import Counter

import pytest
import torch

from lecture_utils.data import toyworld
from lecture_utils.data.toyworld.language import programs
from lecture_utils.data.toyworld.language.facts import FAILS, HOLDS, OPPOSITE, RELATIONS, Facts, Thing, facts
from lecture_utils.data.toyworld.language.programs import (
    ANSWERS,
    AsMany,
    Count,
    Exists,
    GroundIs,
    Having,
    Is,
    Lacking,
    More,
    Standing,
    Things,
    Unclear,
    What,
    depth,
    hops,
    run,
)
from lecture_utils.data.toyworld.language.questions import ASKED, Question, questions
from lecture_utils.data.toyworld.language.telling import TALKS, reason, talk, tell, true_of, understand
from lecture_utils.data.toyworld.language.wording import parse, say
from tests.mutants import planted

pytestmark = pytest.mark.system("S00.3")


@pytest.fixture(scope="module")
def scenes() -> list[Facts]:
    drawn = toyworld.sample_scenes(150, seed=3, objects=toyworld.Objects(count=(0, 5)))
    return facts(drawn, toyworld.render(drawn, 24, only="visibility").visibility)


@pytest.fixture(scope="module")
def asked(scenes: list[Facts]) -> list[Question]:
    return questions(scenes, 8, hops=(0, 2))


def thing(place: int, colour: str, shape: str, x: float, depth_m: float, pattern: str = "plain") -> Thing:
    return Thing(place, colour, shape, pattern, x, depth_m)


PARK = Facts(
    7,
    (
        thing(0, "red", "star", 0.2, 2.5),
        thing(1, "blue", "ball", 0.6, 3.5, "striped"),
        thing(2, "red", "ball", 0.8, 5.0),
    ),
    "sand",
    "clear",
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("how many red things are there ?", "2"),
        ("how many things that are not red are there ?", "1"),
        ("is there a red ball right of the blue ball ?", "yes"),
        ("is there a star behind the blue ball ?", "no"),
        ("what colour is the ball left of the red ball ?", "blue"),
        ("what pattern is the thing right of the star and left of the red ball ?", "striped"),
        ("what shape is the thing left of the ball left of the red ball ?", "star"),
        ("are there more balls than stars ?", "yes"),
        ("are there as many red things as balls ?", "yes"),
        ("is the star a heart ?", "no"),
        ("is the blue ball striped ?", "yes"),
        ("how many stars or red balls are there ?", "2"),
        ("what is the ground ?", "sand"),
        ("is the sky cloudy ?", "no"),
    ],
)
def test_answers_by_hand(question: str, answer: str) -> None:
    assert run(parse(question), PARK) == answer
    assert say(parse(question)) == question
    assert true_of(tell(parse(question), answer), PARK)


def test_what_is_not_plain_has_no_answer() -> None:
    for unclear in ("what colour is the ball ?", "what colour is the heart ?"):
        with pytest.raises(Unclear, match="which one"):
            run(parse(unclear), PARK)
    near = Facts(1, (thing(0, "red", "star", 0.5, 2.5), thing(1, "blue", "ball", 0.58, 3.5)), "sand", "clear")
    with pytest.raises(Unclear, match="whether"):
        run(parse("is there a ball right of the star ?"), near)
    assert run(parse("is there a ball behind the star ?"), near) == "yes"


def test_relations_are_opposite_and_leave_a_gap() -> None:
    for a, b in itertools.permutations(PARK.things, 2):
        for relation in RELATIONS:
            there, back = a.stands(relation, b), b.stands(OPPOSITE[relation], a)
            assert there == back
            assert not (there and a.stands(OPPOSITE[relation], b))
    assert all(FAILS[r] < HOLDS[r] for r in RELATIONS)
    with pytest.raises(ValueError, match="relation: got 'above'"):
        PARK.things[0].stands("above", PARK.things[1])


def test_each_question_is_understood_as_it_was_meant(asked: list[Question]) -> None:
    assert len(asked) > 700
    for question in asked:
        assert parse(question.text) == question.program, question.text


def test_each_answer_is_right_by_the_checker(scenes: list[Facts], asked: list[Question]) -> None:
    for question in asked:
        scene = scenes[question.scene]
        assert question.answer == by_words(question.text.split()[:-1], scene), (question.text, scene)
        assert question.answer in ANSWERS


def by_words(words: list[str], scene: Facts) -> str:
    """Answer from the words alone, by lists and counting: it shares no code with `programs`."""
    text = " ".join(words)
    if text == "what is the ground":
        return scene.ground
    if text.startswith("is the sky"):
        return "yes" if scene.sky == words[-1] else "no"
    if text.startswith("are there "):
        split = "than" if words[2] == "more" else "as"
        rest = words[3:] if words[2] == "more" else words[4:]
        at = rest.index(split)
        a, b = len(match(rest[:at], scene)), len(match(rest[at + 1 :], scene))
        return "yes" if (a > b if words[2] == "more" else a == b) else "no"
    if text.startswith("how many"):
        return str(len(match(words[2:-2], scene)))
    if text.startswith("is there"):
        return "yes" if match(words[3:], scene) else "no"
    if words[0] == "what":
        (one,) = match(words[4:], scene)
        return {"colour": one.colour, "shape": one.shape, "pattern": one.pattern}[words[1]]
    end = -2 if words[-2] in ("a", "an") else -1
    (one,) = match(words[2:end], scene)
    return "yes" if words[-1] in (one.colour, one.shape, one.pattern) else "no"


def match(words: list[str], scene: Facts) -> list[Thing]:
    """Things that a name in words fits, relation by relation from its first."""
    starts = {"left": 2, "right": 2, "in": 3, "behind": 1}
    at = next((i for i, word in enumerate(words) if word in starts), len(words))
    own, rest = words[:at], words[at:]
    where: list[tuple[str, list[str]]] = []
    if "and" in rest:
        middle = rest.index("and")
        where = [(rest[0], rest[:middle]), (rest[middle + 1], rest[middle + 1 :])]
    elif rest:
        where = [(rest[0], rest)]
    out = []
    for one in scene.things:
        if not fits(own, one):
            continue
        good = True
        for first, part in where:
            (other,) = match(part[starts[first] + 1 :], scene)
            across, nearer = other.x - one.x, other.depth_m - one.depth_m
            by = {"left": across, "right": -across, "in": nearer, "behind": -nearer}[first]
            good = good and one is not other and by > (0.08 if first in ("left", "right") else 0.35)
        if good:
            out.append(one)
    return out


def fits(words: list[str], one: Thing) -> bool:
    """Whether all words before the relation are true of a thing."""
    has = {one.colour, one.shape, one.pattern, "thing"}
    has |= {word + ("es" if word.endswith("s") else "s") for word in (one.shape, "thing")}
    text = " ".join(words).replace("that are not", "not").replace("that is not an", "not")
    text = text.replace("that is not a ", "not ").replace("that is not", "not")
    positive = True
    for word in text.split():
        if word == "not":
            positive = False
        else:
            if (word in has) != positive:
                return False
            positive = True
    return True


def test_sentences_are_true_and_their_contradictions_false(
    scenes: list[Facts], asked: list[Question]
) -> None:
    for question in asked:
        scene = scenes[question.scene]
        statement = tell(question.program, question.answer)
        assert true_of(statement, scene), statement
        other = next(a for a in ANSWERS if a != question.answer and _same_kind(a, question.answer))
        assert not true_of(tell(question.program, other), scene), tell(question.program, other)


def _same_kind(a: str, b: str) -> bool:
    kinds = (("yes", "no"), programs.NUMBERS, toyworld.COLOURS, toyworld.CLASSES, toyworld.MATERIALS)
    return any(a in kind and b in kind for kind in (*kinds, toyworld.STUFF))


def test_talks_say_only_what_is_true(scenes: list[Facts]) -> None:
    told = Counter[str]()
    for scene, kind, number in itertools.product(scenes[:80], TALKS, (0, 1)):
        for turn in talk(scene, kind, telling=number):
            body, _, conclusion = turn.told.partition(" so ")
            for sentence in body.split(" .")[: -1 if body.endswith(" .") else None]:
                assert true_of(sentence.strip() + " .", scene), (sentence, scene)
                told[kind] += 1
            if conclusion:
                assert conclusion == f"{run(parse(turn.asked), scene)} ."
    assert min(told[kind] for kind in TALKS) > 100


def test_yes_is_as_often_right_as_no_and_no_answer_rules(asked: list[Question]) -> None:
    for kind in ("exists", "is", "compare"):
        answers = Counter(q.answer for q in asked if q.asked == kind)
        total = sum(answers.values())
        assert abs(answers["yes"] / total - 0.5) < 0.5 * 4 / total**0.5 + 0.05, (kind, answers)
    counts = Counter(q.answer for q in asked if q.asked == "count")
    assert counts.most_common(1)[0][1] < 0.6 * sum(counts.values())


def test_no_question_twice_about_a_scene_and_none_changes_with_the_others(scenes: list[Facts]) -> None:
    many = questions(scenes, 8)
    assert len({(q.scene, q.text) for q in many}) == len(many)
    alone = questions(scenes[4:5], 8)
    assert [q.text for q in alone] == [q.text for q in many if q.scene == 4]
    assert {q.asked for q in many} == set(ASKED)


def test_lengths(scenes: list[Facts]) -> None:
    for length in range(4):
        some = questions(scenes[:40], 4, asked=("count", "exists"), hops=length)
        assert some and {q.hops for q in some} == {length}
    program = Count(Having(Standing("left of", Having(Things(), "shape", "star")), "colour", "red"))
    assert (depth(program), hops(program)) == (5, 1)
    assert hops(Exists(Standing("behind", Standing("left of", Things())))) == 2


def test_steps_of_reason_end_in_the_answer() -> None:
    program = What("colour", Having(Standing("left of", Having(Things(), "colour", "blue")), "shape", "star"))
    assert reason(program, PARK) == [
        "the blue thing is a ball .",
        "the star left of the blue thing is red .",
    ]
    balls, stars = (Having(Things(), "shape", name) for name in ("ball", "star"))
    assert reason(More(balls, stars), PARK) == [
        "there are 2 balls .",
        "there is 1 star .",
        "there are more balls than stars .",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("how many red things ?", "want 'are there'"),
        ("is there the star ?", "want one of a, an"),
        ("what colour is the red ?", "want one of ball"),
        ("why is it red ?", "want how many"),
        ("is the sky blue ?", "want one of clear, cloudy"),
        ("what is the ground ? please", "want the end"),
    ],
)
def test_what_is_not_understood_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(text)
    with pytest.raises(ValueError, match="got"):
        understand("the star are red .")


def test_bad_programs_and_requests_are_refused(scenes: list[Facts]) -> None:
    with pytest.raises(ValueError, match="colour: got 'star'"):
        Having(Things(), "colour", "star")
    with pytest.raises(ValueError, match="hops: got 4"):
        questions(scenes, hops=4)
    with pytest.raises(ValueError, match="asked"):
        questions(scenes, asked=("why",))
    with pytest.raises(ValueError, match="two words for a colour"):
        say(Count(Having(Having(Things(), "colour", "red"), "colour", "blue")))
    drawn = toyworld.sample_scenes(2, seed=0)
    with pytest.raises(ValueError, match="visibility"):
        facts(drawn, torch.ones(3, drawn.places))


@pytest.mark.parametrize(
    "fault",
    [
        ("t for t in found(of, scene) if getattr(t, kind) != word", "t for t in found(of, scene)"),
        (
            "len(found(first, scene)) > len(found(second, scene))",
            "len(found(first, scene)) >= len(found(second, scene))",
        ),
        ("for t in found(first, scene) if t in others", "for t in found(first, scene)"),
        ("tuple(t for t, holds in stands if holds)", "tuple(t for t, holds in stands if not holds)"),
    ],
)
def test_a_planted_fault_is_seen(fault: tuple[str, str], scenes: list[Facts]) -> None:
    wrong = planted(programs.__name__, fault)
    for name, kind in vars(programs).items():
        if isinstance(kind, type) and kind.__module__ == programs.__name__ and name != "Unclear":
            setattr(wrong, name, kind)  # the same programs, run by the wrong code
    differ = 0
    for question in questions(scenes, 8, hops=(0, 2)):
        try:
            differ += wrong.run(question.program, scenes[question.scene]) != question.answer
        except ValueError:
            differ += 1
    assert differ > 0


def test_all_parts_of_the_grammar_are_said_by_something(asked: list[Question]) -> None:
    kinds = {type(q.program) for q in asked}
    assert kinds >= {Count, Exists, What, Is, More, AsMany, GroundIs}
    assert any(isinstance(q.program, Count | Exists) and isinstance(q.program.of, Lacking) for q in asked)
    assert any("and" in q.text.split() for q in asked)
