"""Restores a backup: documents first, then rows; each store has the old or the new, and never a part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection as own

from processing.backup import backup, checking, documents, programs, rows, target
from processing.backup.backup import Megabytes
from processing.backup.documents import Splitter
from processing.backup.files import encryption, folder, manifest, streams
from processing.backup.files.encryption import Identity
from processing.backup.files.manifest import Manifest
from processing.backup.files.problem import BackupProblem
from processing.backup.loading import Script
from processing.commandline.progress import Progress
from processing.errors import postgres_errors
from processing.stores import postgres
from processing.stores.mongodb import raw_documents

_NO_LIMITS = "SELECT set_config('idle_in_transaction_session_timeout', '0', false)"


@dataclass(slots=True)
class Restored:
    """What was restored, and what to know of it."""

    path: Path
    manifest: Manifest
    notes: list[str] = field(default_factory=list)


def run(path: Path, *, identity: Path | None, replace: bool, progress: Progress) -> Restored:
    """Restore a backup into the stores of this deployment, and bring the tables to this release.

    An interrupted one is run again: it begins anew.

    :param replace: delete what the stores hold
    :raises BackupProblem: it can't be restored; before anything is changed, or while PostgreSQL is as it was
    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: a store refuses
    """
    path = folder.choose(path)
    found, identities = manifest.load(path), encryption.identities(identity)
    checking.require_readable(path, found, identities)
    restored = Restored(path, found, list(target.compare_with_kafka(found)))
    with _alone() as server:
        fitting = programs.find(max(rows.major(server), rows.major(found.postgresql)))
        _look(found, server=server, replace=replace)
        if damage := list(checking.find_damage(path, found, progress)):
            raise BackupProblem(f"The backup {path} is damaged: {damage[0]}")
        _load_documents(path, found, identities, progress)
        with Script(fitting, server=rows.major(server)) as script:
            _read(path, found, rows.FILE, script.write, identities, Megabytes(progress, "MB of rows"))
            script.commit(found.positions)
    _follow_up()
    raw_documents.end()
    restored.notes += _of_secret(found)
    return restored


def write_settings(path: Path, identity: Path | None, to: Path) -> None:
    """Write the settings of a backup into a new file that only this user reads.

    :raises BackupProblem: the file exists, or the backup can't be read
    """
    path = folder.choose(path)
    found, identities = manifest.load(path), encryption.identities(identity)
    checking.require_readable(path, found, identities)
    content: list[bytes] = []
    streams.read(path / found.file(backup.SETTINGS).name, content.append, identities)
    try:
        to.touch(mode=0o600, exist_ok=False)
        to.write_bytes(b"".join(content))
    except OSError as error:
        raise BackupProblem(f"{to} can't be written: {error.strerror}.") from None


def _look(found: Manifest, *, server: str, replace: bool) -> None:
    target.refuse_newer(found, server)
    # Without a transaction, whose locks would keep the tables from being dropped.
    with postgres_errors(), postgres.connect(application=rows.APPLICATION, options="") as connection:
        target.refuse_users(connection)
        if not replace:
            target.refuse_data(connection, found.id)
    if raw_documents.is_sharded():
        raise BackupProblem(
            "MongoDB is a sharded cluster, whose collection can't be exchanged: restore the documents with mongorestore"
            " (docs/backup.md)."
        )


def _load_documents(path: Path, found: Manifest, identities: Sequence[Identity], progress: Progress) -> None:
    with raw_documents.loading() as loading:
        split = Splitter(loading.add)
        _read(path, found, documents.FILE, split.write, identities, Megabytes(progress, "MB of documents"))
        if not split.end() or split.count != found.documents:
            raise BackupProblem(f"The backup {path} has {split.count:,} documents instead of {found.documents:,}.")
        loading.exchange(found.id)


def _read(
    path: Path, found: Manifest, name: str, write: streams.Write, identities: Sequence[Identity], advance: Megabytes
) -> None:
    def put(data: bytes) -> None:
        advance(len(data))
        write(data)

    streams.read(path / found.file(name).name, put, identities)


def _follow_up() -> None:
    """Bring the tables to this release, and tell the planner what they hold."""
    # Its pool has connections to tables that are gone.
    own.close()
    own.close_pool()  # type: ignore[attr-defined]
    call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
    with postgres_errors(), postgres.connect(application=rows.APPLICATION, options="") as connection:
        connection.execute("ANALYZE")


def _of_secret(found: Manifest) -> Iterator[str]:
    known = [settings.SECRET_KEY, *settings.DATAFLOW_SECRET_KEY_FALLBACKS]
    if not any(manifest.is_marked(secret, found.secret_mark) for secret in known):
        yield (
            "DATAFLOW_SECRET_KEY is not the one of the backup, so no key of a client is valid: set that one, or put it into"
            " DATAFLOW_SECRET_KEY_FALLBACKS."
        )


@contextmanager
def _alone() -> Iterator[str]:
    """Keep other restores out; return the version of the server."""
    with postgres_errors():
        connection = postgres.connect(application=rows.APPLICATION, options="")
    with connection, postgres_errors():
        connection.execute(_NO_LIMITS)
        with connection.transaction():
            target.lock(connection)
            yield rows.server_version(connection)
