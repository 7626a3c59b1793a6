"""The `%%gpu NAME` cell magic: run where there is a GPU, show the recorded result elsewhere, and say which.

`%%weights NAME` is its twin for cells that need weights from the hub: it runs where the learner allows
downloads, and where nothing is recorded. Either cell runs in a copy of the notebook's namespace, so that it
defines nothing that a later cell could need. Recordings are assets/recorded/NAME.json: {outputs, hardware,
date, seconds, source_hash}. `COURSE_GPU=record` makes them on any device.
"""

import ast
import contextlib
import datetime
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lecture_utils import runtime
from lecture_utils.kernel.panel import NOT_COMPUTED, publish_not_computed
from lecture_utils.provenance.files import write_atomically

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
WHAT_YOU_NEED = (
    "This cell wants a CUDA GPU. On a machine with one it runs by itself; started with "
    "COURSE_GPU=record it runs on any machine and keeps its result for readers without a GPU."
)


def folder() -> Path:
    """Return where recordings are kept."""
    return runtime.ASSETS / "recorded"


def register(shell: Any) -> None:
    """Add ``%%gpu`` and ``%%weights`` to an IPython shell."""

    def gpu(line: str, cell: str) -> None:
        run(shell, line.strip(), cell)

    def weights(line: str, cell: str) -> None:
        run_with_weights(shell, line.strip(), cell)

    shell.register_magic_function(gpu, magic_kind="cell", magic_name="gpu")
    shell.register_magic_function(weights, magic_kind="cell", magic_name="weights")


def run(shell: Any, name: str, cell: str) -> None:
    """Run, record or replay one ``%%gpu`` cell, as ``COURSE_GPU`` and the machine have it.

    Raises
    ------
    ValueError
        If the cell has no proper name.
    RuntimeError
        If ``COURSE_GPU=on`` and there is no CUDA device.
    """
    _check_name(name)
    mode = runtime.gpu_mode()
    if mode == "on" and not runtime.cuda_available():
        raise RuntimeError("COURSE_GPU=on, but torch finds no CUDA GPU here. Set COURSE_GPU=auto.")
    if mode == "record":
        record(shell, name, cell)
    elif mode == "off" or not runtime.cuda_available():
        replay(shell, name, cell)
    else:
        execute(shell, cell)


def run_with_weights(shell: Any, name: str, cell: str) -> None:
    """Run, record or replay one ``%%weights`` cell: it runs where downloads are allowed or nothing is
    recorded (the cell then says itself what it lacks)."""
    _check_name(name)
    if runtime.gpu_mode() == "record":
        record(shell, name, cell)
    elif runtime.downloads_allowed() or not (folder() / f"{name}.json").exists():
        execute(shell, cell)
    else:
        replay(shell, name, cell)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ValueError(f"name: got {name!r}, want one name of small letters, digits, '_', '.', '-'")


def source_hash(shell: Any, cell: str) -> str:
    """Return a fingerprint of a cell's code; comments and layout do not count."""
    from lecture_utils.provenance.fingerprint import fingerprint

    tree = ast.parse(shell.transform_cell(cell))
    return hashlib.sha256(fingerprint(tree).encode()).hexdigest()[:16]


def execute(shell: Any, cell: str) -> None:
    """Run a cell in a copy of the notebook's namespace and display its last expression."""
    code = shell.transform_cell(cell)
    filename = shell.compile.cache(code)
    tree = ast.parse(code, filename)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    namespace = dict(shell.user_ns)
    exec(compile(tree, filename, "exec"), namespace)
    if last is None:
        return
    value = eval(compile(ast.Expression(last.value), filename, "eval"), namespace)
    if value is not None:
        from IPython.display import display

        display(value)


