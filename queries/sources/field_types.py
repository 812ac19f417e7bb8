"""The types of a source's fields, by its newest events. Nothing counts types as events are stored, so this is a sample."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Literal

from django.db import connection, transaction

from ingestion.auth.read_scope import ReadScope
from processing.events.fields import MAX_PATH, escape
from processing.stores.jsonb import load_payload
from queries.request.times import format_time, from_micros
from queries.schemas import FieldTypes, TypeSample, TypeShare

Type = Literal["number", "text", "boolean", "null", "array", "object"]

# Events. One of them is a tenth of a percent, to which shares are rounded, so none is rounded to 0 or to 100.
SAMPLE = 1_000
MAX_CHARACTERS = 2 * 1024 * 1024  # of payloads; of larger ones there are fewer in the sample
MAX_FIELDS = 500
CHUNK = 50  # events that are fetched at once: 12 MiB of the largest ones

_NEWEST = """
SELECT (extract(epoch FROM ts) * 1000000)::bigint, payload FROM events WHERE {} ORDER BY ts DESC, id DESC LIMIT %s
"""

_TYPES: dict[type, Type] = {
    int: "number",
    float: "number",
    str: "text",
    bool: "boolean",
    NoneType: "null",
    list: "array",
    dict: "object",
}


def read(source_id: str, *, scope: ReadScope) -> TypeSample:
    """Return the types of a source's fields; call it inside `postgres.bounded`.

    An object counts as one, and its members as fields of their own.
    """
    found: dict[str, Counter[Type]] = defaultdict(Counter)
    sampled, oldest = 0, None
    for ts, payload in _newest(scope.among([source_id])):
        sampled, oldest = sampled + 1, ts
        for path, kind in _types(payload, ""):
            found[path][kind] += 1
    short = {path: counts for path, counts in found.items() if len(path.encode()) <= MAX_PATH}
    shown = sorted(short, key=lambda path: (-short[path].total(), path))[:MAX_FIELDS]
    return {
        "sampled": sampled,
        "oldest": None if oldest is None else format_time(from_micros(oldest)),
        "moreFields": len(shown) < len(found),
        "fields": [_shape(path, short[path]) for path in sorted(shown)],
    }


def _newest(scope: ReadScope) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the events of the sample with their times (microseconds since the epoch), newest first."""
    own, sources = scope.condition()
    left = MAX_CHARACTERS
    # A cursor of the server's, which reads no more rows than are fetched; it needs a transaction.
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_NEWEST.format(own), [*sources, SAMPLE])
        while left > 0 and (rows := cursor.fetchmany(CHUNK)):
            for ts, payload in rows:
                if left > 0:
                    yield ts, load_payload(payload)
                left -= len(payload)


def _types(members: Mapping[str, object], prefix: str) -> Iterator[tuple[str, Type]]:
    for key, value in members.items():
        path = prefix + escape(key)
        yield path, _TYPES[type(value)]
        if isinstance(value, dict):
            yield from _types(value, path + ".")


def _shape(path: str, counts: Counter[Type]) -> FieldTypes:
    total = counts.total()
    shares: list[TypeShare] = [
        {"type": kind, "count": count, "percent": round(100 * count / total, 1)}
        for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {"name": path, "count": total, "types": shares}
