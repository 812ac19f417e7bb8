"""Makes lost raw documents anew from Kafka."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import OperatorCommand
from processing import command_arguments
from processing.course import Course, Stopped, until_told
from processing.failures import NeedsOperator, StoreUnavailable
from processing.recovery import rebuild_documents
from processing.recovery.rebuild_documents import Rebuilt


class Command(OperatorCommand):
    help = (
        "Make the raw documents that MongoDB has lost anew, for every row that has none: from Kafka, as far back as\n"
        "the topic goes, and with --from-rows the others from their rows. May run beside consumers, be stopped at any\n"
        "time, and be repeated: docs/recovery.md.\n\n"
        "  manage.py rebuild_documents --dry-run              how many are missing, and how many Kafka has\n"
        "  manage.py rebuild_documents --from 2026-03-01      of events from this time on\n"
        "  manage.py rebuild_documents --from-rows            also what Kafka no longer has\n\n"
        "Exit code 0: nothing is missing now; 1: something is, or it was stopped; 2: a store is away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        command_arguments.add_range(parser, by="event time")
        parser.add_argument(
            "--from-rows",
            action="store_true",
            help="make what Kafka no longer has from the rows: the same values, but in PostgreSQL's order and spelling,"
            " and without CloudEvents' attributes",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what is missing, and change nothing")
        parser.add_argument("--json", action="store_true", help="write one JSON object")

    def handle(self, *, from_rows: bool, dry_run: bool, json: bool, **options: object) -> None:
        """Rebuild, say what was made, and exit 1 if rows are left without a document."""
        try:
            with until_told(Course()) as course:
                rebuilt = rebuild_documents.run(
                    command_arguments.events(options), from_rows=from_rows, dry_run=dry_run, course=course
                )
        except Stopped as stopped:
            raise CommandError("Stopped. What was made stays; run it again to go on.") from stopped
        except (StoreUnavailable, NeedsOperator) as error:
            raise CommandError(f"Can't rebuild: {error}", returncode=2) from error
        self.stdout.write(_as_json(rebuilt) if json else "\n".join(_as_text(rebuilt, dry_run=dry_run)))
        if rebuilt.left:
            sys.exit(1)


def _as_json(rebuilt: Rebuilt) -> str:
    return json.dumps({"ok": not rebuilt.left, **rebuilt.as_dict()})


def _as_text(rebuilt: Rebuilt, *, dry_run: bool) -> Iterator[str]:
    verb = "can be made" if dry_run else "made"
    yield f"{rebuilt.missing:,} rows had no document."
    yield f"{rebuilt.from_kafka:,} documents {verb} from Kafka, {rebuilt.from_rows:,} from rows."
    if rebuilt.left:
        yield f"{rebuilt.left:,} rows have none: Kafka no longer has their lines. --from-rows makes them from the rows."
