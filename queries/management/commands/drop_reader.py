"""`manage.py drop_reader`: drop a role that `create_reader` made."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import add_dry_run, add_json
from processing.commandline.command import StoreCommand
from queries.sql_readers import roles
from queries.sql_readers.definition import InvalidReader, role_of
from queries.sql_readers.errors import ReaderNotFound, ReaderRefused


class Command(StoreCommand):
    help = (
        "Drop a role that create_reader made, with its sources, and end its sessions.\n\n"
        "  manage.py drop_reader grafana\n\n"
        "Exit code 0: done; 1: there is no such reader, or its role has other rights; 2: wrong usage, or PostgreSQL is\n"
        "unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="as given to create_reader")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *, name: str, as_json: bool, dry_run: bool, **_options: Any) -> None:
        """Exit with 1 if there is no such reader, with 2 if PostgreSQL takes no changes."""
        with self.store_errors():
            try:
                role = role_of(name)
                dropped = roles.drop(role, dry_run=dry_run)
            except InvalidReader as error:
                raise CommandError(str(error), returncode=2) from error
            except ReaderNotFound as error:
                raise CommandError(f"create_reader made no role {role} for this database.") from error
            except ReaderRefused as error:
                raise CommandError(str(error)) from error
        done = "would be" if dry_run else "is"
        what = f"The role {role} {done} dropped" if dropped else f"What {role} sees {done} forgotten; there is no role"
        self.report({"dryRun": dry_run, "role": role, "dropped": dropped}, f"{what}.", as_json=as_json)
