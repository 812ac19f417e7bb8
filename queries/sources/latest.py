"""The latest values and the newest event of sources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import connection

from ingestion.auth.read_scope import ReadScope
from ingestion.auth.source_patterns import ANY
from ingestion.problems import Code
from processing.stores.jsonb import load_payload
from queries.events.listing import COLUMNS, TEXTS, ListedRow, listed
from queries.logic import declared_units
from queries.reads import known_sources, postgres, units
from queries.reads.known_sources import TooManySources
from queries.request.query_params import InvalidParameter
from queries.schemas import LatestField, LatestList, LatestShape
from queries.sources import latest_values
from queries.sources.detail import SourceNotFound
from queries.sources.latest_values import FieldValue

PARAMETERS = ("source_id",)
MAX_SOURCES = 1_000

# One statement for everything but the values: with lists of hundreds of sources each one more takes milliseconds. The newest
# event by the index on (source_id, ts, id), from the newest month back to the first that has an event of the source.
_NEWEST = f"""
SELECT own.source_id, registered.labels, found.*
FROM source_statistics AS own LEFT JOIN source AS registered ON registered.source_id = own.source_id
LEFT JOIN LATERAL (
    SELECT {TEXTS} FROM (
        SELECT {COLUMNS} FROM events WHERE source_id = own.source_id ORDER BY ts DESC, id DESC LIMIT 1) AS newest) AS found ON true
WHERE own.source_id <> '' AND {{}} ORDER BY own.source_id
"""  # noqa: S608 - made of constants


def one(source_id: str, *, scope: ReadScope) -> LatestShape:
    """Return the latest of one source.

    :raises SourceNotFound: no event of this source was ever read, or it is outside the scope
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        found = _of(scope.narrowed(source_id))
    if not found:
        raise SourceNotFound
    return found[0]


def several(patterns: frozenset[str] | None, *, scope: ReadScope) -> LatestList:
    """Return the latest of the sources in the scope that patterns stand for; None: of all.

    :raises InvalidParameter: there are more than MAX_SOURCES
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    named = {each for each in patterns or () if not each.endswith(ANY)}
    with postgres.bounded():
        found = _of(scope.among(_resolved({ANY} if patterns is None else patterns, scope)))
    return {"results": found, "missing": len(named - {each["sourceId"] for each in found})}


def _resolved(patterns: frozenset[str] | set[str], scope: ReadScope) -> frozenset[str]:
    try:
        return known_sources.resolve(patterns, scope=scope, limit=MAX_SOURCES)
    except TooManySources as error:
        detail = f"source_id: expected ids and patterns that stand for at most {error.limit:,} sources"
        raise InvalidParameter("source_id", detail, code=Code.QUERY_TOO_WIDE) from error


def _of(scope: ReadScope) -> list[LatestShape]:
    """Return the latest of every source in a scope of which anything was read, in order of source id."""
    own, sources = scope.condition()
    values = latest_values.read(scope)
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST.format(own.replace("source_id", "own.source_id")), sources)
        rows = cursor.fetchall()
    declared = declared_units.read()
    return [
        _shape(source, labels, event, values.get(source, []), declared.of(source)) for source, labels, *event in rows
    ]


def _shape(
    source: str, labels: str | None, event: list[Any], values: list[FieldValue], declared: Mapping[str, str]
) -> LatestShape:
    """Return the latest of a source.

    :param labels: JSON text; None: it is not registered
    :param event: the columns of the newest one; all None: there is none
    """
    known = {} if labels is None else json.loads(labels)
    fields: list[LatestField] = [
        {
            "name": each.name,
            "value": each.value,
            "at": each.at,
            "eventId": each.event_id,
            "unit": units.unit_of(each.name, known, declared),
        }
        for each in values
    ]
    newest = ListedRow(*event)
    shape = None if event[0] is None else listed(newest, load_payload(newest.payload))
    return {"sourceId": source, "fields": fields, "event": shape}
