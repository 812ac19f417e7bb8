"""The list of sources as a table, worst first."""

from __future__ import annotations

from datetime import datetime

from dashboard.terminal.words import UNKNOWN, ago, amount, duration, tone_of_source
from ingestion.management.tables import Cell, Column, Row, table
from ingestion.management.terminal import Terminal, sparkline
from queries.request.times import format_time
from queries.sources.health.listing import HealthPage
from queries.sources.health.rows import SourceHealth, Why
from queries.sources.health.state import STATES

LINE = 15  # columns of the half hour
_COLUMNS = (
    Column("state"),
    Column("source", least=22),
    Column("events/s", right=True),
    Column("seen", right=True),
    Column("why", least=30),
    Column("rejects", right=True, spare=2),
    Column("doubles", right=True, spare=3),
    Column("clock", right=True, spare=4),
    Column("30 minutes", spare=1),
)


def render(page: HealthPage, terminal: Terminal) -> str:
    """Return a page of the list as text."""
    if not page.results:
        return "No source matches."
    rows = [_row(each, page.at) for each in page.results]
    counts = ", ".join(
        terminal.paint(f"{page.counts[state]:,} {state}", tone_of_source(state))
        for state in STATES
        if page.counts[state]
    )
    more = ["", f"The first {len(rows):,} of {sum(page.counts.values()):,}; --limit shows more."] if page.next else []
    return "\n".join([counts, "", *table(_COLUMNS, rows, terminal), *more])


def shape(page: HealthPage) -> dict[str, object]:
    """Return a page of the list for programs."""
    return {"at": format_time(page.at), "counts": dict(page.counts), "results": page.results}


def sentence(why: Why, now: datetime) -> str:
    """Return why a source is as it is; of a time of today without the day."""
    at = why["at"] or ""
    short = f"{at[11:16]} UTC" if at[:10] == format_time(now)[:10] else at
    return f"{why['before']}{short}{why['after']}"


def _row(source: SourceHealth, now: datetime) -> Row:
    return (
        Cell(source["state"], tone_of_source(source["state"])),
        source["sourceId"],
        amount(source["perSecond"]),
        ago(source["lastSeen"], now),
        sentence(source["why"], now),
        _percent(source["rejectsPercent"]),
        _percent(source["duplicatesPercent"]),
        _clock(source["skewSeconds"]),
        sparkline(source["minutes"], LINE),
    )


def _percent(share: float | None) -> str:
    return UNKNOWN if share is None else f"{share:.0f} %" if share >= 1 or share == 0 else "<1 %"


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    if abs(seconds) < 1:
        return "0 s"
    return f"{'-' if seconds < 0 else '+'}{duration(abs(seconds))}"
