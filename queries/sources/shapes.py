"""Sources as JSON, with the labels of the registry and the latest value of each numeric field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingestion.auth.read_scope import ReadScope
from ingestion.events.source_labels import LEFT_OUT
from ingestion.models import Source
from processing.models import SourceStatistics
from queries.logic import declared_units
from queries.logic.declared_units import DeclaredUnits
from queries.reads import units
from queries.request.times import format_time
from queries.schemas import FieldShape, SourceShape
from queries.sources import latest_values
from queries.sources.latest_values import FieldValue

LABEL_TEXT = 1024 * 1024  # characters of labels in one answer, shared by its sources


def of(rows: Sequence[SourceStatistics], *, scope: ReadScope) -> list[SourceShape]:
    """Return sources of a scope as JSON; call it inside `postgres.bounded`."""
    within = scope.among([row.source_id for row in rows])
    values = latest_values.read(within)
    registered, declared = registry(within)
    room = LABEL_TEXT // max(1, len(rows))
    return [
        _shape(row, registered.get(row.source_id), values.get(row.source_id, []), declared.of(row.source_id), room=room)
        for row in rows
    ]


def registry(scope: ReadScope) -> tuple[Mapping[str, Source], DeclaredUnits]:
    """Return the entries of the sources in a scope, and the units that the current logic declares."""
    rows = list(Source.objects.filter(**scope.lookup()).annotate(units=declared_units.WITH_ROWS).order_by())
    return {row.source_id: row for row in rows}, declared_units.of_rows(row.units for row in rows)


def _shape(
    row: SourceStatistics,
    registered: Source | None,
    values: list[FieldValue],
    declared: Mapping[str, str],
    *,
    room: int,
) -> SourceShape:
    labels = registered.labels if registered else {}
    fields: list[FieldShape] = [
        {
            "name": each.name,
            "latest": each.value,
            "latestAt": each.at,
            "unit": units.unit_of(each.name, labels, declared),
        }
        for each in values
    ]
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
        "labels": shown_labels(labels, room=room),
    }


def shown_labels(labels: dict[str, object], *, room: int) -> dict[str, object]:
    """Return the first labels that fit, and how many are left out: receivers bound them, but a page has many sources."""
    shown: dict[str, object] = {}
    for name, value in labels.items():
        room -= len(name) + len(str(value))
        if room < 0:
            return shown | {LEFT_OUT: str(len(labels) - len(shown))}
        shown[name] = value
    return shown
