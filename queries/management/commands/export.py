"""`manage.py export`: write events to a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.core.management.base import CommandError, CommandParser
from django.utils.datastructures import MultiValueDict

from ingestion.auth.read_scope import EVERYTHING
from ingestion.management.postgres_refusals import why_unavailable
from processing.commandline.command import StoreCommand
from queries.export import export, files
from queries.export.export import Export
from queries.export.files import FileInUse
from queries.export.formats import FORMATS, NDJSON
from queries.export.query import PARAMETERS, REPEATED, ExportQuery
from queries.export.reading import STEP_SECONDS, ExportTimeout
from queries.reads.postgres import ReadUnavailable
from queries.request.query_params import FILTER_PREFIX, InvalidParameter, Parameters

STDOUT = "-"


class Command(StoreCommand):
    help = (
        "Write events to a file, oldest first, as GET /api/data/export/ sends them (docs/export.md): one snapshot, in\n"
        "constant memory. The file has the ending .part until it is whole; after an error there is none.\n\n"
        "  manage.py export --output events.ndjson                                     everything\n"
        "  manage.py export --format csv --output may.csv --start 2026-05-01 --end 2026-06-01\n"
        "  manage.py export --format parquet --output hot.parquet --source 'sensor-*' --filter 'field.temperature[gt]=30'\n"
        "  manage.py export --source sensor-1 --fields temperature,humidity --output - | head\n\n"
        "Exit code 0: the file is whole; 1: stopped by a signal, there is no file; 2: wrong usage, the file can't be\n"
        "written, or PostgreSQL is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", required=True, metavar="FILE", help="the file; - is standard output")
        parser.add_argument("--format", choices=FORMATS, default=NDJSON.name)
        parser.add_argument(
            "--source", action="append", metavar="ID", help="an id, or a beginning of ids and *; may be repeated"
        )
        parser.add_argument("--start", metavar="TIME", help="events at or after this event time")
        parser.add_argument("--end", metavar="TIME", help="events before this event time")
        parser.add_argument(
            "--filter", action="append", default=[], metavar="field.PATH[OPERATOR]=VALUE", help="may be repeated"
        )
        parser.add_argument("--tag", action="append", help="events with this tag; may be repeated")
        parser.add_argument("--without-tag", action="append", metavar="TAG", help="events without it; may be repeated")
        parser.add_argument("--fields", metavar="PATH,PATH", help="only these fields of the payloads")
        parser.add_argument("--order", choices=("asc", "desc"), help="by event time; default: asc")
        parser.add_argument("--manifest", action="store_true", help="end NDJSON with a line of counts and a checksum")

    def handle(self, *, output: str, **options: object) -> None:
        """Exit with 2 if the export is not possible."""
        parameters = _parameters(options)
        with _in_words(output), self.long_run("Can't export: ", interrupted="Stopped. There is no file.") as progress:
            query = ExportQuery.from_parameters(parameters)
            within, served = export.check(query, scope=EVERYTHING, now=datetime.now(tz=UTC))
            made = Export(query, within=within, served=served, given=dict(parameters.given))
            size = _write(made, output, progress=lambda rows: progress.advance("events", rows))
        self.stderr.write(f"{made.rows:,} events, {size:,} bytes.", style_func=str)


def _write(made: Export, output: str, *, progress: Callable[[int], None]) -> int:
    if output == STDOUT:
        return files.write(made, sys.stdout.buffer, progress=progress)
    return files.save(made, Path(output), progress=progress)


def _parameters(options: dict[str, object]) -> Parameters:
    """Return the options as parameters of a query.

    :raises CommandError: a filter has no value
    """
    values: MultiValueDict[str, str] = MultiValueDict()
    for option, name in _NAMES.items():
        given = options[option]
        if given:
            values.setlist(name, [str(each) for each in given] if isinstance(given, list) else [str(given)])
    filters = options["filter"]
    assert isinstance(filters, list)
    for text in filters:
        name, equals, value = str(text).partition("=")
        if not equals or not name.startswith(FILTER_PREFIX):
            raise CommandError("--filter: expected field.PATH[OPERATOR]=VALUE", returncode=2)
        values.appendlist(name, value)
    if options["manifest"]:
        values["manifest"] = "1"
    try:
        return Parameters(values, known=PARAMETERS, repeated=REPEATED)
    except InvalidParameter as error:
        raise CommandError(error.detail, returncode=2) from error


_NAMES = {
    "source": "source_id",
    "start": "start_time",
    "end": "end_time",
    "tag": "tag",
    "without_tag": "-tag",
    "fields": "fields",
    "order": "order",
    "format": "format",
}


@contextmanager
def _in_words(output: str) -> Iterator[None]:
    """Exit with 2 and one sentence."""
    try:
        yield
    except InvalidParameter as error:
        raise CommandError(error.detail, returncode=2) from error
    except ReadUnavailable as error:
        raise CommandError(f"Can't export. {why_unavailable()}", returncode=2) from error
    except ExportTimeout as error:
        detail = f"Can't export: PostgreSQL found no event within {STEP_SECONDS:.0f} s. Ask for less."
        raise CommandError(detail, returncode=2) from error
    except FileInUse as error:
        raise CommandError(f"{output}: another export writes this file.", returncode=2) from error
    except OSError as error:
        raise CommandError(f"{output}: {error.strerror or error}.", returncode=2) from error
