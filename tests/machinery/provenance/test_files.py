"""A file is written whole or not at all."""

import os
from pathlib import Path

import pytest

from lecture_utils.provenance.files import write_atomically


def test_text_and_bytes_in_folders_that_do_not_exist_yet(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b.txt", "α\n")
    write_atomically(tmp_path / "a" / "b.bin", b"\0\r\n", sync=False)
    assert (tmp_path / "a" / "b.txt").read_bytes() == "α\n".encode()
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"\0\r\n"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_no_litter(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fails)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text() == "old" and [file.name for file in tmp_path.iterdir()] == ["file"]
