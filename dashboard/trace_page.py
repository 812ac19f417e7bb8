"""The admin's page that says what became of one event."""

from __future__ import annotations

from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ingestion.requests import Refused
from queries import trace
from queries.event_detail import AmbiguousEvent
from queries.postgres import StoreUnavailable
from queries.shapes import Outcome, Stage, Trace

Context = dict[str, object]

OUTCOMES: dict[Outcome, str] = {
    "stored": "It is stored.",
    "dead_lettered": "It was set aside, and waits for someone to mend or discard it.",
    "closed": "It was set aside, and what was sent instead of it ended well: its dead letter says what.",
    "discarded": "It was set aside and given up: its dead letter says why.",
    "in_flight": "It waits in Kafka to be processed.",
    "missing": "Its record was processed, but neither store nor a dead letter knows it: run manage.py reconcile.",
}
TITLES: dict[Stage, str] = {
    "received": "Received",
    "published": "Published to Kafka",
    "processed": "Processed",
    "stored": "Stored",
    "published_again": "Published again",
    "duplicate": "Duplicate",
    "dead_lettered": "Set aside",
    "redriven": "Sent once more",
    "edited": "Edited and sent once more",
    "failed": "Failed again",
    "closed": "Closed",
    "parked": "Parked",
    "discarded": "Discarded",
    "in_flight": "In flight",
}


@require_safe
def trace_page(request: HttpRequest) -> HttpResponse:
    """Show the trace of `?id=`, of `?source_id=` alone where several sources have the id."""
    text = request.GET.get("id", "").strip()
    context = {**admin.site.each_context(request), "title": "What became of an event", "trace_id": text}
    found = _found(text, request.GET.get("source_id") or None) if text else {}
    return render(request, "admin/trace.html", {**context, **found})


def _found(text: str, source_id: str | None) -> Context:
    try:
        return _titled(trace.read(UUID(text), source_id=source_id))
    except ValueError:
        return {"problem": "This is not the id of an event: expected a UUID."}
    except AmbiguousEvent as error:
        return {"sources": error.sources}
    except Refused as error:
        return {"problem": error.detail}
    except StoreUnavailable:
        return {"problem": "PostgreSQL does not answer; ask again later."}


def _titled(found: Trace) -> Context:
    steps = [{**step, "title": TITLES[step["stage"]]} for step in found["steps"]]
    return {"trace": {**found, "steps": steps}, "outcome": OUTCOMES[found["outcome"]]}
