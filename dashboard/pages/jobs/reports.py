"""The report of a job as tables: of a trial or a replay, and of a comparison of the stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

import msgspec

from dashboard.panels.tables import Cell, Table, cell, event_link, source_link, table
from processing.comparisons import request as comparisons
from processing.comparisons.differences import MEANINGS
from processing.models import Job

Report = Mapping[str, Any]

MOST_DAYS = 31
MOST_EXAMPLES = 20
MOST_SOURCES = 100
_RULE_COUNTS = ("applied", "rejected", "dropped", "unknown", "missed", "errors")
_DAY_COUNTS = ("stored", "changed", "tagged", "rejected", "dropped", "unknown")
_ROWS = {
    "read": "events read",
    "same": "as they were",
    "changed": "changed",
    "appeared": "appeared: were not stored before",
    "dropped": "dropped",
    "rejected": "rejected as dead letters",
    "damaged": "left alone: no intact document",
}
_TERMS = ("accepted", "stored", "duplicate", "deadLettered", "dropped", "inFlight", "unaccounted")
TERMS = ("accepted", "stored", "duplicate", "dead-lettered", "dropped", "in flight", "unaccounted")
_COUNTED = {
    "records": "records", "read": "lines", "stored": "stored", "duplicate": "duplicate", "deadLettered": "dead-lettered",
    "dropped": "dropped", "lost": "lost", "documents": "documents", "inFlight": "documents in flight", "rows": "rows",
    "carried": "rows older than the topic, taken from the ledger", "deadLetters": "dead letters",
    "droppedByReplay": "rows dropped by replays",
}  # fmt: skip
_STORES = {"kafka": "Kafka", "mongodb": "MongoDB", "postgresql": "PostgreSQL"}


class Result(TypedDict):
    """What a job found: a sentence with its tone, and tables."""

    tone: str
    sentence: str
    tables: list[Table]


def result(job: Job, *, examples: bool) -> Result | None:
    """Return the report of a job; None: it has none.

    :param examples: the reader may see events
    """
    if job.report is None:
        return None
    if job.kind == comparisons.KIND:
        return _comparison(job.report)
    return _of_history(job.report, examples=examples)


def _of_history(report: Report, *, examples: bool) -> Result:
    found = [*_rows(report)]
    if "outcomes" in report:
        found += [*_outcomes(report), *_rules(report), *_days(report), *_schemas(report)]
        found += _examples(report) if examples else []
    return {"tone": "plain", "sentence": _summary(report), "tables": found}


def _summary(report: Report) -> str:
    if "outcomes" not in report:
        return ""
    now = f"by revision {report['present']}" if report["present"] else "without logic"
    text = f"{report['different']:,} of {report['events']:,} events would come out otherwise than now, {now}."
    if report["damaged"]:
        text += f" {report['damaged']:,} documents do not match their own hash and were left out."
    return f"{text} {report['note'].capitalize()}."


def _rows(report: Report) -> Iterator[Table]:
    if counts := report.get("rows"):
        yield table("Events", ("", "events"), [(_ROWS.get(name, name), count) for name, count in counts.items()])


def _outcomes(report: Report) -> Iterator[Table]:
    rows = [
        (name, count, sides["onlyTried"], sides["onlyPresent"], sides["both"])
        for (name, count), sides in zip(report["outcomes"].items(), report["difference"].values(), strict=True)
    ]
    yield table("Outcomes", ("outcome", "events", "only then", "only now", "both"), rows)


def _rules(report: Report) -> Iterator[Table]:
    rows = [(f"{rule['kind']} {rule['name']}", *(rule[name] for name in _RULE_COUNTS)) for rule in report["rules"]]
    if rows:
        yield table("Rules and schemas", ("", *_RULE_COUNTS), rows)
    if report["tags"]:
        yield table("Tags", ("tag", "events"), report["tags"].items())


def _days(report: Report) -> Iterator[Table]:
    days = report["days"]
    if days:
        rows = [(day["day"], *(day[name] for name in _DAY_COUNTS)) for day in days[-MOST_DAYS:]]
        note = f"The last {MOST_DAYS} of {len(days):,} days." if len(days) > MOST_DAYS else ""
        yield table("Days (UTC)", ("day", *_DAY_COUNTS), rows, note=note)


def _examples(report: Report) -> Iterator[Table]:
    for kind, found in report["examples"].items():
        rows = [_example(one) for one in found[:MOST_EXAMPLES]]
        if rows:
            yield table(f"Examples: {kind}", ("event", "source", "time", "why", "what changes"), rows)


def _example(one: Report) -> Sequence[str | Cell]:
    changes = "; ".join(
        f"{field['pointer']}: {_side(field, 'before')} → {_side(field, 'after')}" for field in one["fields"]
    )
    why = ", ".join(filter(None, (one["rule"] or "", one["reason"] or "", "" if one["different"] else "as now")))
    source = one["sourceId"]
    return (
        cell(one["eventId"], event_link(source, one["eventId"])),
        cell(source, source_link(source)),
        one["timestamp"],
        why,
        changes,
    )


def _side(field: Report, side: str) -> str:
    return msgspec.json.encode(field[side]).decode() if side in field else "nothing"


def _schemas(report: Report) -> Iterator[Table]:
    for schema in report["schemas"]:
        rows = [
            (f"version {earlier['version']}", earlier["noLongerAccepts"], _lost(earlier["lost"]))
            for earlier in schema["earlier"]
        ]
        title = f"Schema {schema['name']} {schema['version']}, without history (experimental)"
        yield table(title, ("accepted by", "no longer accepted", "for example"), rows)


def _lost(lost: Sequence[Report]) -> str:
    found = (f"{one['pointer'] or '/'}: {one['detail']}" for each in lost for one in each["violations"])
    return "; ".join(found)


def _comparison(report: Report) -> Result:
    kinds = report["kinds"]
    total = sum(kinds.values())
    sentence = "All agree." if report["ok"] else f"{total:,} {'difference' if total == 1 else 'differences'}."
    found = [*_differences(report), _sources(report), _counted(report), _proven(report), *_gaps(report)]
    return {"tone": "good" if report["ok"] else "bad", "sentence": sentence, "tables": found}


def _differences(report: Report) -> Iterator[Table]:
    if not report["kinds"]:
        return
    rows = [(MEANINGS.get(kind, kind), kind, count) for kind, count in report["kinds"].items()]
    note = "To repair what can be repaired: manage.py reconcile --repair (--dry-run first)."
    yield table("Differences", ("what", "kind", "how many"), rows, note=note)
    listed = report["differences"]
    note = f"The first {len(listed):,}." if sum(report["kinds"].values()) > len(listed) else ""
    yield table("Where", ("kind", "source", "event", "more"), [_difference(one) for one in listed], note=note)


def _difference(one: Report) -> Sequence[str | Cell | None]:
    source, event = one["sourceId"], one["eventId"]
    rest = {name: value for name, value in one.items() if name not in {"kind", "sourceId", "eventId"}}
    return (
        one["kind"],
        cell(source, source and source_link(source)),
        cell(event, event_link(source, event) if source and event else None),
        _said(rest),
    )


def _said(values: Report) -> str:
    known = {name: value for name, value in values.items() if value is not None}
    return ", ".join(
        f"{name}: {_said(value)}" if isinstance(value, dict) else f"{name} {value}" for name, value in known.items()
    )


def _sources(report: Report) -> Table:
    shown = report["sources"][:MOST_SOURCES]
    rows = [(cell("all"), *(report["equation"][term] for term in _TERMS))]
    rows += [(_source(one["sourceId"]), *(one[term] for term in _TERMS)) for one in shown]
    more = len(report["sources"]) - len(shown)
    return table("Ledger", ("source", *TERMS), rows, note=f"And {more:,} sources more." if more else "")


def _source(source: str | None) -> Cell:
    return cell("unreadable") if source is None else cell(source, source_link(source))


def _counted(report: Report) -> Table:
    # PostgreSQL keeps the members of an object in an order of its own.
    rows = [
        (title, _COUNTED[name], report["recounted"][store][name])
        for store, title in _STORES.items()
        for name in _COUNTED
        if name in report["recounted"][store]
    ]
    return table(f"Counted again, in {report['seconds']:.1f} s", ("store", "what", "how many"), rows)


def _proven(report: Report) -> Table:
    rows = [
        (
            one["partition"],
            f"{one['first']} to {one['to'] - 1}" if one["first"] < one["to"] else "nothing",
            one["records"],
            "all that was ever read" if one["whole"] else "what is older is taken from the ledger, not proven",
        )
        for one in report["proven"]
    ]
    return table("Proven from Kafka", ("partition", "offsets", "records", "which is"), rows)


def _gaps(report: Report) -> Iterator[Table]:
    rows = [(gap["topic"], gap["partition"], gap["sentence"]) for gap in report["gaps"]]
    if rows:
        yield table("Gaps, which are accounted for", ("topic", "partition", "what"), rows)
