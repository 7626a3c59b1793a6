"""The language of visual programs (S14.7): lines such as "BOX0 = LOC(image=IMAGE, object='red star')".

T. Gupta and A. Kembhavi, "Visual Programming: Compositional visual reasoning without training", CVPR 2023,
section 3 and figure 2. A program is text that somebody else wrote, perhaps a network: it is read by a
grammar of its own and never given to Python. What the grammar does not have (attributes, calls inside calls,
imports, loops) cannot be said.

line     = NAME " = " MODULE "(" [argument {", " argument}] ")"
argument = name "=" (NAME | "'" letters "'")

NAME and MODULE are capitals, then capitals and digits; `letters` are a few: see `LETTERS`. In a string,
{NAME} stands for that name's value.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAME = r"[A-Z][A-Z0-9]{0,15}"
LETTERS = r"[a-zA-Z0-9 ?{}<>=.]{0,80}"
LINE = re.compile(rf"({NAME}) = ({NAME})\((.*)\)")
ARGUMENT = re.compile(rf"([a-z]{{1,16}})=(?:({NAME})|'({LETTERS})')(?:, (?=[a-z])|$)")
PLACEHOLDER = re.compile(rf"\{{({NAME})\}}")
MOST_LINES = 32
GIVEN = "IMAGE"  # the name that every program starts with


class ProgramError(ValueError):
    """A text that is no program."""


@dataclass(frozen=True)
class Name:
    """An argument that stands for the value of a name."""

    name: str


Argument = Name | str


@dataclass(frozen=True)
class Line:
    """One step: `target` becomes what `module` makes of the arguments."""

    target: str
    module: str
    arguments: Mapping[str, Argument]

    def __str__(self) -> str:
        shown = (f"{k}={v.name if isinstance(v, Name) else repr(v)}" for k, v in self.arguments.items())
        return f"{self.target} = {self.module}({', '.join(shown)})"

    def reads(self) -> list[str]:
        """The names whose values it needs, those inside strings too."""
        out: list[str] = []
        for value in self.arguments.values():
            out += [value.name] if isinstance(value, Name) else PLACEHOLDER.findall(value)
        return out


def read_program(text: str) -> list[Line]:
    """Read a program.

    Parameters
    ----------
    text : str
        One line to a step; empty lines are passed over.

    Returns
    -------
    list of Line

    Raises
    ------
    ProgramError
        For text outside the grammar, with the line, and for none or more than 32 lines.
    """
    if not isinstance(text, str):
        raise ProgramError(f"program: got {type(text).__name__}, want a str")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not 1 <= len(lines) <= MOST_LINES:
        raise ProgramError(f"program: got {len(lines)} lines, want 1 to {MOST_LINES}")
    return [read_line(line) for line in lines]


def read_line(text: str) -> Line:
    """Read one line; ProgramError where it is none."""
    want = "want NAME = MODULE(name=NAME, name='letters')"
    parts = LINE.fullmatch(text)
    if parts is None:
        raise ProgramError(f"line: got {text[:100]!r}, {want}")
    target, module, rest = parts.groups()
    arguments: dict[str, Argument] = {}
    at = 0
    while at < len(rest):
        one = ARGUMENT.match(rest, at)
        if one is None:
            raise ProgramError(f"argument: got {rest[at : at + 60]!r} in {text[:100]!r}, {want}")
        key, name, letters = one.groups()
        if key in arguments:
            raise ProgramError(f"argument: got {key!r} twice in {text[:100]!r}, want it once")
        arguments[key] = Name(name) if name else letters
        at = one.end()
    return Line(target, module, arguments)


def check_program(program: Sequence[Line], modules: Mapping[str, Callable[..., Any]]) -> None:
    """Raise ProgramError unless each line calls a module that there is, on known names; nothing is run."""
    known = {GIVEN}
    for line in program:
        if line.module not in modules:
            raise ProgramError(
                f"module: got {line.module} in {line}, want one of {', '.join(sorted(modules))}"
            )
        wanted = list(inspect.signature(modules[line.module]).parameters)
        if sorted(line.arguments) != sorted(wanted):
            got = ", ".join(line.arguments) or "none"
            raise ProgramError(f"arguments: got {got} in {line}, want {', '.join(wanted)}")
        for name in line.reads():
            if name not in known:
                raise ProgramError(f"name: got {name} in {line}, want one that has a value by then")
        if line.target == GIVEN:
            raise ProgramError(f"name: got {line}, want {GIVEN} left as it was given")
        known.add(line.target)
