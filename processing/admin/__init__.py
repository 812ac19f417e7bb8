"""The Django admin of this app: sources and events are read-only; dead letters, jobs and field indexes have actions."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from enum import StrEnum

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ingestion.admin.relative_time import time_column
from ingestion.models import FailingSource, Source
from processing.admin import event_keys, formatting
from processing.admin.dead_letters import DeadLetterAdmin
from processing.admin.failing_sources import FailingSourceAdmin
from processing.admin.field_indexes import FieldIndexAdmin
from processing.admin.incidents import IncidentAdmin, LedgerGapAdmin
from processing.admin.jobs import JobAdmin
from processing.admin.labelled_sources import LabelledSourceAdmin
from processing.admin.readonly import ReadOnlyAdmin, SourceFilter, TimeFilter
from processing.models import (
    DeadLetter,
    Event,
    FieldIndex,
    Incident,
    Job,
    LatestValue,
    LedgerGap,
    SourceStatistics,
)

# Registered here, where Django's autodiscovery finds them.
admin.site.register(DeadLetter, DeadLetterAdmin)
admin.site.register(Job, JobAdmin)
admin.site.register(Incident, IncidentAdmin)
admin.site.register(LedgerGap, LedgerGapAdmin)
admin.site.register(FailingSource, FailingSourceAdmin)
admin.site.register(FieldIndex, FieldIndexAdmin)
# Registered by its own app first; rules may use its labels.
admin.site.unregister(Source)
admin.site.register(Source, LabelledSourceAdmin)

MICROSECOND = timedelta(microseconds=1)
COUNTS = ["read", "stored", "duplicate", "dead_lettered", "dropped"]
MAX_VALUES = 500  # latest values shown of one source; DATAFLOW_MAX_FIELDS_PER_SOURCE has the same default

LAST_SEEN = time_column("last_seen")


class SourceState(StrEnum):
    """How recently a source has sent events."""

    LIVE = "live"
    LATE = "late"
    SILENT = "silent"


LIVE_FOR = timedelta(minutes=1)
LATE_FOR = timedelta(minutes=10)


def state_of(last_seen: datetime, *, now: datetime) -> SourceState:
    """Return the state of a source by the time of its last event."""
    age = now - last_seen
    if age <= LIVE_FOR:
        return SourceState.LIVE
    return SourceState.LATE if age <= LATE_FOR else SourceState.SILENT


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Model]) -> list[tuple[str, str]]:
        return [(state.value, state.value) for state in SourceState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SourceStatistics]) -> QuerySet[SourceStatistics]:
        now = timezone.now()
        match self.value():
            case SourceState.LIVE:
                return queryset.filter(last_seen__gte=now - LIVE_FOR)
            case SourceState.LATE:
                return queryset.filter(last_seen__lt=now - LIVE_FOR, last_seen__gte=now - LATE_FOR)
            case SourceState.SILENT:
                return queryset.filter(last_seen__lt=now - LATE_FOR)
        return queryset


@admin.register(SourceStatistics)
class SourceAdmin(ReadOnlyAdmin):
    list_display = ["source", "state", LAST_SEEN, "stored", "duplicate", "dead_lettered", "dropped", "latest_event"]
    list_filter = [StateFilter]
    sortable_by = ["source", "state", LAST_SEEN]  # type: ignore[list-item]  # Django compares the columns, of any kind
    search_fields = ["source_id__istartswith"]
    search_help_text = "The beginning of a source id"
    ordering = ["-last_seen"]
    fields = ["source_id", "state", "first_seen", "last_seen", "latest_event", *COUNTS, "latest_values"]
    readonly_fields = ["state", "latest_values"]

    @admin.display(ordering="source_id")
    def source(self, row: SourceStatistics) -> str:
        if not row.source_id:
            return "(lines whose source can't be read)"
        return formatting.link("sourcestatistics", row.source_id, row.source_id)

    @admin.display(ordering="-last_seen")
    def state(self, row: SourceStatistics) -> str:
        return state_of(row.last_seen, now=timezone.now()).value

    def latest_values(self, row: SourceStatistics) -> SafeString | str:
        values = LatestValue.objects.filter(source_id=row.source_id).order_by("field")[:MAX_VALUES]
        lines = format_html_join(
            "", "<li>{}: {} ({})</li>", ((v.field, v.value, formatting.rfc3339(v.ts)) for v in values)
        )
        return format_html("<ul>{}</ul>", lines) if lines else "none"


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Several sources may share an event's `id`, Django's key; so the URL has the table's whole key."""

    list_display = ["event", "source_id", "time", "received"]
    list_filter = [SourceFilter, TimeFilter]
    ordering = ["-ts"]
    whole_key = ("id", "source_id")
    # Sorting by another column would make PostgreSQL sort all rows.
    sortable_by = ["time"]
    fields = ["id", "source_id", "time", "received", "stored", "body", "tags", "origin"]
    readonly_fields = ["time", "body", "origin"]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Event | None:
        """Return the event of a whole key; None for any other text."""
        return event_keys.find(object_id, self.get_queryset(request))

    @admin.display(description="event")
    def event(self, row: Event) -> SafeString:
        return formatting.link("event", event_keys.event_key(row), str(row.id))

    @admin.display(ordering="ts", description="event time")
    def time(self, row: Event) -> str:
        return formatting.rfc3339(row.ts)

    @admin.display(description="payload")
    def body(self, row: Event) -> SafeString:
        return formatting.pre(json.dumps(row.payload, indent=2, ensure_ascii=False))

    def origin(self, row: Event) -> str:
        return formatting.origin(row)
