"""A terminal that is not UTF-8 loses a sign, never the course."""

import os
import subprocess
import sys

import pytest

ENCODINGS = ["cp949", "cp1252", "cp437", "ascii"]


def run(code: str, encoding: str, tmp_path: object) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONIOENCODING": encoding, "COURSE_HOME": str(tmp_path), "PYTHONUTF8": "0"}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, timeout=120)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_panels_and_the_doctor_print_on_any_terminal(encoding: str, tmp_path: object) -> None:
    code = (
        "from lecture_utils.kernel.panel import Panel\n"
        "Panel('good', 'Right ✓').say('…').show()\n"
        "from lecture_utils.kernel import doctor\n"
        "doctor.report([doctor.Finding('Köper', 'note', '≥ 3', 'Do → this …')])\n"
    )
    done = run(code, encoding, tmp_path)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert b"Right" in done.stdout and b"Do" in done.stdout


@pytest.mark.parametrize("encoding", ["cp949"])
def test_the_command_line_prints_on_any_terminal(encoding: str, tmp_path: object) -> None:
    code = "import sys; sys.argv = ['x', 'progress']\nfrom lecture_utils.__main__ import app\napp()"
    done = run(code, encoding, tmp_path)
    assert done.returncode == 0 and b"01.1" in done.stdout, done.stderr.decode(errors="replace")
