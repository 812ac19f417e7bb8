"""The overview."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest

from dashboard.frame.page import Shown, page
from dashboard.pages.overview import context
from ingestion.auth.read_scope import ReadScope
from queries.pipeline.rate_history import SPANS, Span
from queries.request.query_params import nearest

TITLES: dict[Span, str] = {
    "5m": "5 min",
    "1h": "1 h",
    "6h": "6 h",
    "1d": "1 d",
    "7d": "7 d",
    "30d": "30 d",
}


@page("dashboard/overview/overview.html", here="overview", parameters=("range",))
def overview(request: HttpRequest, scope: ReadScope) -> Shown:
    """The overview of the pipeline; `?range=` chooses how far back the chart of the rate goes."""
    asked = request.GET.get("range", "1h")
    span: Span | None = next((span for span in SPANS if span == asked), None)
    if span is None:
        raise Http404(f"range: expected {nearest(asked, list(SPANS))}")
    data, extra = context.overview(scope, span)
    return Shown(data, {**extra, "span": span, "spans": TITLES, "door": settings.INGESTION_SERVICE_PORT})
