"""`manage.py pack`: pack rollups and ledger now, as the scheduled job does every few hours."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

from ingestion.management.command import add_json
from processing import job_registry
from processing.commandline.command import StoreCommand
from processing.jobs import foreground, queue
from processing.models import Job
from processing.packing import job as packing_job


class Command(StoreCommand):
    help = (
        "Pack rollups and ledger: rollups that are older than two hours by day and source, minutes of the ledger that\n"
        "are older than two days by hour. No number changes, and nothing has to be stopped. `manage.py run_jobs` does\n"
        "it every six hours (DATAFLOW_PACK_EVERY_HOURS); after an upgrade it takes a while, about a minute for each\n"
        "three million rows.\n\n"
        "  manage.py pack\n\n"
        "SIGTERM leaves the rest to `manage.py run_jobs`, Ctrl-C cancels it; what is packed stays.\n"
        "Exit code 0: done; 1: interrupted or failed; 2: PostgreSQL is unavailable."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --json."""
        add_json(parser)

    def handle(self, **options: object) -> None:
        """Run the job here and report it."""
        with self.store_errors():
            job = packing_job.request(who="command line", worker=queue.new_worker())
            foreground.run(job, job_registry.steps()[job.kind], out=sys.stderr)
        found = {"job": job.pk, "state": job.state, "rows": job.done, "message": job.message}
        self.report(
            found, f"{job.message}." if job.message else job.state, as_json=bool(options["as_json"]),
            ok=job.state == Job.State.DONE,
        )  # fmt: skip
