"""`manage.py try_logic`: what a revision would do with history, before it is switched on."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import datetime
from typing import cast

from django.core.management.base import CommandError

from ingestion.management.command import add_json
from processing import job_registry
from processing.commandline.arguments import parse_time
from processing.commandline.command import StoreCommand
from processing.jobs import foreground, queue
from processing.logic.history import InvalidHistory
from processing.models import Job
from processing.trials import report_text
from processing.trials import request as trials
from processing.trials.request import TrialRequest


class Command(StoreCommand):
    help = (
        "Try a revision of the logic on events that are stored, and compare it with the current one: how many events\n"
        "would be stored, changed, tagged, rejected and dropped, by rule and by day, with examples. Nothing is\n"
        "written but the report.\n\n"
        "  manage.py try_logic --revision 7 --source 'weather-*' --from 2026-01-01\n\n"
        "SIGTERM leaves the rest to `manage.py run_jobs`, Ctrl-C cancels it.\n"
        "Exit code 0: done; 1: interrupted or failed; 2: wrong usage, or a store is unavailable."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the revision, the history and --json."""
        parser.add_argument("--revision", type=int, required=True, help="its number; 0: no logic")
        parser.add_argument(
            "--source",
            dest="sources",
            action="append",
            default=[],
            metavar="PATTERN",
            help="an id or pattern; may be repeated",
        )
        parser.add_argument(
            "--from", dest="since", type=parse_time, metavar="TIME", help="events at or after this event time"
        )
        parser.add_argument("--to", dest="until", type=parse_time, metavar="TIME", help="events before this event time")
        parser.add_argument("--limit", type=int, metavar="EVENTS", help="stop after so many")
        add_json(parser)

    def handle(self, **options: object) -> None:
        """Run the job here and report it."""
        wanted = TrialRequest(
            cast("int", options["revision"]), tuple(cast("list[str]", options["sources"])),
            cast("datetime | None", options["since"]), cast("datetime | None", options["until"]),
            cast("int | None", options["limit"]),
        )  # fmt: skip
        with self.store_errors():
            try:
                job = trials.request(wanted, who="command line", worker=queue.new_worker())
            except InvalidHistory as error:
                raise CommandError(str(error), returncode=2) from error
            foreground.run(job, job_registry.steps()[job.kind], out=sys.stderr)
        found = job.report or {}
        text = report_text.as_text(found) if job.report else f"Job {job.pk}, {job.state}: {job.message}"
        self.report(
            {"job": job.pk, "state": job.state, "message": job.message, **found}, text, as_json=bool(options["as_json"]),
            ok=job.state == Job.State.DONE,
        )  # fmt: skip
