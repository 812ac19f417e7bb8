"""One source: how it is and why, its charts, and everything else that is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

from django.conf import settings as conf
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.frame.page import Shown, action, may, page
from dashboard.pages.sources import about, charts, ranges, settings, words
from dashboard.pages.sources.charts import FIELDS, ChartedSource, Charts
from dashboard.pages.sources.ranges import COMPARED, RANGES, ChartRange
from dashboard.pages.sources.settings import InvalidSettings
from dashboard.pages.sources.spark import spark
from ingestion.auth.read_scope import ReadScope
from ingestion.code_samples import address_of, code_samples
from ingestion.events.model import SOURCE_ID_PATTERN
from queries.events import listing
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.request.query_params import InvalidParameter
from queries.request.times import parse_time
from queries.schemas import EventShape, FieldShape, SourceShape
from queries.scoped_views import scoped
from queries.sources import detail, field_types
from queries.sources.detail import SourceNotFound
from queries.sources.health import one
from queries.sources.health.rows import SourceHealth

CHANGE = "ingestion.change_source"
VIEW_KEYS = "ingestion.view_key"
EVENTS = 20
UNIT_INPUTS = 50

Found = TypeVar("Found")


class _Known(NamedTuple):
    """What is read first of a source."""

    health: SourceHealth
    shape: SourceShape | None  # None: nothing of it was read yet


@page("dashboard/sources/source.html", here="sources", parameters=ranges.PARAMETERS)
def source(request: HttpRequest, scope: ReadScope, source_id: str) -> Shown:
    """One source; `?range=`, or `?from=` and `?to=`, choose the range of its charts."""
    _check(source_id)
    now = datetime.now(tz=UTC)
    common = {"source_id": source_id, "snippets": code_samples(address_of(request), source=source_id)}
    try:
        known = _known(source_id, scope=scope, now=now)
    except ReadUnavailable:
        return Shown({"sourceId": source_id, "known": None}, {**common, "unknown": True})
    if known is None:
        if not scope.whole:
            # It may be one of others, of which the answer tells nothing.
            raise Http404("Nothing of this source was ever read.")
        return Shown({"sourceId": source_id, "known": False}, common)
    given = request.GET.dict()
    span = _range(given, known, now)
    newest = _try(lambda: listing.newest(count=EVENTS, scope=scope.narrowed(source_id)))
    drawn = _try(lambda: _charts(given, known, span, scope, now))
    data = {
        "sourceId": source_id,
        "known": True,
        "health": known.health,
        "source": known.shape,
        "charts": drawn,
        "events": newest,
        "deadLetters": _try(lambda: about.dead_letters(source_id, scope=scope)),
        "ledger": _try(lambda: about.ledger(source_id, scope=scope, now=now)),
        "fields": _try(lambda: _fields(known, newest or [], scope)),
        "logic": _try(lambda: about.logic(source_id)) if scope.whole else None,
    }
    return Shown(data, {**common, **_extra(request, known, span, drawn, scope)})


@require_safe
@never_cache
@scoped
def chart_data(request: HttpRequest, scope: ReadScope, source_id: str) -> HttpResponse:
    """The charts of a source as JSON, for its page; parameters as of the page."""
    now = datetime.now(tz=UTC)
    known = _known(source_id, scope=scope, now=now)
    if known is None:
        raise Http404("Nothing of this source was ever read.")
    given = request.GET.dict()
    return JsonResponse(dict(_charts(given, known, _range(given, known, now), scope, now)))


@action(CHANGE)
def edit(request: HttpRequest, scope: ReadScope, source_id: str) -> HttpResponse:
    """Save the settings of a source."""
    _check(source_id)
    try:
        settings.save(source_id, request.POST.dict(), scope=scope)
    except InvalidSettings as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Saved. Receivers know it within seconds.")
    return redirect("source", source_id)


def _check(source_id: str) -> None:
    if not SOURCE_ID_PATTERN.fullmatch(source_id):
        raise Http404("This is no source id.")


def _known(source_id: str, *, scope: ReadScope, now: datetime) -> _Known | None:
    """Return what is known of a source; None: nothing, or it is outside the scope."""
    health = one.read(source_id, scope=scope, now=now)
    if health is None:
        return None
    try:
        return _Known(health, detail.one(source_id, scope=scope))
    except SourceNotFound:
        return _Known(health, None)


def _range(given: Mapping[str, str], known: _Known, now: datetime) -> ChartRange:
    newest = known.shape["latestEvent"] if known.shape else None
    try:
        return ranges.chosen(
            given, newest=None if newest is None else parse_time(newest), habit=known.health["spacing"], now=now
        )
    except InvalidParameter as error:
        raise Http404(error.detail) from error


def _charts(given: Mapping[str, str], known: _Known, span: ChartRange, scope: ReadScope, now: datetime) -> Charts:
    return charts.read(
        ChartedSource(known.health["sourceId"], _wanted(given, known), known.health["spacing"]),
        span,
        compare=given["compare"] if given.get("compare") in COMPARED else None,
        scope=scope,
        now=now,
    )


def _wanted(given: Mapping[str, str], known: _Known) -> Sequence[FieldShape]:
    fields = sorted(known.shape["fields"] if known.shape else [], key=lambda field: field["name"])
    return [each for each in fields if each["name"] == given["field"]] if given.get("field") else fields


def _fields(known: _Known, newest: Sequence[EventShape], scope: ReadScope) -> list[about.FieldRow]:
    with postgres.bounded():
        sample = field_types.read(known.health["sourceId"], scope=scope)
    return about.fields(sample, known.shape["fields"] if known.shape else [], newest)


def _extra(
    request: HttpRequest, known: _Known, span: ChartRange, drawn: Charts | None, scope: ReadScope
) -> dict[str, object]:
    given = request.GET.dict()
    is_log = given.get("scale") == "log"
    name = known.health["sourceId"]
    own = _try(lambda: settings.read(name, scope=scope))
    numeric = [each["name"] for each in _wanted({}, known)[:UNIT_INPUTS]]
    return {
        "tone": words.TONES[known.health["state"]],
        "title": words.TITLES[known.health["state"]],
        "skew": words.skew(known.health["skewSeconds"]),
        "spark": spark(known.health["minutes"], known.health["failedMinutes"]),
        "span": span,
        "ranges": [
            {"title": title, "address": _address(given, "range", each), "chosen": span.name == each and span.is_live}
            for each, (_, title) in RANGES.items()
        ],
        "back": None if span.is_live else _address(given, "range", ranges.USUAL),
        "compares": _choices(given, "compare", {"": "Nothing", "day": "The day before", "week": "The week before"}),
        "scales": _choices(given, "scale", {"": "Linear", "log": "Logarithmic"}),
        "cards": []
        if drawn is None
        else list(zip(drawn["fields"], charts.drawings(drawn, is_log=is_log), strict=True)),
        "given_from": given.get("from", ""),
        "given_to": given.get("to", ""),
        "one_field": given.get("field"),
        "all_fields": _address(given, "field", ""),
        "table": _table(drawn) if given.get("view") == "table" and drawn else None,
        "query": urlencode(
            {each: given[each] for each in ("range", "from", "to", "compare", "scale") if given.get(each)}
        ),
        "most_fields": FIELDS,
        "settings": own,
        "unit_inputs": [] if own is None else [(each, own.unit_label(each)) for each in numeric],
        "common_unit": "" if own is None else own.labels.get(settings.UNIT, ""),
        "keys": _try(lambda: about.keys(name, scope=scope, now=datetime.now(tz=UTC)))
        if may(request.user, VIEW_KEYS)
        else None,
        "partition_href": _partition(known.health["partition"]),
        "may_change": may(request.user, CHANGE),
        "zone": own.labels.get("timezone") if own else None,
    }


def _partition(number: int | None) -> str:
    return reverse("pipeline") if number is None else reverse("partition", args=[conf.KAFKA_TOPIC_RAW_DATA, number])


def _table(drawn: Charts) -> list[dict[str, float | None]]:
    """Return the buckets of the first field that have events, newest first."""
    first = next(iter(drawn["fields"]), None)
    if first is None:
        return []
    rows = zip(drawn["time"], first["avg"], first["min"], first["max"], first["count"], strict=True)
    return [
        {"at": at, "avg": avg, "min": low, "max": high, "count": count} for at, avg, low, high, count in rows if count
    ][::-1]


def _choices(given: Mapping[str, str], name: str, titles: Mapping[str, str]) -> list[dict[str, object]]:
    return [
        {"title": title, "address": _address(given, name, value), "chosen": given.get(name, "") == value}
        for value, title in titles.items()
    ]


def _address(given: Mapping[str, str], name: str, value: str) -> str:
    """Return the address with one parameter changed. A range replaces its ends."""
    left_out = {"from", "to"} if name == "range" else set()
    query = {each: text for each, text in {**given, name: value}.items() if text and each not in left_out}
    return f"?{urlencode(query)}" if query else "?"


def _try(read: Callable[[], Found]) -> Found | None:
    """Return what is read; None: PostgreSQL does not answer, or not in time."""
    try:
        return read()
    except ReadUnavailable:
        return None
