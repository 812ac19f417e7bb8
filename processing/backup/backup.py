"""Makes a backup: rows first, then documents, so that each row has its document; the manifest is last."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from processing.backup import documents, programs, rows
from processing.backup.files import encryption, folder, manifest, streams
from processing.backup.files.encryption import Recipient
from processing.backup.files.manifest import Manifest
from processing.backup.files.problem import BackupProblem
from processing.backup.rows import Snapshot
from processing.commandline.progress import Progress
from processing.stores.mongodb import server

SETTINGS = "settings.env"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Configuration(NamedTuple):
    """The deployment that is backed up."""

    settings: str  # as a file
    release: str


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    path: Path
    manifest: Manifest
    removed: Sequence[Path]  # older ones


class Megabytes:
    """Shows how much was read from the stores, and stops when a signal arrives."""

    def __init__(self, progress: Progress, unit: str) -> None:
        self._progress = progress
        self._unit = unit
        self._bytes = 0

    def __call__(self, size: int) -> None:
        self._bytes += size
        self._progress.advance(self._unit, self._bytes // 1_000_000)


def make(
    parent: Path, about: Configuration, *, recipients: Sequence[str], keep: int | None, progress: Progress
) -> Made:
    """Make a backup in a folder, and remove the oldest of those beside it.

    :param about: its settings without secrets, unless there are recipients
    :param recipients: public keys; none: it is not encrypted
    :param keep: how many backups stay; None: all
    :raises BackupProblem: it can't be made; nothing that looks like a backup is left
    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: a store refuses
    """
    public = encryption.recipients(recipients)
    with _disk_errors(parent), folder.locked(parent):
        with rows.snapshot() as taken, folder.growing(parent, taken.at) as partial:
            whole = _write(partial, taken, public, about, progress)
            path = folder.publish(partial, whole)
        removed = [] if keep is None else folder.remove_older(parent, keep=keep)
    return Made(path, whole, removed)


def _write(
    partial: Path, taken: Snapshot, public: Sequence[Recipient], about: Configuration, progress: Progress
) -> Manifest:
    fitting = programs.find(rows.major(taken.server))
    mongodb = server.version()
    with rows.Dump(fitting, taken, Megabytes(progress, "MB of rows")) as dump:
        files = [streams.write(partial, rows.FILE, dump, public)]
    # After the rows: what is stored meanwhile is a document without a row, which its record is read again for.
    found = documents.Counted(Megabytes(progress, "MB of documents"))
    files.append(streams.write(partial, documents.FILE, found, public))
    files.append(streams.write(partial, SETTINGS, streams.Pieces(iter([about.settings.encode()])), public))
    return Manifest(
        format=manifest.FORMAT,
        id=str(uuid.uuid4()),
        release=about.release,
        begun=taken.at,
        ended=datetime.now(UTC),
        postgresql=taken.server,
        mongodb=mongodb,
        migrations=taken.migrations,
        positions=taken.positions,
        rows=taken.rows,
        documents=found.count,
        encrypted=bool(public),
        secret_mark=manifest.mark(settings.SECRET_KEY),
        files=files,
    )


@contextmanager
def _disk_errors(parent: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        way_out = "make room, or name another folder" if error.errno in _FULL else "name another folder"
        raise BackupProblem(f"{parent} can't be written: {error.strerror}; {way_out}.") from None
