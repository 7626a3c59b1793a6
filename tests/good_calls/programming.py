"""Good calls of visual programs: the language, the interpreter, modules, editors, writers, the VQA."""

import torch

from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.multimodal.visual_programs.generator import LineWriter, RetrievingWriter, WholeWriter
from lecture_utils.multimodal.visual_programs.modules import question_modules
from lecture_utils.multimodal.visual_programs.program import Line, Name, read_program
from lecture_utils.multimodal.visual_programs.values import Found, Picture
from lecture_utils.multimodal.visual_programs.vqa import VQA, CellProjection, CellStem
from tests.bad_calls import count, floats, images, labels, made, masks, number, pair, pixels, word
from tests.good_calls.makers import Call

TOKENIZER = Tokenizer(torch.empty(0, 2, dtype=torch.int64))
PALETTE = {"red": (0.8, 0.1, 0.2), "blue": (0.2, 0.3, 0.8)}
FULL = torch.ones(8, 8, dtype=torch.bool)


def found(x: float = 0.5) -> Found:
    return Found((8 * x - 2, 2.0, 8 * x + 2, 6.0), "star", "red", x, 3.0, FULL)


def writer() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(
        TOKENIZER.vocabulary, dim=8, heads=2, layers=1, length=50, tokenizer=TOKENIZER
    ).eval()


def network() -> VQA:
    torch.manual_seed(0)
    return VQA(CellStem(8), ["is", "it", "red"], ["yes", "no"], cells=4, dim=8, heads=2, layers=1).eval()


def examples() -> RetrievingWriter:
    return RetrievingWriter([("is it red ?", "A = EVAL(expr='red == red')")], {"red": ("colour", "red")})


IMAGE, ONE, THINGS = (
    made(lambda: Picture(torch.rand(3, 8, 8))),
    made(lambda: [found()]),
    made(lambda: [found(0.3), found(0.7)]),
)
LM, SEES = made(writer), made(network)
LOCATE = made(lambda: lambda image: [found()])
LINE = made(lambda: Line("A", "COUNT", {"box": Name("BOX0")}))
PROGRAM = made(lambda: read_program("A = LOC(image=IMAGE, object='star')"))
MODULES = made(lambda: question_modules(lambda image: [found()], lambda image, question: "yes"))
MASK = masks(8, 8)

