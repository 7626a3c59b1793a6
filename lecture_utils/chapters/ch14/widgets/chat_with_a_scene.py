"""Chat with a scene: ask LLaVA anything about a picture, and see which of its statements are true."""

import textwrap
from functools import lru_cache, partial

from matplotlib.figure import Figure

from lecture_utils import zoo
from lecture_utils.chapters.ch14.llava_figures import draw_talk, large
from lecture_utils.data.toyworld.language.asked import Asked
from lecture_utils.data.toyworld.language.facts import Facts
from lecture_utils.data.toyworld.language.programs import Unclear, run
from lecture_utils.data.toyworld.language.prompts import long
from lecture_utils.data.toyworld.language.wording import parse
from lecture_utils.multimodal.llava.chat import Chat
from lecture_utils.multimodal.llava.llava import LLaVA
from lecture_utils.plotting.images import bare, to_image
from lecture_utils.plotting.style import GREEN, QUIET, VERMILION
from lecture_utils.recipes._llava import answerer
from lecture_utils.recipes._scenes import exam, seen, words
from lecture_utils.widgets.controls import Slider, Text
from lecture_utils.widgets.widget import Widget

SCENES, LONGEST = 8, 60  # pictures, and the tokens that a question may have
DESCRIBE = "describe the picture ."


@lru_cache(maxsize=1)
def scenes() -> tuple[Asked, list[int]]:
    """Validation scenes, and the rows of the eight with the most objects."""
    drawn = exam(40, split="val")
    return drawn, sorted(range(len(drawn)), key=lambda i: -len(drawn.facts[i].things))[:SCENES]


@lru_cache(maxsize=1)
def shipped() -> LLaVA:
    """The course's own."""
    model = zoo.load("scenes_llava")
    assert isinstance(model, LLaVA)
    return model.eval()


def truth(question: str, scene: Facts) -> str:
    """The answer by the facts; empty where they leave it open, or this is no question of the toy language."""
    try:
        return run(parse(question), scene)
    except (Unclear, ValueError):
        return ""


def cut(question: str) -> str:
    """The question as far as there is room for it: a word that nobody has read falls into many tokens."""
    asked = " ".join(question.split())
    while len(words().encode(asked)) > LONGEST:
        asked = asked[:-1]
    return asked


def talked(scene: int, question: str, model: LLaVA | None = None) -> Figure:
    """Draw a scene, what LLaVA says to a question in one word and at length, and whether it is true.

    Parameters
    ----------
    scene : int
        Its number, 0 to SCENES - 1.
    question : str
        A question or a request; words that the model never read are allowed.
    model : LLaVA, optional
        The shipped one where none is given.
    """
    model = model or shipped()
    drawn, rows = scenes()
    row = rows[scene]
    facts, grid = drawn.facts[row], seen(drawn)[row][None].float()
    asked = cut(question)
    told = Chat(model, grid).ask(long(asked)).strip()
    right = truth(asked, facts)
    fig = Figure(figsize=(8.2, 3.4), layout="constrained")
    picture, ax = fig.subplots(1, 2, width_ratios=(1, 1.7))
    bare(picture).imshow(to_image(large(drawn, row)))
    draw_talk(ax, [(asked, told)], facts)
    foot, colour = "" if asked == DESCRIBE else "the facts have no single answer to this", QUIET
    if right:
        word = answerer(model)(grid, [asked])[0]
        foot = f"in one word: {word}; by the facts: {right}"
        colour = GREEN if word == right else VERMILION
    ax.set_xlabel("\n".join(textwrap.wrap(foot, 60)), color=colour, fontsize=10)
    return fig


def chat_with_a_scene(model: LLaVA | None = None) -> Widget:
    """Make the widget for a LLaVA, the shipped one where none is given."""
    drawn, rows = scenes()
    first = [[q.text for q in drawn.questions if q.scene == row] for row in rows]
    asks = {
        "All that it sees. Green is true, red is not.": (0, DESCRIBE),
        "A question about this scene.": (0, first[0][0]),
        "Another.": (0, first[0][1]),
        "Another scene, described.": (1, DESCRIBE),
        "A question about it.": (1, first[1][0]),
        "An object that may not be there at all.": (2, "is there a star ?"),
        "Words that it has never read: it answers all the same.": (2, "is there an elephant ?"),
    }
    return Widget(
        title="Chat with a scene",
        compute=partial(talked, model=model),
        controls={
            "scene": Slider(0, SCENES - 1, 1, 0, label="scene"),
            "question": Text("what is the ground ?", (DESCRIBE, "is there a star ?"), label="say"),
        },
        tour=[(text, {"scene": scene, "question": question}) for text, (scene, question) in asks.items()],
        trivial={"scene": 0, "question": "what is the ground ?"},
        alt="A scene, and beside it what was asked and what LLaVA said, true ones green, false ones red.",
    )
