"""`manage.py backup`: back up both stores, the settings and the positions in Kafka."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

from django.core.management.base import CommandError, CommandParser

from dataflow_site.environment.as_file import as_file
from dataflow_site.version import VERSION
from ingestion.management.command import add_json
from processing.backup import backup
from processing.backup.backup import Configuration, Made
from processing.backup.files import encryption
from processing.backup.files.problem import BackupProblem
from processing.commandline.command import StoreCommand


class Command(StoreCommand):
    help = (
        "Back PostgreSQL and MongoDB up into a new folder, with the settings and the positions in Kafka up to which they\n"
        "go. Everything may run meanwhile. The folder has its name once it is whole: docs/backup.md.\n\n"
        "  manage.py backup --to /var/backups/dataflow                 into 2026-03-01T02-00-00Z in that folder\n"
        "  manage.py backup --to DIR --keep 7                          and remove all but the newest seven\n"
        "  manage.py backup --new-identity backup.key                  make a secret key, show its public half\n"
        "  manage.py backup --to DIR --recipient age1…                 encrypted; with the secrets among the settings\n"
        "  manage.py restore --from DIR/2026-03-01T02-00-00Z --verify  check it\n\n"
        "Exit code 0: the backup is whole; 1: stopped, nothing is left; 2: wrong usage, a store is unavailable, or the\n"
        "folder can't be written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--to", type=Path, metavar="DIR", help="the folder of backups; made if it is missing")
        what.add_argument("--new-identity", type=Path, metavar="FILE", help="write a new secret key into this file")
        parser.add_argument(
            "--recipient",
            action="append",
            default=[],
            metavar="KEY",
            help="encrypt for this public key, of age (age1…) or SSH; may be repeated",
        )
        parser.add_argument("--keep", type=_number, metavar="N", help="remove all but the newest N backups afterwards")
        add_json(parser)

    def handle(
        self,
        *,
        to: Path | None,
        new_identity: Path | None,
        recipient: list[str],
        keep: int | None,
        as_json: bool,
        **_options: object,
    ) -> None:
        """Make a backup, or a key for it."""
        try:
            if to is None:
                assert new_identity is not None
                public = encryption.make_identity(new_identity)
                self.report({"recipient": public}, public, as_json=as_json)
                return
            with self.long_run("Can't back up: ", interrupted="Stopped; nothing was left.") as progress:
                made = backup.make(
                    to,
                    Configuration(as_file(secrets=bool(recipient)), VERSION),
                    recipients=recipient,
                    keep=keep,
                    progress=progress,
                )
        except BackupProblem as problem:
            raise CommandError(str(problem), returncode=2) from problem
        self.report(_shape(made), _text(made), as_json=as_json)


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("expected a number from 1")
    return int(text)


def _shape(made: Made) -> dict[str, object]:
    whole = made.manifest
    return {
        "path": str(made.path),
        "id": whole.id,
        "begun": whole.begun.isoformat(),
        "ended": whole.ended.isoformat(),
        "rows": whole.rows,
        "documents": whole.documents,
        "bytes": whole.size,
        "encrypted": whole.encrypted,
        "removed": [str(path) for path in made.removed],
    }


def _text(made: Made) -> str:
    whole = made.manifest
    kind = "encrypted" if whole.encrypted else "not encrypted, so without the secrets among the settings"
    lines = [
        f"{made.path}: {whole.rows:,} events, {whole.documents:,} documents, {whole.size / 1e6:,.1f} MB, {kind}.",
        *(f"Removed {path}." for path in made.removed),
    ]
    return "\n".join(lines)
