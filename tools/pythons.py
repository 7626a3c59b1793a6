"""Find a Python for .venv, and put what goes wrong into one sentence. Syntax of Python 3.6, no packages."""

import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)  # older does not work; newer is not tested
DISK_GB = {"linux": 7, "darwin": 2, "win32": 2}  # on Linux, mostly the CUDA libraries
PROBE = (
    "import sys, importlib.util as u;"
    "print(*sys.version_info[:3], all(map(u.find_spec, ['venv', 'ensurepip'])))"
)
NO_VENV = (
    "{} lacks the venv module: install it (Debian, Ubuntu: sudo apt install python3-venv) and try again."
)
TROUBLES = (  # what pip, uv and the system say, and what it means
    (
        "no space left|errno 28]|os error 28|not enough space|os error 112|disk quota exceeded",
        "The disk is full: free about {gb} GB for {where} and try again.",
    ),
    (
        "permission denied|read-only file system|os error 13|os error 30|access is denied",
        "Cannot write in {where}: make that folder writable or copy the course to a folder of yours.",
    ),
    ("ensurepip is not|no module named venv|no module named ensurepip", NO_VENV.format("this Python")),
    (
        "error sending request|dns error|name resolution|network is unreachable|connection refused"
        "|connection reset|timed out|newconnectionerror|proxyerror|failed to fetch|max retries exceeded"
        "|network was disabled|network connectivity is disabled|no matching distribution found for uv",
        "Cannot reach the package index: the first installation needs the network; connect and try again.",
    ),
)


class Problem(Exception):
    """Something the reader can put right, said in one sentence."""


def explain(text, where):
    """Turn what pip, uv or the system said into one sentence; None when it is no usual trouble."""
    for signs, sentence in TROUBLES:
        if any(sign in text.lower() for sign in signs.split("|")):
            return sentence.format(gb=DISK_GB.get(sys.platform, 7), where=where)
    return None


def probe(python):
    """Ask an interpreter for ((major, minor, micro), has venv), or None when it does not run."""
    try:
        out = subprocess.run(
            [python, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60
        )
        *version, venv = out.stdout.decode().split()
        return tuple(int(v) for v in version), venv == "True"
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def find_python():
    """Return the newest tested Python on this machine, else the oldest of the newer ones."""
    names = [sys.executable, "python3", "python"]
    names += ["python3.{}".format(minor) for minor in range(OLDEST[1], NEWEST[1] + 3)]
    found = {}
    for name in names:
        path = shutil.which(name) if name else None
        answer = probe(path) if path else None
        if answer:
            found[path] = answer
    suitable = {path: answer for path, answer in found.items() if answer[0] >= OLDEST}
    if not suitable:
        seen = sorted({".".join(str(v) for v in answer[0]) for answer in found.values()})
        raise Problem(
            "The course needs Python ≥ 3.11, found {}; get it with your package manager (Debian, Ubuntu: "
            "sudo apt install python3.11 python3.11-venv; macOS: brew install python@3.13) or from "
            "python.org, and try again.".format(", ".join(seen) or "none")
        )
    complete = {path: answer for path, answer in suitable.items() if answer[1]}
    if not complete:
        raise Problem(NO_VENV.format("Python at " + sorted(suitable)[0]))

    def rank(path):
        version = complete[path][0]
        return (version[:2] <= NEWEST, version if version[:2] <= NEWEST else tuple(-v for v in version))

    return max(sorted(complete), key=rank)
