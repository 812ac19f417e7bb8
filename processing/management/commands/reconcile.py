"""Proves that nothing is lost, doubled or unaccounted for."""

from __future__ import annotations

import json
import sys

from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import OperatorCommand
from processing import command_arguments
from processing.course import Course, Stopped, until_told
from processing.event_range import EventRange
from processing.failures import NeedsOperator, StoreUnavailable
from processing.recovery import reconcile, reconcile_text
from processing.recovery import repair as repairs
from processing.recovery.reconcile import Report
from processing.recovery.repair import Mended


class Command(OperatorCommand):
    help = (
        "Count again what Kafka, MongoDB and PostgreSQL hold, at one snapshot of progress, and compare. Changes\n"
        "nothing unless told to, and may run beside consumers.\n\n"
        "  manage.py reconcile                       the equation per source, what is proven, what differs\n"
        "  manage.py reconcile --source sensor-123   judge one source alone\n"
        "  manage.py reconcile --from 2026-03-01 --to 2026-03-02    judge what was received on one day\n"
        "  manage.py reconcile --repair --dry-run    what a repair would do\n"
        "  manage.py reconcile --repair              mend what differs, and count again\n"
        "  manage.py reconcile --repair --source sensor-123         mend everything, then judge one source\n"
        "  manage.py reconcile --json                for programs\n\n"
        "A repair gives up nothing that cannot be had again: what no store has any more stays a difference. It mends\n"
        "everything; --from, --to and --source say what the report and the exit code are about.\n\n"
        "Exit code 0: all agree; 1: something differs, or it was stopped; 2: it can't be told, a store is away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        command_arguments.add_range(parser, by="time received")
        parser.add_argument("--repair", action="store_true", help="mend what differs, whatever is judged")
        parser.add_argument("--dry-run", action="store_true", help="with --repair: say what would be done")
        parser.add_argument("--json", action="store_true", help="write one JSON object")

    def handle(self, *, repair: bool, dry_run: bool, json: bool, **options: object) -> None:
        """Compare, say what was found, and exit 1 on any difference."""
        events = command_arguments.events(options)
        if dry_run and not repair:
            raise CommandError("--dry-run is about --repair: without it nothing is changed.", returncode=2)
        mended = self._mended(events, dry_run=dry_run) if repair else Mended(self._compared(events))
        self.stdout.write(_as_json(mended, repair=repair) if json else _as_text(mended, dry_run=dry_run))
        if not mended.report.ok:
            sys.exit(1)

    def _compared(self, events: EventRange) -> Report:
        try:
            with until_told(Course()) as course:
                return reconcile.run(events, course=course)
        except Stopped as stopped:
            raise CommandError("Stopped; nothing was changed.") from stopped
        except (StoreUnavailable, NeedsOperator) as error:
            raise CommandError(f"Can't tell: {error}", returncode=2) from error

    def _mended(self, events: EventRange, *, dry_run: bool) -> Mended:
        try:
            with until_told(Course()) as course:
                return repairs.run(events, dry_run=dry_run, course=course)
        except Stopped as stopped:
            raise CommandError("Stopped. What was mended stays; run it again to go on.") from stopped
        except (StoreUnavailable, NeedsOperator) as error:
            raise CommandError(f"Can't repair: {error}", returncode=2) from error


def _as_json(mended: Mended, *, repair: bool) -> str:
    done = {"repaired": dict(mended.done)} if repair else {}
    return json.dumps({**reconcile.shape(mended.report), **done}, indent=2, ensure_ascii=False)


def _as_text(mended: Mended, *, dry_run: bool) -> str:
    verb = "To be repaired" if dry_run else "Repaired"
    done = [f"  {count:>7,}  {repairs.MEANINGS[name]}" for name, count in mended.done.items()]
    return "\n".join([reconcile_text.render(mended.report), *(["", f"{verb}:", *done] if done else [])])
