"""Writes an export to a file, which is there whole or not at all, or to an open stream."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from queries.export.export import Export

PART = ".part"  # behind the name of a file that is not whole yet


class FileInUse(Exception):
    """Another export writes the same file now."""


def save(export: Export, path: Path, *, progress: Callable[[int], None]) -> int:
    """Write a file and return its number of bytes. A file of that name is replaced, at the end.

    :param progress: called with the number of events so far, and may raise
    :raises FileInUse: another export writes it
    :raises OSError: it can't be written
    """
    with _replaced(path) as file:
        return write(export, file, progress=progress)


def write(export: Export, out: BinaryIO, *, progress: Callable[[int], None]) -> int:
    """Write to an open stream and return the number of bytes."""
    size = 0
    try:
        for piece in export:
            out.write(piece)
            size += len(piece)
            progress(export.rows)
        out.flush()
    finally:
        export.close()
    return size


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    part = path.with_name(path.name + PART)
    # Not emptied before it is locked: it may be another one's.
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FileInUse from error
        # Before it was locked, another one may have ended: with this file, which is whole now, or without.
        if not _has_name(file, part):
            raise FileInUse
        file.truncate(0)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _has_name(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
