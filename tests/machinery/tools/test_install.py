"""The installer: installs once, repairs what is broken, and says each trouble in one clear sentence."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import install
import psutil
import pytest
import pythons

ROOT, REAL = Path(install.ROOT), sys.executable  # the fixture puts a stand-in there
shell = pytest.mark.skipif(os.name == "nt", reason="shell scripts stand in for Pythons here")

# A stand-in for a Python: answers the probe, copies itself as a "venv", installs nothing or fails as told.
FAKE = """#!/bin/sh
echo "$@" >> "$FAKE_LOG"
case "$*" in
  "-c "*) echo "${FAKE_VERSION:-3 13 9 True}" ;;
  "-m venv "*) [ -z "$FAKE_VENV" ] || { echo "$FAKE_VENV" >&2; exit 1; }
               mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo "home = /nowhere" > "$3/pyvenv.cfg" ;;
  "-m pip install"*) [ -z "$FAKE_PIP" ] || { echo "$FAKE_PIP" >&2; exit 1; } ;;
  "-m uv "*) [ -z "$FAKE_UV" ] || { echo "$FAKE_UV" >&2; exit 2; } ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty course whose only Pythons are stand-ins."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("python3", "python3.13"):
        (programs / name).write_text(FAKE)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    monkeypatch.setattr(pythons.sys, "executable", str(programs / "python3"))
    for name in ("FAKE_VERSION", "FAKE_VENV", "FAKE_PIP", "FAKE_UV"):
        monkeypatch.delenv(name, raising=False)
    course = tmp_path / "course"
    course.mkdir()
    (course / "pyproject.toml").write_text("[project]\n")
    (course / "constraints.txt").write_text("torch==1\n")
    return course


def installs(home: Path) -> int:
    """How often packages were installed so far."""
    log = home.parent / "log"
    return (
        sum(" pip install --python " in line for line in log.read_text().splitlines()) if log.exists() else 0
    )


@shell
def test_installs_once_and_then_starts_at_once(home: Path) -> None:
    venv = install.ensure("lab", str(home))
    assert installs(home) == 1 and venv.ready("lab") and not venv.ready("dev")
    install.ensure("lab", str(home))
    assert installs(home) == 1
    install.ensure("dev", str(home))
    assert installs(home) == 2 and venv.ready("dev")


@shell
def test_dev_has_all_that_lab_needs(home: Path) -> None:
    install.ensure("dev", str(home))
    install.ensure("lab", str(home))
    assert installs(home) == 1


@shell
@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_new_pins_are_installed(home: Path, name: str) -> None:
    install.ensure("lab", str(home))
    (home / name).write_text("changed\n")
    install.ensure("lab", str(home))
    assert installs(home) == 2


def lose_python(home: Path) -> None:
    (home / ".venv" / "bin" / "python").unlink()


def break_python(home: Path) -> None:
    (home / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 127\n")


def interrupt(home: Path) -> None:
    (home / ".venv" / ".installing").write_text("999999999")


def half_write(home: Path) -> None:
    (home / ".venv" / ".installed-lab").unlink()
    (home / ".venv" / ".installing").write_text("")


def tear_stamp(home: Path) -> None:
    (home / ".venv" / ".installed-lab").write_text('{"path": ')


def move(home: Path) -> None:
    stamp = home / ".venv" / ".installed-lab"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "path": "/elsewhere/.venv"}))


def make_elsewhere(home: Path) -> None:
    (home / ".venv" / ".installed-lab").unlink()
    (home / ".venv" / "pyvenv.cfg").write_text("command = /usr/bin/python3 -m venv /else where/.venv\n")


