"""The list of sources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypedDict
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, QueryDict

from dashboard.frame.page import Shown, page
from dashboard.pages.sources import words
from dashboard.pages.sources.spark import Spark, spark
from ingestion.auth.read_scope import ReadScope
from queries.reads.postgres import ReadUnavailable
from queries.request.query_params import InvalidParameter, Parameters
from queries.request.times import format_time
from queries.sources.health import listing
from queries.sources.health.listing import PARAMETERS, HealthQuery
from queries.sources.health.rows import SourceHealth
from queries.sources.health.state import STATES, State

SORTS = {"worst": "Worst first", "name": "By name", "seen": "Last seen first"}
SHOWN_LABELS = 4  # of one source


class Choice(TypedDict):
    """A link that filters the list."""

    title: str
    count: int
    tone: str
    address: str
    chosen: bool


class Row(SourceHealth):
    """A source of the list, with what only the page shows."""

    tone: str
    title: str
    spark: Spark
    skew: str
    chips: list[tuple[str, str, str]]  # name, value, and the address of the sources with it


@page("dashboard/sources/list.html", here="sources")
def sources(request: HttpRequest, scope: ReadScope) -> Shown:
    """Sources, the worst first; `?q=`, `?state=`, `?label=`, `?sort=` and `?cursor=` choose which."""
    given = _given(request)
    try:
        query = HealthQuery.from_parameters(Parameters(given, known=PARAMETERS))
        found = listing.page(query, scope=scope, now=datetime.now(tz=UTC))
    except InvalidParameter as error:
        raise Http404(error.detail) from error
    except ReadUnavailable:
        return Shown({"sources": None}, {"sorts": SORTS, "given": given.dict(), "choices": []})
    data = {
        "at": format_time(found.at),
        "counts": {state: found.counts[state] for state in STATES},
        "labels": [{"name": each.name, "value": each.value, "sources": each.sources} for each in found.labels],
        "sources": found.results,
        "next": found.next,
        "previous": found.previous,
    }
    kept = {name: str(value) for name, value in given.dict().items() if name != "cursor"}
    extra = {
        "rows": [_row(each) for each in found.results],
        "total": found.counts.total(),
        "choices": _choices(found.counts, query.state, kept),
        "given": kept,
        "sorts": SORTS,
        "filtered": bool(query.part or query.state or query.label),
        "page_query": f"{urlencode(kept)}&" if kept else "",
    }
    return Shown(data, extra)


def _given(request: HttpRequest) -> QueryDict:
    """Return the parameters that are set: a form sends those that are empty, too."""
    given = QueryDict(mutable=True)
    for name, values in request.GET.lists():
        given.setlist(name, [value for value in values if value.strip()])
    return QueryDict(given.urlencode())


def _choices(counts: Mapping[State, int], chosen: State | None, kept: Mapping[str, str]) -> list[Choice]:
    found: list[Choice] = [
        {
            "title": "All",
            "count": sum(counts.values()),
            "tone": "plain",
            "address": _address(kept, state=None),
            "chosen": chosen is None,
        }
    ]
    found += [
        {
            "title": words.TITLES[state],
            "count": counts[state],
            "tone": words.TONES[state],
            "address": _address(kept, state=state),
            "chosen": chosen == state,
        }
        for state in STATES
        if counts[state] or chosen == state
    ]
    return found


def _row(each: SourceHealth) -> Row:
    labels = [(name, str(value)) for name, value in each["labels"].items() if not name.startswith("unit")]
    return {
        **each,
        "tone": words.TONES[each["state"]],
        "title": words.TITLES[each["state"]],
        "spark": spark(each["minutes"], each["failedMinutes"]),
        "skew": words.skew(each["skewSeconds"]),
        "chips": [(name, value, _address({}, label=f"{name}:{value}")) for name, value in labels[:SHOWN_LABELS]],
    }


def _address(kept: Mapping[str, str], **changed: str | None) -> str:
    query = {name: value for name, value in {**kept, **changed}.items() if value}
    return f"?{urlencode(query)}" if query else "?"
