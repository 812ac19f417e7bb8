"""`manage.py doctor`: look at everything that the product depends on."""

from __future__ import annotations

import json
import logging
import sys
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandParser

from dataflow_site.doctor import examination, report
from ingestion.management.command import OperatorCommand, add_json


class Command(OperatorCommand):
    help = (
        "Look at every server, version, right, topic, table, index, clock, volume, certificate and setting: what is wrong, how\n"
        "bad it is, and the command that mends it. Nothing is changed, and no secret is shown: docs/doctor.md.\n\n"
        "  manage.py doctor                     all checks, what is wrong last\n"
        "  manage.py doctor --only kafka        those of one group; may be repeated\n"
        "  manage.py doctor --json              for programs\n\n"
        "Exit code 0: all is well; 1: something is wrong; 2: wrong usage, or the settings can't be read."
    )

    def check(self, *_arguments: Any, **_options: Any) -> None:
        """Let wrong settings pass: they are among the findings."""

    def add_arguments(self, parser: CommandParser) -> None:
        names = [group.name for group in report.GROUPS]
        parser.add_argument(
            "--only", action="append", choices=names, metavar="GROUP", help=f"one of {', '.join(names)}"
        )
        parser.add_argument(
            "--seconds", type=_seconds, default=examination.SECONDS, help="how long each group may take (%(default)g)"
        )
        add_json(parser)

    def handle(self, *, only: list[str] | None, seconds: float, as_json: bool, **_options: object) -> None:
        """Exit with 1 if something is wrong."""
        groups = [group for group in report.GROUPS if only is None or group.name in only]
        # What clients log of a server that is down is among the findings.
        logging.disable(logging.CRITICAL)
        try:
            found = examination.examine(groups, seconds=seconds)
        finally:
            logging.disable(logging.NOTSET)
        shown = json.dumps(report.shape(found), indent=2, ensure_ascii=False) if as_json else report.text(found)
        self.stdout.write(shown)
        if not report.is_well(found):
            sys.exit(1)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 600:  # not with NaN either
        raise ArgumentTypeError("expected a number of seconds above 0, at most 600")
    return seconds
