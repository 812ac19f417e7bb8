"""Makes lost rows anew from the raw documents."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import OperatorCommand
from processing import command_arguments
from processing.course import Course, Stopped, until_told
from processing.failures import NeedsOperator, StoreUnavailable
from processing.recovery import rebuild_rows
from processing.recovery.rebuild_rows import Rebuilt


class Command(OperatorCommand):
    help = (
        "Make the rows that PostgreSQL has lost anew, from MongoDB's documents: events, rollups, latest values, and\n"
        "what the ledger does not know of them. What the consumer has still to read in Kafka is left to it. May run\n"
        "beside consumers, be stopped at any time, and be repeated: docs/recovery.md.\n\n"
        "  manage.py rebuild_rows --from 2026-03-01 --to 2026-04-01    a month that is gone, by event time\n"
        "  manage.py rebuild_rows --source sensor-123 --dry-run        how many rows of a source are missing\n"
        "  manage.py rebuild_rows                                      everything; PostgreSQL was lost\n\n"
        "Exit code 0: nothing is missing now; 1: some documents are damaged, or it was stopped; 2: a store is away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        command_arguments.add_range(parser, by="event time")
        parser.add_argument("--dry-run", action="store_true", help="say what is missing, and change nothing")
        parser.add_argument("--json", action="store_true", help="write one JSON object")

    def handle(self, *, dry_run: bool, json: bool, **options: object) -> None:
        """Rebuild, say what was made, and exit 1 if some documents could not be used."""
        try:
            with until_told(Course()) as course:
                rebuilt = rebuild_rows.run(command_arguments.events(options), dry_run=dry_run, course=course)
        except Stopped as stopped:
            raise CommandError("Stopped. What was made stays; run it again to go on.") from stopped
        except (StoreUnavailable, NeedsOperator) as error:
            raise CommandError(f"Can't rebuild: {error}", returncode=2) from error
        self.stdout.write(_as_json(rebuilt) if json else "\n".join(_as_text(rebuilt, dry_run=dry_run)))
        if rebuilt.damaged:
            sys.exit(1)


def _as_json(rebuilt: Rebuilt) -> str:
    return json.dumps({"ok": not rebuilt.damaged, **rebuilt.as_dict()})


def _as_text(rebuilt: Rebuilt, *, dry_run: bool) -> Iterator[str]:
    yield f"{rebuilt.documents:,} documents read; {rebuilt.rows:,} rows {'are missing' if dry_run else 'made'}."
    if not dry_run:
        yield f"{rebuilt.hours:,} hours of sources summed up anew; {rebuilt.accounted:,} events added to the ledger."
    if rebuilt.left:
        yield f"{rebuilt.left:,} documents are left: the consumer has still to read their records, or was moved past them."
    if rebuilt.damaged:
        yield f"{rebuilt.damaged:,} documents are not what was stored, by their own hash, and were not used."
