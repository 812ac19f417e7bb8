"""Holds `var/` for one launcher at a time; standard library only."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent.parent
VAR = ROOT / "var"


class AlreadyRunning(Exception):
    """Another launcher holds the folder; the text names its process."""


def take(folder: Path = VAR) -> IO[str]:
    """Take the folder until the file that this gives is closed, at the latest with the process.

    :raises AlreadyRunning: another one has it
    """
    folder.mkdir(exist_ok=True)
    held = (folder / "run.lock").open("a+")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.seek(0)
        holder = held.read().strip()
        held.close()
        raise AlreadyRunning(f"`make run` runs already in this folder (process {holder}).") from None
    held.truncate(0)
    held.write(str(os.getpid()))
    held.flush()
    return held
