"""A JupyterLab with a copy of the chapters and folders of its own, and a Chromium that looks at it."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lecture_utils.kernel.doctor import find_chromium

sys.path.insert(0, str(Path(__file__).parent))

from lab_page import Lab

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "browser-test"
NOTEBOOK_SETTINGS = '{"windowingMode": "none", "autoStartDefaultKernel": true}'  # every cell is in the page
QUIET = '{"fetchNews": "false", "checkForUpdates": false}'


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def environment(folder: Path) -> dict[str, str]:
    """Return the server's variables: nothing of this machine's Jupyter, the learner's folder a new one."""
    settings = folder / "settings" / "@jupyterlab"
    for name, text in (
        ("notebook-extension/tracker", NOTEBOOK_SETTINGS),
        ("apputils-extension/notification", QUIET),
    ):
        path = settings / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("COURSE_", "JUPYTER", "JPY_"))}
    for name in ("config", "data", "runtime", "ipython", "course"):
        (folder / name).mkdir()
    return env | {
        "COURSE_HOME": str(folder / "course"),
        "COURSE_GPU": "off",
        "COURSE_BUDGET": "quick",
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start JupyterLab on a copy of the notebooks; end it, with its kernels, afterwards."""
    folder = tmp_path_factory.mktemp("lab")
    work = folder / "work"
    work.mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, work)
    port, log = free_port(), folder / "server.log"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    command += [
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={work}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=work, env=environment(folder), stdout=out, stderr=out)
    made = Lab(f"http://127.0.0.1:{port}", work, log, TOKEN)
    try:
        wait_until_up(made, server)
        yield made
    finally:
        server.terminate()  # it shuts its kernels down
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(30)
        server.kill()


def wait_until_up(lab: Lab, server: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Wait for the server's first answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{lab.url}/api/status?token={TOKEN}", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not start:\n{lab.log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start the installed Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium found; `python -m lecture_utils doctor` says how to get one")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()
