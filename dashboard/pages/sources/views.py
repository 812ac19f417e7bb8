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

from dashboard.frame import preferences
from dashboard.frame.page import Shown, action, may, page
from dashboard.pages.sources import about, addresses, charts, field_choice, ranges, settings, states, words
from dashboard.pages.sources.charts import ChartedSource, Charts
from dashboard.pages.sources.field_choice import Chosen
from dashboard.pages.sources.ranges import COMPARED, RANGES, ChartRange
from dashboard.pages.sources.settings import InvalidSettings
from dashboard.pages.sources.spark import spark
from dashboard.panels import axes
from ingestion.auth.read_scope import ReadScope
from ingestion.code_samples import address_of, code_samples
from ingestion.events.model import SOURCE_ID_PATTERN
from queries.events import listing
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.receivers import refused_requests
from queries.receivers.refused_requests import RefusedQuery, RefusedShape
from queries.request.query_params import InvalidParameter
from queries.request.times import parse_time
from queries.schemas import FieldShape, SourceShape, TypeSample
from queries.scoped_views import scoped
from queries.sources import detail, field_types
from queries.sources.detail import SourceNotFound
from queries.sources.health import one
from queries.sources.health.rows import SourceHealth

CHANGE = "ingestion.change_source"
VIEW_KEYS = "ingestion.view_key"
EVENTS = 20
REFUSED = 5
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
    refused = _try(lambda: _refused(request, source_id, scope, now))
    if known is None:
        if not scope.whole:
            # It may be one of others, of which the answer tells nothing.
            raise Http404("Nothing of this source was ever read.")
        return Shown({"sourceId": source_id, "known": False, "refused": refused}, common)
    span = _range(request.GET.dict(), known, now)
    newest = _try(lambda: listing.newest(count=EVENTS, scope=scope.narrowed(source_id)))
    sample = _try(lambda: _sample(known, scope))
    fields = _chosen(request, known, sample)
    drawn = _try(lambda: _charts(request, known, fields, span, scope, now))
    found = _try(lambda: _states(known, fields, span, scope, now))
    data = {
        "sourceId": source_id,
        "known": True,
        "health": known.health,
        "source": known.shape,
        "charts": drawn,
        "states": None if found is None else found.data,
        "events": newest,
        "deadLetters": _try(lambda: about.dead_letters(source_id, scope=scope)),
        "ledger": _try(lambda: about.ledger(source_id, scope=scope, now=now)),
        "refused": refused,
        "fields": None if sample is None else about.fields(sample, _numeric(known), newest or []),
        "logic": _try(lambda: about.logic(source_id)) if scope.whole else None,
    }
    timed = {"timelines": [] if found is None else found.timelines, "picks": _picks(request, known, sample, fields)}
    return Shown(data, {**common, **timed, **_extra(request, known, fields, span, drawn, scope)})


@require_safe
@never_cache
@scoped
def chart_data(request: HttpRequest, scope: ReadScope, source_id: str) -> HttpResponse:
    """The charts of a source as JSON, for its page; parameters as of the page."""
    now = datetime.now(tz=UTC)
    known = _known(source_id, scope=scope, now=now)
    if known is None:
        raise Http404("Nothing of this source was ever read.")
    span, fields = _range(request.GET.dict(), known, now), _chosen(request, known, None)
    return JsonResponse(dict(_charts(request, known, fields, span, scope, now)))


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


def _numeric(known: _Known) -> Sequence[FieldShape]:
    return known.shape["fields"] if known.shape else []


def _chosen(request: HttpRequest, known: _Known, sample: TypeSample | None) -> Chosen:
    return field_choice.chosen(request.GET.getlist("field"), _numeric(known), field_choice.stated(sample))


def _charts(
    request: HttpRequest, known: _Known, fields: Chosen, span: ChartRange, scope: ReadScope, now: datetime
) -> Charts:
    compared = request.GET.get("compare")
    return charts.read(
        ChartedSource(known.health["sourceId"], fields.numeric, known.health["spacing"]),
        span,
        compare=compared if compared in COMPARED else None,
        scope=scope,
        now=now,
    )


