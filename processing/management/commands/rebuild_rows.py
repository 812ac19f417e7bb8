"""`manage.py rebuild_rows`: restore lost rows from the raw documents."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.management.base import CommandParser

from ingestion.management.command import add_dry_run, add_json
from processing.commandline import arguments
from processing.commandline.command import StoreCommand
from processing.recovery.rebuild import rows
from processing.recovery.rebuild.rows import Rebuilt


class Command(StoreCommand):
    help = (
        "Restore the rows that PostgreSQL has lost from MongoDB's documents: events, rollups, latest values, and the\n"
        "ledger's counts of them. Events that the consumer has not read yet are left to it. The command may run beside\n"
        "consumers, be stopped at any time, and be repeated: docs/recovery.md.\n\n"
        "  manage.py rebuild_rows --from 2026-03-01 --to 2026-04-01    a lost month, by event time\n"
        "  manage.py rebuild_rows --source sensor-123 --dry-run        count the missing rows of a source\n"
        "  manage.py rebuild_rows                                      everything, after PostgreSQL was lost\n\n"
        "Exit code 0: no row is missing now; 1: some documents are damaged, or the command was stopped;\n"
        "2: a store is unavailable."
    )
    json_indent = None

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_range(parser, by="event time")
        add_dry_run(parser, "count what is missing; change nothing")
        add_json(parser)

    def handle(self, *, dry_run: bool, as_json: bool, **options: object) -> None:
        """Exit with 1 if some documents could not be used."""
        events = arguments.range_of(options)
        with self.long_run(
            "Can't rebuild: ", interrupted="Stopped. Restored rows stay; run it again to continue."
        ) as progress:
            rebuilt = rows.run(events, dry_run=dry_run, progress=progress)
        ok = not rebuilt.damaged
        self.report(
            {"ok": ok, **rebuilt.as_dict()}, "\n".join(_lines(rebuilt, dry_run=dry_run)), as_json=as_json, ok=ok
        )


def _lines(rebuilt: Rebuilt, *, dry_run: bool) -> Iterator[str]:
    yield f"{rebuilt.documents:,} documents read; {rebuilt.rows:,} rows {'are missing' if dry_run else 'restored'}."
    if not dry_run:
        yield f"{rebuilt.hours:,} hours of sources rolled up again; {rebuilt.accounted:,} events added to the ledger."
    if rebuilt.left:
        yield f"{rebuilt.left:,} documents were left alone: the consumer has not read their records yet, or skipped them."
    if rebuilt.damaged:
        yield f"{rebuilt.damaged:,} documents were not used: they do not match their own hash."