@shell
@pytest.mark.parametrize(
    ("damage", "afresh"),
    [
        (lose_python, True),
        (break_python, True),
        (interrupt, True),
        (half_write, True),
        (move, True),
        (make_elsewhere, True),
        (tear_stamp, False),
    ],
)
def test_the_next_call_repairs(
    home: Path, damage: Callable[[Path], None], afresh: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    venv = install.ensure("lab", str(home))
    (home / ".venv" / "left over").write_text("")
    damage(home)
    if damage is break_python:  # a stamp alone is no proof: what has it must be asked
        (home / ".venv" / ".installed-lab").unlink()
    install.ensure("lab", str(home))
    assert venv.ready("lab") and installs(home) == 2
    assert (home / ".venv" / "left over").exists() is not afresh
    assert ("Making .venv afresh" in capsys.readouterr().out) is afresh


@shell
def test_a_venv_of_an_old_python_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install.ensure("lab", str(home))
    (home / ".venv" / ".installed-lab").unlink()
    old = FAKE.replace("3 13 9 True", "3 9 2 True")
    (home / ".venv" / "bin" / "python").write_text(old)
    assert install.Venv(str(home)).damage() == "it is of Python 3.9"
    install.ensure("lab", str(home))
    assert (home / ".venv" / "bin" / "python").read_text() == FAKE


@shell
@pytest.mark.parametrize(
    ("variable", "message", "sentence"),
    [
        ("FAKE_UV", "error: Failed to fetch: dns error: failed to lookup address", "needs the network"),
        ("FAKE_PIP", "ERROR: No matching distribution found for uv==1", "needs the network"),
        ("FAKE_UV", "error: failed to write: No space left on device (os error 28)", "The disk is full"),
        ("FAKE_VENV", "Error: [Errno 28] No space left on device", "The disk is full"),
        ("FAKE_VENV", "Error: [Errno 13] Permission denied: '.venv'", "Cannot write in"),
        ("FAKE_VENV", "The virtual environment was not created: ensurepip is not available", "venv module"),
    ],
)
def test_a_failure_is_one_sentence_and_the_next_call_repairs_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, message: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, message)
    with pytest.raises(install.Problem) as caught:
        install.ensure("lab", str(home))
    said = str(caught.value)
    assert sentence in said and "\n" not in said
    assert not install.Venv(str(home)).ready("lab")
    monkeypatch.delenv(variable)
    assert install.ensure("lab", str(home)).ready("lab")


