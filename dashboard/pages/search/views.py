"""The search of the frame."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from dashboard.frame.page import Shown, page
from dashboard.pages.search import finding
from ingestion.auth.read_scope import ReadScope


@page("dashboard/search.html", here="search", parameters=("q",))
def search(request: HttpRequest, scope: ReadScope) -> Shown | HttpResponse:
    """Go to what `?q=` names, or list what contains it."""
    text = request.GET.get("q", "").strip().replace("\0", "")[: finding.MAX_TEXT]
    if not text:
        return Shown({"q": "", "sources": [], "events": [], "looked": []})
    found = finding.find(text, scope=scope, now=datetime.now(tz=UTC))
    if found.to is not None:
        return redirect(found.to)
    shown = {"q": text, "sources": found.sources, "events": found.events, "looked": found.looked}
    return Shown(shown, {"events_address": found.events_address})
