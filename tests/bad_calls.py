"""Bad calls: how each kind of argument is spoiled, and how an answer is judged (design, section 10).

A good call is a dict of arguments, each made by a function of this module, which knows how to spoil it:
`images` and `pixels` (in [0, 1]), `floats`, `boxes`, `labels` and `ids`, `masks`, `count`, `number`, `pair`.
A plain value is handed over as it is, and `made` makes one anew for each call.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

REFUSALS = (ValueError, TypeError, IndexError, FileNotFoundError)  # with "got" and "want" in the message
NONSENSE = "nonsense"  # where it is quoted, as with a list of names, the message is clear too
SILENT = ("nan", "x2 < x1", "label -1", "label K", "nan number")  # never answered with a finite number


class Value(NamedTuple):
    """How to make an argument, and in which ways it can be spoiled: kind → what makes the bad one."""

    make: Callable[[], Any]
    kinds: Mapping[str, Callable[[Any], Any]]


def made(make: Callable[[], Any]) -> Value:
    """An object for each call, such as a model; it is never spoiled."""
    return Value(make, {})


def _shape_kinds() -> dict[str, Callable[[Tensor], Tensor]]:
    return {
        "axis dropped": lambda x: x[0],
        "axis added": lambda x: x[None],
        "empty": lambda x: x[:0],
    }


def _nan(x: Tensor) -> Tensor:
    x = x.clone()
    x.view(-1)[0] = math.nan
    return x


def _seeded(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def floats(*shape: int, of: Callable[[Tensor], Tensor] = lambda x: 2 * x - 1) -> Value:
    """Floating-point numbers in [-1, 1], or what `of` makes of numbers in [0, 1]."""
    kinds = {"uint8": lambda x: (x.abs() * 255).to(torch.uint8), "nan": _nan}
    return Value(lambda: of(_seeded(*shape)), _shape_kinds() | kinds)


def images(*shape: int) -> Value:
    """Pictures (…, C, H, W); their range is not documented."""
    value = floats(*shape, of=lambda x: 0.1 + 0.8 * x)
    return value._replace(kinds={**value.kinds, "channels last": lambda x: x.movedim(-3, -1).contiguous()})


def pixels(*shape: int) -> Value:
    """Pictures that are documented to lie in [0, 1]."""
    value = images(*shape)
    return value._replace(kinds={**value.kinds, "0 to 255": lambda x: x * 255})


def boxes(*corners: Sequence[float], places: bool = False) -> Value:
    """Boxes (B, 4) x1, y1, x2, y2, or, with `places`, (B, 1, 4); integers if the corners are."""
    kinds = {**_shape_kinds(), "x2 < x1": lambda x: x[..., [2, 1, 0, 3]]}
    if isinstance(corners[0][0], float):
        kinds["nan"] = _nan
    return Value(lambda: torch.tensor(corners)[:, None] if places else torch.tensor(corners), kinds)


def labels(classes: int | None, *shape: int) -> Value:
    """Class numbers below `classes`; None where any number from 0 is a class."""
    total = math.prod(shape)
    kinds: dict[str, Callable[[Tensor], Tensor]] = {
        **_shape_kinds(),
        "label -1": lambda y: y.clone().index_fill_(0, torch.tensor([0]), -1),
        "with an axis of 1": lambda y: y[..., None],
        "another batch": lambda y: torch.cat([y, y[:1]]),
        "floats for classes": lambda y: y.float() + 0.5,
    }
    if classes is not None:
        kinds["label K"] = lambda y: y.clone().index_fill_(0, torch.tensor([0]), classes)
    return Value(lambda: (torch.arange(total) % (classes or 3)).reshape(shape), kinds)


def masks(*shape: int) -> Value:
    """Truth values, most of them False."""
    kinds = {**_shape_kinds(), "floats for masks": lambda x: x.float()}
    return Value(lambda: _seeded(*shape) < 0.4, kinds)


def count(value: int, *, zero: bool = False) -> Value:
    """A count or size; with `zero`, 0 is one too."""
    kinds = {"-1": -1, "nan number": math.nan, "a string": "three"} | ({} if zero else {"zero": 0})
    return Value(lambda: value, {name: (lambda x, bad=bad: bad) for name, bad in kinds.items()})


def number(value: float) -> Value:
    """A real number."""
    return Value(lambda: value, {"nan number": lambda x: math.nan, "a string": lambda x: "half"})


def index(value: int, classes: int) -> Value:
    """The number of one class, unit or layer below `classes`."""
    kinds = {"label -1": -1, "label K": classes, "nan number": math.nan, "a string": "three"}
    return Value(lambda: value, {name: (lambda x, bad=bad: bad) for name, bad in kinds.items()})


def word(value: str) -> Value:
    """One of several words, or the name of something."""
    return Value(lambda: value, {"another word": lambda x: NONSENSE})


def pair(*values: float) -> Value:
    """Numbers in a tuple."""
    kinds = {
        "nan number": lambda x: (math.nan, *x[1:]),
        "a string": lambda x: ("half", *x[1:]),
        "one too few": lambda x: x[1:],
    }
    return Value(lambda: values, kinds)


def grouped(*values: Value) -> Value:
    """A tuple of arguments, of which one is spoiled at a time."""
    kinds = {
        f"{kind}, {i + 1}": lambda x, i=i, spoil=spoil: (*x[:i], spoil(x[i]), *x[i + 1 :])
        for i, value in enumerate(values)
        for kind, spoil in value.kinds.items()
    }
    return Value(lambda: tuple(value.make() for value in values), kinds | {"one too few": lambda x: x[1:]})


class Case(NamedTuple):
    """One bad call: which argument of what is spoiled in which way, and the judgement."""

    name: str
    argument: str
    kind: str
    verdict: str  # "clear", "right", "obscure", "silent", "nan" or "inf"
    told: str = ""  # the error, or what came back

    def __str__(self) -> str:
        return f"{self.name} | {self.argument} | {self.kind}"


def build(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Make fresh arguments of a good call."""
    return {key: value.make() if isinstance(value, Value) else value for key, value in arguments.items()}


