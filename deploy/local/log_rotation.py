"""Keeps the logs of `make run` small: what is old moves to a second file, which replaces the one before."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MAX_LOG = 10 * 1024 * 1024  # bytes of each file; two of each process are kept


def rotate(path: Path, *, most: int = MAX_LOG) -> bool:
    """Move what a process has written to `<name>.log.1` if it is more than `most` bytes. Return whether it was.

    The process goes on writing to the same open file, at its new end: `Process` opens logs to append. Lines that are
    written within the some ms of a copy are lost.
    """
    if not path.exists() or path.stat().st_size <= most:
        return False
    # The newest part, however much was written since the last look.
    with path.open("rb") as log, old(path).open("wb") as kept:
        log.seek(-most, os.SEEK_END)
        shutil.copyfileobj(log, kept)
    os.truncate(path, 0)
    return True


def old(path: Path) -> Path:
    """Return where the older lines of a log are."""
    return path.with_suffix(".log.1")
