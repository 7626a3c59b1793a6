"""Weights in a local cache: the one sentence for those that are not here, and what is looked at before use.

A file is read as tensors only (nothing in it is ever run), its hash is held against the digits in its name,
and weights that hold NaN are refused.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from lecture_utils import runtime
from lecture_utils.kernel.panel import publish_not_computed

_DIGITS = re.compile(r"-([0-9a-f]{8,})\.\w+$")


class Unfit(ValueError):
    """A weight file that cannot be used; the message says why and what to do."""


def not_here(what: str, megabytes: float | None = None) -> None:
    """Say that weights are not on this machine, and how to get them.

    Parameters
    ----------
    what : str
        Such as "The ImageNet weights of resnet50".
    megabytes : float, optional
        What a download would take.
    """
    size = f" ({megabytes:.0f} MB)" if megabytes else ""
    tell(
        f"{what}{size} are not on this machine. "
        "Start JupyterLab with COURSE_DOWNLOAD=1 to fetch them once; everything else works without."
    )


def tell(text: str) -> None:
    """Say in a line why nothing was computed; the summary of `make test` lists it."""
    publish_not_computed(text)


def torch_file(url: str) -> Path:
    """Where torch keeps the file of that address, whether or not it is there."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name


def digits_of(name: str) -> str:
    """The first hexadecimal digits of a file's SHA-256 that its name carries, or ""."""
    found = _DIGITS.search(name)
    return found[1] if found else ""


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a file of tensors by name.

    Raises
    ------
    Unfit
        If it is damaged, is another file than its name says, holds anything but tensors, or holds NaN.
    """
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(wanted := digits_of(path.name)):
            raise Unfit(f"are damaged (SHA-256 got {found[:8]}, want {wanted}): delete {path}")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Unfit:
        raise
    except Exception as error:  # a damaged archive raises many kinds
        raise Unfit(f"are damaged ({type(error).__name__}): delete {path}") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise Unfit(f"are no table of tensors: delete {path}")
    check_finite(state.items(), str(path))
    return state


def check_finite(tensors: Iterable[tuple[str, Tensor]], where: str) -> None:
    """Raise Unfit if a tensor holds NaN or infinity: such weights answer NaN to everything."""
    for name, tensor in tensors:
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise Unfit(f"are damaged ({name} holds NaN or infinity): delete {where}")


def fetch(url: str) -> Path:
    """Download a file into torch's cache, hash checked. Only where `runtime.downloads_allowed`.

    Raises
    ------
    OSError, RuntimeError
        If it cannot be fetched, or is another file than its name says.
    """
    if not runtime.downloads_allowed():
        raise OSError("downloads are not allowed: set COURSE_DOWNLOAD=1")
    path = torch_file(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.hub.download_url_to_file(url, str(path), digits_of(path.name) or None, progress=False)
    return path
