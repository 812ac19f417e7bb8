"""`manage.py failing_sources`: list sources that are throttled, and let them send again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ingestion.events.timestamps import to_whole_seconds
from ingestion.management.command import add_dry_run, add_json
from ingestion.management.tables import Column, table
from ingestion.models import FailingSource
from processing.commandline.command import StoreCommand
from processing.partitions import failing_sources

WHO = "command line"
_COLUMNS = (Column("source set aside", least=16), Column("until"), Column("reason", least=20))


class Command(StoreCommand):
    default_action = "list"
    help = (
        "List the sources that are set aside, and let them send again. A source is set aside when 200 of its events in\n"
        "a row, or more than 200 of its last 1,000, became dead letters. These are kept; receivers answer the source 429\n"
        "`source_failing` for DATAFLOW_SOURCE_THROTTLE_SECONDS, twice as long each time it happens again within an hour.\n"
        "Other sources are not affected.\n\n"
        "  manage.py failing_sources                       which, until when and why\n"
        "  manage.py failing_sources resume sensor-17      let it send at once\n"
        "  manage.py failing_sources resume --all\n\n"
        "Exit code 0: done; 1: some are set aside (list), or the source is not (resume); 2: wrong usage, or a store is\n"
        "unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="show which, until when and why")
        resume = actions.add_parser("resume", help="let receivers take its events again, within seconds")
        resume.add_argument("source", nargs="?")
        resume.add_argument("--all", action="store_true", dest="everything", help="every source that is set aside")
        add_dry_run(resume)
        for action in (listing, resume):
            add_json(action)

    def handle(self, *, action: str, as_json: bool, **options: Any) -> None:
        """Exit with 1 if sources are set aside (list), or the source to resume is not (resume)."""
        with self.store_errors():
            found = list(failing_sources.throttled_now())
            if action == "list":
                rows = [(one.source_id, to_whole_seconds(one.until), one.reason) for one in found]
                text = "\n".join(table(_COLUMNS, rows, self.terminal)) if rows else "No source is set aside."
                self.report({"failing": [_shape(one) for one in found]}, text, as_json=as_json, ok=not found)
            else:
                self._resume(_chosen(found, **options), as_json=as_json, dry_run=options["dry_run"])

    def _resume(self, chosen: list[FailingSource], *, as_json: bool, dry_run: bool) -> None:
        if not dry_run:
            for one in chosen:
                failing_sources.resume(one.source_id, who=WHO)
        verb = "would be resumed" if dry_run else "resumed"
        text = "\n".join([f"{one.source_id}  {verb}" for one in chosen] or ["No source is set aside."])
        self.report({"dryRun": dry_run, "resumed": [_shape(one) for one in chosen]}, text, as_json=as_json)


def _chosen(
    found: list[FailingSource], *, source: str | None, everything: bool, **_options: object
) -> list[FailingSource]:
    if everything == (source is not None):
        raise CommandError("Name a source, or use --all.", returncode=2)
    chosen = [one for one in found if everything or one.source_id == source]
    if not chosen and not everything:
        raise CommandError(f"{source} is not set aside.")
    return chosen


def _shape(one: FailingSource) -> dict[str, object]:
    return {
        "sourceId": one.source_id,
        "since": to_whole_seconds(one.since),
        "until": to_whole_seconds(one.until),
        "times": one.times,
        "reason": one.reason,
    }
