"""What every notebook starts with: device, seeds, budget, the learner's folder. No torch until asked."""

import os
import random
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, cast

if TYPE_CHECKING:
    import torch

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"
Budget = Literal["quick", "full", "gpu"]
T = TypeVar("T")
ON, OFF = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def _choice(variable: str, allowed: tuple[str, ...], default: str) -> str:
    value = os.environ.get(variable, "").strip().lower() or default
    if value not in allowed:
        raise ValueError(f"{variable}: got {value!r}, want one of {', '.join(allowed)}")
    return value


def _switch(variable: str) -> bool:
    value = os.environ.get(variable, "").strip().lower()
    if value not in (*ON, *OFF):
        raise ValueError(f"{variable}: got {value!r}, want 1 or 0")
    return value in ON


def is_static() -> bool:
    """Whether widgets and questions show their static form (``COURSE_STATIC=1``: builds, CI, the site)."""
    return _switch("COURSE_STATIC")


def downloads_allowed() -> bool:
    """Whether the learner has allowed downloads (``COURSE_DOWNLOAD=1``)."""
    return _switch("COURSE_DOWNLOAD")


def gpu_mode() -> str:
    """Return ``COURSE_GPU``: ``"auto"`` (default), ``"on"``, ``"off"`` or ``"record"``."""
    return _choice("COURSE_GPU", ("auto", "on", "off", "record"), "auto")


def cuda_available() -> bool:
    """Whether torch sees a CUDA device."""
    import torch

    return torch.cuda.is_available()


def device() -> "torch.device":
    """Return the device to compute on, as ``COURSE_GPU`` says.

    ``off`` gives the CPU. ``auto`` and ``record`` give CUDA where there is one, else the CPU.
    ``on`` gives CUDA, else Apple's MPS.

    Raises
    ------
    RuntimeError
        If ``COURSE_GPU=on`` and there is neither.
    """
    import torch

    mode = gpu_mode()
    if mode == "off":
        return torch.device("cpu")
    if cuda_available():
        return torch.device("cuda")
    if mode != "on":
        return torch.device("cpu")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    raise RuntimeError("COURSE_GPU=on, but torch finds no GPU here. With COURSE_GPU=auto the CPU will do.")


def budget() -> Budget:
    """Return the size of experiments, ``"quick"``, ``"full"`` or ``"gpu"``.

    ``COURSE_BUDGET`` decides; without it ``"gpu"`` on a CUDA device and ``"quick"`` elsewhere.
    """
    value = _choice("COURSE_BUDGET", ("quick", "full", "gpu", "auto"), "auto")
    if value == "auto":
        value = "gpu" if device().type == "cuda" else "quick"
    return cast(Budget, value)


def pick(*, quick: T, full: T, gpu: T | None = None) -> T:
    """Choose a size by the budget; ``gpu`` is ``full`` unless given."""
    return {"quick": quick, "full": full, "gpu": full if gpu is None else gpu}[budget()]


def seed_everything(seed: int = 0) -> None:
    """Seed Python, numpy and torch (on all devices).

    Raises
    ------
    ValueError
        If the seed is not an integer from 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed: got {seed!r}, want an integer from 0 to 2**32 - 1")
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def chosen_folder(variable: str) -> Path | None:
    """Return the folder that an environment variable names, or None where it is not set.

    Raises
    ------
    ValueError
        If it begins with the home folder of a user who does not exist.
    """
    chosen = os.environ.get(variable, "").strip()
    try:
        return Path(chosen).expanduser().absolute() if chosen else None
    except RuntimeError:
        raise ValueError(f"{variable}: got {chosen!r}, want a folder; there is no such user") from None


def _instead(folder: Path | str, reason: str) -> Path:
    """Make a temporary folder in the place of another, with a warning."""
    instead = Path(tempfile.mkdtemp(prefix="course-"))
    warnings.warn(
        f"Your progress cannot be kept in {folder} ({reason}); "
        f"until this session ends it is kept in {instead}. Set COURSE_HOME to a folder you may write to.",
        stacklevel=4,
    )
    return instead


@cache
def _writable(folder: Path) -> Path:
    """Return the folder if it takes files, else a temporary one, with one warning a session."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        return _instead(folder, error.strerror or str(error))


@cache
def _nobodys(chosen: str) -> Path:
    return _instead(chosen, "there is no such user")


def course_home() -> Path:
    """Return the learner's own folder, ``$COURSE_HOME`` or ``.course`` in the repository, made if need be.

    Where it cannot be written, a temporary folder takes its place, with one warning.
    """
    try:
        return _writable(chosen_folder("COURSE_HOME") or ROOT / ".course")
    except ValueError:
        return _nobodys(os.environ["COURSE_HOME"])
