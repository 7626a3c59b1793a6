"""Make .venv with the pinned packages, then run a command with its Python.

    python3 tools/install.py lab [--open ...]      what a learner needs; --open starts JupyterLab
    python3 tools/install.py dev [COMMAND ...]     with the tools that check the course

The Makefile calls this for every target. It needs nothing but a Python, and it runs even under an old one
(the syntax is that of Python 3.6) so that the answer is a clear sentence. A stamp file makes later calls
start at once. A failed, interrupted, moved or damaged installation is repaired by the next call.
"""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys

from pythons import DISK_GB, OLDEST, Problem, explain, find_python, probe

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UV = "uv==0.13.8"
EXTRAS = {"lab": ".", "dev": ".[dev]"}
START = "notebooks/00_start_here.ipynb"
PROGRESS = ("Resolved", "Downloading", "Downloaded", "Building", "Built", "Prepared", "Installed")
SERVER = {  # the file browser shows chapters, not what they are made of
    "ContentsManager": {
        "hide_globs": ["__pycache__", "*.pyc", "*.pyo", ".DS_Store", "*~", "src", "conftest.py"]
    }
}
JUPYTERLAB = {  # no pop-up and no look-up on the network when JupyterLab starts
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}


class Lock:
    """Held by one installation at a time, and by what it has started, even after a kill of its own process.

    The system's lock on a file beside .venv: it falls when the last holder ends, so that none is left over.
    """

    def __init__(self, root):
        self.path = os.path.join(root, ".venv.lock")
        self.file = None

    def __enter__(self):
        self.file = open(self.path, "a+", encoding="utf-8")
        try:
            if os.name == "nt":
                import msvcrt

                self.file.seek(1 << 20)  # far behind the number, which others may read
                msvcrt.locking(self.file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                return self  # a file system without locks: go on as if alone
            holder = read(self.path).strip() or "unknown"
            self.file.close()
            raise Problem(
                "Another installation (process {}) is under way: wait until it has ended, and try "
                "again.".format(holder)
            ) from None
        self.file.truncate(0)
        self.file.write(str(os.getpid()))
        self.file.flush()
        return self

    def __exit__(self, *_):
        self.file.close()


class Venv:
    """The folder .venv: what state it is in, and how to make it right."""

    def __init__(self, root):
        self.root = root
        self.lock = None
        self.path = os.path.join(root, ".venv")
        scripts = os.path.join(self.path, "Scripts" if os.name == "nt" else "bin")
        self.scripts = scripts
        self.python = os.path.join(scripts, "python.exe" if os.name == "nt" else "python")
        self.marker = os.path.join(self.path, ".installing")

    def stamp(self, mode):
        return os.path.join(self.path, ".installed-" + mode)

    def wanted(self):
        """What a good stamp says: this folder, this platform, these pins."""
        digest = hashlib.sha256()
        for name in ("pyproject.toml", "constraints.txt"):
            with open(os.path.join(self.root, name), "rb") as file:
                digest.update(file.read())
        return {"path": os.path.realpath(self.path), "pins": digest.hexdigest()}

    def read_stamp(self, mode):
        try:
            with open(self.stamp(mode), encoding="utf-8") as file:
                found = json.load(file)
            return found if isinstance(found, dict) else {}
        except (OSError, ValueError):
            return {}

    def ready(self, mode):
        modes = [mode] if mode == "dev" else ["lab", "dev"]  # dev has all that lab has
        return (
            os.path.exists(self.python)
            and not os.path.exists(self.marker)
            and any(self.read_stamp(m) == self.wanted() for m in modes)
        )

    def damage(self):
        """Why the folder cannot be kept, or None. It may be half-written, moved, or have lost its Python."""
        if not os.path.lexists(self.path):
            return None
        if os.path.exists(self.marker):
            return "its installation was interrupted"
        answer = probe(self.python)
        if answer is None:
            return "its Python does not run"
        if answer[0] < OLDEST:
            return "it is of Python {}.{}".format(*answer[0])
        for mode in EXTRAS:
            if self.read_stamp(mode).get("path", os.path.realpath(self.path)) != os.path.realpath(self.path):
                return "the folder was moved"
        made = self.made_as()
        if made and os.path.realpath(made) != os.path.realpath(self.path):
            return "the folder was moved"
        if subprocess.call(
            [self.python, "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ):
            return "it has no pip"
        return None

    def made_as(self):
        """The folder's path when it was made, as pyvenv.cfg tells it (Python 3.11 and later), or ""."""
        try:
            lines = read(os.path.join(self.path, "pyvenv.cfg")).splitlines()
        except (OSError, UnicodeDecodeError):
            return ""
        made = [line.split(" -m venv ")[1].strip() for line in lines if " -m venv " in line]
        return made[0] if made and os.path.isabs(made[0]) else ""

    def install(self, mode):
        reason = self.damage()
        if reason:
            say("Making .venv afresh: {}.".format(reason))
            if os.path.isdir(self.path) and not os.path.islink(self.path):
                shutil.rmtree(self.path)
            else:
                os.unlink(self.path)
        fresh = not os.path.exists(self.python)
        if fresh:
            free, need = shutil.disk_usage(self.root).free / 1e9, DISK_GB.get(sys.platform, 7)
            if free < need:
                raise Problem(
                    "The disk is nearly full: the packages need about {} GB in {}, where {:.1f} GB are free; "
                    "free some and try again.".format(need, self.root, free)
                )
            python = find_python()
            say(
                "Making .venv with {} (Python {}).".format(python, ".".join(str(v) for v in probe(python)[0]))
            )
            os.makedirs(self.path, exist_ok=True)
        self.write(".installing", str(os.getpid()))
        try:
            if fresh:
                self.call([python, "-m", "venv", self.path])
            self.call([self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV])
            say("Installing the pinned packages (minutes the first time, seconds later).")
            uv = [self.python, "-m", "uv", "pip", "install", "--python", self.python]
            self.call([*uv, "-c", "constraints.txt", "-e", EXTRAS[mode]])
        except Problem:
            if fresh:
                open(self.marker, "w").close()  # no process is at work any more
            else:
                os.unlink(self.marker)  # it ended in order: what was there before is still whole
            raise
        self.write(
            os.path.join("share", "jupyter", "lab", "settings", "overrides.json"),
            json.dumps(JUPYTERLAB, indent=2),
        )
        self.write(os.path.join("etc", "jupyter", "jupyter_server_config.json"), json.dumps(SERVER, indent=2))
        self.write(".installed-" + mode, json.dumps(self.wanted()))
        os.unlink(self.marker)

    def write(self, name, text):
        """Write a file of the folder, whole or not at all."""
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".tmp", path)

    def call(self, command):
        """Run one step: show its progress lines, turn its failure into a Problem."""
        env = dict(os.environ, PYTHONUNBUFFERED="1")
        env.pop("VIRTUAL_ENV", None)
        if "PIP_INDEX_URL" in env:
            env.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])
        held = (self.lock.file.fileno(),) if self.lock and os.name != "nt" else ()
        process = subprocess.Popen(
            command, cwd=self.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=held
        )
        lines = []
        for raw in process.stdout:
            lines.append(raw.decode("utf-8", "replace").rstrip())
            if lines[-1].strip().startswith(PROGRESS):
                say("  " + lines[-1].strip())
        if process.wait():
            text = "\n".join(lines)
            raise Problem(
                explain(text, self.root) or "The installation failed; its last words were:\n" + text[-1500:]
            )

    def configure(self):
        """Give each kernel the course's IPython settings, if the course has them."""
        source = os.path.join(self.root, "tools", "ipython_config.py")
        target = os.path.join(self.path, "etc", "ipython", "ipython_config.py")
        if os.path.exists(source) and not (os.path.exists(target) and read(source) == read(target)):
            self.write(os.path.join("etc", "ipython", "ipython_config.py"), read(source))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def say(text):
    try:
        print(text, flush=True)
    except UnicodeEncodeError:  # an old terminal
        print(text.encode("ascii", "replace").decode(), flush=True)