def call(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call a function, a constructor or a method (`self` is an argument); run what it yields."""
    torch.manual_seed(0)
    star = arguments.pop("*", ())
    names = list(arguments)
    first = [arguments.pop("self")] if names[:1] == ["self"] else []
    answer = function(*first, *star, **arguments)
    if hasattr(answer, "__enter__") and hasattr(answer, "gen"):  # a context manager
        with answer as inside:
            return inside
    return [next(answer)] if isinstance(answer, Iterator) else answer


def numbers(answer: Any) -> Iterator[tuple[bool, bool]]:
    """Yield of every number or tensor in an answer whether it holds NaN, and whether it holds infinity."""
    if isinstance(answer, Tensor | np.ndarray | float):
        x = torch.as_tensor(answer)
        if x.is_floating_point():
            yield bool(x.isnan().any()), bool(x.isinf().any())
    elif isinstance(answer, Mapping):
        yield from numbers(list(answer.values()))
    elif isinstance(answer, Sequence) and not isinstance(answer, str):
        for part in answer:
            yield from numbers(part)
    elif dataclasses.is_dataclass(answer) or isinstance(answer, torch.nn.Module):
        parts = {k: v for k, v in vars(answer).items() if isinstance(v, Tensor | float | list | tuple)}
        yield from numbers(parts)


def judge(function: Callable[..., Any], arguments: dict[str, Any]) -> tuple[str, str]:
    """Return the verdict on a bad call and the words for it."""
    try:
        answer = call(function, arguments)
    except Exception as error:
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        clear = isinstance(error, REFUSALS) and (("got" in text and "want" in text) or NONSENSE in text)
        return ("clear" if clear else "obscure"), text[:150]
    found = list(numbers(answer))
    verdict = "nan" if any(nan for nan, _ in found) else "inf" if any(inf for _, inf in found) else "silent"
    return verdict, type(answer).__name__


def bad_calls(name: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Iterator[Case]:
    """Spoil each argument of a good call in turn, in each way that applies to it."""
    for key, value in arguments.items():
        if not isinstance(value, Value):
            continue
        for kind, spoil in value.kinds.items():
            fresh = build(arguments)
            fresh[key] = spoil(fresh[key])
            yield Case(name, key, kind, *judge(function, fresh))
