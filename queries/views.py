"""The read API: parameters in, one read, JSON out. Nothing here knows how."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from queries import aggregates, described, event_detail, events, minutes, pipeline, sources, trace
from queries.aggregates import AggregateQuery
from queries.event_query import EventQuery
from queries.minutes import MinutesQuery
from queries.paging import Address
from queries.parameters import Parameters
from queries.shapes import (
    Aggregate,
    EventDetail,
    EventShape,
    LedgerMinutes,
    Page,
    Pipeline,
    SourceShape,
    Trace,
)
from queries.sources import SourceQuery


def _address(request: Request, parameters: Parameters) -> Address:
    return Address(request.build_absolute_uri(request.path), parameters.given)


class Root(APIView):
    """What the pipeline stored, and how it is doing."""

    name = "Read API"
    schema = None

    def get(self, request: Request) -> Response:
        Parameters(request.query_params, known=())
        lists = ("data", "aggregate", "source-list", "dead-letter-list", "job-list")
        names = (*lists, "pipeline", "ledger", "schema", "docs")
        addresses = {name: request.build_absolute_uri(reverse(f"queries:{name}")) for name in names}
        return Response(addresses)


class Data(APIView):
    """Stored events, newest first. Follow `next` to read them all, each once."""

    name = "Data"

    @described.describe(Page[EventShape], name="listEvents", parameters=described.EVENTS)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=described.EVENTS)
        return Response(events.page(EventQuery.from_parameters(parameters), address=_address(request, parameters)))


class ShortData(Data):
    """Stored events, newest first: the same as /api/data/, at the address that is easy to remember."""

    @described.describe(Page[EventShape], name="getData", parameters=described.EVENTS)
    def get(self, request: Request) -> Response:
        return super().get(request)


class AggregateView(APIView):
    """Count, sum, average, least and largest value of numeric fields per interval of event time."""

    name = "Aggregate"

    @described.describe(Aggregate, name="aggregateEvents", parameters=described.AGGREGATE)
    def get(self, request: Request) -> Response:
        query = AggregateQuery.from_parameters(Parameters(request.query_params, known=described.AGGREGATE))
        return Response(aggregates.read(query, now=datetime.now(tz=UTC)))


class EventView(APIView):
    """One event: its row, where in Kafka it came from, its raw document."""

    name = "Event"

    @described.describe(EventDetail, name="getEvent", parameters=("source_id",), errors=(404, 409))
    def get(self, request: Request, event_id: str) -> Response:
        parameters = Parameters(request.query_params, known=("source_id",))
        return Response(event_detail.read(UUID(event_id), source_id=parameters.source_id()))


class TraceView(APIView):
    """What became of one event: received, published, stored, or set aside, or still in flight."""

    name = "Trace"

    @described.describe(Trace, name="traceEvent", parameters=("source_id",), errors=(404, 409))
    def get(self, request: Request, event_id: str) -> Response:
        parameters = Parameters(request.query_params, known=("source_id",))
        return Response(trace.read(UUID(event_id), source_id=parameters.source_id()))


class SourceList(APIView):
    """Sources by their ids, with the latest value of each numeric field."""

    name = "Sources"

    @described.describe(Page[SourceShape], name="listSources", parameters=described.SOURCES)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=described.SOURCES)
        return Response(sources.page(SourceQuery.from_parameters(parameters), address=_address(request, parameters)))


class SourceView(APIView):
    """One source."""

    name = "Source"

    @described.describe(SourceShape, name="getSource", errors=(404,))
    def get(self, request: Request, source_id: str) -> Response:
        Parameters(request.query_params, known=())
        return Response(sources.one(source_id))


class PipelineView(APIView):
    """The ledger in total and per source, the lag, the consumers and the servers, at one moment."""

    name = "Pipeline"

    @described.describe(Pipeline, name="getPipeline")
    def get(self, request: Request) -> Response:
        Parameters(request.query_params, known=())
        return Response(pipeline.read())


class LedgerView(APIView):
    """The ledger by minute of receipt and source, newest first; what the doors refused, and what is lost for good."""

    name = "Ledger"

    @described.describe(LedgerMinutes, name="listLedgerMinutes", parameters=described.LEDGER)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=described.LEDGER)
        query = MinutesQuery.from_parameters(parameters)
        return Response(minutes.page(query, address=_address(request, parameters), now=datetime.now(tz=UTC)))


class Schema(SpectacularAPIView):
    """The OpenAPI schema of all this."""

    name = "Schema"
    renderer_classes = [OpenApiJsonRenderer, OpenApiYamlRenderer]
    schema = None


class Docs(APIView):
    """The schema as a page to read: plain HTML, nothing from elsewhere."""

    name = "Documentation"
    renderer_classes = [TemplateHTMLRenderer]
    schema = None

    def get(self, request: Request) -> Response:
        Parameters(request.query_params, known=())
        document = SchemaGenerator().get_schema(request=request, public=True)  # type: ignore[no-untyped-call]
        return Response({"document": document}, template_name="queries/docs.html")
