"""`manage.py sources`: how each source is and why, worst first."""

from __future__ import annotations

from datetime import UTC, datetime

from django.core.management.base import CommandError, CommandParser

from dashboard.terminal import sources
from ingestion.auth.read_scope import EVERYTHING
from ingestion.management.command import add_json
from ingestion.management.postgres_refusals import why_unavailable
from processing.commandline.command import StoreCommand
from queries.reads.postgres import ReadUnavailable
from queries.request.pagination import MAX_LIMIT
from queries.sources.health import listing
from queries.sources.health.listing import SORTS, HealthQuery
from queries.sources.health.state import STATES, State


class Command(StoreCommand):
    help = (
        "List sources with how they are and why, worst first: held, failing, silent, late, skewed, new, disabled, live.\n"
        "Narrow terminals show fewer columns.\n\n"
        "  manage.py sources\n"
        "  manage.py sources press                       those with `press` in their id\n"
        "  manage.py sources --state failing --limit 200\n"
        "  manage.py sources --sort seen --json\n\n"
        "Exit code 0: done; 2: PostgreSQL is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("part", nargs="?", default="", help="a part of the id")
        parser.add_argument("--state", choices=STATES)
        parser.add_argument("--sort", choices=SORTS, default="worst", help="default: worst")
        parser.add_argument("--limit", type=int, default=50, help=f"up to {MAX_LIMIT}; default: 50")
        add_json(parser)

    def handle(
        self, *, part: str, state: State | None, sort: listing.Sort, limit: int, as_json: bool, **_options: object
    ) -> None:
        """Exit with 2 if PostgreSQL is unavailable."""
        if not 1 <= limit <= MAX_LIMIT:
            raise CommandError(f"--limit: expected 1 to {MAX_LIMIT}.", returncode=2)
        query = HealthQuery(part=part.strip().lower(), state=state, sort=sort, limit=limit)
        try:
            page = listing.page(query, scope=EVERYTHING, now=datetime.now(tz=UTC))
        except ReadUnavailable as error:
            raise CommandError(why_unavailable(), returncode=2) from error
        self.report(sources.shape(page), sources.render(page, self.terminal), as_json=as_json)
