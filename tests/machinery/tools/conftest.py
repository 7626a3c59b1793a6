"""A miniature chapter in a folder of its own, for tests of the notebook tools."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

MINI = '''
    # %% [markdown] tags=["slide"]
    # # 90 · Mini
    #
    # Words.

    # %%
    import socket
    from pathlib import Path

    import matplotlib.pyplot as plt
    import numpy as np

    from lecture_utils import plotting
    from lecture_utils.exercises.checker import check
    from lecture_utils.kernel.start import start

    start("90")

    # %% [markdown]
    # ## Show

    # %% tags=["show", "system:S90.1"]
    # show: lecture_utils.runtime.is_static
    # show: lecture_utils.runtime.downloads_allowed
    # show: lecture_utils.provenance.files.write_atomically

    # %%
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.plot(np.random.rand(9))
    plotting.show(fig, "Nine random heights joined by a line.")

    # %%
    print("out")
    print("more", 1 + 1)
    "a value"

    # %% tags=["exercise:01.1"]
    def mine(*args):
        """Fill me in."""
        ...


    mine = check("01.1", mine)

    # %% [markdown]
    # # solution: lecture_utils.runtime.is_static

    # %%
    # %%gpu mini
    print("never on a CPU")

    # %%
    try:
        socket.create_connection(("example.org", 80), timeout=5)
    except OSError as error:
        print(error)
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(("localhost", server.getsockname()[1]))
    print("this machine:", client.getpeername()[0])

    # %% tags=["nbval-ignore-output", "why:the-clock-goes-on"]
    import time

    time.time()
'''


class Mini:
    """A folder laid out like the repository, with one source file."""

    def __init__(self, root: Path) -> None:
        self.root, self.notebooks = root, root / "notebooks"
        self.source = self.notebooks / "src" / "90_mini.py"
        self.built = self.notebooks / "90_mini.ipynb"
        self.source.parent.mkdir(parents=True)
        self.write(MINI)

    def write(self, text: str) -> None:
        """Replace the source."""
        self.source.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")

    def edit(self, old: str, new: str) -> None:
        """Change the source in one place."""
        text = self.source.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        self.source.write_text(text.replace(old, new), encoding="utf-8")

    def build(self, *arguments: str) -> int:
        """Run tools/build.py on this folder."""
        import build

        return build.main(list(arguments), self.notebooks, self.root / ".course")

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pytest in this folder, in a process of its own."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=300)

    def lay_out_nbval(self) -> None:
        """Copy what the repository gives to nbval."""
        for name in (
            "notebooks/conftest.py",
            "tools/kernel_env.py",
            "tools/offline.py",
            "tests/nbval_sanitize.cfg",
        ):
            (self.root / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(ROOT / name, self.root / name)
        (self.root / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")


@pytest.fixture
def mini(tmp_path: Path) -> Mini:
    """The miniature chapter, not yet built."""
    return Mini(tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Mini:
    """The miniature chapter, built once for all tests of a file; they must not change it."""
    chapter = Mini(tmp_path_factory.mktemp("course"))
    assert chapter.build() == 0
    return chapter
