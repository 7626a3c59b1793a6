"""The interpreter of visual programs (S14.7): line by line, each line's value is kept, and nothing is hidden.

T. Gupta and A. Kembhavi, "Visual Programming", CVPR 2023, section 3: the program's state maps names to
values; a line looks up its inputs, calls its module, and adds its output to the state. The trace (the paper's
"visual rationale") is what each line gave, and where a module failed what it said.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lecture_utils.multimodal.visual_programs.program import (
    GIVEN,
    PLACEHOLDER,
    Argument,
    Line,
    Name,
    check_program,
)
from lecture_utils.multimodal.visual_programs.values import Picture, Value


@dataclass(frozen=True, eq=False)
class Step:
    """One line that was run.

    Attributes
    ----------
    line : Line
    given : dict of str to Value
        What the module got.
    value : Value or None
        What it gave; None where it failed.
    problem : str
        What the module said when it failed, else "".
    """

    line: Line
    given: Mapping[str, Value]
    value: Value | None
    problem: str = ""


def run(
    program: Sequence[Line], modules: Mapping[str, Callable[..., Any]], image: Picture
) -> tuple[Value | None, list[Step]]:
    """Run a program over a picture.

    Parameters
    ----------
    program : sequence of Line
        As `read_program` gives it.
    modules : mapping of str to callable
        What each word in capitals does; called with the arguments by name.
    image : Picture
        The value of IMAGE.

    Returns
    -------
    answer : Value or None
        What the last line gave; None where a module failed: the run ends there.
    trace : list of Step
        One to each line that was run, the failed one included.

    Raises
    ------
    ProgramError
        Before anything is run, for a program that `check_program` refuses.
    """
    check_program(program, modules)
    state: dict[str, Value] = {GIVEN: image}
    trace: list[Step] = []
    value: Value | None = None
    for line in program:
        given = {key: looked_up(argument, state) for key, argument in line.arguments.items()}
        try:
            value = modules[line.module](**given)
        except ValueError as problem:
            trace.append(Step(line, given, None, str(problem)))
            return None, trace
        state[line.target] = value
        trace.append(Step(line, given, value))
    return value, trace


def looked_up(argument: Argument, state: Mapping[str, Value]) -> Value:
    """Return a name's value, or a string with the values of the {NAMES} in it."""
    if isinstance(argument, Name):
        return state[argument.name]
    return PLACEHOLDER.sub(lambda found: str(state[found.group(1)]), argument)


def told(value: Value | None) -> str:
    """Say in a few words what a value is, for a trace in text."""
    if value is None:
        return "failed"
    if isinstance(value, Picture):
        height, width = value.pixels.shape[1:]
        return f"picture of {width} × {height} pixels"
    if isinstance(value, list):
        things = ", ".join(f"{thing.colour} {thing.shape}" for thing in value)
        return f"{len(value)}: {things}" if value else "0: nothing"
    if isinstance(value, int | str):
        return str(value)
    return f"mask of {int(value.sum())} pixels"


def trace_text(trace: Sequence[Step]) -> str:
    """Write a trace line by line: what was run, and what it gave or why it failed."""
    return "\n".join(f"{step.line}\n    → {step.problem or told(step.value)}" for step in trace)
