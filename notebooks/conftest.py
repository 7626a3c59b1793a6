"""pytest --nbval runs each chapter as the build does: same settings, its own folders, no network."""

import os
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from kernel_env import fixed_environment  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    """Use the Python that runs pytest, and the course's sanitise file unless another is named."""
    if getattr(config.option, "nbval", False) or getattr(config.option, "nbval_lax", False):
        if not config.option.nbval_kernel_name:
            config.option.nbval_current_env = True
        if config.option.nbval_sanitize_with is None:
            config.option.nbval_sanitize_with = str(ROOT / "tests" / "nbval_sanitize.cfg")
        _keep_history()


def _keep_history() -> None:
    """Run cells with history on, as the build does: without it a trailing ';' and `_` work differently."""
    from nbval.kernel import RunningKernel

    def execute_cell_input(self: RunningKernel, cell_input: str, allow_stdin: bool | None = None) -> str:
        return self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)

    RunningKernel.execute_cell_input = execute_cell_input


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """While a notebook's kernel starts, have the environment that it inherits be a fresh one of its own."""
    book = item.parent
    if not hasattr(book, "kernel") or book.kernel is not None:
        return (yield)
    folder = tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True)
    item.config.add_cleanup(folder.cleanup)
    outside = dict(os.environ)
    os.environ.clear()
    os.environ.update(fixed_environment(Path(folder.name)))
    try:
        return (yield)
    finally:
        os.environ.clear()
        os.environ.update(outside)
