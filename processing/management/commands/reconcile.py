"""`manage.py reconcile`: prove that nothing is lost, duplicated or unaccounted for."""

from __future__ import annotations

from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import add_dry_run, add_json
from ingestion.management.terminal import Terminal
from processing.commandline import arguments
from processing.commandline.command import StoreCommand
from processing.commandline.event_range import EventRange
from processing.recovery.reconcile import reconcile, report_text
from processing.recovery.reconcile.reconcile import Report
from processing.recovery.repair import repair
from processing.recovery.repair.repair import Repaired


class Command(StoreCommand):
    help = (
        "Count what Kafka, MongoDB and PostgreSQL hold, at one snapshot of the consumers' progress, and compare the\n"
        "counts. Without --repair nothing is changed. The command may run beside consumers.\n\n"
        "  manage.py reconcile                       the equation per source, what is proven, what differs\n"
        "  manage.py reconcile --source sensor-123   report on one source\n"
        "  manage.py reconcile --from 2026-03-01 --to 2026-03-02    report on what was received on one day\n"
        "  manage.py reconcile --repair --dry-run    show what a repair would do\n"
        "  manage.py reconcile --repair              repair what differs, and count again\n"
        "  manage.py reconcile --repair --source sensor-123         repair everything, then report on one source\n"
        "  manage.py reconcile --json                for programs\n\n"
        "A repair deletes nothing that cannot be restored: what no store has any more stays a difference. It always\n"
        "repairs everything; --from, --to and --source narrow only the report and the exit code.\n\n"
        "Exit code 0: all agree; 1: something differs, or the command was stopped; 2: unknown, a store is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_range(parser, by="time received")
        parser.add_argument("--repair", action="store_true", help="repair everything that differs")
        add_dry_run(parser, "with --repair: report what would be done; change nothing")
        add_json(parser)

    def handle(self, *, repair: bool, dry_run: bool, as_json: bool, **options: object) -> None:
        """Exit with 1 on any difference."""
        events = arguments.range_of(options)
        if dry_run and not repair:
            raise CommandError("--dry-run needs --repair: without it nothing is changed.", returncode=2)
        repaired = self._repair(events, dry_run=dry_run) if repair else Repaired(self._compare(events))
        done = {"repaired": dict(repaired.done)} if repair else {}
        self.report(
            {**reconcile.shape(repaired.report), **done},
            _text(repaired, self.terminal, dry_run=dry_run),
            as_json=as_json,
            ok=repaired.report.ok,
        )

    def _compare(self, events: EventRange) -> Report:
        with self.long_run("Can't tell: ", interrupted="Stopped; nothing was changed.") as progress:
            return reconcile.run(events, progress=progress)

    def _repair(self, events: EventRange, *, dry_run: bool) -> Repaired:
        interrupted = "Stopped. Finished repairs stay; run it again to continue."
        with self.long_run("Can't repair: ", interrupted=interrupted) as progress:
            return repair.run(events, dry_run=dry_run, progress=progress)


def _text(repaired: Repaired, terminal: Terminal, *, dry_run: bool) -> str:
    verb = "To be repaired" if dry_run else "Repaired"
    done = [f"  {count:>7,}  {repair.MEANINGS[name]}" for name, count in repaired.done.items()]
    return "\n".join([report_text.render(repaired.report, terminal), *(["", f"{verb}:", *done] if done else [])])
