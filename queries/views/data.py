"""The API of events, traces and aggregates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.problems import Code
from queries import authentication
from queries.aggregates import answer as aggregate_answer
from queries.aggregates import chart
from queries.aggregates import query as aggregate_query
from queries.aggregates.chart import ChartQuery
from queries.aggregates.query import AggregateQuery
from queries.events import detail, listing, query
from queries.events.query import EventQuery
from queries.openapi import parameters as documented
from queries.openapi.describe import KEPT, About, describe
from queries.reads import kept_answers
from queries.request.pagination import Address
from queries.request.query_params import Parameters
from queries.schemas import Aggregate, Chart, ChartRows, EventDetail, EventList, Trace
from queries.scoped_views import ScopedView
from queries.trace import trace
from queries.views import answers

# Problems of those that read many events, and of those that look one up.
WIDE = (Code.QUERY_TOO_WIDE,)
ONE = (Code.NOT_FOUND, Code.AMBIGUOUS_EVENT)
# The list has two addresses.
LIST: dict[str, Any] = {
    "tag": "Events",
    "parameters": documented.EVENTS,
    "codes": WIDE,
    "headers": (*KEPT, "Link"),
}


class Data(ScopedView):
    """Stored events, newest first. Follow `next` to read them all, each once."""

    name = "Data"

    @describe(EventList, About(name="listEvents", summary="List events (at its longer address)", **LIST))
    def get(self, request: Request) -> HttpResponse:
        now = datetime.now(tz=UTC)
        parameters = Parameters(request.query_params, known=query.PARAMETERS, repeated=query.REPEATED)
        wanted, address = EventQuery.from_parameters(parameters), Address.of(request, parameters)
        subject = wanted.selection.subject(self.scope)
        found = kept_answers.read(
            f"events.{address.key}",
            subject=subject,
            now=now,
            answer=lambda: listing.page(wanted, subject.sources, now=now).as_json(address),
        )
        return answers.respond(request, found, has_pages=True)


class ShortData(Data):
    """Stored events, newest first: the same as /api/data/, at a shorter address."""

    @describe(EventList, About(name="getData", summary="List events", **LIST))
    def get(self, request: Request) -> HttpResponse:
        return super().get(request)


class AggregateView(ScopedView):
    """Statistics of numeric fields per interval of event time, by the clock and calendar of any time zone."""

    name = "Aggregate"

    @describe(
        Aggregate,
        About(
            name="aggregateEvents",
            tag="Events",
            summary="Sum up numeric fields",
            parameters=documented.AGGREGATE,
            codes=WIDE,
            headers=KEPT,
        ),
    )
    def get(self, request: Request) -> HttpResponse:
        now = datetime.now(tz=UTC)
        known, repeated = aggregate_query.PARAMETERS, aggregate_query.REPEATED
        parameters = Parameters(request.query_params, known=known, repeated=repeated)
        wanted, address = AggregateQuery.from_parameters(parameters), Address.of(request, parameters)
        subject = aggregate_answer.subject(wanted, scope=self.scope, now=now)
        found = kept_answers.read(
            f"aggregate.{address.key}",
            subject=subject,
            now=now,
            answer=lambda: aggregate_answer.as_json(aggregate_answer.read(wanted, subject.sources, now=now), address),
        )
        return answers.respond(request, found)


class SeriesView(ScopedView):
    """The data of one chart: columns of several series at the finest resolution that has few enough points."""

    name = "Series"

    @describe(
        Chart | ChartRows,
        About(
            name="chartSeries",
            tag="Events",
            summary="Get the data of a chart",
            parameters=documented.CHART,
            codes=WIDE,
            headers=KEPT,
        ),
    )
    def get(self, request: Request) -> HttpResponse:
        now = datetime.now(tz=UTC)
        parameters = Parameters(request.query_params, known=chart.PARAMETERS, repeated=chart.REPEATED)
        in_rows = parameters.choice("shape", ("columns", "rows")) == "rows"
        wanted = ChartQuery.from_parameters(parameters, now=now)
        subject = chart.subject(wanted, scope=self.scope, now=now)

        def answer() -> object:
            found = chart.read(wanted, subject.sources, now=now)
            return chart.as_rows(found) if in_rows else found

        key = f"chart.{Address.of(request, parameters).key}"
        kept = kept_answers.read(key, subject=subject, now=now, answer=answer, is_moving=wanted.is_moving)
        return answers.respond(request, kept)


class EventView(ScopedView):
    """One event: its row, its position in Kafka and, with the right to read it, its raw document."""

    name = "Event"

    @describe(
        EventDetail,
        About(name="getEvent", tag="Events", summary="Get one event", parameters=documented.ONE_EVENT, codes=ONE),
    )
    def get(self, request: Request, event_id: str) -> Response:
        parameters = Parameters(request.query_params, known=("source_id",))
        raw = authentication.reads_documents(request)
        return Response(detail.read(UUID(event_id), source_id=parameters.source_id(), scope=self.scope, raw=raw))


class TraceView(ScopedView):
    """The history of one event: received, published, stored or dead-lettered, or still in flight."""

    name = "Trace"

    @describe(
        Trace,
        About(
            name="traceEvent",
            tag="Events",
            summary="Trace one event",
            parameters=documented.ONE_EVENT,
            codes=(*ONE, Code.BROKER_UNAVAILABLE),
        ),
    )
    def get(self, request: Request, event_id: str) -> Response:
        parameters = Parameters(request.query_params, known=("source_id",))
        raw = authentication.reads_documents(request)
        return Response(trace.read(UUID(event_id), source_id=parameters.source_id(), scope=self.scope, raw=raw))
