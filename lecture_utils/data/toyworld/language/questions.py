"""Questions about pictures, each with its program and its answer, balanced so that guessing does not pay.

As many questions are answered by yes as by no, of each kind and each length, and every colour, shape and
pattern is asked for about as often (Y. Goyal et al., CVPR 2017, on what happens otherwise).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lecture_utils.data.toyworld.language.facts import KINDS, RELATIONS, Facts
from lecture_utils.data.toyworld.language.programs import (
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
    hops,
    run,
)
from lecture_utils.data.toyworld.language.wording import ORDER, say
from lecture_utils.ops.checks import check_choice, check_sizes, check_whole

Kinds = tuple[str, ...]  # what words may be about, of KINDS
ASKED = ("exists", "count", "what", "is", "compare", "scene")
TRIES = 40  # programs that are tried for a scene and a wanted answer before another kind is asked


@dataclass(frozen=True)
class Question:
    """A question about one scene.

    Attributes
    ----------
    scene : int
        Number of the scene among those that were given.
    text : str
        In the grammar of `wording`.
    answer : str
        Of `programs.ANSWERS`.
    program : Program
        From which both come.
    asked : str
        Of ASKED.
    hops : int
        Relations to be followed one after the other.
    """

    scene: int
    text: str
    answer: str
    program: Program
    asked: str
    hops: int


def questions(
    scenes: Sequence[Facts],
    each: int = 4,
    *,
    asked: Sequence[str] = ASKED,
    hops: int | tuple[int, int] = (0, 1),
    about: Sequence[str] = tuple(KINDS),
    telling: int = 0,
) -> list[Question]:
    """Ask several questions about each scene.

    Parameters
    ----------
    scenes : sequence of Facts
        N of them.
    each : int
        Questions a scene, at most: a scene of which nothing of the kind can be asked plainly gets fewer.
    asked : sequence of str
        Kinds of question, from ASKED.
    hops : int or (int, int)
        How many relations a question may follow, least and most, 0 to 3; "scene" follows none.
    about : sequence of str
        What is said of things: some of "colour", "shape", "pattern".
    telling : int
        Another number, other questions.

    Raises
    ------
    ValueError
        For unknown kinds, or numbers out of range.
    """
    check_sizes("questions", each=each)
    least, most = (hops, hops) if isinstance(hops, int) else hops
    check_whole(least, "questions, hops", 0)
    check_whole(most, "questions, hops", least)
    if most > 3:
        raise ValueError(f"questions, hops: got {most}, want 3 at most")
    if not asked:
        raise ValueError("asked: got nothing, want some of " + ", ".join(ASKED))
    for kind in asked:
        check_choice(kind, "asked", *ASKED)
    kinds = check_about(about)
    out = []
    for number, scene in enumerate(scenes):
        random = np.random.default_rng([scene.key % 2**63, telling])
        said: set[str] = set()
        for _ in range(each):
            kind = asked[int(random.integers(len(asked)))]
            wanted = "yes" if random.random() < 0.5 else "no"
            length = int(random.integers(least, most + 1))
            made = _one(scene, kind, length, wanted, kinds, random)
            if made is not None and made[0] not in said:
                said.add(made[0])
                out.append(Question(number, *made, kind, _hops(made[2])))
    return out


def check_about(about: Sequence[str]) -> Kinds:
    """Return what words may be about; raise ValueError unless it is some of KINDS."""
    if not about or isinstance(about, str):
        raise ValueError(f"about: got {about!r}, want some of " + ", ".join(KINDS))
    for kind in about:
        check_choice(kind, "about", *KINDS)
    return tuple(about)


def _hops(program: Program) -> int:
    return int(hops(program))


def _one(
    scene: Facts, kind: str, length: int, wanted: str, kinds: Kinds, random: np.random.Generator
) -> tuple[str, str, Program] | None:
    """Try programs until one has a plain answer, and where it is yes or no the wanted one."""
    for _ in range(TRIES):
        try:
            program = _drawn(scene, kind, length, 0.95 if wanted == "yes" else 0.6, kinds, random)
            answer = run(program, scene)
        except Unclear:
            continue
        if answer in ("yes", "no") and answer != wanted:
            continue
        if answer == "0" and random.random() < 0.7:  # most counts of made-up things would be none
            continue
        return say(program), answer, program
    return None


def _drawn(
    scene: Facts, kind: str, length: int, real: float, kinds: Kinds, random: np.random.Generator
) -> Program:
    """Draw a program of a kind, whose words are with chance `real` those of something that is there."""
    if kind == "scene":
        cloud = ("clear", "cloudy")[random.integers(2)]
        return GroundIs() if random.random() < 0.5 else SkyIs(cloud)
    if kind == "compare":
        first, second = (_described(scene, Things(), kinds, random, words=1, real=real) for _ in range(2))
        if first == second:
            raise Unclear("twice the same")
        return (More if random.random() < 0.5 else AsMany)(first, second)
    place = _placed(scene, length, kinds, random)
    if kind in ("exists", "count"):
        words = int(random.integers(1, 3)) if length == 0 or random.random() < 0.6 else 0
        of = _described(scene, place, kinds, random, words=words, real=real)
        if random.random() < 0.25:
            of = _negated(of, kinds, random)
        return Exists(of) if kind == "exists" else Count(of)
    about = kinds[random.integers(len(kinds))]
    words = int(random.integers(1 if length == 0 else 0, 3))
    of = _described(scene, place, kinds, random, words=words, but=about)
    if kind == "what":
        return What(about, of)
    own = getattr(scene.things[random.integers(len(scene.things))], about) if scene.things else ""
    any_word = KINDS[about][random.integers(len(KINDS[about]))]
    return Is(of, about, own if own and random.random() < real else any_word)


def _placed(scene: Facts, length: int, kinds: Kinds, random: np.random.Generator) -> Set:
    """Draw where things stand, over a number of relations."""
    place: Set = Things()
    for step in range(length):
        to = _described(scene, place, kinds, random, words=int(random.integers(1, 3)))
        relation = RELATIONS[random.integers(len(RELATIONS))]
        last = step == length - 1
        place = Standing(relation, to)
        if last and length == 1 and random.random() < 0.15:
            other = RELATIONS[random.integers(len(RELATIONS))]
            if other != relation:
                beside = _described(scene, Things(), kinds, random, words=1)
                place = Both(place, Standing(other, beside))
    return place


def _described(
    scene: Facts,
    place: Set,
    kinds: Kinds,
    random: np.random.Generator,
    *,
    words: int,
    real: float = 1.0,
    but: str = "",
) -> Set:
    """Describe things by some words: with chance `real` those of something that is there."""
    free = [kind for kind in ORDER if kind in kinds and kind != but]
    chosen = sorted(random.permutation(len(free))[:words], reverse=True)
    model = scene.things[random.integers(len(scene.things))] if scene.things else None
    out = place
    for at in chosen:
        kind = free[at]
        if model is not None and random.random() < real:
            word = getattr(model, kind)
        else:
            word = KINDS[kind][random.integers(len(KINDS[kind]))]
        out = Having(out, kind, word)
    return out


def _negated(of: Set, kinds: Kinds, random: np.random.Generator) -> Set:
    """Turn one of the words that describe a set into "that is not …"."""
    words = []
    while isinstance(of, Having):
        words.append((of.kind, of.word))
        of = of.of
    if not words:
        kind = kinds[random.integers(len(kinds))]
        words.append((kind, KINDS[kind][random.integers(len(KINDS[kind]))]))
    kind, word = words.pop(int(random.integers(len(words))))
    of = Lacking(of, kind, word)
    for kind, word in reversed(words):
        of = Having(of, kind, word)
    return of
