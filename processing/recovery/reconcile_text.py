"""What reconcile found, for people at a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from processing.ledger import Equation
from processing.recovery import reconcile
from processing.recovery.reconcile import Difference, Proven, Report

SOURCES_SHOWN = 30

MEANINGS = {
    "event_lost": "in Kafka, but neither stored nor dead-lettered nor a duplicate",
    "letter_missing": "in Kafka and not to be stored, but its dead letter is gone",
    "stored_and_dead_lettered": "both stored and dead-lettered",
    "letter_without_line": "a dead letter of a line that Kafka does not have",
    "row_without_line": "a row that Kafka does not have at its place",
    "row_ahead_of_progress": "a row of a record that has no effects yet",
    "row_differs_from_line": "a row with other content than Kafka's line",
    "row_changed": "a row whose payload or time is not what was stored",
    "row_without_document": "a row without its raw document",
    "document_without_row": "a raw document without its row",
    "row_differs_from_document": "a row with other content than its raw document",
    "document_changed": "a raw document whose content is not what was stored",
    "ledger_differs": "a row of the ledger that is not what was counted",
    "statistics_differ": "a source's totals are not the sums of its ledger",
    "unaccounted": "the ledger's read is not the sum of its outcomes",
    "rollup_minute_differs": "a minute's rollup is not what its rows sum up to",
    "rollup_hour_differs": "an hour's rollup is not what its rows sum up to",
    "latest_value_differs": "a latest value is not the newest row's",
    "removed_unread": "records that retention removed before they were read, of which no consumer knows yet",
    "progress_differs": "a partition's records and events are not what was counted",
}

_COLUMNS = ("accepted", "stored", "duplicate", "deadLettered", "dropped", "inFlight", "unaccounted")
_HEADINGS = ("accepted", "stored", "duplicate", "dead-lettered", "dropped", "in flight", "unaccounted")


def render(report: Report) -> str:
    """Lay out the report as lines of text."""
    return "\n".join(
        [
            *_judged(report),
            *_equation(report),
            "",
            *_counted(report),
            "",
            *_proven(report),
            *_gaps(report),
            "",
            *_verdict(report),
        ]
    )


def _judged(report: Report) -> Iterator[str]:
    about = reconcile.judged(report.events)
    if report.events.timed or report.events.source:
        source = about["sourceId"] or "all sources"
        yield (
            f"Judged is {source}, received from {about['receivedFrom'] or 'the beginning'}"
            f" to {about['receivedTo'] or 'now'}."
        )
        yield ""


def _equation(report: Report) -> Iterator[str]:
    shown = report.sources[:SOURCES_SHOWN]
    names = [source["sourceId"] or "(source unreadable)" for source in shown]
    width = max(map(len, ["source", *names]))
    yield _line("source", width, _HEADINGS)
    for name, source in zip(names, shown, strict=True):
        yield _line(name, width, _figures(source))
    if len(report.sources) > len(shown):
        yield f"… and {len(report.sources) - len(shown):,} sources more (--source, --json)"
    yield _line("total", width, _figures(report.equation))
    if report.in_flight_estimated:
        yield "In flight is estimated, by the events that a record had so far."


def _figures(equation: Equation) -> tuple[str, ...]:
    return tuple("–" if (figure := equation[name]) is None else f"{figure:,}" for name in _COLUMNS)  # type: ignore[literal-required]


def _line(name: str, width: int, cells: tuple[str, ...]) -> str:
    return f"{name:<{width}}" + "".join(
        f"  {cell:>{max(len(heading), 11)}}" for heading, cell in zip(_HEADINGS, cells, strict=True)
    )


def _counted(report: Report) -> Iterator[str]:
    kafka, documents, rows = (report.recounted[store] for store in ("kafka", "mongodb", "postgresql"))
    yield f"Counted again in {report.seconds:.1f} s:"
    yield (
        f"  Kafka       {kafka['records']:,} records, {kafka['read']:,} lines: {kafka['stored']:,} stored,"
        f" {kafka['duplicate']:,} duplicate, {kafka['deadLettered']:,} dead-lettered, {kafka['lost']:,} lost"
    )
    yield f"  MongoDB     {documents['documents']:,} documents, and {documents['inFlight']:,} in flight"
    yield f"  PostgreSQL  {rows['rows']:,} rows, {rows['deadLetters']:,} dead letters"
    if rows["carried"]:
        yield f"              {rows['carried']:,} rows are older than the topic: not proven by it, only carried"


def _proven(report: Report) -> Iterator[str]:
    yield "Proven from Kafka, by partition and offset:"
    for stretch in report.proven:
        yield f"  {stretch['partition']:>4}  {_stretch(stretch)}"
    if not report.proven:
        yield "  nothing, since nothing was read yet"


def _gaps(report: Report) -> Iterator[str]:
    """What nobody will ever read is said, and counts as no difference: it stands in the ledger's gaps."""
    for gap in report.gaps:
        yield f"  {gap['partition']:>4}  gap on {gap['topic']}: {gap['sentence']}"


def _stretch(stretch: Proven) -> str:
    offsets = f"{stretch['first']}..{stretch['to'] - 1}" if stretch["first"] < stretch["to"] else "nothing"
    if stretch["since"]:
        offsets += f", received from {stretch['since']}"
    return offsets if stretch["whole"] else f"{offsets}; what is older is not proven, only carried from the ledger"


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
