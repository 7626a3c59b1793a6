"""What an interrupted measurement had found, so that the next one goes on from there.

A claim may compute for half an hour. Each seed's figures are kept in ``claims/ID.jsonl`` of the learner's own
folder as soon as they are known, under a key that names the code, the weights and the machine; other code
starts afresh. The file goes when the record is written.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lecture_utils import runtime
from lecture_utils.provenance.files import write_atomically

Point = tuple[int, float | None]  # a seed, and a point of the boundary or None
Result = tuple[dict[str, Any], float]  # figures, and the seconds they took


class Unfinished:
    """The results of one claim's seeds so far.

    Parameters
    ----------
    id : str
        For example ``"C01.1"``.
    key : mapping
        All that must be the same for a kept result to count, fit for JSON.
    """

    def __init__(self, id: str, key: Mapping[str, Any]) -> None:
        self.path = _folder() / f"{id}.jsonl"
        self.key = json.dumps(key, sort_keys=True)
        self.results: dict[Point, Result] = {}
        lines = self._lines()
        if lines[:1] == [self.key]:
            for line in lines[1:]:
                try:
                    seed, at, row, seconds = json.loads(line)
                except ValueError:  # cut while it was written
                    break
                self.results[seed, at] = row, seconds

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []

    def keep(self, seed: int, at: float | None, result: Result) -> None:
        """Add a result, and write down all of them. What cannot be written is not kept, and nothing fails."""
        self.results[seed, at] = result
        lines = [self.key, *(json.dumps([*point, *kept]) for point, kept in self.results.items())]
        with contextlib.suppress(OSError):
            write_atomically(self.path, "\n".join(lines) + "\n")

    def forget(self) -> None:
        """Remove the file: the record has it all."""
        self.path.unlink(missing_ok=True)


def _folder() -> Path:
    folder = runtime.course_home() / "claims"
    folder.mkdir(exist_ok=True)
    return folder
