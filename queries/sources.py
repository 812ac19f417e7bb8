"""Sources: when they sent events, and the latest value of each numeric field."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import msgspec
from django.db.models import QuerySet

from ingestion.auth.read_scope import ReadScope
from ingestion.events.source_labels import LEFT_OUT
from ingestion.models import Source
from processing.models import LatestValue, SourceStatistics
from queries.reads import cache, postgres
from queries.request import pagination
from queries.request.pagination import CursorPage
from queries.request.query_params import Parameters
from queries.request.times import format_time
from queries.schemas import FieldShape, SourceShape

PARAMETERS = ("limit", "offset", "cursor")
KEPT_FOR = 1.0  # seconds
LABEL_TEXT = 1024 * 1024  # characters of labels in one answer, shared by its sources


class SourceNotFound(Exception):
    """No event of this source was ever read; answer 404."""


class SourceCursor(msgspec.Struct, array_like=True, frozen=True):
    """A position in the list of sources, which is in order of source id."""

    backward: bool
    source_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceQuery:
    """Which page of the list to read."""

    limit: int = pagination.DEFAULT_LIMIT
    offset: int = 0
    cursor: SourceCursor | None = None

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters.

        :raises InvalidParameter: a value can't be used
        """
        text = parameters.text("cursor")
        return cls(
            limit=pagination.limit(parameters),
            offset=pagination.offset(parameters),
            cursor=None if text is None else pagination.read_cursor(text, SourceCursor),
        )


def page(query: SourceQuery, *, scope: ReadScope) -> CursorPage[SourceShape]:
    """Read one page of the sources in the scope, in order of their ids.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    backward = query.cursor is not None and query.cursor.backward
    rows = _heard(scope).order_by("-source_id" if backward else "source_id")
    if query.cursor is not None:
        side = "lt" if backward else "gt"
        rows = rows.filter(**{f"source_id__{side}": query.cursor.source_id})
    with postgres.bounded():
        found = list(rows[query.offset : query.offset + query.limit + 1])
        continued = query.cursor is not None or query.offset > 0
        part = pagination.cut(found, limit=query.limit, backward=backward, continued=continued)
        shapes = {shape["sourceId"]: shape for shape in _shapes(part.rows)}
    return pagination.page(
        part,
        forward=lambda row: SourceCursor(False, row.source_id),  # noqa: FBT003 - a msgspec.Struct by place
        backward=lambda row: SourceCursor(True, row.source_id),  # noqa: FBT003
        shape=lambda row: shapes[row.source_id],
    )


def recent(*, count: int, scope: ReadScope) -> list[SourceShape]:
    """Return the sources in the scope that sent events most recently, the latest first.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    return cache.remembered(
        f"sources.recent.{count}",
        scope=scope,
        shape=list[SourceShape],
        seconds=KEPT_FOR,
        read=lambda: _recent(count, scope),
    )


def _recent(count: int, scope: ReadScope) -> list[SourceShape]:
    rows = _heard(scope).order_by("-last_seen")
    with postgres.bounded():
        return _shapes(rows[:count])


def one(source_id: str, *, scope: ReadScope) -> SourceShape:
    """Return one source.

    :raises SourceNotFound: no event of this source was ever read
    :raises RequestRejected: it is outside the scope, whether or not there is such a source
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    rows = _heard(scope.narrowed(source_id))
    with postgres.bounded():
        shapes = _shapes(rows)
    if not shapes:
        raise SourceNotFound
    return shapes[0]


def _heard(scope: ReadScope) -> QuerySet[SourceStatistics]:
    """Return the sources in the scope, without the lines whose source can't be read."""
    return SourceStatistics.objects.filter(**scope.lookup()).exclude(source_id="")


def _shapes(rows: Iterable[SourceStatistics]) -> list[SourceShape]:
    found = list(rows)
    names = [row.source_id for row in found]
    registered = Source.objects.in_bulk(names)
    fields: dict[str, list[FieldShape]] = defaultdict(list)
    latest = LatestValue.objects.filter(source_id__in=names).order_by("source_id", "field")
    for value in latest:
        fields[value.source_id].append({"name": value.field, "latest": value.value, "latestAt": format_time(value.ts)})
    room = LABEL_TEXT // max(1, len(found))
    return [_shape(row, registered.get(row.source_id), fields[row.source_id], room=room) for row in found]


def _shape(row: SourceStatistics, registered: Source | None, fields: list[FieldShape], *, room: int) -> SourceShape:
    return {
        "sourceId": row.source_id,
        "firstSeen": format_time(row.first_seen),
        "lastSeen": format_time(row.last_seen),
        "latestEvent": None if row.latest_event is None else format_time(row.latest_event),
        "events": row.stored,
        "fields": fields,
        "fieldsCapped": row.fields_capped,
        "rollupsCutAt": None if row.rollups_cut_at is None else format_time(row.rollups_cut_at),
        # A source without a registry entry is enabled.
        "enabled": registered is None or registered.enabled,
        "labels": _labels(registered.labels, room=room) if registered else {},
    }


def _labels(labels: dict[str, object], *, room: int) -> dict[str, object]:
    """Return the first labels that fit, and how many are left out: receivers bound them, but a page has many sources."""
    shown: dict[str, object] = {}
    for name, value in labels.items():
        room -= len(name) + len(str(value))
        if room < 0:
            return shown | {LEFT_OUT: str(len(labels) - len(shown))}
        shown[name] = value
    return shown
