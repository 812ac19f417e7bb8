"""The admin's page with the history of one event."""

from __future__ import annotations

from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ingestion.auth.read_scope import EVERYTHING
from ingestion.problems import RequestRejected
from queries.events.detail import AmbiguousEvent, EventUncertain
from queries.reads.postgres import ReadUnavailable
from queries.schemas import Outcome, Stage, Trace
from queries.trace import trace

Context = dict[str, object]

OUTCOMES: dict[Outcome, str] = {
    "stored": "It is stored.",
    "dead_lettered": "It is an open dead letter: redrive or discard it.",
    "dropped": "A rule dropped it: it is counted, and not kept.",
    "closed": "It became a dead letter, which was redriven with success. The dead letter shows the new event.",
    "discarded": "It became a dead letter, which was discarded. The dead letter shows why.",
    "in_flight": "It is waiting in Kafka to be processed.",
    "missing": "Its record was processed, but no store and no dead letter has it. Run manage.py reconcile.",
}
TITLES: dict[Stage, str] = {
    "received": "Received",
    "published": "Published to Kafka",
    "processed": "Processed",
    "stored": "Stored",
    "published_again": "Published again",
    "duplicate": "Duplicate",
    "dead_lettered": "Dead-lettered",
    "dropped": "Dropped",
    "redriven": "Redriven",
    "edited": "Edited and redriven",
    "failed": "Failed again",
    "closed": "Closed",
    "parked": "Parked",
    "discarded": "Discarded",
    "reopened": "Reopened",
    "in_flight": "In flight",
}


@require_safe
def trace_page(request: HttpRequest) -> HttpResponse:
    """Show the history of the event `?id=`; `?source_id=` chooses between sources with the same id."""
    text = request.GET.get("id", "").strip()
    context = {**admin.site.each_context(request), "title": "History of an event", "trace_id": text}
    raw = isinstance(request.user, User) and request.user.has_perm("processing.read_documents")
    found = _found(text, request.GET.get("source_id") or None, raw=raw) if text else {}
    return render(request, "admin/trace.html", {**context, **found})


def _found(text: str, source_id: str | None, *, raw: bool) -> Context:
    try:
        return _titled(trace.read(UUID(text), source_id=source_id, scope=EVERYTHING, raw=raw))
    except ValueError:
        return {"problem": "This is not an event id: expected a UUID."}
    except AmbiguousEvent as error:
        return {"sources": error.sources}
    except RequestRejected as error:
        return {"problem": error.detail}
    except EventUncertain:
        return {"problem": "MongoDB, which leads to the event, does not answer or is being restored; try again later."}
    except ReadUnavailable:
        return {"problem": "PostgreSQL does not answer; try again later."}


def _titled(found: Trace) -> Context:
    steps = [{**step, "title": TITLES[step["stage"]]} for step in found["steps"]]
    return {"trace": {**found, "steps": steps}, "outcome": OUTCOMES[found["outcome"]]}
