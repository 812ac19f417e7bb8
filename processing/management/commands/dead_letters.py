"""`manage.py dead_letters`: list, show, redrive and discard dead letters."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError
from psycopg.errors import QueryCanceled

from ingestion.auth.read_scope import EVERYTHING
from ingestion.events import timestamps
from ingestion.events.model import InvalidEvent
from ingestion.management.command import add_dry_run, add_json
from processing import job_registry
from processing.commandline.command import StoreCommand
from processing.dead_letters import dry_run, filters, redrive, serializers
from processing.dead_letters.cli import arguments, groups, output
from processing.dead_letters.closing import discard
from processing.dead_letters.dry_run import DryRun
from processing.dead_letters.edit import edit_letter
from processing.dead_letters.filters import LetterFilter
from processing.dead_letters.mending import steps
from processing.dead_letters.mending.steps import Mend
from processing.jobs import foreground, queue
from processing.models import DeadLetter, Job

WHO = "command line"


class Command(StoreCommand):
    default_action = "list"
    help = (
        "List or show dead letters, send them to Kafka again (redrive), or close them unprocessed (discard). Redrive and\n"
        "discard are jobs, which the admin shows too: Ctrl-C cancels a job after the current chunk, SIGTERM leaves the\n"
        "rest of it to `manage.py run_jobs`. They take open letters. Parked and sent ones need --state, or, if parked,\n"
        "--id.\n\n"
        "  manage.py dead_letters                                             list, open ones first\n"
        "  manage.py dead_letters --group --state open                        by cause\n"
        "  manage.py dead_letters list --reason not_json --since 2026-03-01\n"
        "  manage.py dead_letters show 17\n"
        "  manage.py dead_letters redrive --source sensor-123 --dry-run       test what would happen now\n"
        "  manage.py dead_letters redrive --source sensor-123 --rate 200      at most 200 events/s\n"
        "  manage.py dead_letters redrive --id 17 --edited event.json         with other content\n"
        "  manage.py dead_letters discard --source test-rig --note 'a test of the sender'\n\n"
        "A redriven letter is `sent`, and `stored` as soon as a consumer has stored its event. Exit code 0: done;\n"
        "1: there is no such letter, some would fail again (dry run), or the job was not completed; 2: wrong usage, or a\n"
        "store is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="list dead letters, open ones first, the newest first")
        show = actions.add_parser("show", help="show one, with what was sent and its history")
        redriving = actions.add_parser("redrive", help="send dead letters to Kafka again")
        discarding = actions.add_parser("discard", help="close dead letters unprocessed; --note gives the reason")
        for action in (listing, redriving, discarding):
            arguments.add_filters(action)
        for action in (redriving, discarding):
            action.add_argument(
                "--all", action="store_true", dest="everything", help="without any filter: every open letter"
            )
            action.add_argument("--note", default="", help="for the history of each letter")
            add_dry_run(action)
        for action in (listing, show, redriving, discarding):
            add_json(action)
        listing.add_argument(
            "--limit",
            type=arguments.between(1, filters.MAX_COUNTED),
            default=50,
            help="letters or causes to list; default: 50",
        )
        listing.add_argument("--group", action="store_true", help="list causes with the number of their letters")
        show.add_argument("number", type=int)
        redriving.add_argument(
            "--rate", type=arguments.between(1, redrive.MAX_RATE), help="at most this many events per second"
        )
        redriving.add_argument(
            "--mend", metavar="FILE", help="change each by these steps (docs/dead-letters.md); - reads standard input"
        )
        redriving.add_argument(
            "--edited", metavar="FILE", help="send this event instead, for one --id; - reads standard input"
        )

    def handle(self, *, action: str, **options: Any) -> None:
        """Exit with 1 if there is no such letter, a dry run fails, or the job was not completed."""
        act: Callable[[dict[str, Any]], None] = getattr(self, f"_{action}")
        with self.store_errors(), _slow_queries():
            act(options)

    def _list(self, options: dict[str, Any]) -> None:
        chosen = arguments.selection(options).query()
        limit = options["limit"]
        if options["group"]:
            causes = groups.by_cause(chosen, limit)
            text = output.cause_table(causes, limit=limit, terminal=self.terminal)
            self.report({"causes": [cause.shape() for cause in causes]}, text, as_json=options["as_json"])
            return
        total = filters.count(chosen)
        found = groups.open_first(chosen, limit)
        shapes = {**serializers.counted(total), "letters": [serializers.letter(one, scope=EVERYTHING) for one in found]}
        self.report(shapes, output.letter_table(found, total=total, terminal=self.terminal), as_json=options["as_json"])

    def _show(self, options: dict[str, Any]) -> None:
        letter = _find(options["number"])
        self.report(
            {**serializers.detail(letter, scope=EVERYTHING, whole=True)},
            output.letter_page(letter),
            as_json=options["as_json"],
        )

    def _redrive(self, options: dict[str, Any]) -> None:
        if options["edited"] is not None:
            self._redrive_edited(options)
            return
        selection, mend = _require_filters(options), _mend(options)
        if options["dry_run"]:
            self._report_dry_run(dry_run.dry_run(selection, mend=mend), options)
            return
        job = redrive.request(
            selection, who=WHO, rate=options["rate"], note=options["note"], mend=mend, worker=queue.new_worker()
        )
        self._run_job(job, options)

    def _redrive_edited(self, options: dict[str, Any]) -> None:
        if len(options["ids"]) != 1:
            raise CommandError("--edited is for one letter: name it by --id.", returncode=2)
        letter, text, now = _find(options["ids"][0]), _read(options["edited"]), timestamps.now()
        try:
            if options["dry_run"]:
                outcome = dry_run.dry_run_edited(letter, edit_letter(letter, text, now=now))
                self._report_dry_run(outcome, options)
                return
            job = redrive.request_edited(
                letter, text, who=WHO, now=now, note=options["note"], worker=queue.new_worker()
            )
        except InvalidEvent as error:
            raise CommandError(f"{error.code}: {error.detail}", returncode=2) from error
        except redrive.NotRedrivable as error:
            raise CommandError(f"Letter {letter.pk} is {letter.state}: it can't be edited.") from error
        self._run_job(job, options)

    def _discard(self, options: dict[str, Any]) -> None:
        selection = _require_filters(options)
        if options["dry_run"]:
            found = serializers.discard_dry_run(selection)
            text = f"{found['total']:,} would be discarded."
            self.report({"dryRun": True, **found}, text, as_json=options["as_json"])
            return
        if not options["note"]:
            raise CommandError("Give the reason by --note.", returncode=2)
        self._run_job(discard.request(selection, who=WHO, note=options["note"], worker=queue.new_worker()), options)

    def _report_dry_run(self, outcome: DryRun, options: dict[str, Any]) -> None:
        shape = {"dryRun": True, **serializers.redrive_dry_run(outcome)}
        self.report(shape, str(outcome), as_json=options["as_json"], ok=not (outcome.failing or outcome.unfixed))

    def _run_job(self, job: Job, options: dict[str, Any]) -> None:
        foreground.run(job, job_registry.steps()[job.kind], out=sys.stderr)
        done = job.state == Job.State.DONE
        self.report({"job": serializers.job(job)}, output.job_result(job), as_json=options["as_json"], ok=done)


def _require_filters(options: dict[str, Any]) -> LetterFilter:
    """Return the selection. Raise CommandError unless there is either a filter or --all."""
    selection = arguments.selection(options)
    if options["everything"] == bool(selection.to_mapping()):
        raise CommandError("Choose letters by filters, or use --all.", returncode=2)
    return selection


def _mend(options: dict[str, Any]) -> Mend | None:
    """Return the steps that change each letter; None without any."""
    if options["mend"] is None:
        return None
    try:
        return steps.from_json(json.loads(_read(options["mend"])))
    except (ValueError, steps.InvalidMend) as error:
        raise CommandError(f"--mend: {error}", returncode=2) from error


@contextmanager
def _slow_queries() -> Iterator[None]:
    """Ask for a narrower selection when PostgreSQL cancels a statement that takes too long."""
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            text = "PostgreSQL would take too long: choose fewer letters, by --reason, --source or --since."
            raise CommandError(text, returncode=2) from error
        raise


def _find(number: int) -> DeadLetter:
    letter = DeadLetter.objects.select_related("topic").filter(pk=number).first()
    if letter is None:
        raise CommandError(f"There is no dead letter {number}.")
    return letter


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name} can't be read: {error.strerror}", returncode=2) from error
