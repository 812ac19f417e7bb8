"""`manage.py rebuild_documents`: restore lost raw documents from Kafka."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.management.base import CommandParser

from ingestion.management.command import add_dry_run, add_json
from processing.commandline import arguments
from processing.commandline.command import StoreCommand
from processing.recovery.rebuild import documents
from processing.recovery.rebuild.documents import Rebuilt


class Command(StoreCommand):
    help = (
        "Restore the raw documents that MongoDB has lost, for every row without one: from Kafka, as far back as the\n"
        "topic goes, and with --from-rows the others from their rows. The command may run beside consumers, be stopped\n"
        "at any time, and be repeated: docs/recovery.md.\n\n"
        "  manage.py rebuild_documents --dry-run              count the missing ones, and those that Kafka has\n"
        "  manage.py rebuild_documents --from 2026-03-01      those of events from this time on\n"
        "  manage.py rebuild_documents --from-rows            also those that Kafka no longer has\n\n"
        "Exit code 0: no document is missing now; 1: some are, or the command was stopped; 2: a store is unavailable."
    )
    json_indent = None

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_range(parser, by="event time")
        parser.add_argument(
            "--from-rows",
            action="store_true",
            help="restore what Kafka no longer has from the rows: the same values, in PostgreSQL's order and spelling,"
            " without CloudEvents' attributes",
        )
        add_dry_run(parser, "count what is missing; change nothing")
        add_json(parser)

    def handle(self, *, from_rows: bool, dry_run: bool, as_json: bool, **options: object) -> None:
        """Exit with 1 if rows remain without a document."""
        events = arguments.range_of(options)
        interrupted = "Stopped. Restored documents stay; run it again to continue."
        with self.long_run("Can't rebuild: ", interrupted=interrupted) as progress:
            rebuilt = documents.run(events, from_rows=from_rows, dry_run=dry_run, progress=progress)
        ok = not rebuilt.left
        self.report(
            {"ok": ok, **rebuilt.as_dict()}, "\n".join(_lines(rebuilt, dry_run=dry_run)), as_json=as_json, ok=ok
        )


def _lines(rebuilt: Rebuilt, *, dry_run: bool) -> Iterator[str]:
    verb = "can be restored" if dry_run else "restored"
    yield f"{rebuilt.missing:,} rows had no document."
    yield f"{rebuilt.from_kafka:,} documents {verb} from Kafka, {rebuilt.from_rows:,} from rows."
    if rebuilt.left:
        yield (
            f"{rebuilt.left:,} rows remain without one: Kafka no longer has their lines. --from-rows restores them from"
            " the rows."
        )