@shell
def test_an_unknown_failure_shows_its_last_words(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_UV", "error: the moon is in the wrong house")
    with pytest.raises(install.Problem, match="moon is in the wrong house"):
        install.ensure("lab", str(home))


@shell
def test_a_lecture_goes_on_without_a_network_when_only_the_pins_are_new(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install.ensure("lab", str(home))
    (home / "constraints.txt").write_text("torch==2\n")
    monkeypatch.setenv("FAKE_UV", "error sending request")
    venv = install.ensure("lab", str(home))
    assert "Going on with the packages installed before" in capsys.readouterr().out
    assert (
        not venv.ready("lab") and venv.damage() is None
    )  # tried again next time, and nothing is thrown away
    with pytest.raises(install.Problem):
        install.ensure("dev", str(home))


@shell
def test_too_little_disk_is_said_before_anything_is_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1e9

    monkeypatch.setattr(install.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(install.Problem, match=r"about \d GB in .* where 1\.0 GB are free"):
        install.ensure("lab", str(home))
    assert not (home / ".venv").exists()


@shell
def test_a_folder_that_takes_no_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, exist_ok: bool = False) -> None:
        raise PermissionError(13, "Zugriff verweigert", path)  # the system's own words may be in any language

    monkeypatch.setattr(install.os, "makedirs", refuse)
    with pytest.raises(install.Problem, match="Cannot write in"):
        install.ensure("lab", str(home))


HOLD = (
    "import subprocess, sys, time; sys.path.insert(0, {tools!r})\nimport install\n"
    "venv = install.Venv({home!r})\nwith install.Lock({home!r}) as venv.lock:\n"
    "    print('held', flush=True)\n    {then}\n"
)


def holder(home: Path, then: str) -> subprocess.Popen[str]:
    """Start another installation that holds the lock."""
    code = HOLD.format(tools=str(ROOT / "tools"), home=str(home), then=then)
    process = subprocess.Popen([REAL, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


@shell
def test_of_two_installations_at_once_one_is_refused(home: Path) -> None:
    other = holder(home, "input()")
    with pytest.raises(install.Problem, match=rf"Another installation \(process {other.pid}\) is under way"):
        install.ensure("lab", str(home))
    assert installs(home) == 0 and not (home / ".venv").exists()
    other.communicate("go\n")
    assert install.ensure("lab", str(home)).ready("lab")


@shell
def test_what_a_killed_installation_had_started_still_holds_the_lock(home: Path) -> None:
    sleeper = f"venv.call([{REAL!r}, '-c', 'import time; print(1, flush=True); time.sleep(60)'])"
    other = holder(home, f"install.PROGRESS = ('1',); {sleeper}")
    assert other.stdout is not None
    assert other.stdout.readline().strip() == "1"
    (child,) = psutil.Process(other.pid).children()
    other.kill()
    other.wait()
    with pytest.raises(install.Problem, match="Another installation"):
        install.ensure("lab", str(home))
    child.kill()
    child.wait(10)
    assert install.ensure("lab", str(home)).ready("lab")


@shell
@pytest.mark.parametrize("version", ["3 6 15 True", "3 10 1 True"])
def test_only_old_pythons(home: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("FAKE_VERSION", version)
    monkeypatch.setenv("PATH", str(home.parent / "programs"))
    with pytest.raises(install.Problem) as caught:
        install.find_python()
    number = ".".join(version.split()[:3])
    assert f"needs Python ≥ 3.11, found {number}; get it" in str(caught.value)


@shell
def test_a_python_without_venv(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_VERSION", "3 11 2 False")
    monkeypatch.setenv("PATH", str(home.parent / "programs"))
    with pytest.raises(install.Problem, match="lacks the venv module"):
        install.find_python()


@shell
@pytest.mark.parametrize(
    ("versions", "chosen"),
    [
        (["3 9 2 True", "3 12 1 True", "3 11 4 True"], 1),
        (["3 14 0 True", "3 11 4 True"], 1),  # tested before newest
        (["3 15 0 True", "3 14 0 True"], 1),
        (["3 13 1 False", "3 11 4 True"], 1),  # one that can make a venv
    ],
)
def test_the_newest_tested_python_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versions: list[str], chosen: int
) -> None:
    names = ["python3", "python", "python3.11"][: len(versions)]
    for name, version in zip(names, versions, strict=True):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pythons.sys, "executable", str(tmp_path / "python3"))
    assert install.find_python() == str(tmp_path / names[chosen])


@pytest.mark.parametrize("name", ["install.py", "pythons.py"])
def test_the_syntax_is_that_of_an_old_python(name: str) -> None:
    """An old python3 must get as far as the sentence that asks for a newer one."""
    text = (ROOT / "tools" / name).read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 6))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= {"errno", "hashlib", "json", "os", "shutil", "subprocess", "sys", "fcntl", "msvcrt"}
    assert "capture_output" not in text and "removeprefix" not in text  # came with 3.7 and 3.9


@pytest.mark.nightly
def test_a_real_environment_without_a_network(tmp_path: Path) -> None:
    """Real Python, real pip, and an index at a port where nobody listens."""
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r})\n"
        "import install, pythons\npythons.DISK_GB = install.DISK_GB = dict.fromkeys(install.DISK_GB, 0)\n"
        f"try: install.ensure('lab', {str(tmp_path)!r})\n"
        "except install.Problem as problem: sys.exit('SAID: ' + str(problem))"
    )
    env = {k: v for k, v in os.environ.items() if not k.upper().startswith(("PIP_", "UV_"))}
    dead = "http://127.0.0.1:9/simple"
    env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": dead, "PIP_RETRIES": "0", "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, encoding="utf-8")
    assert "SAID: Cannot reach the package index" in done.stderr, done.stdout + done.stderr
    assert not (tmp_path / ".venv" / ".installed-lab").exists()


def test_kernels_of_the_environment_get_the_course_s_settings(tmp_path: Path) -> None:
    venv = install.Venv(str(tmp_path))
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "ipython_config.py").write_text("c = 1\n")
    (tmp_path / ".venv").mkdir()
    venv.configure()
    assert (tmp_path / ".venv" / "etc" / "ipython" / "ipython_config.py").read_text() == "c = 1\n"


@shell
def test_the_file_browser_shows_chapters_alone(home: Path) -> None:
    venv = install.ensure("lab", str(home))
    settings = json.loads((Path(venv.path) / "etc" / "jupyter" / "jupyter_server_config.json").read_text())
    from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

    books = home / "notebooks"
    (books / "src").mkdir(parents=True)
    for name in ("01_a.ipynb", "conftest.py", "01_a.mine-2026-11-28.ipynb", "src/01_a.py"):
        (books / name).write_text("{}")
    manager = AsyncLargeFileManager(root_dir=str(books), **settings["ContentsManager"])
    shown = [path.name for path in sorted(books.iterdir()) if manager.should_list(path.name)]
    assert shown == ["01_a.ipynb", "01_a.mine-2026-11-28.ipynb"]
