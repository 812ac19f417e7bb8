"""`manage.py demo`: run the demo, and end it."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from ingestion.management.command import add_json
from processing import job_registry
from processing.commandline.command import StoreCommand
from processing.dead_letters import serializers
from processing.dead_letters.cli.arguments import between
from processing.demo import job as demo
from processing.demo import removal
from processing.demo.sources import SOURCES
from processing.jobs import foreground, queue
from processing.models import Job

WHO = "command line"


class Command(StoreCommand):
    default_action = "start"
    help = (
        "Send events of sources that are well and ill, so that every page has something to show. All are named demo.*,\n"
        "and come through the receiver as those of any other client:\n\n"
        + "\n".join(f"  {source.name:<24}{source.about}" for source in SOURCES)
        + "\n\n"
        "  manage.py demo                     for a quarter of an hour, or until Ctrl-C\n"
        "  manage.py demo start --minutes 60\n"
        "  manage.py demo remove              end it: its sources are disabled, its dead letters discarded\n\n"
        "Removed events stay in the stores: the ledger accounts for each, and nothing that is accounted for is deleted.\n\n"
        "Exit code 0: done; 1: no receiver takes the events, or it was stopped; 2: a store is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        start = actions.add_parser("start", help="run the demo")
        start.add_argument("--minutes", type=between(1, demo.MAX_MINUTES), default=demo.MINUTES)
        start.add_argument(
            "--address",
            default=f"http://127.0.0.1:{settings.INGESTION_SERVICE_PORT}",
            help="of the receiver; default: %(default)s",
        )
        remove = actions.add_parser("remove", help="end the demo")
        for action in (start, remove):
            add_json(action)

    def handle(self, *, action: str, as_json: bool, **options: Any) -> None:
        """Exit with 1 if no receiver takes the events, or a signal has ended it."""
        with self.store_errors():
            if action == "remove":
                self._remove(as_json=as_json)
            else:
                self._start(as_json=as_json, **options)

    def _start(self, *, as_json: bool, minutes: int, address: str, **_options: object) -> None:
        worker = queue.new_worker()
        job = demo.request(address=address, who=WHO, minutes=minutes, worker=worker)
        if job.worker != worker:
            self.report({"job": serializers.job(job)}, f"The demo runs already, as job {job.pk}.", as_json=as_json)
            return
        foreground.run(job, job_registry.feeds()[demo.KIND], out=sys.stderr)
        sent = f"{job.place.get('sent', 0):,} events were sent. {'' if job.state == Job.State.DONE else job.message}"
        text = f"{sent.strip()}\nTo end the demo: manage.py demo remove"
        self.report({"job": serializers.job(job)}, text, as_json=as_json, ok=job.state == Job.State.DONE)

    def _remove(self, *, as_json: bool) -> None:
        done = removal.remove(who=WHO)
        shape = {"cancelled": done.cancelled, "disabled": done.disabled, "letters": done.letters}
        text = (
            f"{done.disabled} sources are disabled, {done.letters:,} dead letters are being discarded."
            " Stored events stay: the ledger accounts for them."
        )
        self.report({**shape, "jobs": [serializers.job(job) for job in done.jobs]}, text, as_json=as_json)
