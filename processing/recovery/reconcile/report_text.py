"""Render a report of reconcile as text for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.management.tables import Column, table
from ingestion.management.terminal import Terminal
from processing.comparisons import request
from processing.comparisons.differences import MEANINGS
from processing.ledger.ledger import CountRange, Equation
from processing.recovery.reconcile.reconcile import Difference, Proven, Report

SOURCES_SHOWN = 30

_COLUMNS = ("accepted", "stored", "duplicate", "deadLettered", "dropped", "inFlight", "unaccounted")
_HEADINGS = ("accepted", "stored", "duplicate", "dead-lettered", "dropped", "in flight", "unaccounted")


def render(report: Report, terminal: Terminal | None = None) -> str:
    """Return the report as text.

    :param terminal: that the table of sources fits; None: it has as much room as it takes
    """
    return "\n".join(
        [
            *_scope(report),
            *_equation(report, terminal or Terminal()),
            "",
            *_counted(report),
            "",
            *_proven(report),
            *_gaps(report),
            "",
            *_verdict(report),
        ]
    )


def _scope(report: Report) -> Iterator[str]:
    about = request.scope(report.events)
    if report.events.timed or report.events.source:
        source = about["sourceId"] or "all sources"
        yield (
            f"Compared: {source}, received from {about['receivedFrom'] or 'the beginning'}"
            f" to {about['receivedTo'] or 'now'}."
        )
        yield ""


def _equation(report: Report, terminal: Terminal) -> Iterator[str]:
    shown = report.sources[:SOURCES_SHOWN]
    names = [source["sourceId"] or "(source unreadable)" for source in shown]
    columns = (Column("source", least=8), *(Column(heading, right=True) for heading in _HEADINGS))
    rows = [(name, *_figures(source)) for name, source in zip(names, shown, strict=True)]
    *lines, total = table(columns, [*rows, ("total", *_figures(report.equation))], terminal)
    yield from lines
    if len(report.sources) > len(shown):
        yield f"… and {len(report.sources) - len(shown):,} more sources (--source, --json)"
    yield total
    if report.in_flight_estimated:
        yield f"In flight are {_range(report.equation['inFlightRange'])}, by the records that wait in Kafka."


def _range(bounds: CountRange | None) -> str:
    if bounds is None:
        return "an unknown number"
    low, high = bounds["atLeast"], bounds["atMost"]
    if high is None:
        return f"{low:,} events or more"
    return f"about {low:,} events" if low == high else f"{low:,} to {high:,} events"


def _figures(equation: Equation) -> tuple[str, ...]:
    return tuple("–" if (figure := equation[name]) is None else f"{figure:,}" for name in _COLUMNS)  # type: ignore[literal-required]


def _counted(report: Report) -> Iterator[str]:
    kafka, documents, rows = (report.recounted[store] for store in ("kafka", "mongodb", "postgresql"))
    yield f"Counted again in {report.seconds:.1f} s:"
    yield (
        f"  Kafka       {kafka['records']:,} records, {kafka['read']:,} lines: {kafka['stored']:,} stored,"
        f" {kafka['duplicate']:,} duplicate, {kafka['deadLettered']:,} dead-lettered, {kafka['dropped']:,} dropped,"
        f" {kafka['lost']:,} lost"
    )
    yield f"  MongoDB     {documents['documents']:,} documents, and {documents['inFlight']:,} in flight"
    yield f"  PostgreSQL  {rows['rows']:,} rows, {rows['deadLetters']:,} dead letters"
    if rows["droppedByReplay"]:
        yield f"              {rows['droppedByReplay']:,} rows were dropped by replays; their documents stay"
    if rows["carried"]:
        yield f"              {rows['carried']:,} rows are older than the topic: taken from the ledger, not proven"


def _proven(report: Report) -> Iterator[str]:
    yield "Proven from Kafka, by partition and offset:"
    for proven in report.proven:
        yield f"  {proven['partition']:>4}  {_offsets(proven)}"
    if not report.proven:
        yield "  nothing: nothing was read yet"


def _gaps(report: Report) -> Iterator[str]:
    """Yield the gaps. They are accounted for, so they are not differences."""
    for gap in report.gaps:
        yield f"  {gap['partition']:>4}  gap on {gap['topic']}: {gap['sentence']}"


def _offsets(proven: Proven) -> str:
    offsets = f"{proven['first']}..{proven['to'] - 1}" if proven["first"] < proven["to"] else "nothing"
    if proven["since"]:
        offsets += f", received from {proven['since']}"
    return offsets if proven["whole"] else f"{offsets}; what is older is taken from the ledger, not proven"


def _verdict(report: Report) -> Iterator[str]:
    if report.ok:
        yield "All agree."
        return
    total = sum(report.kinds.values())
    yield f"{total:,} differences:"
    for kind, count in report.kinds.items():
        yield f"  {count:>7,}  {kind}: {MEANINGS[kind]}"
    yield ""
    for difference in report.differences:
        yield "  " + _named(difference)
    if total > len(report.differences):
        yield f"  … {len(report.differences):,} of {total:,} are listed."


def _named(difference: Difference) -> str:
    return "  ".join(f"{name}={value}" for name, value in difference.items() if value is not None)