def ensure(mode, root=ROOT):
    """Return a Venv that has the pinned packages for `mode`, installing or repairing as needed."""
    venv = Venv(root)
    try:
        if not venv.ready(mode):
            with Lock(root) as venv.lock:
                earlier = [m for m in EXTRAS if venv.read_stamp(m)] if not venv.damage() else []
                try:
                    venv.install(mode)
                except Problem as problem:
                    if mode != "lab" or not earlier:
                        raise
                    say("{} Going on with the packages installed before.".format(problem))
        venv.configure()
    except OSError as error:
        sentence = explain("{} [Errno {}]".format(error, error.errno), root)
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            sentence = explain("permission denied", root)
        raise Problem(sentence or "The installation failed: {}.".format(error)) from error
    return venv


def main(argv):
    mode, command = (argv[0] if argv else ""), argv[1:]
    if mode not in EXTRAS:
        say(__doc__)
        return 2
    try:
        venv = ensure(mode)
    except Problem as problem:
        say("\n{}".format(problem))
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted. The next call starts the installation afresh.")
        return 130
    if not command:
        return 0
    if command[0] == "--open":
        first = [START] if os.path.exists(os.path.join(ROOT, START)) else []
        # Pictures beside the chapters need the whole course as root; the file browser opens on the chapters.
        folders = ["--ServerApp.root_dir=" + ROOT]
        folders += ["--ServerApp.preferred_dir=" + os.path.join(ROOT, "notebooks")] if first else []
        command = ["-m", "jupyterlab", *folders, *first, *command[1:]]
    os.environ["VIRTUAL_ENV"] = venv.path
    os.environ["PATH"] = venv.scripts + os.pathsep + os.environ.get("PATH", "")
    os.chdir(ROOT)
    if os.name == "nt":
        return subprocess.call([venv.python, *command])
    sys.stdout.flush()
    os.execv(venv.python, [venv.python, *command])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
