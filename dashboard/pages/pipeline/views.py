"""The pages of the pipeline."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, QueryDict

from dashboard.frame.page import Shown, page
from dashboard.pages.pipeline import held_page, ledger, reading, stores
from dashboard.panels import incidents
from dashboard.panels.notices import TITLES
from ingestion.auth.read_scope import ReadScope
from processing.models import Incident
from queries.pipeline import incidents as incident_list
from queries.pipeline import ledger_minutes
from queries.pipeline.ledger_minutes import MinutesQuery
from queries.reads.postgres import ReadUnavailable
from queries.request.query_params import InvalidParameter, Parameters

LIMIT = "100"  # rows of the ledger


@page("dashboard/pipeline/pipeline.html", here="pipeline", parameters=())
def pipeline(request: HttpRequest, scope: ReadScope) -> Shown:
    """Partitions, receivers, servers, ledger, incidents and volumes at one moment."""
    now = datetime.now(tz=UTC)
    found = reading.read(scope=scope, now=now)
    at = round(now.timestamp() * 1000)
    extra = {
        "store_rows": [(row, stores.line(row["name"], found["latencies"], now=at)) for row in found["stores"]],
        "whole": scope.whole,
        "size": (stores.WIDTH, stores.HEIGHT),
    }
    return Shown({**found}, extra)


@page("dashboard/pipeline/partition.html", here="pipeline", parameters=())
def partition(request: HttpRequest, scope: ReadScope, topic: str, number: int) -> Shown:
    """One partition: who waits in it, whose dead letters held it, and what can be done."""
    if not scope.whole:
        raise Http404("There is no partition that you may see.")
    found = held_page.read(topic, number, scope=scope, now=datetime.now(tz=UTC))
    if found is None:
        raise Http404("There is no such partition.")
    return Shown({**found})


@page("dashboard/pipeline/ledger.html", here="pipeline", parameters=ledger_minutes.PARAMETERS)
def ledger_page(request: HttpRequest, scope: ReadScope) -> Shown:
    """The ledger by minute and source; `?source_id=`, `?start_time=` and `?end_time=` narrow it."""
    given = {name: str(value) for name, value in request.GET.items() if value and name in ledger_minutes.PARAMETERS}
    # A name outside the scope is told nobody, not even as a name that does not exist.
    shown = {name: value for name, value in given.items() if name != "source_id" or scope.includes(value)}
    extra = {"given": shown, "terms_named": ledger.TERMS, "page_query": _query(shown)}
    try:
        parameters = Parameters(QueryDict(urlencode({"limit": LIMIT, **given})), known=ledger_minutes.PARAMETERS)
        query = MinutesQuery.from_parameters(parameters)
    except InvalidParameter as error:
        return Shown({"ledger": None}, {**extra, "problem": error.detail})
    try:
        return Shown({"ledger": ledger.read(query, scope=scope, now=datetime.now(tz=UTC))}, extra)
    except ReadUnavailable:
        return Shown({"ledger": None}, extra)


@page("dashboard/pipeline/incident_list.html", here="pipeline")
def incidents_page(request: HttpRequest, scope: ReadScope) -> Shown:
    """Open incidents, and past ones, newest first; `?kind=` narrows the past ones."""
    kind = request.GET.get("kind", "")
    extra = {
        "kinds": [
            ("", "All kinds"),
            *((each.value, TITLES.get(each.value, each.value)) for each in Incident.Kind),
        ],
        "kind": kind,
        "whole": scope.whole,
        "back": request.path,
    }
    try:
        past = incident_list.past(Parameters(request.GET, known=incident_list.PARAMETERS), scope=scope)
        open_ones = incidents.cards(scope=scope)
    except InvalidParameter as error:
        raise Http404(error.detail) from error
    except ReadUnavailable:
        return Shown({"open": None, "past": None, "next": None, "previous": None}, extra)
    titled = [{**each, "title": incidents.title(each)} for each in past.results]
    return Shown({"open": open_ones, "past": titled, "next": past.next, "previous": past.previous}, extra)


def _query(given: dict[str, str]) -> str:
    """Return the filters of the ledger, ready for a cursor."""
    text = urlencode({name: value for name, value in given.items() if name != "cursor"})
    return f"{text}&" if text else ""
