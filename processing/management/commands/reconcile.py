"""Proves that nothing is lost, doubled or unaccounted for."""

from __future__ import annotations

import json
import sys
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing import reconcile, reconcile_text
from processing.failures import NeedsOperator, StoreUnavailable


class Command(BaseCommand):
    help = (
        "Count again what Kafka, MongoDB and PostgreSQL hold, at one snapshot of progress, and compare. Changes\n"
        "nothing, and may run beside consumers.\n\n"
        "  manage.py reconcile                       the equation per source, what is proven, what differs\n"
        "  manage.py reconcile --source sensor-123   list one source alone\n"
        "  manage.py reconcile --json                for programs\n\n"
        "Exit code 0: all agree; 1: something differs; 2: it can't be told, a store is away."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--source", help="list this source alone; everything is counted all the same")
        parser.add_argument("--json", action="store_true", help="write one JSON object")

    def handle(self, *, source: str | None, json: bool, **_options: object) -> None:
        """Compare, say what was found, and exit 1 on any difference."""
        try:
            report = reconcile.run(source=source)
        except (StoreUnavailable, NeedsOperator) as error:
            raise CommandError(f"Can't tell: {error}", returncode=2) from error
        self.stdout.write(_as_json(report) if json else reconcile_text.render(report))
        if not report.ok:
            sys.exit(1)


def _as_json(report: reconcile.Report) -> str:
    return json.dumps(reconcile.shape(report), indent=2, ensure_ascii=False)
