"""`manage.py lookup_table`: load lookup tables of rules from CSV files, show and drop them."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import add_json
from processing.commandline.command import StoreCommand
from processing.logic.content import Content
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import faults_text, shapes
from processing.logic.revisions import saving, versions
from processing.logic.tables import csv_text
from processing.logic.tables.lookup_table import LookupTable
from processing.models import LookupTableVersion

WHO = "command line"
STDIN = "-"


class Command(StoreCommand):
    help = (
        'Load a CSV file as a lookup table, which rules read by lookup("NAME", key, "column"). The first line names the\n'
        "columns. Other rows than before become a new version, and a new revision of logic that uses it, at once.\n\n"
        "  manage.py lookup_table load stations stations.csv               keys are in the first column\n"
        "  manage.py lookup_table load stations stations.csv --key id --type id=text\n"
        "  manage.py lookup_table load stations - --draft < stations.csv   a revision that is not made current\n"
        "  manage.py lookup_table list\n"
        "  manage.py lookup_table show stations                            as CSV\n"
        "  manage.py lookup_table drop stations                            from the current logic; versions stay\n\n"
        "Types of columns are text, number and boolean; those that are not given follow from the cells.\n"
        "Exit code 0: done; 1: refused; 2: wrong usage, the file can't be read, or PostgreSQL is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the actions."""
        actions = parser.add_subparsers(dest="action", required=True)
        load = actions.add_parser("load", help="load a CSV file")
        load.add_argument("name", metavar="NAME")
        load.add_argument("file", metavar="FILE", help="or - for the standard input")
        load.add_argument("--key", metavar="COLUMN", help="the column that lookup searches; by default the first")
        load.add_argument(
            "--type", dest="types", metavar="COLUMN=TYPE", action="append", type=_column_type, default=[],
            help="text, number or boolean; may be repeated",
        )  # fmt: skip
        listed = actions.add_parser("list", help="list the newest version of each table")
        shown = actions.add_parser("show", help="write a table as CSV")
        shown.add_argument("name", metavar="NAME")
        shown.add_argument("--version", dest="number", type=int, help="by default the newest")
        drop = actions.add_parser("drop", help="take a table out of the logic")
        drop.add_argument("name", metavar="NAME")
        for action in (load, drop):
            _add_revision(action)
        for action in (load, listed, drop):
            add_json(action)

    def handle(self, *, action: str, **options: object) -> None:
        """Exit with 1 if the file, or the revision, is refused."""
        with self.store_errors(), _refusals():
            {"load": self._load, "list": self._list, "show": self._show, "drop": self._drop}[action](options)

    def _load(self, options: dict[str, object]) -> None:
        name, file = str(options["name"]), str(options["file"])
        data = _read(file)
        types = dict(options["types"])  # type: ignore[call-overload]
        table = _table(data, str(options["key"] or _first_column(data)), types, file=file)
        row = versions.save_table(name, table, who=WHO)

        def use(content: Content) -> Content:
            return msgspec.structs.replace(content, tables={**content.tables, name: row.version})

        number = saving.change(use, who=WHO, reason=str(options["reason"]), activate=not options["draft"])
        text = f"{name} {row.version}: {row.rows:,} rows; {_state(number, draft=bool(options['draft']))}"
        self.report({**shapes.table(row), "revision": number}, text, as_json=bool(options["as_json"]))

    def _list(self, options: dict[str, object]) -> None:
        used = shapes.current()["content"].tables
        rows = LookupTableVersion.objects.defer("data").order_by("name", "-version").distinct("name")
        found = [{**shapes.table(row), "inUse": used.get(row.name)} for row in rows]
        text = "\n".join(map(_line, found)) or "There are no lookup tables."
        self.report({"tables": found}, text, as_json=bool(options["as_json"]))

    def _show(self, options: dict[str, object]) -> None:
        rows = LookupTableVersion.objects.filter(name=options["name"]).order_by("-version")
        number = options["number"]
        row = (rows.filter(version=number) if isinstance(number, int) else rows).first()
        if row is None:
            raise CommandError("There is no such version.")
        self.stdout.write(shapes.table_text(row)["csv"], ending="")

    def _drop(self, options: dict[str, object]) -> None:
        name = str(options["name"])
        if name not in shapes.current()["content"].tables:
            raise CommandError(f"The current logic has no lookup table {name}.")

        def drop(content: Content) -> Content:
            kept = {each: version for each, version in content.tables.items() if each != name}
            return msgspec.structs.replace(content, tables=kept)

        draft = bool(options["draft"])
        number = saving.change(drop, who=WHO, reason=str(options["reason"]), activate=not draft)
        text = f"{name} is dropped; {_state(number, draft=draft)}"
        self.report({"name": name, "revision": number}, text, as_json=bool(options["as_json"]))


def _add_revision(parser: ArgumentParser) -> None:
    parser.add_argument("--draft", action="store_true", help="save the revision, and do not make it current")
    parser.add_argument("--reason", default="", help="why, for the list of revisions")


def _column_type(text: str) -> tuple[str, str]:
    column, equals, kind = text.rpartition("=")
    if not equals:
        raise ArgumentTypeError("expected COLUMN=TYPE")
    return column, kind


def _read(file: str) -> bytes:
    if file == STDIN:
        return sys.stdin.buffer.read(csv_text.MAX_BYTES + 1)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(csv_text.MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}", returncode=2) from error


def _first_column(data: bytes) -> str:
    """Return the first name of the header; what is wrong with it is told when the table is read."""
    line = data.removeprefix("\ufeff".encode()).splitlines()[:1]
    return line[0].partition(b",")[0].decode(errors="replace").strip('"') if line else ""


def _table(data: bytes, key: str, types: dict[str, str], *, file: str) -> LookupTable:
    try:
        return LookupTable.from_csv(data, key, types, pointer="")
    except InvalidLogic as error:
        raise CommandError(faults_text.lines(error.faults, file=file)) from error


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except InvalidLogic as error:
        raise CommandError(faults_text.lines(error.faults)) from error


def _state(number: int, *, draft: bool) -> str:
    return f"revision {number} is a draft" if draft else f"revision {number} is current"


def _line(found: dict[str, object]) -> str:
    use = "not in use" if found["inUse"] is None else f"version {found['inUse']} in use"
    return f"{found['name']}  version {found['version']}  {found['rows']:,} rows by {found['key']}  {use}"
