"""`manage.py replay`: take stored events through a revision of logic again."""

from __future__ import annotations

import sys
from datetime import datetime

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from ingestion.management.command import add_dry_run, add_json
from processing import job_registry
from processing.commandline import arguments
from processing.commandline.command import StoreCommand
from processing.dead_letters import serializers
from processing.dead_letters.cli.arguments import between
from processing.jobs import foreground, queue
from processing.logic.history import InvalidHistory
from processing.logic.revisions import rows
from processing.models import Job
from processing.replays import request
from processing.replays.request import ReplayRequest
from processing.trials import report_text

WHO = "command line"


class Command(StoreCommand):
    help = (
        "Take stored events through a revision of logic: rows, tags and rollups become what they would be had the\n"
        "events arrived under it. Documents stay as they are. To undo it, replay the same events by the revision before.\n\n"
        "  manage.py replay --source 'noaa.*' --from 2014-01-01 --to 2015-01-01 --dry-run    count what would change\n"
        "  manage.py replay --source 'noaa.*' --from 2014-01-01 --to 2015-01-01              by the current revision\n"
        "  manage.py replay --revision 0                                                     undo all logic\n\n"
        "Consumers go on. It may be killed at any time and be repeated; SIGTERM leaves the rest to `manage.py run_jobs`,\n"
        "Ctrl-C cancels it: what was replayed stays.\n"
        "Exit code 0: done; 1: interrupted or failed; 2: wrong usage, or a store is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--revision", type=int, metavar="N", help="default: the current one; 0: no logic")
        parser.add_argument(
            "--source", action="append", default=[], dest="sources", metavar="PATTERN",
            help="a source id, or its beginning and a *; may be repeated; default: all",
        )  # fmt: skip
        parser.add_argument("--from", dest="since", type=arguments.parse_time, metavar="TIME", help="event time")
        parser.add_argument("--to", dest="until", type=arguments.parse_time, metavar="TIME", help="not included")
        parser.add_argument("--rate", type=between(1, request.MAX_RATE), help="at most this many events per second")
        parser.add_argument("--publish", action="store_true", help="publish changed events to processed-data, too")
        parser.add_argument(
            "--letters", action="store_true", help="then redrive the open dead letters that rules and schemas made"
        )
        add_dry_run(parser, "count what would change; change nothing")
        add_json(parser)

    def handle(self, *, as_json: bool, **options: object) -> None:
        """Exit with 1 if the job was not completed."""
        with self.store_errors():
            try:
                job = request.request(_wanted(options), who=WHO, worker=queue.new_worker())
            except InvalidHistory as error:
                raise CommandError(str(error), returncode=2) from error
            foreground.run(job, job_registry.steps()[job.kind], out=sys.stderr)
        done = job.state == Job.State.DONE
        found = job.report or {}
        text = f"Replay {job.pk} {job.state}: {job.message}."
        if "outcomes" in found:
            text += f"\n\n{report_text.as_text(found)}"
        self.report({"job": serializers.job(job), **found}, text, as_json=as_json, ok=done)


def _wanted(options: dict[str, object]) -> ReplayRequest:
    number, sources, rate = options["revision"], options["sources"], options["rate"]
    assert number is None or isinstance(number, int)
    assert isinstance(sources, list)
    assert rate is None or isinstance(rate, int)
    since, until = options["since"], options["until"]
    assert since is None or isinstance(since, datetime)
    assert until is None or isinstance(until, datetime)
    return ReplayRequest(
        revision=_current() if number is None else number,
        sources=tuple(map(str, sources)),
        since=since,
        until=until,
        dry_run=options["dry_run"] is True,
        rate=rate,
        publish=options["publish"] is True,
        letters=options["letters"] is True,
    )


def _current() -> int:
    with connection.cursor() as cursor:
        return rows.current(cursor).number