GOOD: dict[str, dict[str, Call]] = {
    "multimodal.visual_programs.values": {
        "Picture": {"pixels": pixels(3, 8, 8), "window": None},
        "Found": {
            "box": pair(1.0, 1.0, 4.0, 5.0), "shape": "star", "colour": "red", "x": number(0.5),
            "depth_m": number(3.0), "mask": MASK,
        },
        "Found.called": {"self": made(found), "words": "red star"},
    },
    "multimodal.visual_programs.program": {
        "read_program": {"text": word("A = LOC(image=IMAGE, object='star')")},
        "read_line": {"text": word("A = LOC(image=IMAGE, object='star')")},
    },
    "multimodal.visual_programs.interpreter": {
        "run": {"program": PROGRAM, "modules": MODULES, "image": IMAGE},
        "looked_up": {"argument": "a star", "state": {}},
        "told": {"value": 3},
        "trace_text": {"trace": ()},
    },
    "multimodal.visual_programs.modules": {
        "relate": {"things": THINGS, "relation": word("left of"), "anchor": made(found)},
        "the": {"things": ONE, "doing": "CROP"},
        "loc": {"locate": LOCATE, "image": IMAGE, "object": "star"},
        "related": {
            "locate": LOCATE, "relate": made(lambda: lambda things, relation, anchor: list(things)),
            "image": IMAGE, "object": "star", "relation": "left of", "box": ONE,
        },
        "without": {"box": THINGS, "without": "red"},
        "intersect": {"box": THINGS, "other": ONE},
        "union": {"box": THINGS, "other": ONE},
        "count": {"box": THINGS},
        "seg": {"image": IMAGE, "box": THINGS},
        "crop": {"image": IMAGE, "box": ONE},
        "square_around": {
            "box": pair(1.0, 1.0, 4.0, 5.0), "width": count(8),
            "height": count(8), "around": number(1.3)},
        "cut": {"pixels": images(3, 8, 8), "window": pair(1.0, 1.0, 5.0, 5.0)},
        "evaluate": {"expr": word("2 > 1")},
        "result": {"var": 3},
        "question_modules": {"locate": LOCATE, "answer": made(lambda: lambda image, question: "yes")},
    },
    "multimodal.visual_programs.attributes": {
        "name_colour": {"pixels": images(3, 8, 8), "mask": MASK, "palette": PALETTE},
        "find_horizon": {"pixels": images(3, 8, 8), "free": MASK, "low": number(0.2), "high": number(0.6)},
        "foot_depth": {"foot": number(0.8), "horizon": number(0.4), "camera_m": number(1.5)},
    },
    "multimodal.visual_programs.editors": {
        "brightness": {"pixels": images(3, 8, 8)},
        "checked": {"image": IMAGE, "mask": MASK, "doing": "BGBLUR"},
        "colour_pop": {"image": IMAGE, "mask": MASK},
        "background_blur": {"image": IMAGE, "mask": MASK},
        "replace": {"palette": PALETTE, "image": IMAGE, "mask": MASK, "colour": word("blue")},
        "emoji": {"image": IMAGE, "box": ONE},
        "editor_modules": {"palette": PALETTE},
    },
    "multimodal.visual_programs.generator": {
        "backwards": {"text": "is it red ?"},
        "opening": {"lm": LM, "prompt": " a"},
        "as_prompt": {"text": "is it red ?"},
        "as_completion": {"lines": ("A = COUNT(box=BOX0)",)},
        "from_completion": {"text": " A = COUNT(box=BOX0)"},
        "with_name": {"question": "is it a star ?", "phrase": word("star"), "name": "BOX0"},
        "complete": {"lm": LM, "prompts": (" a",), "most": count(2)},
        "WholeWriter": {"lm": LM},
        "WholeWriter.write": {"self": made(lambda: WholeWriter(writer())), "questions": ("a ?",)},
        "LineWriter": {"lm": LM, "steps": count(2)},
        "LineWriter.write": {"self": made(lambda: LineWriter(writer(), steps=1)), "questions": ("a ?",)},
        "LineWriter.step": {
            "self": made(lambda: LineWriter(writer())), "left": made(lambda: ["a ?"]),
            "lines": made(lambda: [[]]), "going": (0,),
        },
        "RetrievingWriter": {
            "examples": (("is it red ?", "A = EVAL(expr='red == red')"),),
            "kinds": {"red": ("colour", "red")},
        },
        "RetrievingWriter.words": {"self": made(examples), "question": "is it red ?"},
        "RetrievingWriter.skeleton": {"self": made(examples), "question": "is it red ?"},
        "RetrievingWriter.write": {"self": made(examples), "questions": ("is it red ?",)},
        "RetrievingWriter.one": {"self": made(examples), "question": "is it red ?"},
        "rows_of": {"lm": LM, "prompt": " a", "completion": " b"},
        "batch_of": {"lm": LM, "rows": (([1, 2], [-100, 2]),)},
    },
    "multimodal.visual_programs.vqa": {
        "CellStem": {"dim": count(8), "width": count(4)},
        "CellStem.forward": {"self": made(lambda: CellStem(8).eval()), "x": images(2, 3, 16, 16)},
        "CellProjection": {"channels": count(6), "dim": count(8)},
        "CellProjection.forward": {"self": made(lambda: CellProjection(6, 8)), "x": floats(2, 4, 6)},
        "VQA": {
            "stem": made(lambda: CellStem(8)), "words": ("a",), "answers": ("yes", "no"), "cells": count(4),
            "dim": count(8), "heads": count(2), "layers": count(1), "length": count(4),
        },
        "VQA.encode": {"self": SEES, "questions": ("is it red",)},
        "VQA.forward": {"self": SEES, "pictures": images(2, 3, 16, 16), "ids": labels(4, 2, 3)},
        "VQA.answer": {"self": SEES, "pictures": images(1, 3, 16, 16), "questions": ("is it red",)},
    },
}  # fmt: skip
