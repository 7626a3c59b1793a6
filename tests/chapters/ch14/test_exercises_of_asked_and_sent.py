"""Chapter 14, part b: the references are what the package computes, and other right ways pass."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.chapters.ch14 import asked_solutions
from lecture_utils.exercises.checker import exercises
from lecture_utils.exercises.examine import examine
from lecture_utils.multimodal.blip2 import masks, stage1
from lecture_utils.multimodal.palm_e import palm_e
from lecture_utils.multimodal.visual_programs import interpreter
from lecture_utils.multimodal.visual_programs.interpreter import Step, trace_text
from lecture_utils.multimodal.visual_programs.program import Name, read_program
from tests.references import cases_of, check_reference

BY_ID = {exercise.id: exercise for exercise in exercises("14")}


THEIRS: dict[str, Callable[..., Any]] = {
    "14.7": masks.qformer_mask,
    "14.8": stage1.image_text_contrast,
    "14.9": interpreter.run,
    "14.10": palm_e.interleave,
}


@pytest.mark.parametrize("id", THEIRS)
def test_each_reference_is_the_packages_function(id: str) -> None:
    check_reference(BY_ID[id], THEIRS[id])


@pytest.mark.parametrize("kind", masks.KINDS)
def test_a_query_that_may_not_look_at_the_words_does_not_hear_of_them(kind: str) -> None:
    """By reachability: through any number of layers, words reach queries in matching alone."""
    see = asked_solutions.qformer_mask(kind, 3, 4).float()
    reached = torch.linalg.matrix_power(see, 6) > 0
    assert bool(reached[:3, 3:].any()) == (kind == "matching")
    assert bool(reached[3:, :3].any()) == (kind != "contrast")


def test_a_trace_can_be_read() -> None:
    program, modules, image = cases_of(BY_ID["14.9"])[5]
    answer, trace = asked_solutions.run_program(read_program(program), modules, image)
    assert answer is None and [step.problem for step in trace] == ["", "COLOUR: got 2 things, want one"]
    assert "want one" in trace_text(trace[1:]), "the run ends where a module fails, and says why"


# --- other right ways pass ---------------------------------------------------------------------------
def mask_by_numbers(kind: str, queries: int, text: int) -> Tensor:
    n = queries + text
    see = torch.zeros(n, n, dtype=torch.bool)
    for i in range(n):
        for j in range(n):
            if kind == "matching" or (i < queries and j < queries):
                see[i, j] = True
            elif kind == "contrast":
                see[i, j] = i >= queries and j >= queries
            else:
                see[i, j] = i >= queries and j <= i
    return see


def contrast_by_loops(queries: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    table = torch.stack([torch.stack([(q @ t).max() for t in text]) for q in queries]) * scale
    rows = -table.log_softmax(1).diagonal().mean()
    return (rows - table.log_softmax(0).diagonal().mean()) / 2


def contrast_by_product(queries: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    logits = scale * (queries @ text.T).max(1)[0]  # (B, Q, B') -> (B, B')
    right = torch.arange(len(logits))
    return 0.5 * F.cross_entropy(logits, right) + 0.5 * F.cross_entropy(logits.t(), right)


def run_with_a_flag(program: Any, modules: Any, image: Any) -> Any:
    state, trace, problem = {"IMAGE": image}, [], ""
    for line in program:
        given = {}
        for key, argument in line.arguments.items():
            if isinstance(argument, Name):
                given[key] = state[argument.name]
            else:
                for name, value in state.items():
                    argument = argument.replace("{" + name + "}", str(value))
                given[key] = argument
        try:
            state[line.target] = modules[line.module](**given)
        except ValueError as error:
            problem = str(error)
        trace.append(Step(line, given, None if problem else state[line.target], problem))
        if problem:
            break
    return trace[-1].value, trace


def interleaved_by_segments(ids: Tensor, embed: Any, slots: Any) -> Tensor:
    parts, begin = [], 0
    for at in range(len(ids)):
        if int(ids[at]) in slots:
            parts += [embed(ids[begin:at]), slots[int(ids[at])]]
            begin = at + 1
    return torch.cat([*parts, embed(ids[begin:])])


def interleaved_one_by_one(ids: Tensor, embed: Any, slots: Any) -> Tensor:
    rows: list[Tensor] = []
    for token in ids:
        rows.extend(slots[token.item()] if token.item() in slots else [embed(token)])
    return torch.stack(rows)


RIGHT = [
    ("14.7", mask_by_numbers),
    ("14.8", contrast_by_loops),
    ("14.8", contrast_by_product),
    ("14.9", run_with_a_flag),
    ("14.9", interpreter.run),
    ("14.10", interleaved_by_segments),
    ("14.10", interleaved_one_by_one),
]


@pytest.mark.parametrize(("id", "answer"), RIGHT, ids=[f"{id} {a.__name__}" for id, a in RIGHT])
def test_another_right_way_passes(id: str, answer: Callable[..., Any]) -> None:
    found = examine(BY_ID[id], answer)
    assert found.state == "right", found
