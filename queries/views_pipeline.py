"""The API of the pipeline and its ledger."""

from __future__ import annotations

from datetime import UTC, datetime

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from queries import described, minutes, pipeline
from queries.minutes import MinutesQuery
from queries.paging import Address
from queries.parameters import Parameters
from queries.shapes import LedgerMinutes, Pipeline


class PipelineView(APIView):
    """The ledger in total and per source, the lag, the consumers and the servers, at one moment."""

    name = "Pipeline"

    @described.describe(Pipeline, name="getPipeline")
    def get(self, request: Request) -> Response:
        Parameters(request.query_params, known=())
        return Response(pipeline.read())


class LedgerView(APIView):
    """The ledger by minute of receipt and source, newest first, with rejected events and records that Kafka lost."""

    name = "Ledger"

    @described.describe(LedgerMinutes, name="listLedgerMinutes", parameters=described.LEDGER)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=described.LEDGER)
        page = minutes.page(MinutesQuery.from_parameters(parameters), now=datetime.now(tz=UTC))
        return Response(page.as_json(Address.of(request, parameters)))
