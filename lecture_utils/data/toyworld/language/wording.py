"""From programs to English and back: each question has one wording, and each wording one program.

question = "how many" plural "are there" | "is there" ("a" | "an") noun | "what" kind "is the" noun
         | "is the" noun (word | ("a" | "an") shape) | "are there more" plural "than" plural
         | "are there as many" plural "as" plural | "what is the ground" | "is the sky" ("clear" | "cloudy")
noun     = {pattern} [colour] (shape | "thing") {"that is not" word} [relation "the" noun]
           ["and" relation "the" noun] | noun "or" noun

All words are lower case, and a question ends in " ?". `parse` is written apart from `say`: what one says, the
other has to understand, and the tests hold them to it.
"""

from lecture_utils.data.toyworld.language.facts import KINDS, RELATIONS
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
from lecture_utils.data.toyworld.names import CLASSES

ORDER = ("pattern", "colour", "shape")  # of the words before a noun
KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}
PLURAL = {name: name + ("es" if name.endswith("s") else "s") for name in (*CLASSES, "thing")}
SINGULAR = {plural: name for name, plural in PLURAL.items()}


def say(program: Program) -> str:
    """Ask a program's question."""
    match program:
        case Count(of):
            return f"how many {noun(of, many=True)} are there ?"
        case Exists(of):
            return f"is there {with_article(noun(of))} ?"
        case What(kind, of):
            return f"what {kind} is the {noun(of)} ?"
        case Is(of, kind, word):
            return f"is the {noun(of)} {with_article(word) if kind == 'shape' else word} ?"
        case More(first, second):
            return f"are there more {noun(first, many=True)} than {noun(second, many=True)} ?"
        case AsMany(first, second):
            return f"are there as many {noun(first, many=True)} as {noun(second, many=True)} ?"
        case GroundIs():
            return "what is the ground ?"
        case SkyIs(word):
            return f"is the sky {word} ?"
    raise ValueError(f"program: got {program!r}, want one that ends in an answer")


def noun(what: Set, *, many: bool = False) -> str:
    """Name a set of things, as one or as many."""
    if isinstance(what, Either):
        return f"{noun(what.first, many=many)} or {noun(what.second, many=many)}"
    before: dict[str, str] = {}
    after: list[str] = []
    while isinstance(what, Having | Lacking):
        if isinstance(what, Lacking):
            is_not = "that are not" if many else "that is not"
            after.insert(0, f"{is_not} {_described(what, many)}")
        else:
            if what.kind in before:
                raise ValueError(f"things: got two words for a {what.kind}, want one")
            before[what.kind] = what.word
        what = what.of
    name = before.get("shape", "thing")
    words = [before[kind] for kind in ORDER[:2] if kind in before] + [PLURAL[name] if many else name]
    match what:
        case Things():
            places = []
        case Standing(relation, to):
            places = [f"{relation} the {noun(to)}"]
        case Both(Standing(one, to), Standing(other, beside)):
            places = [f"{one} the {noun(to)}", f"and {other} the {noun(beside)}"]
        case _:
            raise ValueError(f"things: got {what!r}, want what has a wording")
    return " ".join([*words, *after, *places])


def _described(what: Lacking, many: bool) -> str:
    if what.kind != "shape":
        return what.word
    return PLURAL[what.word] if many else with_article(what.word)


def with_article(words: str) -> str:
    """Put "a" or "an" before."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def parse(question: str) -> Program:
    """Understand a question.

    Raises
    ------
    ValueError
        For anything that the grammar does not have, with the words from which on it was not understood.
    """
    if not isinstance(question, str):
        raise ValueError(f"question: got {type(question).__name__}, want a str")
    words = Words(question.split())
    program = words.question()
    words.take("?")
    if words.left:
        raise words.lost("the end")
    return program


class Words:
    """What is left of a question, read from the left."""

    def __init__(self, left: list[str]) -> None:
        self.left = left

    def lost(self, want: str) -> ValueError:
        """What to say where the words do not go on as they should."""
        got = " ".join(self.left[:4]) or "nothing more"
        return ValueError(f"question: got {got!r}, want {want}")

    def begins(self, text: str) -> bool:
        """Whether these words come next; if so they are taken."""
        words = text.split()
        if self.left[: len(words)] != words:
            return False
        self.left = self.left[len(words) :]
        return True

    def take(self, text: str) -> None:
        """Take words that have to come next."""
        if not self.begins(text):
            raise self.lost(repr(text))

    def word(self, *options: str) -> str:
        """Take one of several words."""
        if not self.left or self.left[0] not in options:
            raise self.lost("one of " + ", ".join(options))
        return self.left.pop(0)

    def question(self) -> Program:
        """Read a whole question but for its mark."""
        if self.begins("how many"):
            of = self.noun(many=True)
            self.take("are there")
            return Count(of)
        if self.begins("is there"):
            self.word("a", "an")
            return Exists(self.noun())
        if self.begins("what is the ground"):
            return GroundIs()
        if self.begins("what"):
            kind = self.word(*KINDS)
            self.take("is the")
            return What(kind, self.noun())
        if self.begins("is the sky"):
            return SkyIs(self.word("clear", "cloudy"))
        if self.begins("is the"):
            of = self.noun()
            if self.begins("a") or self.begins("an"):
                return Is(of, "shape", self.word(*CLASSES))
            word = self.word(*KINDS["colour"], *KINDS["pattern"])
            return Is(of, KIND_OF[word], word)
        if self.begins("are there more"):
            first = self.noun(many=True)
            self.take("than")
            return More(first, self.noun(many=True))
        if self.begins("are there as many"):
            first = self.noun(many=True)
            self.take("as")
            return AsMany(first, self.noun(many=True))
        raise self.lost("how many, is there, what, is the, are there more or are there as many")

    def noun(self, *, many: bool = False) -> Set:
        """Read the name of a set of things."""
        first = self.one_noun(many)
        return Either(first, self.one_noun(many)) if self.begins("or") else first

    def one_noun(self, many: bool) -> Set:
        """Read a name without "or"."""
        having: dict[str, str] = {}
        for kind in ORDER[:2]:
            if self.left and KIND_OF.get(self.left[0]) == kind:
                having[kind] = self.left.pop(0)
        name = SINGULAR[self.word(*SINGULAR)] if many else self.word(*PLURAL)
        if name != "thing":
            having["shape"] = name
        lacking = []
        while self.begins("that are not" if many else "that is not"):
            lacking.append(self.lacked(many))
        what = self.standing()
        for word in lacking:
            what = Lacking(what, KIND_OF[word], word)
        for kind in reversed(ORDER):
            if kind in having:
                what = Having(what, kind, having[kind])
        return what

    def lacked(self, many: bool) -> str:
        """Read what things are not."""
        if many:
            word = self.word(*KINDS["colour"], *KINDS["pattern"], *(PLURAL[c] for c in CLASSES))
            return SINGULAR.get(word, word)
        if self.begins("a") or self.begins("an"):
            return self.word(*CLASSES)
        return self.word(*KINDS["colour"], *KINDS["pattern"])

    def standing(self) -> Set:
        """Read where things stand, if that is said."""
        for relation in RELATIONS:
            if self.begins(f"{relation} the"):
                first = Standing(relation, self.one_noun(many=False))
                for other in RELATIONS:
                    if self.begins(f"and {other} the"):
                        return Both(first, Standing(other, self.one_noun(many=False)))
                return first
        return Things()
