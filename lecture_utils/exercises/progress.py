"""What the learner has done: one small file in the course's own folder, and the table that shows it. No
torch.

The file survives a killed kernel (written whole or not at all), two notebooks at a time (read, merged and
written under a lock that the system frees when a process dies), and damage (put aside, never overwritten).
Where nothing can be written, progress is kept in memory until the kernel stops.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lecture_utils import runtime
from lecture_utils.kernel.panel import Panel
from lecture_utils.provenance.files import write_atomically

FILE = "progress.json"
VERSION = 1
LOCK_SECONDS = 5.0
Entry = dict[str, Any]
_memory: dict[str, Entry] = {}  # what could not be written
_told: set[str] = set()


def path() -> Path:
    """Return where progress is kept."""
    return runtime.course_home() / FILE


def entries() -> dict[str, Entry]:
    """Return what is known of each exercise that was tried.

    An entry holds done, attempts, hints (how many general ones were shown), last (a fingerprint), first_done.
    """
    stored: dict[str, Entry] = {}
    try:
        with _locked():
            stored = _read()["exercises"]
    except (OSError, TimeoutError):
        pass
    return _with_memory(stored)


def record(id: str, *, done: bool, fingerprint: str, hint: bool = False) -> Entry:
    """Note an attempt and return the exercise's entry.

    Attempts count different answers: the same code handed in twice is one attempt, so hints advance with the
    code.

    Parameters
    ----------
    id : str
        The exercise.
    done : bool
        Whether the answer was right. Once done, an exercise stays done.
    fingerprint : str
        Identifies the answer's code.
    hint : bool
        Whether this answer, if it is a new one, takes the next general hint.
    """

    def change(entry: Entry) -> Entry:
        new = entry.get("last") != fingerprint
        entry = {**entry, "attempts": int(entry.get("attempts", 0)) + new, "last": fingerprint}
        if hint:
            entry["hints"] = max(int(entry.get("hints", 0)) + new, 1)
        entry["done"] = bool(entry.get("done")) or done
        if done and "first_done" not in entry:
            entry["first_done"] = datetime.now(UTC).date().isoformat()
        return entry

    return _update(id, change)


def merge(one: Entry, other: Entry) -> Entry:
    """Put two entries of one exercise together, so that neither takes anything from the other.

    Done if either is; the larger count of attempts and hints; the earlier first day. Where one was tried more
    often its `last` answer is the newer.
    """
    older, newer = sorted((one, other), key=lambda entry: int(entry.get("attempts", 0)))
    merged = {**older, **newer}
    for count in ("attempts", "hints"):
        if count in merged:
            merged[count] = max(int(entry.get(count, 0)) for entry in (one, other))
    if "done" in merged:
        merged["done"] = bool(one.get("done")) or bool(other.get("done"))
    if days := [entry["first_done"] for entry in (one, other) if entry.get("first_done")]:
        merged["first_done"] = min(days)
    return merged


def _with_memory(stored: dict[str, Entry]) -> dict[str, Entry]:
    """Add what could not be written; forget what the file knows by now."""
    known = dict(stored)
    for id, entry in list(_memory.items()):
        known[id] = merge(entry, stored.get(id, {}))
        if known[id] == stored.get(id):
            del _memory[id]
    return known


def _update(id: str, change: Callable[[Entry], Entry]) -> Entry:
    try:
        with _locked():
            state = _read()
            state["exercises"] = _with_memory(state["exercises"])
            entry = change(state["exercises"].get(id, {}))
            state["exercises"][id] = entry
            for left in path().parent.glob(f"{FILE}.*.tmp"):
                left.unlink(missing_ok=True)  # of a kernel that was killed while it wrote: we hold the lock
            write_atomically(path(), json.dumps(state, indent=1, sort_keys=True) + "\n")
            _memory.clear()
    except _OtherVersion as error:
        _tell(
            "version",
            f"{path()} was written by another version of the course (got version {error}, want {VERSION}). "
            "It is left as it is, and what you do now is kept until this kernel stops. Update the course, "
            "or move the file away.",
        )
        entry = _memory[id] = change(_memory.get(id, {}))
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        _tell(
            "unwritable",
            f"Your progress cannot be written to {runtime.course_home()} ({reason}), "
            "so it is kept until this kernel stops. Set COURSE_HOME to a folder that you may write to.",
        )
        entry = _memory[id] = change(entries().get(id, {}))
    return entry


class _OtherVersion(OSError):
    """The file is of a version that this one does not know: neither to be read nor to be written over."""


@contextmanager
def _locked() -> Iterator[None]:
    """Hold the folder's lock. The system frees it when its process dies, so it is never left behind."""
    from filelock import FileLock, Timeout

    path().parent.mkdir(parents=True, exist_ok=True)  # the learner may have removed the folder meanwhile
    try:
        with FileLock(str(path()) + ".lock", timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise TimeoutError("another notebook has held the file for long") from None


def _read() -> dict[str, Any]:
    """Read the file; put a damaged one aside, and leave one of another version alone."""
    empty: dict[str, Any] = {"version": VERSION, "exercises": {}}
    try:
        state = json.loads(path().read_text(encoding="utf-8"))
        if state.get("version", VERSION) != VERSION:
            raise _OtherVersion(str(state["version"])[:40])
        entries_ = state["exercises"]
        if not isinstance(entries_, dict) or not all(_sound(entry) for entry in entries_.values()):
            raise ValueError("no progress file")
        return dict(state)
    except FileNotFoundError:
        return empty
    except (ValueError, KeyError, TypeError, AttributeError):
        aside = next(
            candidate
            for number in range(1, 10_000)
            if not (candidate := path().with_name(f"progress.damaged-{number}.json")).exists()
        )
        os.rename(path(), aside)
        _tell("", f"The progress file was damaged. It is kept as {aside.name}, and a new one is begun.")
        return empty


def _sound(entry: Any) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(k, 0), int) for k in ("attempts", "hints"))


def _tell(once: str, text: str) -> None:
    """Show a message; with a key only the first time."""
    if once in _told:
        return
    if once:
        _told.add(once)
    Panel("note", "Your progress").say(text).show()
