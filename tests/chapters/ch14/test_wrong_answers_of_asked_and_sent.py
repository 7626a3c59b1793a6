"""Chapter 14, part b: wrong answers, written before any was tried, get the hint for their mistake.

Each comes with a word that the hint has to have.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.exercises.checker import exercises
from lecture_utils.multimodal.visual_programs.interpreter import Step, looked_up
from tests.wrong_answers import check_hint

BY_ID = {exercise.id: exercise for exercise in exercises("14")}


def one_triangle(kind: str, queries: int, text: int) -> Tensor:
    n = queries + text
    see = torch.ones(n, n, dtype=torch.bool)
    if kind == "generation":
        see = see.tril()
    elif kind == "contrast":
        see[:queries, queries:] = see[queries:, :queries] = False
    return see


def queries_look_at_text(kind: str, queries: int, text: int) -> Tensor:
    n = queries + text
    see = torch.ones(n, n, dtype=torch.bool)
    if kind == "generation":
        see[queries:, queries:] = see[queries:, queries:].tril()
    if kind == "contrast":
        see[:queries, queries:] = see[queries:, :queries] = False
    return see


def transposed(kind: str, queries: int, text: int) -> Tensor:
    n = queries + text
    see = torch.ones(n, n, dtype=torch.bool)
    if kind == "generation":
        see[queries:, :queries] = False
        see[queries:, queries:] = see[queries:, queries:].triu()
    if kind == "contrast":
        see[:queries, queries:] = see[queries:, :queries] = False
    return see


def mean_of_queries(queries: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    logits = (queries @ text.T).mean(1) * scale
    right = torch.arange(len(logits))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def one_direction(queries: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    logits = (queries @ text.T).max(1).values * scale
    return F.cross_entropy(logits, torch.arange(len(logits)))


def log_scale(queries: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    logits = (queries @ text.T).max(1).values * torch.exp(scale)
    right = torch.arange(len(logits))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def errors_get_out(program: Any, modules: Any, image: Any) -> Any:
    state: Any = {"IMAGE": image}
    trace: list[Step] = []
    for line in program:
        given = {k: looked_up(a, state) for k, a in line.arguments.items()}
        value = modules[line.module](**given)
        state[line.target] = value
        trace.append(Step(line, given, value))
    return value, trace


def failure_left_out(program: Any, modules: Any, image: Any) -> Any:
    state: Any = {"IMAGE": image}
    trace: list[Step] = []
    value = None
    for line in program:
        given = {k: looked_up(a, state) for k, a in line.arguments.items()}
        try:
            value = modules[line.module](**given)
        except ValueError:
            return None, trace
        state[line.target] = value
        trace.append(Step(line, given, value))
    return value, trace


def names_alone(program: Any, modules: Any, image: Any) -> Any:
    state: Any = {"IMAGE": image}
    trace: list[Step] = []
    value = None
    for line in program:
        given = {k: getattr(a, "name", a) for k, a in line.arguments.items()}
        given = {k: state.get(a, a) for k, a in given.items()}
        try:
            value = modules[line.module](**given)
        except ValueError as error:
            return None, [*trace, Step(line, given, None, str(error))]
        state[line.target] = value
        trace.append(Step(line, given, value))
    return value, trace


def marker_stays(ids: Tensor, embed: Any, slots: Any) -> Tensor:
    parts = []
    for token in ids.tolist():
        parts.append(embed(torch.tensor([token])))
        if token in slots:
            parts.append(slots[token])
    return torch.cat(parts)


def rest_forgotten(ids: Tensor, embed: Any, slots: Any) -> Tensor:
    parts, begin = [embed(ids[:0])], 0
    for at, token in enumerate(ids.tolist()):
        if token in slots:
            parts += [embed(ids[begin:at]), slots[token]]
            begin = at + 1
    return torch.cat(parts)


def pooled(ids: Tensor, embed: Any, slots: Any) -> Tensor:
    rows = [slots[t].mean(0) if t in slots else embed(torch.tensor(t)) for t in ids.tolist()]
    return torch.stack(rows)


WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("14.7", one_triangle, "triangle goes over all"),
    ("14.7", queries_look_at_text, "In generation your queries see the text"),
    ("14.7", transposed, "exchanged"),
    ("14.8", mean_of_queries, "mean over the queries"),
    ("14.8", one_direction, "Only pictures"),
    ("14.8", log_scale, "exponential"),
    ("14.9", errors_get_out, "gets out"),
    ("14.9", failure_left_out, "failed is missing"),
    ("14.9", names_alone, "within texts"),
    ("14.10", marker_stays, "before the vectors"),
    ("14.10", rest_forgotten, "last marker"),
    ("14.10", pooled, "mean of the sensor"),
]


@pytest.mark.parametrize(("id", "answer", "word"), WRONG, ids=[f"{id} {a.__name__}" for id, a, _ in WRONG])
def test_a_wrong_answer_gets_the_hint_for_its_mistake(id: str, answer: Callable[..., Any], word: str) -> None:
    check_hint(BY_ID[id], answer, word, "value", "raises", "kind")  # "kind": a short trace
