"""What else the page of a source shows: fields with their types, dead letters, keys, logic and its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from django.db import connection
from django.urls import reverse

from dashboard.pages.sources.field_choice import STATED
from dashboard.panels.tables import received_letters_link, received_link
from ingestion.auth import source_patterns
from ingestion.auth.read_scope import ReadScope
from ingestion.models import Key, Scope
from processing.dead_letters.filters import LetterFilter
from processing.dead_letters.schemas import DeadLetterShape
from processing.events.fields import split
from processing.logic.content import SchemaContent
from processing.logic.revisions import rows as revisions
from queries.dead_letters import listing as letters
from queries.dead_letters.listing import DeadLetterCursor, DeadLetterQuery
from queries.pipeline import ledger_minutes
from queries.pipeline.ledger_minutes import MinutesQuery
from queries.reads import postgres
from queries.request.id_pagination import IdPage
from queries.request.times import format_time, parse_time
from queries.schemas import EventShape, FieldShape, TypeSample

LETTERS, MINUTES = 5, 12
TEXT = 60  # characters of a value


class FieldRow(TypedDict):
    """A field of the newest events."""

    name: str
    unit: str | None
    types: list[str]  # each with its share, the most frequent first
    count: int  # events of the sample that have it
    percent: float
    latest: str
    charted: bool  # as numbers or as states


class MinuteRow(TypedDict):
    """The equation of a minute, each term with the address of what it counts."""

    minute: str
    seconds: int
    read: int
    stored: int
    duplicate: int
    deadLettered: int
    dropped: int
    inFlight: int | None
    unaccounted: int
    eventsHref: str
    lettersHref: str


class KeyRow(TypedDict):
    """A key that may send for a source."""

    id: int
    name: str
    prefix: str
    state: str
    lastUsedAt: str | None


class Link(TypedDict):
    """A part of the logic with the address of its page."""

    name: str
    href: str


class LogicRows(TypedDict):
    """The parts of the current logic that are for a source."""

    rules: list[Link]
    byLabel: list[Link]  # rules for sources with certain labels
    schemas: list[Link]
    revision: int


def fields(sample: TypeSample, numeric: Sequence[FieldShape], newest: Sequence[EventShape]) -> list[FieldRow]:
    """Return the fields of a source, by name."""
    numbers = {each["name"]: each for each in numeric}
    return [
        {
            "name": each["name"],
            "unit": numbers[each["name"]]["unit"] if each["name"] in numbers else None,
            "types": [
                share["type"] if len(each["types"]) == 1 else f"{share['type']} {share['percent']:g} %"
                for share in each["types"]
            ],
            "count": each["count"],
            "percent": 100 * each["count"] / max(1, sample["sampled"]),
            "latest": _latest(each["name"], numbers, newest),
            "charted": each["name"] in numbers or each["types"][0]["type"] in STATED,
        }
        for each in sample["fields"]
    ]


def dead_letters(source_id: str, *, scope: ReadScope) -> list[DeadLetterShape]:
    """Return the newest dead letters of a source."""
    query = DeadLetterQuery(
        selection=LetterFilter(source_id=source_id), page=IdPage(kind=DeadLetterCursor, limit=LETTERS)
    )
    return letters.page(query, scope=scope).results


def ledger(source_id: str, *, scope: ReadScope, now: datetime) -> list[MinuteRow]:
    """Return the last minutes in which anything of a source was received, newest first."""
    found = ledger_minutes.page(MinutesQuery(source_id=source_id, limit=MINUTES), scope=scope, now=now)
    return [
        {
            "minute": each["minute"],
            "seconds": each["seconds"],
            "read": each["read"],
            "stored": each["stored"],
            "duplicate": each["duplicate"],
            "deadLettered": each["deadLettered"],
            "dropped": each["dropped"],
            "inFlight": each["inFlight"],
            "unaccounted": each["unaccounted"],
            "eventsHref": received_link(source_id, start, end),
            "lettersHref": received_letters_link(source_id, start, end),
        }
        for each in found.minutes.results
        for start, end in (_ends(each["minute"], each["seconds"]),)
    ]


def keys(source_id: str, *, scope: ReadScope, now: datetime) -> list[KeyRow]:
    """Return the keys that may send for a source in the scope, those for every source included."""
    if not scope.includes(source_id):
        return []
    with postgres.bounded():
        rows = list(Key.objects.filter(scopes__contains=[Scope.INGEST]).order_by("name", "pk")[:1_000])
    return [
        {
            "id": key.pk,
            "name": key.name,
            "prefix": key.prefix,
            "state": key.state(now),
            "lastUsedAt": None if key.last_used_at is None else format_time(key.last_used_at),
        }
        for key in rows
        if not key.sources or any(source_patterns.matches(each, source_id) for each in key.sources)
    ]


def logic(source_id: str) -> LogicRows:
    """Return the rules and schemas of the current logic that are for a source."""
    with postgres.bounded(), connection.cursor() as cursor:
        number = revisions.current(cursor).number
        content = revisions.content_of(cursor, number)
    rules = [each for each in content.rules if each.enabled]
    return {
        "rules": [_rule(each.name) for each in rules if not each.labels and _is_for(each.sources, source_id)],
        "byLabel": [_rule(each.name) for each in rules if each.labels],
        # The first of the list that is for a source is used.
        "schemas": [_schema(each) for each in content.schemas if _is_for(each.sources, source_id)][:1],
        "revision": number,
    }


def _rule(name: str) -> Link:
    return {"name": name, "href": reverse("logic-rule", args=[name])}


def _schema(used: SchemaContent) -> Link:
    return {"name": f"{used.name} v{used.version}, {used.mode}", "href": reverse("logic-schema", args=[used.name])}


def _is_for(patterns: Sequence[str], source_id: str) -> bool:
    return not patterns or any(source_patterns.matches(each, source_id) for each in patterns)


def _ends(start: str, seconds: int) -> tuple[str, str]:
    return start, format_time(parse_time(start) + timedelta(seconds=seconds))


def _latest(name: str, numbers: Mapping[str, FieldShape], newest: Sequence[EventShape]) -> str:
    if name in numbers:
        return f"{numbers[name]['latest']:,.6g}"
    for event in newest:
        value: object = event["payload"]
        for key in split(name):
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return _short(value)
    return "–"


def _short(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return f"{len(value)} members" if isinstance(value, dict) else f"{len(value)} elements"
    text = str(value)
    return text if len(text) <= TEXT else f"{text[:TEXT]}…"
