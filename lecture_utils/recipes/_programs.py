"""What visual programs need of the course: its detector as LOC and SEG, exact modules, and the run of many.

The detector is `shapes_mask_rcnn` as it is. It reads 64 pixels; the pictures of chapter 14 have 48 and are
enlarged bicubically, so that no pixel is seen which end-to-end models do not see. It was trained on other
scenes of the toy world, and with more: every box and mask.

Shapes: N pictures of 48 × 48, M things of a picture.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.asked import ABOUT, Asked
from lecture_utils.data.toyworld.language.facts import KINDS, Facts
from lecture_utils.data.toyworld.language.program_text import program_text
from lecture_utils.data.toyworld.language.questions import Question
from lecture_utils.data.toyworld.language.wording import PLURAL
from lecture_utils.data.toyworld.names import CAMERA_HEIGHT_M, CLASSES, COLOUR_RGB, COLOURS
from lecture_utils.data.toyworld.render import render
from lecture_utils.data.toyworld.scene import Scenes
from lecture_utils.multimodal.visual_programs.attributes import find_horizon, foot_depth, name_colour
from lecture_utils.multimodal.visual_programs.generator import LineWriter, RetrievingWriter
from lecture_utils.multimodal.visual_programs.interpreter import Step, run
from lecture_utils.multimodal.visual_programs.modules import question_modules
from lecture_utils.multimodal.visual_programs.program import Line, ProgramError, read_program
from lecture_utils.multimodal.visual_programs.values import Found, Picture
from lecture_utils.multimodal.visual_programs.vqa import VQA

PALETTE = {name: tuple(rgb) for name, rgb in zip(COLOURS, COLOUR_RGB.tolist(), strict=True)}
READS = 64  # the side of the pictures that the detector reads
SURE = 0.6  # the score from which on a thing counts, chosen on validation scenes
Modules = Mapping[str, Callable[..., Any]]
Run = Callable[[Sequence[Line], Modules, Picture], tuple[Any, list[Step]]]


@torch.no_grad()
def found_in(images: Tensor, detector: nn.Module | None = None) -> list[list[Found]]:
    """What the detector finds in pictures (N, 3, S, S): a list of M things each, the surest first."""
    model = detector or zoo.load("shapes_mask_rcnn")
    large = F.interpolate(images, size=READS, mode="bicubic", align_corners=False).clamp(0, 1)
    return [
        _things(small, big, own)
        for part, wide in zip(images.split(50), large.split(50), strict=True)
        for small, big, own in zip(part, wide, model.eval()(wide), strict=True)
    ]


def _things(image: Tensor, large: Tensor, own: Any) -> list[Found]:
    """Turn a picture's detections into things: colours from pixels, depths from the foot and the horizon."""
    size = image.shape[-1]
    sure = own.scores >= SURE
    masks = own.masks[sure] >= 0.5  # (M, 64, 64)
    sure_and_seen = [i for i, mask in enumerate(masks) if bool(mask.any())]
    horizon = find_horizon(
        large, ~masks.any(0) if len(masks) else torch.ones_like(large[0], dtype=torch.bool)
    )
    small = F.interpolate(masks[None].float(), size=size, mode="bilinear", align_corners=False)[0] >= 0.5
    found = []
    for i in sure_and_seen:
        x1, y1, x2, y2 = own.boxes[sure][i].tolist()
        x1, y1, x2, y2 = (value * size / READS for value in (x1, y1, x2, y2))
        found.append(
            Found(
                (x1, y1, x2, y2),
                CLASSES[int(own.labels[sure][i])],
                name_colour(large, masks[i], PALETTE),
                (x1 + x2) / 2 / size,
                foot_depth(y2 / size, horizon, CAMERA_HEIGHT_M),
                small[i],
            )
        )
    return found


def exact_things(scenes: Scenes, facts: Sequence[Facts], size: int) -> list[list[Found]]:
    """What is truly in scenes, as things: the detector that makes no mistake."""
    truth = render(scenes, size, only=("boxes", "instance"))
    return [
        [
            Found(
                tuple(truth.boxes[i, t.place].tolist()),
                t.shape,
                t.colour,
                t.x,
                t.depth_m,
                truth.instance[i] == t.place + 1,
            )
            for t in own.things
        ]
        for i, own in enumerate(facts)
    ]


