"""Run a learner's code safely: its time is limited, its printing is caught, its random numbers are its
own."""

import contextlib
import io
import linecache
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, TextIO

import numpy as np

PRINTED = 4_000  # characters of the learner's printing that are kept
UNSTOPPABLE_SECONDS = 5.0  # after the first stop that had no effect
UNSTOPPABLE = (
    "Your code does not react to being stopped: it loops where Python cannot be interrupted. "
    "Restart the kernel (menu Kernel, Restart Kernel), mend the loop, and run the notebook from the top."
)


class TooLong(BaseException):
    """The time is up. Not an Exception, so that a learner's ``except Exception`` does not swallow it."""


@dataclass
class Outcome:
    """What came of one call: a result, or a problem in words."""

    result: Any = None
    problem: str = ""
    kind: str = ""  # "raises", "loops", "unfinished" or empty
    printed: str = ""
    error: str = ""  # the exception's type, where it raised one


@dataclass
class _Limit:
    """What the time limit and the call tell each other."""

    inside: bool = False  # the function runs just now
    stopped: bool = False  # the user has pressed Stop


class _Caught(io.TextIOBase):
    """Keeps the first characters of what is printed; a loop that prints must not fill the memory."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.room = PRINTED

    def write(self, text: str) -> int:
        if self.room > 0:
            self.parts.append(text[: self.room])
            self.room -= len(text)
        return len(text)

    def text(self) -> str:
        return "".join(self.parts) + (" …" if self.room < 0 else "")


def call_safely(function: Callable[[], Any], *, seconds: float, seed: int, file: str | None) -> Outcome:
    """Call a function of no arguments and say what happened.

    Nothing that the function raises gets out, not even a KeyboardInterrupt of its own; only a Stop by the
    user does.

    Parameters
    ----------
    function : callable
        The learner's code, ready to be called.
    seconds : float
        After this it is stopped (on the main thread only).
    seed : int
        Of the random numbers it sees; the notebook's own are untouched.
    file : str, optional
        Where the learner's code stands, so that an error can name its line.
    """
    caught, limit, out = _Caught(), _Limit(), sys.stdout
    try:
        with (
            _own_random_numbers(seed),
            contextlib.redirect_stdout(caught),
            contextlib.redirect_stderr(caught),
            _time_limit(seconds, limit, out),
        ):
            limit.inside = True
            result = function()
            limit.inside = False
    except TooLong:
        text = (
            f"It was still running after {seconds:g} s, so it was stopped. Is there a loop that never ends?"
        )
        return Outcome(problem=text, kind="loops", printed=caught.text())
    except NotImplementedError as error:
        kind = "unfinished" if _raised_here(error, file) else "raises"  # PyTorch raises it too, for a type
        return _failed(kind, error, file, caught)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and (limit.stopped or not limit.inside):
            raise
        return _failed("raises", error, file, caught)
    if result is ...:
        return Outcome(
            problem="It still returns `...` for this input.", kind="unfinished", printed=caught.text()
        )
    return Outcome(result=result, printed=caught.text())


def _raised_here(error: BaseException, file: str | None) -> bool:
    """Whether the learner's own cell raised it, and not a library that the cell called."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return file is None or (trace is not None and trace.tb_frame.f_code.co_filename == file)


def _failed(kind: str, error: BaseException, file: str | None, caught: _Caught) -> Outcome:
    return Outcome(problem=_words(error, file), kind=kind, printed=caught.text(), error=type(error).__name__)


def _words(error: BaseException, file: str | None) -> str:
    """Type, message, and the learner's line; never a page of traceback."""
    try:
        message = str(error).strip() or "no message"
    except Exception:  # a __str__ of the learner's own
        message = "a message that cannot be read"
    if len(message) > 500:
        message = message[:500] + " …"
    if isinstance(error, RecursionError):
        message = "the function calls itself without end"
    line, trace = None, error.__traceback__
    while trace is not None:
        if file is not None and trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    if line is None or file is None:
        return f"It raised {type(error).__name__}: {message}"
    text = linecache.getline(file, line).strip()
    return f"It raised {type(error).__name__}: {message}\nin line {line} of the cell" + (
        f": {text}" if text else ""
    )


@contextlib.contextmanager
def _own_random_numbers(seed: int) -> Iterator[None]:
    """Seed Python, numpy and torch for the call, then put their states back."""
    torch: Any = sys.modules.get("torch")
    python, numeric = random.getstate(), np.random.get_state()
    tensors = torch.random.get_rng_state() if torch is not None else None
    random.seed(seed)
    np.random.seed(seed)
    if torch is not None:
        torch.random.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numeric)
        if tensors is not None:
            torch.random.set_rng_state(tensors)


@contextlib.contextmanager
def _time_limit(seconds: float, limit: _Limit, out: TextIO) -> Iterator[None]:
    """Raise TooLong in the main thread when the time is up; a stop by the user stays a KeyboardInterrupt.

    A second thread sends SIGINT, again and again until it gets through, because a bare ``except`` in a loop
    can swallow the first. What never comes back to Python, a loop in C, cannot be stopped from within: then
    the thread says so on `out`, if such a loop lets it run at all.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    over, fired, seen, raised = threading.Event(), 0, 0, 0
    tracing = sys.gettrace()
    previous = signal.getsignal(signal.SIGINT) or signal.default_int_handler

    def interrupted(number: int, frame: FrameType | None) -> None:
        nonlocal seen, raised
        if fired > seen:
            seen = fired
            if not over.is_set() and _is_in_the_function(frame):
                raised += 1
                if raised > 1:
                    _refuse_to_go_on(frame)
                raise TooLong
        elif callable(previous):
            limit.stopped = True
            previous(number, frame)

    def watch() -> None:
        nonlocal fired
        wait = seconds
        while not over.wait(wait):
            fired, wait = fired + 1, 0.2
            if fired == 1 + round(UNSTOPPABLE_SECONDS / wait):
                with contextlib.suppress(Exception):
                    print(UNSTOPPABLE, file=out, flush=True)
            _interrupt_main()

    signal.signal(signal.SIGINT, interrupted)
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped = None
        while True:
            try:
                over.set()  # from here on the handler raises no TooLong, so a late signal does no harm
                thread.join()
                signal.signal(signal.SIGINT, previous)
                sys.settrace(tracing)
                break
            except (TooLong, KeyboardInterrupt) as error:  # came in just now: leave nothing half done
                stopped = error
        if isinstance(stopped, KeyboardInterrupt):
            raise stopped


def _is_in_the_function(frame: FrameType | None) -> bool:
    """Whether the frame is in what `call_safely` was given, and not in the entering and leaving around it.

    TooLong in there would leave a lock held or the limit armed; the watching thread soon tries again.
    """
    while frame is not None:
        caller = frame.f_back
        if caller is not None and caller.f_code is call_safely.__code__:
            return frame.f_code.co_filename not in (__file__, contextlib.__file__)
        frame = caller
    return False


def _refuse_to_go_on(frame: FrameType | None) -> None:
    """Raise again at the next line of every running frame: a bare ``except`` has swallowed the first
    TooLong."""

    def refuse(running: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            raise TooLong
        return refuse

    sys.settrace(lambda running, event, argument: None)  # no new frame is traced
    while frame is not None and frame.f_code is not call_safely.__code__:
        frame.f_trace = refuse
        frame = frame.f_back


def _interrupt_main() -> None:
    """Interrupt the main thread, also out of a system call such as sleep where the platform can."""
    if os.name == "posix":
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        import _thread

        _thread.interrupt_main()
