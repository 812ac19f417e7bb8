"""`manage.py create_reader`: make a role of PostgreSQL that reads the schema `read`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import add_dry_run, add_json
from processing.commandline.command import StoreCommand
from queries.sql_readers import roles
from queries.sql_readers.address import address
from queries.sql_readers.definition import InvalidReader, Reader
from queries.sql_readers.errors import ReaderRefused
from queries.sql_readers.roles import Created


class Command(StoreCommand):
    help = (
        "Make a role of PostgreSQL that reads the views of the schema `read`, and print its address with the password. The\n"
        "password is not stored and can't be shown again. The role is called reader_NAME.\n\n"
        "  manage.py create_reader grafana                            every source\n"
        '  manage.py create_reader tenant_a --source "plant-a:*"       sources whose ids begin with plant-a:\n'
        "  manage.py create_reader lab --source s-1 --source s-2 --statement-timeout 120 --connections 2\n"
        "  manage.py drop_reader grafana\n"
        "  manage.py list_readers\n\n"
        "Only the address goes to standard output, messages go to standard error.\n\n"
        "Exit code 0: done; 1: PostgreSQL's roles or rights do not allow it; 2: wrong usage, or PostgreSQL is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="who reads, such as a tool or a team: a-z 0-9 _")
        parser.add_argument(
            "--source",
            action="append",
            default=[],
            metavar="PATTERN",
            help='only this source, or those that begin so with a trailing "*"; may be repeated; default: every source',
        )
        parser.add_argument(
            "--statement-timeout",
            type=int,
            default=30,
            metavar="SECONDS",
            help="what a session starts with; default: 30",
        )
        parser.add_argument("--connections", type=int, default=5, metavar="COUNT", help="at one time; default: 5")
        add_dry_run(parser, "check that it can be made; change nothing")
        add_json(parser)

    def handle(
        self,
        *,
        name: str,
        source: list[str],
        statement_timeout: int,
        connections: int,
        as_json: bool,
        dry_run: bool,
        **_options: Any,
    ) -> None:
        """Exit with 1 if the role can't be made, with 2 if PostgreSQL takes no changes."""
        with self.store_errors():
            try:
                reader = Reader.defined(name, source, statement_timeout=statement_timeout, connections=connections)
                made = roles.create(reader, dry_run=dry_run)
            except InvalidReader as error:
                raise CommandError(str(error), returncode=2) from error
            except ReaderRefused as error:
                raise CommandError(str(error)) from error
        self._write(reader, made, as_json=as_json, dry_run=dry_run)

    def _write(self, reader: Reader, made: Created, *, as_json: bool, dry_run: bool) -> None:
        dsn = None if dry_run else address(reader.role, made.password)
        shape = {
            "dryRun": dry_run,
            "role": reader.role,
            "sources": list(reader.patterns),
            "dsn": dsn,
            "notes": made.notes,
        }
        for note in made.notes:
            self.stderr.write(f"Would be so: {note}" if dry_run else note)
        if dsn is None and not as_json:
            self.stderr.write(f"The role {reader.role} would be made.")
            return
        self.report(shape, dsn or "", as_json=as_json)
