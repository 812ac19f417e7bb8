"""What a filter can name: sources, fields with some of their values, and tags, by the newest events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import TypedDict

from django.db import connection
from django.db.models import F

from ingestion.auth.read_scope import ReadScope
from processing.events.fields import escape
from processing.models import LatestValue, SourceStatistics
from processing.stores.jsonb import load_payload
from queries.reads import condition, postgres
from queries.request.filter_line.terms import FilterLine
from queries.request.selection import Selection

SAMPLE = 200  # events
MAX_CHARACTERS = 20_000  # of one payload that is looked into
MAX_FIELDS = 300
MAX_SOURCES = 50
MAX_TAGS = 50
MAX_VALUES = 8  # of one field
MAX_VALUE = 60  # characters

_NEWEST = "SELECT payload::text, tags FROM events WHERE {} AND length(payload::text) <= %s ORDER BY ts DESC LIMIT %s"


class KnownField(TypedDict):
    """A field, and texts and words that it often is."""

    path: str
    type: str
    values: list[str]  # as JSON


class Known(TypedDict):
    """What a filter can name."""

    sources: list[str]
    fields: list[KnownField]
    tags: list[str]


def read(line: FilterLine, *, source: str, scope: ReadScope) -> Known:
    """Return what the newest events of a filter's sources have.

    :param source: a part of the ids of the sources to name
    :raises InvalidParameter: the filter's patterns stand for too many sources
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        within = Selection(line=line).within(scope)
        named = _sources(source, scope)
        numeric = LatestValue.objects.filter(**within.lookup()).values_list("field", flat=True)
        names = list(numeric.order_by("field").distinct()[:MAX_FIELDS]) if within.sources is not None else []
        fields, tags = _sampled(within)
    for name in names:
        fields.setdefault(name, Counter())
    shown = sorted(fields)[:MAX_FIELDS]
    return {
        "sources": named,
        "fields": [_field(path, fields[path]) for path in shown],
        "tags": [tag for tag, _ in tags.most_common(MAX_TAGS)],
    }


def _sources(part: str, scope: ReadScope) -> list[str]:
    found = SourceStatistics.objects.filter(**scope.lookup()).exclude(source_id="")
    if part:
        found = found.filter(source_id__icontains=part)
    ordered = found.order_by(F("last_seen").desc(nulls_last=True), "source_id")
    return list(ordered.values_list("source_id", flat=True)[:MAX_SOURCES])


def _sampled(within: ReadScope) -> tuple[dict[str, Counter[object]], Counter[str]]:
    own = condition.of_scope(within)
    fields: dict[str, Counter[object]] = defaultdict(Counter)
    tags: Counter[str] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST.format(own.text), [*own.values, MAX_CHARACTERS, SAMPLE])
        for payload, own_tags in cursor.fetchall():
            tags.update(own_tags or [])
            for path, value in _leaves(load_payload(payload), ""):
                fields[path][value] += 1
    return fields, tags


def _leaves(members: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in members.items():
        path = prefix + escape(key)
        if isinstance(value, dict):
            yield from _leaves(value, path + ".")
        elif not isinstance(value, list):
            yield path, value
        else:
            yield path, _LIST


_LIST = object()


def _field(path: str, values: Counter[object]) -> KnownField:
    often = [value for value, _ in values.most_common(MAX_VALUES)]
    kind = "list" if _LIST in often else _type(often[0]) if often else "number"
    words = [value for value in often if isinstance(value, str) and len(value) <= MAX_VALUE]
    return {"path": path, "type": kind, "values": ["true", "false"] if kind == "boolean" else words}


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    return "null" if value is None else "number"