def asks(model: VQA) -> Callable[[Picture, str], str]:
    """The network as the module VQA; a question that it does not know is a ValueError."""
    return lambda image, question: model.answer(image.pixels[None], [question])[0]


def exact_answer(fact: Facts, things: Sequence[Found]) -> Callable[[Picture, str], str]:
    """A module VQA that makes no mistake: it looks at what stands in the middle of the window."""

    def answer(image: Picture, question: str) -> str:
        words = question.split()
        if words[:3] == ["what", "is", "the"]:
            return str(getattr(fact, words[3]))  # the ground, or the sky
        if image.window is None or words[1:2] not in (["colour"], ["shape"]):
            raise ValueError(f"VQA: got {question!r}, want a simple question")
        middle = [(image.window[i] + image.window[i + 2]) / 2 for i in (0, 1)]

        def away(thing: Found) -> float:
            return sum(abs((thing.box[i] + thing.box[i + 2]) / 2 - middle[i]) for i in (0, 1))

        return str(getattr(min(things, key=away), words[1]))

    return answer


def answer_of(text: str, image: Picture, modules: Modules) -> tuple[str, list[Step], str]:
    """Run a program's text: the answer ("" where there is none), the trace, and the problem ("" where none).

    A text that is no program gives no trace, a module that fails ends it, and a writer that got stuck leaves
    off before RESULT: all three are no answer. `run` may be another interpreter, such as the learner's.
    """
    try:
        program = read_program(text)
        value, trace = run(program, modules, image)
    except ProgramError as problem:
        return "", [], str(problem)
    if not trace[-1].problem and program[-1].module != "RESULT":
        return "", trace, f"program: got {program[-1].module} for its last line, want RESULT"
    return (value if isinstance(value, str) else ""), trace, trace[-1].problem


def always(things: Sequence[Found]) -> Callable[[Picture], Sequence[Found]]:
    """A detector that has looked already."""
    return lambda _: things


def modules_for(images: Tensor, vqa: VQA) -> list[Modules]:
    """The course's own modules for each of N pictures, all looked at by the detector in one go."""
    return [question_modules(always(own), asks(vqa)) for own in found_in(images)]


def exact_modules(drawn: Asked) -> list[Modules]:
    """Modules that make no mistake, for each of N pictures."""
    things = exact_things(drawn.scenes, drawn.facts, drawn.image.shape[-1])
    return [
        question_modules(always(own), exact_answer(fact, own))
        for fact, own in zip(drawn.facts, things, strict=True)
    ]


def answers_from(
    texts: Sequence[str], drawn: Asked, modules: Sequence[Modules]
) -> list[tuple[str, list[Step], str]]:
    """Run one program for each question of `drawn`; as `answer_of` for each."""
    return [
        answer_of(text, Picture(drawn.image[q.scene]), modules[q.scene])
        for text, q in zip(texts, drawn.questions, strict=True)
    ]


def answers_of_programs(drawn: Asked, system: Any = None) -> list[str]:
    """Answer all questions by programs that the shipped writer writes and the course's own modules run.

    Parameters
    ----------
    drawn : Asked
        Its pictures and the words of its questions are read, nothing else.
    system : ProgramSystem, optional
        The shipped `scenes_programs` where none is given.

    Returns
    -------
    list of str
        "" where a program failed.
    """
    model: Any = system or zoo.load("scenes_programs")
    texts = LineWriter(model.writer).write([q.text for q in drawn.questions])
    return [answer for answer, _, _ in answers_from(texts, drawn, modules_for(drawn.image, model.vqa))]


def retrieving(put: Sequence[Question]) -> RetrievingWriter:
    """The writer without a network, on these questions' programs."""
    kinds = {word: (kind, word) for kind in ABOUT for word in KINDS[kind]}
    kinds |= {PLURAL[name]: ("shapes", name) for name in CLASSES}
    return RetrievingWriter([(q.text, program_text(q.program)) for q in put], kinds)
