"""Shows dead letters, sends them once more, or gives them up."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error as DatabaseError
from psycopg.errors import QueryCanceled

from ingestion import timestamps
from ingestion.contract import InvalidEvent
from ingestion.management.command import OperatorCommand
from processing import foreground, job_kinds, jobs
from processing.failures import POSTGRESQL_AWAY, NeedsOperator, StoreUnavailable, postgresql_in_words
from processing.letters import arguments as letter_arguments
from processing.letters import as_json, discard, redrive, rehearsal
from processing.letters import report as letter_report
from processing.letters import selection as letters
from processing.letters.revision import revise
from processing.letters.selection import Selection
from processing.models import DeadLetter, Job

WHO = "command line"


class Command(OperatorCommand):
    help = (
        "Show dead letters, send them once more (redrive), or give them up (discard). The last two are jobs, which the\n"
        "admin shows too: Ctrl-C cancels one after the chunk in hand, SIGTERM leaves the rest to `manage.py run_jobs`.\n"
        "They take letters that are open; parked ones and those sent before only with --state, parked ones also by --id.\n\n"
        "  manage.py dead_letters list --reason not_json --since 2026-03-01\n"
        "  manage.py dead_letters show 17\n"
        "  manage.py dead_letters redrive --source sensor-123 --dry-run       what would become of them now\n"
        "  manage.py dead_letters redrive --source sensor-123 --rate 200      at most 200 events/s\n"
        "  manage.py dead_letters redrive --id 17 --edited event.json         with other content\n"
        "  manage.py dead_letters discard --source test-rig --note 'a test of the sender'\n\n"
        "A letter is `sent` then, and `stored` as soon as a consumer has its event. Exit code 0: done; 1: there is no\n"
        "such letter, a dry run found that some fail again, or the job did not end by itself; 2: wrong usage, or a\n"
        "store is away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="list them, the newest first")
        show = actions.add_parser("show", help="show one with what was sent and what was done about it")
        redriving = actions.add_parser("redrive", help="send them once more")
        discarding = actions.add_parser("discard", help="give them up; --note says why")
        for action in (listing, redriving, discarding):
            letter_arguments.add_filters(action)
        for action in (redriving, discarding):
            action.add_argument(
                "--all", action="store_true", dest="everything", help="without any filter: all open ones"
            )
            action.add_argument("--note", default="", help="for the history of each letter")
            action.add_argument(
                "--dry-run", action="store_true", help="say what would become of them, and change nothing"
            )
        for action in (listing, show, redriving, discarding):
            action.add_argument("--json", action="store_true", help="write one JSON object")
        listing.add_argument(
            "--limit",
            type=letter_arguments.between(1, letters.MOST_COUNTED),
            default=50,
            help="of letters that are listed",
        )
        show.add_argument("number", type=int)
        redriving.add_argument(
            "--rate", type=letter_arguments.between(1, redrive.MAX_RATE), help="events a second at most"
        )
        redriving.add_argument(
            "--edited", metavar="FILE", help="send this event instead, of one --id; - reads standard input"
        )

    def handle(self, *, action: str, **options: Any) -> None:
        """Do it and say what was done."""
        act: Callable[[dict[str, Any]], bool] = getattr(self, f"_{action}")
        try:
            well = act(options)
        except (StoreUnavailable, NeedsOperator) as error:
            raise CommandError(str(error), returncode=2) from error
        except POSTGRESQL_AWAY as error:
            raise CommandError(_what_failed(error), returncode=2) from error
        if not well:
            sys.exit(1)

    def _list(self, options: dict[str, Any]) -> bool:
        chosen = letter_arguments.selection(options).query()
        total = letters.count(chosen)
        found = list(chosen.select_related("topic").defer("raw", "edited").order_by("-id")[: options["limit"]])
        shapes = {**as_json.counted(total), "letters": [as_json.letter(one) for one in found]}
        self._say(shapes, letter_report.table(found, total=total), options)
        return True

    def _show(self, options: dict[str, Any]) -> bool:
        letter = _find(options["number"])
        self._say(as_json.detail(letter, whole=True), letter_report.page(letter), options)
        return True

    def _redrive(self, options: dict[str, Any]) -> bool:
        if options["edited"] is not None:
            return self._redrive_edited(options)
        selection = _deliberate(options)
        if options["dry_run"]:
            return self._rehearsed(rehearsal.rehearse(selection), options)
        job = redrive.request(selection, who=WHO, rate=options["rate"], note=options["note"], worker=jobs.new_worker())
        return self._run(job, options)

    def _redrive_edited(self, options: dict[str, Any]) -> bool:
        if len(options["ids"]) != 1:
            raise CommandError("--edited is for one letter: say which by --id.", returncode=2)
        letter, text, now = _find(options["ids"][0]), _read(options["edited"]), timestamps.now()
        try:
            if options["dry_run"]:
                return self._rehearsed(rehearsal.rehearse_edited(letter, revise(letter, text, now=now)), options)
            job = redrive.request_edited(letter, text, who=WHO, now=now, note=options["note"], worker=jobs.new_worker())
        except InvalidEvent as error:
            raise CommandError(f"{error.code}: {error.detail}", returncode=2) from error
        except redrive.NotMendable as error:
            raise CommandError(f"Letter {letter.pk} is {letter.state}: there is nothing to edit.") from error
        return self._run(job, options)

    def _discard(self, options: dict[str, Any]) -> bool:
        selection = _deliberate(options)
        if options["dry_run"]:
            found = as_json.to_discard(selection)
            self._say({"dryRun": True, **found}, f"{found['total']:,} would be discarded.", options)
            return True
        if not options["note"]:
            raise CommandError("Say why, by --note.", returncode=2)
        return self._run(discard.request(selection, who=WHO, note=options["note"], worker=jobs.new_worker()), options)

    def _rehearsed(self, outcome: rehearsal.Rehearsal, options: dict[str, Any]) -> bool:
        self._say({"dryRun": True, **as_json.rehearsed(outcome)}, str(outcome), options)
        return not outcome.failing

    def _run(self, job: Job, options: dict[str, Any]) -> bool:
        foreground.run(job, job_kinds.steps()[job.kind], out=sys.stderr)
        self._say({"job": as_json.job(job)}, letter_report.ending(job), options)
        return job.state == Job.State.DONE

    def _say(self, shape: Mapping[str, object], text: str, options: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(shape, indent=2, ensure_ascii=False) if options["json"] else text)


def _deliberate(options: dict[str, Any]) -> Selection:
    """Give what is chosen, of whoever says that everything is meant where that is so."""
    selection = letter_arguments.selection(options)
    if options["everything"] == bool(selection.to_mapping()):
        raise CommandError("Say which letters by filters, or --all.", returncode=2)
    return selection


def _find(number: int) -> DeadLetter:
    letter = DeadLetter.objects.select_related("topic").filter(pk=number).first()
    if letter is None:
        raise CommandError(f"There is no dead letter {number}.")
    return letter


def _what_failed(error: DatabaseError) -> str:
    if isinstance(error.__cause__, QueryCanceled):
        return "PostgreSQL would take too long: choose fewer letters, by --reason, --source or --since."
    return postgresql_in_words(error)


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name} can't be read: {error.strerror}", returncode=2) from error
