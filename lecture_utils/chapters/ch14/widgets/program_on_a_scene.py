"""A program on a scene: ask, read the program that is written, and see what each of its lines gave."""

import textwrap
from functools import lru_cache, partial
from typing import Any

from matplotlib.figure import Figure

from lecture_utils import zoo
from lecture_utils.chapters.ch14.program_figures import enlarged, steps_figure
from lecture_utils.data.toyworld.language.asked import Asked, asked
from lecture_utils.data.toyworld.language.programs import Unclear, run
from lecture_utils.data.toyworld.language.wording import parse
from lecture_utils.multimodal.visual_programs.generator import LineWriter
from lecture_utils.multimodal.visual_programs.values import Picture
from lecture_utils.plotting.images import bare
from lecture_utils.plotting.style import INK, QUIET, VERMILION
from lecture_utils.recipes._programs import Modules, answer_of, modules_for
from lecture_utils.widgets.controls import Slider, Text
from lecture_utils.widgets.widget import Widget

SCENES, SEED = 6, 0
SHORTEST = "how many things are there ?"


@lru_cache(maxsize=1)
def scenes() -> Asked:
    """Six test scenes of three objects."""
    return asked(SCENES, split="test", seed=SEED, objects=(3, 3), hops=(2, 3), kinds=("what", "is", "count"))


@lru_cache(maxsize=2)
def looked_at(system: Any) -> list[Modules]:
    """The modules for each scene, the detector having looked once."""
    return modules_for(scenes().image, system.vqa)


def shipped() -> Any:
    """The course's own writer and VQA."""
    return zoo.load("scenes_programs")


def truth(scene: int, question: str) -> str:
    """The right answer, or why there is none."""
    try:
        return f"The facts say: {run(parse(question), scenes().facts[scene])}."
    except Unclear as problem:
        return f"The facts have no plain answer ({problem})."
    except ValueError:
        return "The toy language does not have this question."


def programmed(scene: int, question: str, system: Any = None) -> Figure:
    """Draw the program that is written for a question about a scene, and what each of its lines gave.

    Parameters
    ----------
    scene : int
        Its number, 0 to SCENES - 1.
    question : str
        Any words; those that the writer never read lead it astray, and that is shown.
    system : ProgramSystem, optional
        The shipped one where none is given.
    """
    model, image = system or shipped(), Picture(scenes().image[scene])
    try:
        (text,) = LineWriter(model.writer).write([question.lower()])
    except ValueError as error:
        return refused(image, question, "", str(error))
    answer, trace, problem = answer_of(text, image, looked_at(model)[scene])
    if not trace:
        return refused(image, question, text, problem)
    unfinished = problem and not trace[-1].problem
    note = f"The writer got stuck: it named a phrase that is not there. {truth(scene, question)}"
    return steps_figure(
        image,
        trace,
        title=f"{question}  →  {answer or 'no answer'}",
        wrong=len(trace) - 1 if problem else None,
        note=note if unfinished else truth(scene, question),
    )


def longest(system: Any) -> tuple[tuple[int, str], tuple[int, str]]:
    """The longest question about the scenes that is answered rightly, and the longest that is not."""
    put = sorted(scenes().questions, key=lambda q: -len(q.text.split()))
    texts = LineWriter(system.writer).write([q.text for q in put])
    modules, images = looked_at(system), scenes().image
    said = [
        answer_of(text, Picture(images[q.scene]), modules[q.scene])[0]
        for text, q in zip(texts, put, strict=True)
    ]
    right = [word == q.answer for word, q in zip(said, put, strict=True)]
    one, other = (right.index(kind) if kind in right else 0 for kind in (True, False))
    return (put[one].scene, put[one].text), (put[other].scene, put[other].text)


def refused(image: Picture, question: str, text: str, problem: str) -> Figure:
    """Draw a text that is no program: what was written, and why it was not run."""
    fig = Figure(figsize=(9.2, 6.3))
    fig.set_layout_engine("none")
    bare(fig.add_axes((0.01, 0.42, 0.28, 0.41))).imshow(enlarged(image.pixels))
    fig.text(0.012, 0.93, question[:80], fontsize=13, weight="bold", color=INK, va="center")
    written = "\n".join(line[:78] for line in text.split("\n")[:8]) or "(nothing)"
    fig.text(0.31, 0.8, written, family="monospace", fontsize=9.5, color=QUIET, va="top")
    why = "\n".join(textwrap.wrap(f"This was not run. {problem}", 84)[:3])
    fig.text(0.31, 0.42, why, fontsize=10.5, color=VERMILION, va="bottom")
    return fig


def program_on_a_scene(system: Any = None) -> Widget:
    """Make the widget for a trained writer and VQA, the shipped ones where none are given."""
    (first, good), (other, bad) = longest(system or shipped())
    tour = [
        (first, good, "The longest of our questions that goes well: more relations than any in training."),
        (other, bad, "The longest that does not. Which line went wrong?"),
        (first, SHORTEST, "The shortest of programs: find all, count."),
        (first, "are there more red things than stars ?", "Two sets, and a comparison of two counts."),
        (first, "what is the ground ?", "No object at all: the whole picture goes to the small VQA."),
        (
            first,
            "what colour is the thing ?",
            "Which thing? A module says that it cannot, and the run ends there.",
        ),
        (
            first,
            "make me a cup of tea",
            "No question of this world: what is written is no program, or a wrong one.",
        ),
    ]
    return Widget(
        title="A program on a scene",
        compute=partial(programmed, system=system),
        controls={
            "scene": Slider(0, SCENES - 1, 1, value=first, label="scene"),
            "question": Text(SHORTEST, tuple(text for _, text, _ in tour), label="your question"),
        },
        tour=[(said, {"scene": scene, "question": text}) for scene, text, said in tour],
        trivial={"scene": first, "question": SHORTEST},
        alt="A question about a scene, the lines of its program, and beside each line the picture, the boxes "
        "or the word that it gave.",
    )
