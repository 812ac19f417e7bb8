"""Locks `var/` for one launcher at a time; standard library only."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent.parent
VAR = ROOT / "var"


class AlreadyRunning(Exception):
    """Another launcher has locked the folder. The text names its process."""


def take(folder: Path = VAR) -> IO[str]:
    """Lock the folder until the returned file is closed or the process ends.

    :raises AlreadyRunning: another launcher has locked it
    """
    # Data, logs and passwords are nobody else's business.
    folder.mkdir(mode=0o700, exist_ok=True)
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
