"""Telling: answers as sentences, whether a sentence is true of a scene, and talks as instruction data.

LLaVA's instruction data are of three kinds (H. Liu et al., "Visual Instruction Tuning", NeurIPS 2023, section
3): conversation, detailed description, and complex reasoning. A language model wrote them from captions and
boxes; here they follow from the scene's facts, so each sentence is true, and `true_of` proves it.

statement = "there is" ("a" | "an" | "no") noun | "there is 1" noun | "there are" number plural
          | "the" noun "is" ["not"] (word | ("a" | "an") shape)
          | "there are" ["not"] ("more" plural "than" | "as many" plural "as") plural
          | "the ground is" ground | "the sky is" ["not"] ("clear" | "cloudy")

All words are lower case, and a statement ends in " .".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lecture_utils.data.toyworld.language.facts import KINDS, RELATIONS, Facts, Thing
from lecture_utils.data.toyworld.language.programs import (
    NUMBERS,
    AsMany,
    Both,
    Count,
    Exists,
    GroundIs,
    Having,
    Is,
    Lacking,
    More,
    Program,
    Set,
    SkyIs,
    Standing,
    Things,
    Unclear,
    What,
    found,
    run,
    the,
)
from lecture_utils.data.toyworld.language.questions import Question, check_about, questions
from lecture_utils.data.toyworld.language.wording import KIND_OF, Words, noun, with_article
from lecture_utils.data.toyworld.names import CLASSES, STUFF
from lecture_utils.ops.checks import check_choice

TALKS = ("conversation", "detail", "reasoning")


def tell(program: Program, answer: str) -> str:
    """Say an answer as a whole sentence, such as "the star is not red ."."""
    no = "" if answer == "yes" else "not "
    match program:
        case Exists(of):
            return f"there is {with_article(noun(of)) if answer == 'yes' else 'no ' + noun(of)} ."
        case Count(of):
            return (
                f"there is 1 {noun(of)} ." if answer == "1" else f"there are {answer} {noun(of, many=True)} ."
            )
        case What(_, of):
            return f"the {noun(of)} is {with_article(answer) if answer in CLASSES else answer} ."
        case Is(of, kind, word):
            return f"the {noun(of)} is {no}{with_article(word) if kind == 'shape' else word} ."
        case More(first, second):
            return f"there are {no}more {noun(first, many=True)} than {noun(second, many=True)} ."
        case AsMany(first, second):
            return f"there are {no}as many {noun(first, many=True)} as {noun(second, many=True)} ."
        case GroundIs():
            return f"the ground is {answer} ."
        case SkyIs(word):
            return f"the sky is {no}{word} ."
    raise ValueError(f"program: got {program!r}, want one that ends in an answer")


def understand(statement: str) -> tuple[Program, str]:
    """Return the program that a statement is about, and the answer that it claims.

    Raises
    ------
    ValueError
        For anything that the grammar does not have.
    """
    if not isinstance(statement, str):
        raise ValueError(f"statement: got {type(statement).__name__}, want a str")
    words = Words(statement.split())
    claimed = _statement(words)
    words.take(".")
    if words.left:
        raise words.lost("the end")
    return claimed


def _statement(words: Words) -> tuple[Program, str]:
    if words.begins("there is no"):
        return Exists(words.noun()), "no"
    if words.begins("there is 1"):
        return Count(words.noun()), "1"
    if words.begins("there is"):
        words.word("a", "an")
        return Exists(words.noun()), "yes"
    if words.begins("the ground is"):
        return GroundIs(), words.word(*STUFF[1:])
    if words.begins("the sky is"):
        claim = "no" if words.begins("not") else "yes"
        return SkyIs(words.word("clear", "cloudy")), claim
    if words.begins("there are"):
        claim = "no" if words.begins("not") else "yes"
        for start, between, kind in (("more", "than", More), ("as many", "as", AsMany)):
            if words.begins(start):
                first = words.noun(many=True)
                words.take(between)
                return kind(first, words.noun(many=True)), claim
        number = words.word(*NUMBERS)
        return Count(words.noun(many=True)), number
    words.take("the")
    of = words.noun()
    words.take("is")
    claim = "no" if words.begins("not") else "yes"
    if words.begins("a") or words.begins("an"):
        return Is(of, "shape", words.word(*CLASSES)), claim
    word = words.word(*KIND_OF)
    return Is(of, KIND_OF[word], word), claim


def true_of(statement: str, scene: Facts) -> bool:
    """Whether a statement is true of a scene; Unclear where the scene does not make it plain."""
    program, claim = understand(statement)
    return run(program, scene) == claim


@dataclass(frozen=True)
class Turn:
    """One exchange: what is asked, and what is answered, in statements and, after "so", a short answer."""

    asked: str
    told: str


def describe(thing: Thing, about: Sequence[str] = tuple(KINDS)) -> Set:
    """Name a thing by all its words: its shape, colour and pattern, or some of these."""
    named: Set = Things()
    for kind in ("shape", "colour", "pattern"):
        if kind in about:
            named = Having(named, kind, getattr(thing, kind))
    return named


def detail(scene: Facts, about: Sequence[str] = tuple(KINDS)) -> list[str]:
    """Tell all that is plain about a scene: every thing, how neighbours stand, the ground and the sky."""
    about = check_about(about)
    out = [] if scene.things else [tell(Count(Things()), "0")]
    for thing in scene.things:
        named = describe(thing, about)
        count = len(found(named, scene))
        sentence = tell(Count(named), str(count)) if count > 1 else tell(Exists(named), "yes")
        if sentence not in out:
            out.append(sentence)
    for one, other in zip(scene.things, scene.things[1:], strict=False):
        first, second = describe(one, about), describe(other, about)
        alone = all(len(found(named, scene)) == 1 for named in (first, second))
        for relation in RELATIONS:
            if alone and one.stands(relation, other):
                placed = _placed(first, relation, second)
                if len(_found_plainly(placed, scene)) == 1:
                    out.append(tell(Exists(placed), "yes"))
                    break
    return [*out, tell(GroundIs(), scene.ground), tell(SkyIs(scene.sky), "yes")]


def _placed(named: Set, relation: str, to: Set) -> Set:
    """Put a place inside a description, where the grammar has it."""
    if isinstance(named, Having):
        return Having(_placed(named.of, relation, to), named.kind, named.word)
    return Standing(relation, to)


def _found_plainly(what: Set, scene: Facts) -> tuple[Thing, ...]:
    try:
        return found(what, scene)
    except Unclear:
        return ()


def reason(program: Program, scene: Facts) -> list[str]:
    """Tell the steps that lead to an answer, each a true statement; Unclear where there is none."""
    steps: list[str] = []
    for part in vars(program).values():
        if isinstance(part, Things | Having | Lacking | Standing | Both):
            _steps(part, scene, steps)
    if isinstance(program, More | AsMany):
        steps += [tell(Count(s), run(Count(s), scene)) for s in (program.first, program.second)]
    steps.append(tell(program, run(program, scene)))
    return list(dict.fromkeys(steps))


def _steps(what: Set, scene: Facts, steps: list[str]) -> None:
    """Add which thing each "the" of a description means, the innermost first."""
    match what:
        case Having(of, _, _) | Lacking(of, _, _):
            _steps(of, scene, steps)
        case Both(first, second):
            _steps(first, scene, steps)
            _steps(second, scene, steps)
        case Standing(_, to):
            _steps(to, scene, steps)
            one = the(to, scene)
            unsaid = [kind for kind in ("colour", "shape") if getattr(one, kind) not in _said(to)]
            steps += [tell(What(kind, to), getattr(one, kind)) for kind in unsaid]


def _said(what: Set) -> set[str]:
    """The words that a description already has."""
    words = set()
    while isinstance(what, Having | Lacking):
        words |= {what.word} if isinstance(what, Having) else set()
        what = what.of
    return words


def talk(scene: Facts, kind: str, *, about: Sequence[str] = tuple(KINDS), telling: int = 0) -> list[Turn]:
    """Make one piece of instruction data about a scene.

    Parameters
    ----------
    scene : Facts
    kind : str
        "conversation": three questions, answered by sentences; "detail": one request, answered by all that
        is plain; "reasoning": a question of two steps or a comparison, answered by the steps, "so", and the
        answer.
    about : sequence of str
        What is said of things: some of "colour", "shape", "pattern".
    telling : int
        Another number, another choice.

    Returns
    -------
    list of Turn
        Empty where nothing of the kind can be asked plainly of this scene.
    """
    check_choice(kind, "kind", *TALKS)
    if kind == "detail":
        requests = ("describe the picture .", "what is in the picture ?", "tell me what you see .")
        which = int(np.random.default_rng([scene.key % 2**63, telling]).integers(len(requests)))
        return [Turn(requests[which], " ".join(detail(scene, about)))]
    if kind == "conversation":
        return [
            Turn(q.text, tell(q.program, q.answer))
            for q in questions([scene], 3, about=about, telling=telling)
        ]
    asked: list[Question] = [
        *questions([scene], 1, asked=("what", "is", "count"), hops=(1, 2), about=about, telling=telling),
        *questions([scene], 1, asked=("compare",), about=about, telling=telling),
    ]
    return [
        Turn(q.text, f"{' '.join(reason(q.program, scene))} so {q.answer} .")
        for q in asked[telling % 2 :][:1] or asked[:1]
    ]
