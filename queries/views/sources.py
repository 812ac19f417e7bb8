"""The API of sources and their latest values."""

from __future__ import annotations

from datetime import UTC, datetime

from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.problems import Code
from queries.openapi import parameters as documented
from queries.openapi.describe import About, describe
from queries.request import pagination
from queries.request.pagination import Address
from queries.request.query_params import Parameters
from queries.schemas import LatestList, LatestShape, ListedSource, Page, SourceDetail
from queries.scoped_views import ScopedView
from queries.sources import detail, latest, lists, query
from queries.sources.query import SourceQuery

OF_SOURCE = (Code.NOT_FOUND,)


class SourceList(ScopedView):
    """Sources in order of id, of when they were last seen or of their events, with the latest value of each numeric field."""

    name = "Sources"

    @describe(
        Page[ListedSource],
        About(
            name="listSources",
            tag="Sources",
            summary="List sources",
            parameters=documented.SOURCES,
            headers=("Server-Timing", "Link"),
        ),
    )
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=query.PARAMETERS)
        page = lists.page(SourceQuery.from_parameters(parameters), scope=self.scope, now=datetime.now(tz=UTC))
        found = pagination.as_json(page, Address.of(request, parameters))
        return Response(found, headers=pagination.link_header(found["next"], found["previous"]))


class SourceView(ScopedView):
    """One source, with the types of its fields in its newest events."""

    name = "Source"

    @describe(SourceDetail, About(name="getSource", tag="Sources", summary="Get one source", codes=OF_SOURCE))
    def get(self, request: Request, source_id: str) -> Response:
        Parameters(request.query_params, known=())
        return Response(detail.read(source_id, scope=self.scope, now=datetime.now(tz=UTC)))


class LatestOfSource(ScopedView):
    """The latest value of each numeric field of a source, and its newest event."""

    name = "Latest of a source"

    @describe(
        LatestShape,
        About(name="getLatestOfSource", tag="Sources", summary="Get the latest values of a source", codes=OF_SOURCE),
    )
    def get(self, request: Request, source_id: str) -> Response:
        Parameters(request.query_params, known=())
        return Response(latest.one(source_id, scope=self.scope))


class Latest(ScopedView):
    """The latest value of each numeric field of several sources, and their newest events."""

    name = "Latest"

    @describe(
        LatestList,
        About(
            name="getLatest",
            tag="Sources",
            summary="Get the latest values of several sources",
            parameters=documented.LATEST,
            codes=(Code.QUERY_TOO_WIDE,),
        ),
    )
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=latest.PARAMETERS, repeated=latest.PARAMETERS)
        return Response(latest.several(parameters.source_patterns(most=latest.MAX_SOURCES), scope=self.scope))
