"""`manage.py status`: the state of the pipeline in a word, a sentence and its numbers."""

from __future__ import annotations

import json
import sys
import time

from django.core.management.base import CommandParser

from dashboard.terminal import status
from dashboard.terminal.state import PipelineState, StateReader
from ingestion.auth.read_scope import EVERYTHING
from ingestion.management.command import OperatorCommand, add_json

CLEAR = "\x1b[H\x1b[2J"


class Command(OperatorCommand):
    help = (
        "Show the state of the pipeline: a word and a sentence, rates, what waits, open dead letters, held partitions,\n"
        "sources, servers, receivers and consumers. It is what the status line of every page says.\n\n"
        "  manage.py status\n"
        "  manage.py status --watch              again every two seconds, until Ctrl-C\n"
        "  manage.py status --watch --every 10 | tee pipeline.log      a line each time, where there is no terminal\n"
        "  manage.py status --json\n\n"
        "Exit code 0: healthy; 1: something needs somebody, even if somebody has acknowledged it, or is not known. With --watch it is that of the last look."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--watch", action="store_true", help="look again and again, until Ctrl-C")
        parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="between two looks; default: 2")
        add_json(parser)

    def handle(self, *, watch: bool, every: float, as_json: bool, **_options: object) -> None:
        """Exit with 1 unless the pipeline is healthy."""
        reader = StateReader(EVERYTHING)
        found = reader.read_with_rates()
        self._show(found, as_json=as_json, watch=watch)
        try:
            while watch:
                time.sleep(max(1.0, every))
                found = reader.read()
                self._show(found, as_json=as_json, watch=True)
        except KeyboardInterrupt:
            pass
        if not found.is_healthy:
            sys.exit(1)

    def _show(self, found: PipelineState, *, as_json: bool, watch: bool) -> None:
        terminal = self.terminal
        if as_json:
            self.stdout.write(json.dumps(found.shape(), ensure_ascii=False, indent=None if watch else 2))
        elif not watch:
            self.stdout.write(status.render(found, terminal))
        elif terminal.live:
            self.stdout.write(CLEAR + status.render(found, terminal))
        else:
            self.stdout.write(status.in_one_line(found))
        self.stdout.flush()
