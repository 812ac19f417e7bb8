"""`manage.py list_readers`: the roles that `create_reader` made, and what they see."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import add_json
from processing.commandline.command import StoreCommand
from queries.sql_readers import listing
from queries.sql_readers.errors import ReaderRefused
from queries.sql_readers.listing import ListedReader


class Command(StoreCommand):
    help = (
        "List the roles that create_reader made, with their sources and limits; passwords are not stored.\n\n"
        "  manage.py list_readers\n\n"
        "Exit code 0: done; 1: something is wrong with one, as after a restore: drop_reader, then create_reader;\n"
        "2: PostgreSQL is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_json(parser)

    def handle(self, *, as_json: bool, **_options: Any) -> None:
        """Exit with 1 if something is wrong with one."""
        with self.store_errors():
            try:
                found = listing.readers()
            except ReaderRefused as error:
                raise CommandError(str(error)) from error
        text = "\n".join(_line(one) for one in found) or "There is no reader."
        self.report(
            {"readers": [_shape(one) for one in found]}, text, as_json=as_json, ok=not any(one.trouble for one in found)
        )


def _line(one: ListedReader) -> str:
    state = one.trouble or f"{one.connections} connections, {one.statement_timeout} a statement"
    return f"{one.role}  {' '.join(one.patterns)}  {state}"


def _shape(one: ListedReader) -> dict[str, object]:
    return {
        "role": one.role,
        "sources": one.patterns,
        "connections": one.connections,
        "statementTimeout": one.statement_timeout,
        "trouble": one.trouble,
    }
