"""The API of the pipeline and its ledger."""

from __future__ import annotations

from datetime import UTC, datetime

from rest_framework.request import Request
from rest_framework.response import Response

from queries.openapi import parameters as documented
from queries.openapi.describe import About, describe
from queries.pipeline import ledger_minutes, status
from queries.pipeline.ledger_minutes import MinutesQuery
from queries.request.pagination import Address
from queries.request.query_params import Parameters
from queries.schemas import LedgerMinutes, Pipeline
from queries.scoped_views import ScopedView


class PipelineView(ScopedView):
    """The ledger in total and per source, the lag, the consumers and the servers, at one moment."""

    name = "Pipeline"

    @describe(Pipeline, About(name="getPipeline", tag="Pipeline", summary="Get the state of the pipeline"))
    def get(self, request: Request) -> Response:
        Parameters(request.query_params, known=())
        return Response(status.read(scope=self.scope))


class LedgerView(ScopedView):
    """The ledger by minute of receipt and source, newest first, with rejected events and records that Kafka lost."""

    name = "Ledger"

    @describe(
        LedgerMinutes,
        About(
            name="listLedgerMinutes",
            tag="Pipeline",
            summary="List the ledger by minute",
            parameters=documented.LEDGER,
        ),
    )
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=ledger_minutes.PARAMETERS)
        page = ledger_minutes.page(MinutesQuery.from_parameters(parameters), scope=self.scope, now=datetime.now(tz=UTC))
        return Response(page.as_json(Address.of(request, parameters)))
