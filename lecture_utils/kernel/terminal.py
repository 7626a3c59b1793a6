"""Output that never dies on a terminal that is not UTF-8 (a Windows pipe, an old console)."""

import sys
from typing import Any


def forgive(*streams: Any) -> None:
    """Let streams write a question mark where their encoding lacks a letter; standard output and error
    where none is named."""
    for stream in streams or (sys.stdout, sys.stderr):
        encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "").replace("_", "")
        if encoding != "utf8" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
