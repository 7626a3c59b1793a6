"""Chapter 14, exercise 14.9: run a visual program (reference: `asked_solutions.run_program`).

Pictures are lists of names here, and modules look at these: it is the interpreter that is tried.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lecture_utils.chapters.ch14.asked_solutions import run_program
from lecture_utils.exercises.exercise import Exercise, mistake
from lecture_utils.multimodal.visual_programs.interpreter import Step, looked_up
from lecture_utils.multimodal.visual_programs.modules import evaluate
from lecture_utils.multimodal.visual_programs.program import Name, read_program

__all__ = ["EXERCISE", "use_program"]

Made = tuple[Any, list[Step]]


def loc(image: list[str], object: str) -> list[str]:
    """The things of a picture that are called so."""
    return [thing for thing in image if all(word in ("thing", *thing.split()) for word in object.split())]


def count(box: list[str]) -> int:
    """How many."""
    return len(box)


def union(box: list[str], other: list[str]) -> list[str]:
    """What is in one of two, or in both."""
    return [*box, *(thing for thing in other if thing not in box)]


def colour(box: list[str]) -> str:
    """The colour of the one thing."""
    if len(box) != 1:
        raise ValueError(f"COLOUR: got {len(box)} things, want one")
    return box[0].split()[0]


def without(box: list[str], word: str) -> list[str]:
    """Those that do not have this word in their names."""
    return [thing for thing in box if word not in thing.split()]


MODULES = {"LOC": loc, "COUNT": count, "UNION": union, "COLOUR": colour, "FILTER": without, "EVAL": evaluate}
RED, BLUE = "BOX0 = LOC(image=IMAGE, object='red thing')", "BOX1 = LOC(image=IMAGE, object='blue thing')"
RING, COUNTED = "BOX0 = LOC(image=IMAGE, object='ring')", "ANSWER0 = COUNT(box=BOX0)"
NO_BALL, BOTH = "BOX0 = FILTER(box=BOX0, word='ball')", "BOX0 = UNION(box=BOX0, other=BOX1)"
WHICH, SOME = "ANSWER0 = COLOUR(box=BOX0)", "ANSWER0 = EVAL(expr='{ANSWER0} > 0')"


def _programs(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    picture = ["red star", "blue ball", "red ball"]
    yield RED, MODULES, picture
    for lines in (
        (RED, COUNTED),
        (RED, NO_BALL, WHICH),  # BOX0 is made twice
        (RED, COUNTED, SOME),  # a name within a text
        (RED, BLUE, BOTH, COUNTED),
        (RED, WHICH, COUNTED),  # which one? there are two
        (RING, COUNTED, SOME),  # nothing is found, and that is an answer
        (BLUE, RED, NO_BALL, BOTH, NO_BALL, WHICH),
    ):
        shown = [str(thing) for thing in rng.permutation(picture)]
        yield "\n".join(lines), MODULES, shown


def use_program(answer: Callable[..., Any], program: str, modules: Any, image: Any) -> Any:
    """The answer, and the trace in words."""
    made = answer(read_program(program), modules, image)
    if not isinstance(made, tuple | list) or len(made) != 2 or not isinstance(made[1], list):
        return made
    if not all(isinstance(step, Step) for step in made[1]):
        return made
    trace = [f"{s.line} got {dict(s.given)}, gave {s.value}, problem {s.problem!r}" for s in made[1]]
    return {"answer": str(made[0]), "trace": trace}


def _run(
    program: Any,
    modules: Any,
    image: Any,
    *,
    look_up: Callable[[Any, dict[str, Any]], Any] = looked_up,
    keep: Callable[[dict[str, Any], str, Any], None] = lambda state, name, value: state.update({name: value}),
    failed: Callable[[list[Step], Step], Made | None] = lambda trace, step: (None, [*trace, step]),
) -> Made:
    """The interpreter with one part exchanged."""
    state: dict[str, Any] = {"IMAGE": image}
    trace: list[Step] = []
    value = None
    for line in program:
        given = {key: look_up(argument, state) for key, argument in line.arguments.items()}
        try:
            value = modules[line.module](**given)
        except ValueError as problem:
            end = failed(trace, Step(line, given, None, str(problem)))
            if end is not None:
                return end
            continue
        keep(state, line.target, value)
        trace.append(Step(line, given, value))
    return value, trace


@mistake(
    "Names within texts are not replaced: '{ANSWER0} > 0' compares nothing. looked_up does both, names and "
    "names in braces."
)
def _no_braces(*given: Any) -> Made:
    return _run(*given, look_up=lambda a, state: state[a.name] if isinstance(a, Name) else a)


@mistake("A name that is made a second time keeps its first value with you. The newest one counts.")
def _first_value(*given: Any) -> Made:
    def keep(state: dict[str, Any], name: str, value: Any) -> None:
        state.setdefault(name, value)

    return _run(*given, keep=keep)


@mistake("You return what the first line gave. The answer is what the last one gave.")
def _first_result(*given: Any) -> Made:
    _, trace = run_program(*given)
    return trace[0].value, trace


@mistake("You return the whole state as the answer: it is the value of the last line alone.")
def _state(program: Any, modules: Any, image: Any) -> Made:
    _, trace = run_program(program, modules, image)
    return {"IMAGE": image} | {step.line.target: step.value for step in trace}, trace


@mistake("You return the name of the last line's target. Wanted is what stands under it.")
def _name(program: Any, modules: Any, image: Any) -> Made:
    return program[-1].target, run_program(program, modules, image)[1]


@mistake("The last line is missing from your trace.")
def _without_last(*given: Any) -> Made:
    answer, trace = run_program(*given)
    return answer, trace[:-1]


@mistake(
    "Your trace has one step to each name: where a name was made anew, its earlier step is gone. Note every "
    "line."
)
def _one_a_name(*given: Any) -> Made:
    answer, trace = run_program(*given)
    return answer, list({step.line.target: step for step in trace}.values())


@mistake("Your trace begins with the last line. It runs as the program does.")
def _backwards(*given: Any) -> Made:
    answer, trace = run_program(*given)
    return answer, trace[::-1]


@mistake("Your steps have the line's arguments as they were written. What the module got are their values.")
def _as_written(*given: Any) -> Made:
    answer, trace = run_program(*given)
    written: Any = [step.line.arguments for step in trace]
    return answer, [Step(s.line, own, s.value, s.problem) for s, own in zip(trace, written, strict=True)]


@mistake("Your steps have no values: what each line gave is what one reads to find a slip.")
def _no_values(*given: Any) -> Made:
    answer, trace = run_program(*given)
    return answer, [Step(step.line, step.given, None, step.problem) for step in trace]


@mistake(
    "A module's ValueError gets out of your interpreter, and the trace is lost when it is needed most. Catch "
    "it, note the step, and end the run."
)
def _not_caught(program: Any, modules: Any, image: Any) -> Made:
    state: dict[str, Any] = {"IMAGE": image}
    trace = []
    for line in program:
        given = {key: looked_up(argument, state) for key, argument in line.arguments.items()}
        state[line.target] = modules[line.module](**given)
        trace.append(Step(line, given, state[line.target]))
    return state[program[-1].target], trace


@mistake("The line that failed is missing from your trace. It belongs there, with what the module said.")
def _failure_unnoted(*given: Any) -> Made:
    return _run(*given, failed=lambda trace, step: (None, trace))


@mistake("Your last step does not say why it failed: the error's text is its problem.")
def _no_reason(*given: Any) -> Made:
    return _run(*given, failed=lambda trace, step: (None, [*trace, Step(step.line, step.given, None)]))


@mistake("After a failure you answer with what the line before it gave. There is no answer then: None.")
def _value_before(*given: Any) -> Made:
    return _run(*given, failed=lambda trace, step: (trace[-1].value if trace else None, [*trace, step]))


@mistake("You go on after a line that failed. What comes later builds on nothing: the run ends there.")
def _goes_on(*given: Any) -> Made:
    def failed(trace: list[Step], step: Step) -> None:
        trace.append(step)

    return _run(*given, failed=failed)


@mistake(
    "You stop where a line finds nothing. An empty list is a value like others: how many rings? None, and "
    "the program goes on to say so."
)
def _stops(*given: Any) -> Made:
    answer, trace = run_program(*given)
    empty = [at for at, step in enumerate(trace) if step.value in ([], 0) and not step.problem]
    return (trace[empty[0]].value, trace[: empty[0] + 1]) if empty else (answer, trace)


WRONG: Any = (
    _no_braces, _first_value, _first_result, _state, _name, _without_last, _one_a_name, _backwards,
    _as_written, _no_values, _not_caught, _failure_unnoted, _no_reason, _value_before, _goes_on, _stops,
)  # fmt: skip
EXERCISE = Exercise(
    "14.9",
    "Run a program, and keep a trace",
    run_program,
    _programs,
    difficulty=2,
    minutes=10,
    use=use_program,
    hints=(
        "Keep a dict of all names that have a value; at first that is IMAGE alone. What happens to each "
        "argument before the module is called, and what with the result after it?",
        "given is a dict of looked_up(argument, state) for each argument; modules[line.module](**given) "
        "calls the module by names. Then state[line.target] gets the value, and the trace a Step(line, "
        "given, value).",
        "The call stands in a try. After `except ValueError as problem` return None and the trace with "
        "Step(line, given, None, str(problem)) behind it.",
    ),
    mistakes=WRONG,
)
