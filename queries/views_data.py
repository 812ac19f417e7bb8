"""The API of events, traces, aggregates and sources."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from queries import aggregates, described, event_detail, events, paging, sources, trace
from queries.aggregates import AggregateQuery
from queries.event_query import EventQuery
from queries.paging import Address
from queries.parameters import Parameters
from queries.shapes import Aggregate, EventDetail, EventShape, Page, SourceShape, Trace
from queries.sources import SourceQuery


class Data(APIView):
    """Stored events, newest first. Follow `next` to read them all, each once."""

    name = "Data"

    @described.describe(Page[EventShape], name="listEvents", parameters=described.EVENTS)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=described.EVENTS)
        page = events.page(EventQuery.from_parameters(parameters))
        return Response(paging.as_json(page, Address.of(request, parameters)))


class ShortData(Data):
    """Stored events, newest first: the same as /api/data/, at a shorter address."""

    @described.describe(Page[EventShape], name="getData", parameters=described.EVENTS)
    def get(self, request: Request) -> Response:
        return super().get(request)


class AggregateView(APIView):
    """Count, sum, average, minimum and maximum of numeric fields per interval of event time."""

    name = "Aggregate"

    @described.describe(Aggregate, name="aggregateEvents", parameters=described.AGGREGATE)
    def get(self, request: Request) -> Response:
        query = AggregateQuery.from_parameters(Parameters(request.query_params, known=described.AGGREGATE))
        return Response(aggregates.read(query, now=datetime.now(tz=UTC)))


class EventView(APIView):
    """One event: its row, its position in Kafka, its raw document."""

    name = "Event"

    @described.describe(EventDetail, name="getEvent", parameters=("source_id",), errors=(404, 409))
    def get(self, request: Request, event_id: str) -> Response:
        parameters = Parameters(request.query_params, known=("source_id",))
        return Response(event_detail.read(UUID(event_id), source_id=parameters.source_id()))


class TraceView(APIView):
    """The history of one event: received, published, stored or dead-lettered, or still in flight."""

    name = "Trace"

    @described.describe(Trace, name="traceEvent", parameters=("source_id",), errors=(404, 409))
    def get(self, request: Request, event_id: str) -> Response:
        parameters = Parameters(request.query_params, known=("source_id",))
        return Response(trace.read(UUID(event_id), source_id=parameters.source_id()))


class SourceList(APIView):
    """Sources in order of id, with the latest value of each numeric field."""

    name = "Sources"

    @described.describe(Page[SourceShape], name="listSources", parameters=described.SOURCES)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=described.SOURCES)
        page = sources.page(SourceQuery.from_parameters(parameters))
        return Response(paging.as_json(page, Address.of(request, parameters)))


class SourceView(APIView):
    """One source."""

    name = "Source"

    @described.describe(SourceShape, name="getSource", errors=(404,))
    def get(self, request: Request, source_id: str) -> Response:
        Parameters(request.query_params, known=())
        return Response(sources.one(source_id))