def _states(known: _Known, fields: Chosen, span: ChartRange, scope: ReadScope, now: datetime) -> states.Found:
    # As long as the gaps of the charts.
    gap = (span.bridged(known.health["spacing"]) + 1) * span.bucket.total_seconds()
    return states.read(fields.states, span, gap=gap, within=scope.narrowed(known.health["sourceId"]), now=now)


def _refused(request: HttpRequest, source_id: str, scope: ReadScope, now: datetime) -> list[RefusedShape]:
    query, with_keys = RefusedQuery(source_id=source_id), may(request.user, VIEW_KEYS)
    return refused_requests.read(query, scope=scope, now=now, with_keys=with_keys, limit=REFUSED)


def _sample(known: _Known, scope: ReadScope) -> TypeSample:
    with postgres.bounded():
        return field_types.read(known.health["sourceId"], scope=scope)


def _picks(request: HttpRequest, known: _Known, sample: TypeSample | None, fields: Chosen) -> field_choice.Form:
    shown = min(len(fields.numeric), field_choice.CHARTS) + min(len(fields.states), field_choice.STATES)
    return field_choice.form(
        request.GET.getlist("field"),
        request.GET.get("find", ""),
        {each["name"] for each in _numeric(known)} | set(field_choice.stated(sample)),
        shown=shown,
    )


def _extra(
    request: HttpRequest, known: _Known, fields: Chosen, span: ChartRange, drawn: Charts | None, scope: ReadScope
) -> dict[str, object]:
    given = dict(request.GET.lists())
    common = addresses.common(given)
    is_log = common.get("scale") == "log"
    name = known.health["sourceId"]
    own = _try(lambda: settings.read(name, scope=scope))
    numeric = sorted(each["name"] for each in _numeric(known))[:UNIT_INPUTS]
    zone = own.labels.get("timezone") if own else None
    local = preferences.of_request(request).zone_for(zone)
    return {
        "tone": words.TONES[known.health["state"]],
        "title": words.TITLES[known.health["state"]],
        "skew": words.skew(known.health["skewSeconds"]),
        "spark": spark(known.health["minutes"], known.health["failedMinutes"]),
        "span": span,
        **_choices(given, span),
        "cards": [] if drawn is None else charts.cards(drawn, is_log=is_log),
        "common": common,
        "chosen_fields": [each for each in given.get("field", []) if each],
        "most_charts": field_choice.CHARTS,
        "most_states": field_choice.STATES,
        "one_field": fields.only,
        "all_fields": f"?{urlencode(common)}" if request.GET.get("field") else None,
        "as_table": fields.only is not None and request.GET.get("view") == "table",
        "table": charts.table(drawn) if fields.numeric and drawn else [],
        "query": urlencode(common),
        "settings": own,
        "unit_inputs": [] if own is None else [(each, own.unit_label(each)) for each in numeric],
        "common_unit": "" if own is None else own.labels.get(settings.UNIT, ""),
        "keys": _try(lambda: about.keys(name, scope=scope, now=datetime.now(tz=UTC)))
        if may(request.user, VIEW_KEYS)
        else None,
        "partition_href": _partition(known.health["partition"]),
        "may_change": may(request.user, CHANGE),
        "zone": zone,
        "times": axes.of_times(*span.milliseconds, zone=local),
    }


def _choices(given: addresses.Given, span: ChartRange) -> dict[str, object]:
    compared = {"": "Nothing", "day": "The day before", "week": "The week before"}
    names = {each: title for each, (_, title) in RANGES.items()}
    return {
        "ranges": addresses.choices(given, "range", names, present=span.name if span.is_live else None),
        "back": None if span.is_live else addresses.changed(given, "range", ranges.USUAL),
        "compares": addresses.choices(given, "compare", compared, present=given.get("compare", [""])[-1]),
        "scales": addresses.choices(
            given, "scale", {"": "Linear", "log": "Logarithmic"}, present=given.get("scale", [""])[-1]
        ),
    }


def _partition(number: int | None) -> str:
    return reverse("pipeline") if number is None else reverse("partition", args=[conf.KAFKA_TOPIC_RAW_DATA, number])


def _try(read: Callable[[], Found]) -> Found | None:
    """Return what is read; None: PostgreSQL does not answer, or not in time."""
    try:
        return read()
    except ReadUnavailable:
        return None
