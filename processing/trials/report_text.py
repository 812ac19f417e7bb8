"""The report of a trial as text for the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

MOST_DAYS = 31
SHOWN = 5  # examples of a kind; --json has twenty

Report = Mapping[str, Any]
_RULE_COUNTS = ("applied", "rejected", "dropped", "unknown", "missed", "errors")
_DAY_COUNTS = ("stored", "changed", "tagged", "rejected", "dropped", "unknown")


def as_text(found: Report) -> str:
    """Return a report for people."""
    sections = [_summary(found), _rules(found), _days(found), _examples(found), _schemas(found)]
    return "\n\n".join("\n".join(lines) for section in sections if (lines := list(section)))


def _summary(found: Report) -> Iterator[str]:
    now = f"revision {found['present']}" if found["present"] else "no logic"
    yield f"Revision {found['revision']} on {found['events']:,} events; now: {now}."
    if found["damaged"]:
        yield f"{found['damaged']:,} documents do not match their own hash and were left out."
    yield f"{found['different']:,} events would come out otherwise than now. ({found['note'].capitalize()}.)"
    yield ""
    rows = [
        [name, count, sides["onlyTried"], sides["onlyPresent"], sides["both"]]
        for (name, count), sides in zip(found["outcomes"].items(), found["difference"].values(), strict=True)
    ]
    yield from _table(["", "events", "only then", "only now", "both"], rows)


def _rules(found: Report) -> Iterator[str]:
    rows = [[f"{rule['kind']} {rule['name']}", *(rule[name] for name in _RULE_COUNTS)] for rule in found["rules"]]
    if rows:
        yield from _table(["", *_RULE_COUNTS], rows)
    if found["tags"]:
        yield "Tags: " + ", ".join(f"{tag} {count:,}" for tag, count in found["tags"].items())


def _days(found: Report) -> Iterator[str]:
    days = found["days"]
    if days:
        yield from _table(
            ["day (UTC)", *_DAY_COUNTS],
            [[day["day"], *(day[name] for name in _DAY_COUNTS)] for day in days[-MOST_DAYS:]],
        )
    if len(days) > MOST_DAYS:
        yield f"The last {MOST_DAYS} of {len(days):,} days; --json has all."


def _examples(found: Report) -> Iterator[str]:
    for kind, examples in found["examples"].items():
        yield f"{kind}:"
        for one in examples[:SHOWN]:
            yield f"  {one['timestamp']} {one['sourceId']} {one['eventId']}{_why(one)}"
            for field in one["fields"]:
                yield f"    {field['pointer']}: {_value(field, 'before')} -> {_value(field, 'after')}"


def _why(example: Mapping[str, Any]) -> str:
    by = f", by {example['rule']}" if example["rule"] else ""
    reason = f": {example['reason']}" if example["reason"] else ""
    tags = f", tags {' '.join(example['tags'])}" if example["tags"] else ""
    return f"{by}{reason}{tags}{'' if example['different'] else ' (as now)'}"


def _value(field: Mapping[str, Any], side: str) -> str:
    return msgspec.json.encode(field[side]).decode() if side in field else "nothing"


def _schemas(found: Report) -> Iterator[str]:
    for schema in found["schemas"]:
        yield f"Schema {schema['name']} {schema['version']}, without history (experimental):"
        for earlier in schema["earlier"]:
            yield (
                f"  of what version {earlier['version']} accepts, it no longer accepts {earlier['noLongerAccepts']}"
                if (earlier["noLongerAccepts"] != "cannot say")
                else f"  what it no longer accepts of version {earlier['version']}: cannot say"
            )
            for lost in earlier["lost"]:
                yield from (f"    {one['pointer'] or '/'}: {one['detail']}" for one in lost["violations"])


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    lines = [[*head], *([f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        first, *rest = (text.rjust(width) for text, width in zip(line, widths, strict=True))
        yield "  ".join([line[0].ljust(len(first)), *rest]).rstrip()
