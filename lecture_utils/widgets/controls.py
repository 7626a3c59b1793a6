"""What a learner can set in a widget: choice, slider, matrix, words. Descriptions; `live.py` shows them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np

Control = Union["Choice", "Slider", "Matrix", "Text"]


@dataclass(frozen=True)
class Choice:
    """One of several options.

    Parameters
    ----------
    options : sequence of values, or of (label, value) pairs
    value : object, optional
        The first option where not given.
    label : str, optional
        The argument's name where not given.
    """

    options: Sequence[Any]
    value: Any = None
    label: str = ""

    def __post_init__(self) -> None:
        """Check the options and set the default value."""
        if not self.options:
            raise ValueError("options: got none, want at least one option")
        if self.value is None:
            object.__setattr__(self, "value", self.pairs()[0][1])
        self.check(self.value)

    def pairs(self) -> list[tuple[str, Any]]:
        """Give the options as (label, value) pairs."""
        pair = all(isinstance(o, tuple) and len(o) == 2 and isinstance(o[0], str) for o in self.options)
        return [(o[0], o[1]) if pair else (str(o), o) for o in self.options]

    def check(self, value: Any) -> Any:
        """Return the value, or raise ValueError where it is no option."""
        values = [v for _, v in self.pairs()]
        if value not in values:
            raise ValueError(f"got {value!r}, want one of {values}")
        return value

    def probes(self) -> list[Any]:
        """Give the first, the middle and the last option."""
        values = [v for _, v in self.pairs()]
        return list(dict.fromkeys([values[0], values[len(values) // 2], values[-1]]))


@dataclass(frozen=True)
class Slider:
    """A number from low to high in steps; an integer where low, high and step all are."""

    low: float
    high: float
    step: float = 1
    value: float | None = None
    label: str = ""

    def __post_init__(self) -> None:
        """Check the range and set the default value."""
        if not self.low < self.high or self.step <= 0:
            raise ValueError(
                f"Slider: got {self.low}, {self.high}, {self.step}, want low < high and a positive step"
            )
        if self.value is None:
            object.__setattr__(self, "value", self.low)
        self.check(self.value)

    @property
    def whole(self) -> bool:
        """Whether the slider's values are integers."""
        return all(isinstance(v, int) for v in (self.low, self.high, self.step))

    def check(self, value: Any) -> float:
        """Return the value as a number, or raise ValueError where it lies outside the range."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"got {value!r}, want a number from {self.low} to {self.high}")
        if not self.low <= value <= self.high or (self.whole and int(value) != value):
            raise ValueError(
                f"got {value!r}, want a number from {self.low} to {self.high} in steps of {self.step}"
            )
        return int(value) if self.whole else float(value)

    def probes(self) -> list[float]:
        """Give the lowest, the middle and the highest value."""
        steps = math.floor((self.high - self.low) / self.step + 1e-9)
        return list(
            dict.fromkeys(self.check(v) for v in (self.low, self.low + steps // 2 * self.step, self.high))
        )


@dataclass(frozen=True)
class Matrix:
    """A small matrix of numbers, with named presets.

    Parameters
    ----------
    rows, columns : int
    value : array-like (rows, columns), optional
        The first preset where not given, else zeros. A smaller array is set into the middle.
    presets : dict of name to array-like
    label : str, optional
    limit : float
        Largest magnitude of an entry.
    switches : bool
        Show a numbered button for each entry, on or off (1 or 0), in place of a number.
    """

    rows: int
    columns: int
    value: Any = None
    presets: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    limit: float = 99.0
    switches: bool = False

    def __post_init__(self) -> None:
        """Check the presets and set the default value."""
        if self.rows < 1 or self.columns < 1:
            raise ValueError(f"Matrix: got {self.rows}×{self.columns}, want at least 1×1")
        object.__setattr__(self, "presets", {name: self.check(v) for name, v in self.presets.items()})
        first = next(iter(self.presets.values()), np.zeros((self.rows, self.columns)))
        object.__setattr__(self, "value", self.check(first if self.value is None else self.value))

    def check(self, value: Any) -> np.ndarray:
        """Return the value as (rows, columns) float64, a preset's name included, or raise ValueError."""
        if isinstance(value, str):
            if value not in self.presets:
                raise ValueError(f"got {value!r}, want a preset of {list(self.presets)}")
            return np.array(self.presets[value])
        array = np.asarray(value, dtype=np.float64)
        spare = [(self.rows - array.shape[0], self.columns - array.shape[1])] if array.ndim == 2 else []
        if not spare or min(spare[0]) < 0 or spare[0][0] % 2 or spare[0][1] % 2:
            want = f"{self.rows}×{self.columns} matrix or a smaller one that fits its middle"
            raise ValueError(f"got shape {array.shape}, want a {want}")
        if not np.isfinite(array).all() or np.abs(array).max() > self.limit:
            raise ValueError(f"got {array.tolist()}, want entries from {-self.limit:g} to {self.limit:g}")
        rows, columns = spare[0]
        return np.pad(array, ((rows // 2, rows // 2), (columns // 2, columns // 2)))

    def probes(self) -> list[np.ndarray]:
        """Give every preset, all zeros, and the largest entries of both signs."""
        full = np.full((self.rows, self.columns), self.limit)
        if self.switches:
            return [*self.presets.values()]
        return [*self.presets.values(), np.zeros_like(full), full, -full]


@dataclass(frozen=True)
class Text:
    """Words of the learner's own.

    Parameters
    ----------
    value : str
        What stands there first.
    examples : sequence of str
        Other texts, with which tests try it.
    label : str, optional
    most : int
        Letters at most.
    """

    value: str
    examples: Sequence[str] = ()
    label: str = ""
    most: int = 120

    def __post_init__(self) -> None:
        """Check the first text and the examples."""
        for text in (self.value, *self.examples):
            self.check(text)

    def check(self, value: Any) -> str:
        """Return the text without spaces at its ends, or raise ValueError where it is empty or too long."""
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"got {value!r}, want some words")
        if len(value) > self.most:
            raise ValueError(f"got {len(value)} letters, want {self.most} at most")
        return value.strip()

    def probes(self) -> list[str]:
        """Give the first text, the examples, one letter, and a text that nobody expects."""
        return list(dict.fromkeys([self.value, *self.examples, "x", "日本 🙂"]))
