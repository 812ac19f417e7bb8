"""The page of examples of refused requests."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict

from dashboard.frame.page import Shown, may, page
from ingestion.auth.read_scope import ReadScope
from queries.reads.postgres import ReadUnavailable
from queries.receivers import refused_requests
from queries.receivers.refused_requests import RefusedQuery
from queries.request.query_params import InvalidParameter, Parameters

VIEW_KEYS = "ingestion.view_key"


@page("dashboard/pipeline/refusals.html", here="pipeline", parameters=refused_requests.PARAMETERS)
def refusals(request: HttpRequest, scope: ReadScope) -> Shown:
    """The newest refused requests; `?reason=` and `?source=` narrow them."""
    given = {name: str(value) for name, value in request.GET.items() if value and name in refused_requests.PARAMETERS}
    # A name outside the scope is told nobody, not even as a name that does not exist.
    shown = {name: value for name, value in given.items() if name != "source" or scope.includes(value)}
    now = datetime.now(tz=UTC)
    extra = {"given": shown, "whole": scope.whole}
    try:
        query = RefusedQuery.from_parameters(Parameters(QueryDict(urlencode(given)), known=refused_requests.PARAMETERS))
    except InvalidParameter as error:
        return Shown({"refused": None, "reasons": None}, {**extra, "problem": error.detail})
    try:
        found = refused_requests.read(query, scope=scope, now=now, with_keys=may(request.user, VIEW_KEYS))
        reasons = refused_requests.reasons(scope=scope, now=now)
    except ReadUnavailable:
        return Shown({"refused": None, "reasons": None}, extra)
    return Shown({"refused": found, "reasons": reasons}, extra)
