"""Asked pictures: one to three plain objects each, questions with their answers, and the facts behind both.

The narrowed world of chapter 14: 48 × 48 pixels, plain material, mild light, each object in full view for the
most part, so that whoever sees can count. All eight classes and colours, three grounds, two skies; words are
about colours and shapes. A class is never shown in its held-out colours, unless these are asked for.

Shapes: N pictures, S the image's side in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from lecture_utils.data.toyworld.language.captioned import LIGHT
from lecture_utils.data.toyworld.language.facts import Facts, facts
from lecture_utils.data.toyworld.language.questions import ASKED, Question, questions
from lecture_utils.data.toyworld.language.telling import Turn, detail, talk
from lecture_utils.data.toyworld.render import render
from lecture_utils.data.toyworld.sampling import Objects, sample_scenes
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.ops.checks import check_sizes

SIZE = 48
SEEN = 0.5  # the least share of an object that has to be visible, or the scene is not used
ABOUT = ("colour", "shape")
SPARE = 2.5  # scenes drawn for each that is wanted, since some hide an object


@dataclass(frozen=True, eq=False)
class Asked:
    """N pictures and what can be asked of them.

    Attributes
    ----------
    image : Tensor
        (N, 3, S, S) float32 in [0, 1].
    facts : tuple of N Facts
        On which answers, sentences and programs are evaluated.
    questions : tuple of Question
        Scene by scene; `scene` is the number of the picture.
    scenes : Scenes
        From which more may be rendered (depth, masks, points) or heard.
    """

    image: Tensor
    facts: tuple[Facts, ...]
    questions: tuple[Question, ...]
    scenes: Scenes

    def __len__(self) -> int:
        return len(self.facts)


def asked_scenes(
    count: int,
    *,
    seed: int = 0,
    split: str = "train",
    held_out: bool = False,
    objects: int | tuple[int, int] = (1, 3),
) -> tuple[Scenes, list[Facts]]:
    """Draw N scenes in which each object can be seen, and put them into words; nothing is rendered in colour.

    Parameters
    ----------
    count : int
        N.
    seed, split : int, str
        As for `sample_scenes`; splits never share a scene.
    held_out : bool
        False never shows a class in its two held-out colours; True shows only such pairs.
    objects : int or (int, int)
        How many a scene has, at least and at most.
    """
    check_sizes("asked scenes", count=count)
    what = Objects(
        count=objects,
        materials=("plain",),
        held_out=held_out,
        size=(0.34, 0.42),
        distance=(2.4, 5.0),
        turn=0.5,
    )
    drawn = sample_scenes(int(SPARE * count) + 16, seed=seed, split=split, light=LIGHT, objects=what)
    visible = render(drawn, SIZE, only="visibility").visibility
    plain = ((visible >= SEEN) | ~drawn.present).all(dim=1).nonzero()[:count, 0]
    if len(plain) < count:
        raise ValueError(
            f"asked scenes: got {len(plain)} without hidden objects, want {count}: draw fewer objects"
        )
    scenes = drawn[plain]
    return scenes, facts(scenes, visible[plain])


def asked(
    count: int,
    *,
    seed: int = 0,
    split: str = "train",
    held_out: bool = False,
    objects: int | tuple[int, int] = (1, 3),
    size: int = SIZE,
    each: int = 4,
    kinds: Sequence[str] = ASKED,
    hops: int | tuple[int, int] = (0, 1),
    telling: int = 0,
) -> Asked:
    """Draw pictures and ask questions about each, balanced so that guessing does not pay.

    Parameters
    ----------
    count, seed, split, held_out, objects
        As for `asked_scenes`.
    size : int
        S; the same scenes at any size.
    each, kinds, hops, telling
        As `each`, `asked`, `hops` and `telling` of `questions`.

    Raises
    ------
    ValueError
        For numbers out of range, or unknown kinds.
    """
    scenes, told = asked_scenes(count, seed=seed, split=split, held_out=held_out, objects=objects)
    image = render(scenes, size, only="image").image
    put = questions(told, each, asked=kinds, hops=hops, about=ABOUT, telling=telling)
    return Asked(image, tuple(told), tuple(put), scenes)


def described(scene: Facts) -> str:
    """Describe a scene in full: all that is plain of it, as true sentences in one line."""
    return " ".join(detail(scene, ABOUT))


def instructions(scene: Facts, kind: str, *, telling: int = 0) -> list[Turn]:
    """Make one piece of instruction data about a scene: see `talk`."""
    return talk(scene, kind, about=ABOUT, telling=telling)
