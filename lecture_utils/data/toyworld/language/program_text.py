"""Questions as visual programs: the text, line by line, that a perfect program writer would write.

The language is that of `multimodal.visual_programs` (T. Gupta and A. Kembhavi, "Visual Programming", CVPR
2023, section 3). What is found stays in BOX0 and is written over by the next line, so that a question of
three relations needs no name that a question of one relation does not have.

A question is taken apart from the right, one phrase at a time: after "BOX0 = LOC(image=IMAGE,
object='ball')", "is there a star left of the ball ?" is "is there a star left of BOX0 ?", and that is read
next (least to most: D. Zhou et al., ICLR 2023).
"""

from typing import NamedTuple

from lecture_utils.data.toyworld.language.programs import (
    AsMany,
    Both,
    Count,
    Either,
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
    What,
)
from lecture_utils.data.toyworld.language.wording import noun, parse, say, with_article
from lecture_utils.multimodal.visual_programs.generator import with_name

FORMS = {Count: "many", Exists: "a", What: "the", Is: "the", More: "things", AsMany: "things"}


class Step(NamedTuple):
    """One phrase that is taken up.

    Attributes
    ----------
    left : str
        What is left of the question: "is there a star left of BOX0 ?".
    phrase : str
        The words that are taken up: "a star left of BOX0". The last step takes up all that is left.
    lines : tuple of str
        What is written for them. The name that the last line gives takes the phrase's place in the question.
    """

    left: str
    phrase: str
    lines: tuple[str, ...]


def program_text(program: Program) -> str:
    """Write a program as lines that an interpreter runs over a picture.

    Parameters
    ----------
    program : Program
        As `wording.parse` understands a question.

    Returns
    -------
    str
        Lines such as "BOX0 = LOC(image=IMAGE, object='red star')"; the last is "FINAL = RESULT(var=ANSWER0)".

    Raises
    ------
    ValueError
        For what is no program that ends in an answer.
    """
    return "\n".join(line for step in program_steps(program) for line in step.lines)


def written_exactly(question: str) -> str:
    """Write the program of a question that the grammar understands; ValueError for any other."""
    return program_text(parse(question))


def program_steps(program: Program) -> list[Step]:
    """Take a program's question apart from the right, one phrase at a time; errors as for `program_text`."""
    last = (*_ending(program), "FINAL = RESULT(var=ANSWER0)")
    left, steps = say(program), []
    sets = [part for part in vars(program).values() if isinstance(part, Set)]
    form = FORMS[type(program)] if sets else ""
    for place, what in reversed(list(enumerate(sets))):
        for phrase, lines in _phrases(what, place, form):
            steps.append(Step(left, phrase, lines))
            left = with_name(left, phrase, lines[-1].split(" = ")[0])
    return [*steps, Step(left, left, last)]


def _ending(program: Program) -> tuple[str, ...]:
    """The lines from what was found to the answer."""
    count = "ANSWER0 = COUNT(box=BOX0)"
    match program:
        case Count():
            return (count,)
        case Exists():
            return count, "ANSWER0 = EVAL(expr='{ANSWER0} > 0')"
        case What(kind, _):
            return _looked_at(kind)
        case Is(_, kind, word):
            return *_looked_at(kind), f"ANSWER0 = EVAL(expr='{{ANSWER0}} == {word}')"
        case More() | AsMany():
            sign = ">" if isinstance(program, More) else "=="
            compared = f"ANSWER0 = EVAL(expr='{{ANSWER0}} {sign} {{ANSWER1}}')"
            return count, "ANSWER1 = COUNT(box=BOX1)", compared
        case GroundIs():
            return ("ANSWER0 = VQA(image=IMAGE, question='what is the ground ?')",)
        case SkyIs(word):
            seen = "ANSWER0 = VQA(image=IMAGE, question='what is the sky ?')"
            return seen, f"ANSWER0 = EVAL(expr='{{ANSWER0}} == {word}')"
    raise ValueError(f"program: got {program!r}, want one that ends in an answer")


def _looked_at(kind: str) -> tuple[str, ...]:
    """Cut the one thing out and ask about it."""
    asked = f"ANSWER0 = VQA(image=IMAGE0, question='what {kind} is it ?')"
    return "IMAGE0 = CROP(image=IMAGE, box=BOX0)", asked


def _phrases(what: Set, place: int, form: str) -> list[tuple[str, tuple[str, ...]]]:
    """The phrases of a set from the right, each with its lines, which end in the BOX of its `place`.

    `form` is "the" or "a" thing or "many" things, and this word is in the phrase; or "things", or "thing".
    """
    box, other = f"BOX{place}", f"BOX{place + 1}"
    if isinstance(what, Either):
        bare = "things" if form in ("many", "things") else "thing"
        both = [*_phrases(what.second, place + 1, bare), *_phrases(what.first, place, bare)]
        return [*both, (f"{box} or {other}", (f"{box} = UNION(box={box}, other={other})",))]
    name, without, base = _named(what)
    text = noun(what, many=form in ("many", "things"))
    text = with_article(text) if form == "a" else f"{form} {text}" if form in ("the", "many") else text
    filters = tuple(f"{box} = FILTER(box={box}, without='{word}')" for word in without)
    match base:
        case Things():
            return [(text, (f"{box} = LOC(image=IMAGE, object='{name}')", *filters))]
        case Standing(relation, to):
            text = text.removesuffix(f"the {noun(to)}") + box
            return [*_phrases(to, place, "the"), (text, (_related(name, relation, box), *filters))]
        case Both(Standing(one, to), Standing(two, beside)):
            inner = [*_phrases(beside, place + 1, "the"), *_phrases(to, place, "the")]
            text = text.removesuffix(f"{one} the {noun(to)} and {two} the {noun(beside)}")
            text += f"{one} {box} and {two} {other}"
            shared = f"{box} = INTERSECT(box={box}, other={other})"
            return [*inner, (text, (_related(name, one, box), _related(name, two, other), shared, *filters))]
    raise ValueError(f"things: got {base!r}, want what has a wording")


def _related(name: str, relation: str, box: str) -> str:
    return f"{box} = RELATE(image=IMAGE, object='{name}', relation='{relation}', box={box})"


def _named(what: Set) -> tuple[str, list[str], Set]:
    """What a set is called, such as "red star", what it is not, and where it stands."""
    having: dict[str, str] = {}
    without: list[str] = []
    while isinstance(what, Having | Lacking):
        if isinstance(what, Having):
            having[what.kind] = what.word
        else:
            without.insert(0, what.word)
        what = what.of
    words = [having[kind] for kind in ("pattern", "colour") if kind in having]
    return " ".join([*words, having.get("shape", "thing")]), without, what
