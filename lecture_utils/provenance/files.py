"""Writing files so that a crash, a full disk or a killed kernel never leaves half a file behind."""

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes | str, *, sync: bool = True) -> None:
    """Write a whole file or nothing: a temporary neighbour is written, then renamed over the old file.

    Parameters
    ----------
    path : Path
        The file; its folder is created where missing.
    data : bytes or str
        The whole content; text is written as UTF-8 with line feeds.
    sync : bool
        Wait until the bytes are on the disk, so that even a power cut leaves the old file or the new one.

    Raises
    ------
    OSError
        If the folder cannot be written to. The old file is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
