"""What surrounds a training loop: its progress bar, its marker, and what is said when it stops.

While a run lasts, a small file in the course's own folder tells how far it is. A kernel that is killed cannot
remove it, so the next session finds it and can say what happened.
"""

import contextlib
import functools
import itertools
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from lecture_utils import runtime
from lecture_utils.provenance.files import write_atomically

_numbers = itertools.count()


class Watch:
    """Context of one run: shows the bar, keeps the marker, turns an interrupt into one clear line."""

    def __init__(self, label: str, steps: int, history: Any, progress: bool) -> None:
        self.label, self.steps, self.history = label, steps, history
        self.bar = _bar(label, steps) if progress and not runtime.is_static() else None
        self.marker: Path | None = None
        self.written = 0.0

    def __enter__(self) -> "Watch":
        try:
            self.marker = runtime.course_home() / f"training-{os.getpid()}-{next(_numbers)}.json"
        except OSError:
            self.marker = None
        self._mark()
        return self

    def tick(self) -> None:
        """Note that one more step is done."""
        if self.bar is not None:
            self.bar.update()
            self.bar.set_postfix_str(f"loss {self.history.losses[-1]:.4g}", refresh=False)
        if time.monotonic() - self.written >= 1.0:
            self._mark()

    def diverged(self, step: int, loss: float) -> str:
        """Print and return why a run whose loss is no longer a number stops."""
        problem = (
            f"{self.label} stopped at step {step} of {self.steps}: the loss is {loss}. The model keeps the "
            "weights of the last good step. Try a lower learning rate, clip the gradients, or look for a "
            "division by zero or a log of zero in the loss."
        )
        self._say(problem)
        return problem

    def ran_out(self) -> str:
        """Print and return what happened to a run that was given fewer batches than steps."""
        done = self.history.steps
        advice = (
            "A list, a DataLoader or an iterator is one pass over the data: give `minibatches`, which never "
            "ends, or as many batches as steps."
        )
        if done == 0:
            advice = "A generator that was used up before gives nothing: make a new one."
        problem = f"{self.label} ended after {done} of {self.steps} steps: no batches were left. {advice}"
        self._say(problem)
        return problem

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self.bar is not None:
            self.bar.close()
        if self.marker is not None:
            with contextlib.suppress(OSError):
                self.marker.unlink(missing_ok=True)
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.history.interrupted = True
            self._say(
                f"{self.label} interrupted at step {self.history.steps} of {self.steps}: "
                "the model and the history are usable as they are."
            )
            return True
        return False

    def _say(self, text: str) -> None:
        print(text, flush=True)

    def _mark(self) -> None:
        self.written = time.monotonic()
        if self.marker is None:
            return
        state = {
            "label": self.label,
            "step": self.history.steps,
            "steps": self.steps,
            "pid": os.getpid(),
            "born": _own_birth(os.getpid()),
        }
        try:
            write_atomically(self.marker, json.dumps(state), sync=False)
        except OSError:
            self.marker = None  # a folder that cannot be written to must not stop a training run


def unfinished() -> str | None:
    """Return a message if an earlier session died in the middle of training, else None; told only once."""
    messages = []
    for marker in sorted(runtime.course_home().glob("training-*.json")):
        try:
            state = json.loads(marker.read_text(encoding="utf-8"))
            if _born(int(state["pid"])) == state["born"]:
                continue  # that kernel is alive: another notebook is training
            where = f"{state['label']}, at step {int(state['step'])} of {int(state['steps'])}"
        except (OSError, ValueError, KeyError, TypeError):
            where = "a training run"
        try:
            marker.unlink(missing_ok=True)
        except OSError:
            continue
        messages.append(where)
    if not messages:
        return None
    return (
        f"The last session ended in the middle of training ({'; '.join(messages)}). "
        "Run the notebook from the top: nothing of yours is lost."
    )


def _born(pid: int) -> float | None:
    """Return when a process started, None if there is none: a later one may have the same number."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


_own_birth = functools.cache(_born)


def _bar(label: str, steps: int) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=steps, desc=label, mininterval=0.2, leave=True)
