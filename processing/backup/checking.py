"""Checks a backup without restoring it: the sums of its files and, where they can be read, their content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from processing.backup import documents, rows
from processing.backup.backup import Megabytes
from processing.backup.documents import Splitter
from processing.backup.files import streams
from processing.backup.files.encryption import Identity
from processing.backup.files.manifest import Manifest
from processing.backup.files.problem import BackupProblem
from processing.commandline.progress import Progress


def find_damage(path: Path, found: Manifest, progress: Progress) -> Iterator[str]:
    """Yield what is wrong with the files of a backup, by their sums."""
    advance = Megabytes(progress, "MB summed up")
    for file in found.files:
        try:
            size, digest = streams.sum_up(path / file.name, advance)
        except OSError as error:
            yield f"{file.name} can't be read: {error.strerror}."
            continue
        if size != file.size:
            yield f"{file.name} has {size:,} bytes instead of {file.size:,}."
        elif digest != file.sha256:
            yield f"{file.name} was changed: its SHA-256 is another one."


def find_gaps(path: Path, found: Manifest, identities: Sequence[Identity], progress: Progress) -> Iterator[str]:
    """Yield what is missing in the content of files whose sums are right.

    :raises BackupProblem: they are encrypted for somebody else
    """
    advance = Megabytes(progress, "MB read")
    tail = _Tail()
    _read(path / found.file(rows.FILE).name, tail, identities, advance)
    if rows.COMPLETE not in tail.bytes:
        yield f"{found.file(rows.FILE).name} does not end as pg_dump ends it."
    split = Splitter(lambda _chunk: None)
    _read(path / found.file(documents.FILE).name, split, identities, advance)
    if not split.end() or split.count != found.documents:
        yield f"{found.file(documents.FILE).name} has {split.count:,} documents instead of {found.documents:,}."


def can_be_read(found: Manifest, identities: Sequence[Identity]) -> bool:
    """Return whether there is what it takes to read the content."""
    return bool(identities) or not found.encrypted


def require_readable(path: Path, found: Manifest, identities: Sequence[Identity]) -> None:
    """Check that the files can be decrypted.

    :raises BackupProblem: no identity was named, or another one
    """
    if not can_be_read(found, identities):
        raise BackupProblem(f"{path} is encrypted: name the file of the secret key with --identity.")
    # The smallest one; all are for the same recipients.
    smallest = min(found.files, key=lambda file: file.size)
    streams.read(path / smallest.name, lambda _piece: None, identities)


class _Tail:
    """Keeps the end of what is written."""

    def __init__(self) -> None:
        self.bytes = b""

    def write(self, data: bytes) -> None:
        self.bytes = (self.bytes + data)[-1_000:]


def _read(path: Path, sink: _Tail | Splitter, identities: Sequence[Identity], advance: Megabytes) -> None:
    def put(data: bytes) -> None:
        advance(len(data))
        sink.write(data)

    streams.read(path, put, identities)
