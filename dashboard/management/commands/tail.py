"""`manage.py tail`: events as they are stored."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from django.core.management.base import CommandError, CommandParser

from dashboard.terminal import tail
from dashboard.terminal.tail import Tail
from ingestion.auth.read_scope import EVERYTHING
from ingestion.events.pattern_form import WHOLE_FORM, is_pattern
from ingestion.management.command import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Show events as they are stored, until Ctrl-C: when, the source, the payload as far as there is room. They come by\n"
        "the live feed, which carries twenty events of each consumer four times a second. What is left out, and how many\n"
        "became dead letters or were dropped, is said on standard error.\n\n"
        "  manage.py tail\n"
        "  manage.py tail 'plant-*' meter-7\n"
        "  manage.py tail --json | jq .payload.temperature      one event a line\n"
        "  manage.py tail --last 0 --limit 1                    wait for the next event\n\n"
        "Exit code 0: stopped, or --limit is reached; 2: wrong usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("patterns", nargs="*", metavar="SOURCE", help="an id, or a beginning of ids and *")
        parser.add_argument("--last", type=int, default=10, help="stored events to begin with; default: 10")
        parser.add_argument("--limit", type=int, help="stop after so many events")
        parser.add_argument("--json", action="store_true", dest="as_json", help="write a JSON object for each event")

    def handle(self, *, patterns: list[str], last: int, limit: int | None, as_json: bool, **_options: object) -> None:
        """Exit with 2 if a pattern is not one."""
        wrong = next((each for each in patterns if not is_pattern(each)), None)
        if wrong is not None:
            raise CommandError(f"{wrong}: expected {WHOLE_FORM}.", returncode=2)
        terminal = self.terminal
        shown = Tail(patterns, self._write, self._note, terminal, as_json=as_json, limit=limit)
        with suppress(KeyboardInterrupt):
            asyncio.run(tail.follow(shown, last=max(0, last), scope=EVERYTHING))

    def _write(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _note(self, text: str) -> None:
        # Not as an error, in red.
        self.stderr.write(f"… {text}", lambda line: line)
