"""The folder of backups: one is made beside the others under a hidden name, and gets its own when it is whole."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from processing.backup.files import manifest
from processing.backup.files.problem import BackupProblem

_LOCK = ".lock"
_PARTIAL = ".partial-"
_NAME = "%Y-%m-%dT%H-%M-%SZ"


@contextmanager
def locked(parent: Path) -> Iterator[None]:
    """Keep other backups out of the folder, which is made if it is missing, and remove what killed ones have left.

    :raises BackupProblem: another backup is running
    :raises OSError: the folder can't be written
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (parent / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupProblem(f"Another backup into {parent} is running.") from None
        for left in parent.glob(f"{_PARTIAL}*"):
            shutil.rmtree(left)
        yield


@contextmanager
def growing(parent: Path, begun: datetime) -> Iterator[Path]:
    """Make the folder of a backup, to be passed to `publish`; without that it is removed."""
    partial = parent / f"{_PARTIAL}{begun:{_NAME}}"
    partial.mkdir(mode=0o700)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def publish(partial: Path, whole: manifest.Manifest) -> Path:
    """Write the manifest, bring everything onto the disk, and give the folder its name; return that."""
    with os.fdopen(os.open(partial / manifest.NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(manifest.to_json(whole))
        file.flush()
        os.fsync(file.fileno())
    _sync(partial)
    target = partial.with_name(partial.name.removeprefix(_PARTIAL))
    partial.rename(target)
    _sync(target.parent)
    return target


def whole_ones(parent: Path) -> list[Path]:
    """Return the backups of a folder, the oldest first."""
    return sorted(path.parent for path in parent.glob(f"[!.]*/{manifest.NAME}"))


def remove_older(parent: Path, *, keep: int) -> list[Path]:
    """Remove all backups but the newest ones; return which."""
    old = whole_ones(parent)[:-keep]
    for path in old:
        # First of all, so that a removal that is interrupted leaves no backup that looks whole.
        (path / manifest.NAME).unlink()
        shutil.rmtree(path)
    return old


def choose(path: Path) -> Path:
    """Return the folder of a backup: the path itself, or the only backup in it.

    :raises BackupProblem: there is none, or more than one
    """
    if (path / manifest.NAME).exists():
        return path
    if not path.is_dir():
        raise BackupProblem(f"{path} is no folder.")
    found = whole_ones(path)
    if not found:
        raise BackupProblem(f"{path} holds no whole backup: none has a {manifest.NAME}.")
    if len(found) > 1:
        raise BackupProblem(f"{path} holds {len(found)} backups: name one, such as the newest, {found[-1]}.")
    return found[0]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
