"""The first line of every notebook: seeds, figure style, the long-cell magic and the out-of-order helper."""

import sys
from typing import Any

from lecture_utils import runtime
from lecture_utils.kernel import gpu_magic, missing_names, watch
from lecture_utils.plotting.style import use_style


def start(chapter: str = "", *, seed: int = 0) -> None:
    """Make a notebook ready: seeds, figure style, the ``%%gpu`` magic and the out-of-order helper.

    Parameters
    ----------
    chapter : str
        The chapter's number, ``"01"``; empty outside a chapter.
    seed : int
        For Python, numpy and torch.
    """
    runtime.seed_everything(seed)

    use_style()
    if "IPython" in sys.modules:
        from IPython.core.getipython import get_ipython

        if (shell := get_ipython()) is not None:
            load_ipython_extension(shell)
            missing_names.current_chapter = chapter
    if message := watch.unfinished():
        print(message)
    name = f"Chapter {chapter}" if chapter else "Ready"
    print(f"{name} on {runtime.device().type}, budget {runtime.budget()}, seed {seed}.")


def load_ipython_extension(shell: Any) -> None:
    """Register the ``%%gpu`` magic and the out-of-order helper in an IPython shell (twice does no harm)."""

    gpu_magic.register(shell)
    missing_names.register(shell)
    plain_language(shell)


def plain_language(shell: Any) -> None:
    """Leave the version out of what the kernel says of its language: JupyterLab writes that into a notebook
    as it opens, and with another Python's version in it every chapter would stand there unsaved."""
    kernel = getattr(shell, "kernel", None)
    if kernel is not None and "version" in kernel.language_info:
        kernel.language_info = {k: v for k, v in kernel.language_info.items() if k != "version"}
