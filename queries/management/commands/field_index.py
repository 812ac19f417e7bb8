"""`manage.py field_index`: declare indexes on fields of payloads, list and drop them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError, CommandParser

from ingestion.events import timestamps
from ingestion.management.command import add_dry_run, add_json
from processing.commandline.command import StoreCommand
from processing.field_indexes import declaring, listing
from processing.field_indexes import job as field_index_job
from processing.field_indexes.declaring import Malformed, Refused
from processing.field_indexes.listing import Declared, IndexState
from processing.jobs import foreground, queue
from processing.models import Job

WHO = "command line"


class Command(StoreCommand):
    help = (
        "Declare an index on a field of payloads, for the sources of a pattern: GET /data then filters by the field\n"
        "without a source and without a time range. Every month of events gets its index while consumers write and\n"
        "pages read; months to come have it from the start. It takes room, and time of the consumer with every event.\n\n"
        "  manage.py field_index add 'plant-*' temperature     all sources that begin with plant-\n"
        "  manage.py field_index add sensor-17 device.name     one source, a key within an object\n"
        "  manage.py field_index add '*' status                all sources\n"
        "  manage.py field_index list\n"
        "  manage.py field_index drop 'plant-*' temperature\n\n"
        "If it fails, or is cancelled, add it again: months that have the index keep it. SIGTERM leaves the rest to\n"
        "`manage.py run_jobs`, Ctrl-C cancels it; both after the month that it works on.\n"
        "Exit code 0: done; 1: interrupted, failed or refused, or one has failed (list); 2: wrong usage, or PostgreSQL is\n"
        "unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listed = actions.add_parser("list", help="show what is declared, and how many months have it")
        add = actions.add_parser("add", help="declare an index and make it, or make what a failed one lacks")
        drop = actions.add_parser("drop", help="drop a declared index")
        for action in (add, drop):
            action.add_argument("pattern", metavar="PATTERN", help="a source id, its beginning and a *, or * for all")
            action.add_argument("field", metavar="FIELD", help=declaring.FIELD_FORM)
            add_dry_run(action, "say whether it would be refused; change nothing")
        for action in (listed, add, drop):
            add_json(action)

    def handle(self, *, action: str, as_json: bool, **options: object) -> None:
        """Exit with 1 if an index has failed, or what was asked for is refused."""
        with self.store_errors():
            if action == "list":
                self._list(as_json=as_json)
                return
            pattern, field = str(options["pattern"]), str(options["field"])
            if options["dry_run"]:
                self._try(action, pattern, field, as_json=as_json)
            else:
                self._run(action, pattern, field, as_json=as_json)

    def _list(self, *, as_json: bool) -> None:
        found = listing.everything()
        text = "\n".join(map(_line, found)) or "No index is declared."
        ok = all(one.state != IndexState.FAILED for one in found)
        self.report({"indexes": [_shape(one) for one in found]}, text, as_json=as_json, ok=ok)

    def _try(self, action: str, pattern: str, field: str, *, as_json: bool) -> None:
        with _refusals():
            (declaring.try_add if action == "add" else declaring.try_drop)(pattern, field)
        verb = "added" if action == "add" else "dropped"
        shape = {"dryRun": True, "pattern": pattern, "field": field}
        self.report(shape, f"The index on {field} of {pattern} would be {verb}.", as_json=as_json)

    def _run(self, action: str, pattern: str, field: str, *, as_json: bool) -> None:
        request = declaring.add if action == "add" else declaring.drop
        with _refusals():
            job = request(pattern, field, who=WHO, worker=queue.new_worker())
        foreground.run(job, field_index_job.step, out=sys.stderr)
        shape = {"dryRun": False, "pattern": pattern, "field": field, "job": job.pk, "state": job.state}
        self.report(
            {**shape, "message": job.message}, f"{job.state}: {job.message}", as_json=as_json,
            ok=job.state == Job.State.DONE,
        )  # fmt: skip


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise CommandError(str(error), returncode=2 if isinstance(error, Malformed) else 1) from error


def _line(one: Declared) -> str:
    return f"{one.row.pattern}  {one.row.field}  {listing.in_words(one)}"


def _shape(one: Declared) -> dict[str, object]:
    return {
        "pattern": one.row.pattern,
        "field": one.row.field,
        "state": one.state,
        "finished": one.finished,
        "partitions": one.partitions,
        "detail": one.detail,
        "job": one.row.job_id,
        "createdAt": timestamps.to_whole_seconds(one.row.created_at),
        "createdBy": one.row.created_by,
    }