def record(shell: Any, name: str, cell: str) -> None:
    """Run a cell, show its outputs as they come, and keep them in ``assets/recorded``.

    An output that says it was not computed (weights that are not here) is no result: nothing is kept then.
    """
    began = time.perf_counter()
    with _outputs_kept(shell) as outputs:
        execute(shell, cell)
    if any(output.get("metadata", {}).get("course") == NOT_COMPUTED["course"] for output in outputs):
        print(f"Not recorded as {name}: something was not to be had.")
        return
    entry = {
        "outputs": outputs,
        "hardware": hardware(),
        "date": datetime.date.today().isoformat(),
        "seconds": round(time.perf_counter() - began),
        "source_hash": source_hash(shell, cell),
    }
    path = folder() / f"{name}.json"
    try:
        text = json.dumps(entry, indent=1, ensure_ascii=False, default=_bytes_as_base64)
        write_atomically(path, text + "\n")
        print(f"Recorded as {name}.")
    except OSError as error:
        print(f"The result above could not be recorded in {path}: {error.strerror or error}.")


def replay(shell: Any, name: str, cell: str) -> None:
    """Show a cell's recorded result under a banner that says that it was not computed now."""
    path = folder() / f"{name}.json"
    if not path.exists():
        publish_not_computed(f"Nothing is recorded yet for {name}. {WHAT_YOU_NEED}")
        return
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        outputs, old_hash = entry["outputs"], entry["source_hash"]
        text = f"Recorded on {entry['hardware']} on {entry['date']}, not computed now."
        for output in outputs:
            key, kind = ("text", str) if output["type"] == "stream" else ("data", dict)
            if not isinstance(output[key], kind):
                raise TypeError(f"an output's {key} is {type(output[key]).__name__}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"The recording {path.name} is damaged ({type(error).__name__}: {error})."
        publish_not_computed(f"{problem} Fetch it again with the repository. {WHAT_YOU_NEED}")
        return
    if old_hash != source_hash(shell, cell):
        text += " This cell's code has changed since, so it may give something else today."
    publish_not_computed(text)
    for output in outputs:
        if output["type"] == "stream":
            print(output["text"], end="", file=sys.stderr if output["name"] == "stderr" else sys.stdout)
        else:
            shell.display_pub.publish(data=output["data"], metadata=output.get("metadata", {}))


def hardware() -> str:
    """Name the device that `runtime.device` gives, so that "Recorded on …" reads well."""
    import platform

    import torch

    device = runtime.device()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    kind = "a CPU" if device.type == "cpu" else f"a GPU of {device.type.upper()}"
    return f"{kind} ({platform.system()} {platform.machine()})"


class _Tee:
    """A stream that passes text on and keeps it."""

    def __init__(self, stream: Any, name: str, outputs: list[dict[str, Any]]) -> None:
        self._stream, self._name, self._outputs = stream, name, outputs

    def write(self, text: str) -> int:
        last = self._outputs[-1] if self._outputs else None
        if last is not None and last["type"] == "stream" and last["name"] == self._name:
            last["text"] += text
        else:
            self._outputs.append({"type": "stream", "name": self._name, "text": text})
        self._stream.write(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _outputs_kept(shell: Any) -> Iterator[list[dict[str, Any]]]:
    """Collect what a block prints and displays while it is shown as usual."""
    outputs: list[dict[str, Any]] = []
    publish: Callable[..., None] = shell.display_pub.publish

    def keep(data: dict[str, Any], metadata: dict[str, Any] | None = None, *args: Any, **kwargs: Any) -> None:
        plain = {kind: part for kind, part in data.items() if "widget" not in kind}
        outputs.append({"type": "display", "data": plain, "metadata": metadata or {}})
        publish(data, metadata, *args, **kwargs)

    shell.display_pub.publish = keep
    out, err = _Tee(sys.stdout, "stdout", outputs), _Tee(sys.stderr, "stderr", outputs)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield outputs
    finally:
        del shell.display_pub.publish


def _bytes_as_base64(value: Any) -> str:
    import base64

    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"A {type(value).__name__} cannot be recorded.")
