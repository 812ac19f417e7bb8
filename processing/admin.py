"""What operators see under /admin/: sources, events and dead letters, all read-only."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ingestion.problems import MEANINGS, Code
from processing import raw_text
from processing.admin_incidents import IncidentAdmin, LedgerGapAdmin
from processing.admin_lists import ReadOnlyAdmin, SourceFilter, TimeFilter
from processing.models import DeadLetter, Event, Incident, LatestValue, LedgerGap, SourceStatistics

# Registered here, so that Django's search for admin.py finds them.
admin.site.register(Incident, IncidentAdmin)
admin.site.register(LedgerGap, LedgerGapAdmin)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
COUNTS = ["read", "stored", "duplicate", "dead_lettered", "dropped"]
MOST_VALUES = 500  # latest values shown of one source; DATAFLOW_MAX_FIELDS_PER_SOURCE has the same default


class SourceState(StrEnum):
    """How long ago a source was heard."""

    LIVE = "live"
    LATE = "late"
    SILENT = "silent"


LIVE_FOR = timedelta(minutes=1)
LATE_FOR = timedelta(minutes=10)


def state_of(last_seen: datetime, *, now: datetime) -> SourceState:
    """Judge a source by when it was last heard."""
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
    list_display = ["source", "state", "last_seen", "stored", "duplicate", "dead_lettered", "dropped", "latest_event"]
    list_filter = [StateFilter]
    search_fields = ["source_id__istartswith"]
    search_help_text = "The beginning of a source id"
    ordering = ["-last_seen"]
    fields = ["source_id", "state", "first_seen", "last_seen", "latest_event", *COUNTS, "latest_values"]
    readonly_fields = ["state", "latest_values"]

    @admin.display(ordering="source_id")
    def source(self, row: SourceStatistics) -> str:
        if not row.source_id:
            return "(lines whose source can't be read)"
        return _link("sourcestatistics", row.source_id, row.source_id)

    @admin.display(ordering="-last_seen")
    def state(self, row: SourceStatistics) -> str:
        return state_of(row.last_seen, now=timezone.now()).value

    def latest_values(self, row: SourceStatistics) -> SafeString | str:
        values = LatestValue.objects.filter(source_id=row.source_id).order_by("field")[:MOST_VALUES]
        lines = format_html_join("", "<li>{}: {} ({})</li>", ((v.field, v.value, _rfc3339(v.ts)) for v in values))
        return format_html("<ul>{}</ul>", lines) if lines else "none"


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Django's key for an event, `id`, may be shared by several sources: here the table's whole key is in the address."""

    list_display = ["event", "source_id", "time", "received"]
    list_filter = [SourceFilter, TimeFilter]
    ordering = ["-ts"]
    # A column that one could sort by is a column that PostgreSQL would have to sort all rows by.
    sortable_by = ["time"]
    fields = ["id", "source_id", "time", "received", "stored", "body", "tags", "origin"]
    readonly_fields = ["time", "body", "origin"]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Event | None:
        """Find an event by `address`; None for any other text."""
        try:
            event_id, microseconds, source = object_id.split("|", 2)
            moment = EPOCH + int(microseconds) * MICROSECOND
            key = {"id": UUID(event_id), "ts": moment, "source_id": source}
        except (ValueError, OverflowError):
            return None
        return self.get_queryset(request).filter(**key).first()

    @admin.display(description="event")
    def event(self, row: Event) -> SafeString:
        return _link("event", address(row), str(row.id))

    @admin.display(ordering="ts", description="event time")
    def time(self, row: Event) -> str:
        return _rfc3339(row.ts)

    @admin.display(description="payload")
    def body(self, row: Event) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(row.payload, indent=2, ensure_ascii=False))

    def origin(self, row: Event) -> str:
        return _origin(row)


def address(row: Event) -> str:
    """Name an event by the whole key of its row."""
    return f"{row.id}|{(row.ts - EPOCH) // MICROSECOND}|{row.source_id}"


class ReasonFilter(admin.SimpleListFilter):
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Model]) -> list[tuple[str, str]]:
        return [(code.value, code.value.replace("_", " ")) for code in DEAD_LETTER_REASONS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


# The codes that can stand in a letter: what is wrong with one line, not with a request.
DEAD_LETTER_REASONS = [
    code
    for code in Code
    if code in {Code.NOT_JSON, Code.INTERNAL_ERROR, Code.EVENT_TOO_LARGE, Code.ID_CONFLICT}
    or (MEANINGS[code][0] == 422 and code not in {Code.NOTHING_ACCEPTED, Code.TOO_MANY_SOURCES})
]


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ["letter", "why", "detail", "source_id", "origin", "first_seen", "attempts", "state"]
    list_filter = ["state", ReasonFilter, SourceFilter]
    list_select_related = ["topic"]
    ordering = ["-id"]
    sortable_by = ["letter"]
    fields = [
        *("why", "detail", "pointer", "stage", "state", "source_id", "event_id", "origin"),
        *("received", "first_seen", "last_seen", "attempts", "text", "hexadecimal"),
    ]
    readonly_fields = ["why", "origin", "text", "hexadecimal"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        # The list shows none of the bytes, of which there may be megabytes.
        return super().get_queryset(request).defer("raw")

    @admin.display(ordering="id")
    def letter(self, row: DeadLetter) -> SafeString:
        return _link("deadletter", str(row.pk), str(row.pk))

    @admin.display(description="reason")
    def why(self, row: DeadLetter) -> str:
        return _in_words(row.reason)

    def origin(self, row: DeadLetter) -> str:
        return _origin(row)

    @admin.display(description="as text")
    def text(self, row: DeadLetter) -> SafeString:
        return format_html("<pre>{}</pre>", raw_text.as_text(bytes(row.raw)))

    @admin.display(description="as bytes")
    def hexadecimal(self, row: DeadLetter) -> SafeString | str:
        raw = bytes(row.raw)
        return format_html("<pre>{}</pre>", raw_text.as_hex(raw)) if raw_text.needs_hex(raw) else "plain text"


def _in_words(reason: str) -> str:
    try:
        return MEANINGS[Code(reason)][1]
    except ValueError:
        # Written by a later version of this product.
        return reason


def _origin(row: Event | DeadLetter) -> str:
    return f"{row.topic.name}, partition {row.partition}, offset {row.offset}, line {row.line}"


def _link(model: str, object_id: str, text: str) -> SafeString:
    target = reverse(f"admin:processing_{model}_change", args=[quote(object_id)])
    return format_html('<a href="{}">{}</a>', target, text)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
