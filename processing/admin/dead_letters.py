"""The admin of dead letters: list, search and page; processing.admin.actions has the actions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ingestion.auth.read_scope import EVERYTHING
from ingestion.events import timestamps
from ingestion.http.streamed_answer import StreamedAnswer
from ingestion.problems import in_words
from processing.admin import actions, formatting, selection
from processing.admin.filters import Facet
from processing.admin.readonly import ReadOnlyAdmin
from processing.dead_letters import export, hexdump, rendering
from processing.dead_letters.filters import REDRIVABLE, LetterFilter, related_letters
from processing.models import DeadLetter

MAX_LISTED = 100  # letters of a chain, and lines of a history
SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


class StateFacet(Facet):
    title = column = parameter = "state"


class ReasonFacet(Facet):
    title = column = parameter = "reason"


class SourceFacet(Facet):
    title = parameter = "source"
    column = "source_id"

    def label(self, value: str) -> str:
        return value or "can't be read"


class StageFacet(Facet):
    title = column = parameter = "stage"


class FingerprintFacet(Facet):
    title = "same cause (fingerprint)"
    column = parameter = "fingerprint"

    def label(self, value: str) -> str:
        return value[:8]


class FirstSeenFilter(Facet):
    """Letters of the last hour, day or week. The URL has the fixed start time, so it keeps its meaning."""

    title, column, parameter = "first seen", "first_seen", selection.SINCE

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value is None else queryset.filter(first_seen__gte=selection.parse_time(self.value))

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        yield {
            "selected": self.value is None,
            "query_string": changelist.get_query_string(remove=[self.parameter]),
            "display": "All",
        }
        if self.value is not None:
            yield {"selected": True, "query_string": changelist.get_query_string(), "display": f"since {self.value}"}
        now = datetime.now(tz=UTC)
        for name, span in SPANS.items():
            since = timestamps.to_whole_seconds(now - span)
            yield {
                "selected": False,
                "query_string": changelist.get_query_string({self.parameter: since}),
                "display": f"in the last {name}",
            }


class DeadLetterAdmin(ReadOnlyAdmin):
    """Letters are not edited in place: they are redriven or discarded, which their history records."""

    actions = ["redrive", "discard"]  # type: ignore[assignment]  # the base has none
    list_display = ["letter", "state", "what", "source", "place", "first_seen"]
    list_filter = [StateFacet, ReasonFacet, SourceFacet, StageFacet, FirstSeenFilter, FingerprintFacet]
    list_select_related = ["topic"]
    search_fields = ["detail"]  # shows the search box; processing.admin.selection.parse_search reads its text
    search_help_text = "An event id, a source id, or a text in the detail or reason"
    ordering = ["-id"]
    sortable_by = ["letter"]
    change_list_template = "admin/processing/deadletter/change_list.html"
    change_form_template = "admin/processing/deadletter/change_form.html"
    fieldsets = [
        ("What is wrong", {"fields": ["why", "detail", "pointer", "stage", "alike"]}),
        ("What was sent", {"fields": ["event", "text", "hexadecimal"]}),
        ("Where it came from", {"fields": ["source", "event_id", "origin", "received", "first_seen", "last_seen"]}),
        (
            "Outcome",
            {"fields": ["state", "attempts", "sent_at", "closed_at", "letters", "changes", "history"]},
        ),
    ]
    readonly_fields = [
        *("why", "alike", "event", "text", "hexadecimal"),
        *("source", "origin", "letters", "changes", "history"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        # The list shows no bytes, of which there may be megabytes.
        return super().get_queryset(request).defer("raw", "edited")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse other parameters: actions and export know only those that processing.admin.selection reads."""
        return lookup in selection.PARAMETERS

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter], search_term: str
    ) -> tuple[QuerySet[DeadLetter], bool]:
        found = LetterFilter(**selection.parse_search(search_term))
        return queryset & found.query(), False

    def get_urls(self) -> list[URLPattern]:
        return [*self._action_urls(), *super().get_urls()]

    def _action_urls(self) -> list[URLPattern]:
        inside = self.admin_site.admin_view
        return [
            path("redrive/", inside(actions.redrive_page), name="processing_deadletter_redrive"),
            path("discard/", inside(actions.discard_page), name="processing_deadletter_discard"),
            path("<int:number>/edit/", inside(actions.edit_page), name="processing_deadletter_edit"),
            path("export/", inside(self.export), name="processing_deadletter_export"),
        ]

    def has_change_letters_permission(self, request: HttpRequest) -> bool:
        return actions.may_change(request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "filters": request.GET.urlencode()})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        letter = self.get_object(request, object_id)
        tools = self._tools(request, letter) if letter else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **tools})

    def _tools(self, request: HttpRequest, letter: DeadLetter) -> dict[str, Any]:
        """Return which actions the user may take on a letter."""
        state = letter.state if letter.state == DeadLetter.State.SENT else ""
        this = selection.query_of([letter.pk], state)
        may = self.has_change_letters_permission(request)
        takes = may and selection.selection_from(QueryDict(this)).actionable().exists()
        return {"this": this, "takes_redrive": takes, "takes_edit": takes and letter.state in REDRIVABLE}

    @admin.action(description="Redrive …", permissions=["change_letters"])
    def redrive(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse:
        return self._ask("redrive", request, queryset)

    @admin.action(description="Discard …", permissions=["change_letters"])
    def discard(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse:
        return self._ask("discard", request, queryset)

    def _ask(self, what: str, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse:
        """Redirect to the confirmation page, for all letters that match the list's filters or for the ticked ones."""
        everything = request.POST.get("select_across") == "1"
        numbers = [] if everything else list(queryset.order_by("id").values_list("id", flat=True))
        chosen = request.GET.urlencode() if everything else selection.query_of(numbers)
        return HttpResponseRedirect(f"{reverse(f'admin:processing_deadletter_{what}')}?{chosen}")

    def export(self, request: HttpRequest) -> StreamingHttpResponse:
        """Return the letters that match the list's filters as NDJSON."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        lines = export.lines(selection.selection_from(request.GET), scope=EVERYTHING)
        if request.method == "HEAD":
            lines = iter(())
        answer = StreamingHttpResponse(StreamedAnswer(lines), content_type=export.CONTENT_TYPE)
        answer["Content-Disposition"] = 'attachment; filename="dead-letters.ndjson"'
        return answer

    @admin.display(ordering="id")
    def letter(self, row: DeadLetter) -> SafeString:
        return formatting.link("deadletter", str(row.pk), str(row.pk))

    @admin.display(description="reason")
    def why(self, row: DeadLetter) -> SafeString:
        return format_html("{} <code>{}</code>", in_words(row.reason), row.reason)

    @admin.display(description="source")
    def source(self, row: DeadLetter) -> SafeString | str:
        return formatting.link("sourcestatistics", row.source_id, row.source_id) if row.source_id else "can't be read"

    @admin.display(description="what is wrong")
    def what(self, row: DeadLetter) -> SafeString:
        return format_html("{}<br><small>{}</small>", in_words(row.reason), row.detail)

    @admin.display(description="place")
    def place(self, row: DeadLetter) -> str:
        return f"{row.partition}/{row.offset}/{row.line}"

    def origin(self, row: DeadLetter) -> str:
        return formatting.origin(row)

    @admin.display(description="same cause")
    def alike(self, row: DeadLetter) -> SafeString:
        address = reverse("admin:processing_deadletter_changelist")
        return format_html(
            '<a href="{}?fingerprint={}">letters with the fingerprint {}</a>', address, *[row.fingerprint] * 2
        )

    def event(self, row: DeadLetter) -> SafeString | str:
        text = rendering.to_text(row)
        return "not JSON" if text is None else formatting.pre(hexdump.as_text(text.encode()))

    @admin.display(description="as text")
    def text(self, row: DeadLetter) -> SafeString:
        return formatting.pre(hexdump.as_text(bytes(row.raw)))

    @admin.display(description="as bytes")
    def hexadecimal(self, row: DeadLetter) -> SafeString | str:
        raw = bytes(row.raw)
        return formatting.pre(hexdump.as_hex(raw)) if hexdump.needs_hex(raw) else "plain text"

    @admin.display(description="chain")
    def letters(self, row: DeadLetter) -> SafeString | str:
        found = related_letters(row)[:MAX_LISTED]
        cells = (
            (
                formatting.link("deadletter", str(one.pk), str(one.pk)),
                one.state,
                in_words(one.reason),
                formatting.rfc3339(one.first_seen),
            )
            for one in found
        )
        return (
            formatting.table(("letter", "state", "reason", "first seen"), cells) if len(found) > 1 else "only this one"
        )

    @admin.display(description="sent instead")
    def changes(self, row: DeadLetter) -> SafeString | str:
        lines = rendering.diff_of_edit(row)
        return formatting.diff(lines) if lines else "unchanged"

    def history(self, row: DeadLetter) -> SafeString | str:
        done = [(formatting.rfc3339(one.at), one.who, one.kind, one.note) for one in row.actions.all()[:MAX_LISTED]]
        return formatting.table(("when", "who", "what", "note"), done) if done else "nothing yet"
