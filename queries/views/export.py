"""The API of exports."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from ingestion.http.streamed_answer import StreamedAnswer
from ingestion.problems import Code, RequestRejected
from queries.export import export, query
from queries.export.formats import BY_MEDIA_TYPE, CSV, FORMATS, NDJSON, PARQUET, Format
from queries.export.query import ExportQuery
from queries.openapi import parameters as documented
from queries.openapi import problem_answers
from queries.openapi.describe import About, describe_file, lines
from queries.openapi.operation import Answer
from queries.openapi.shapes import SHAPES
from queries.request.query_params import Parameters
from queries.schemas import EventShape
from queries.scoped_views import ScopedView

MAX_ACCEPT = 1_024  # characters of a header that is looked at

ANSWERS = [
    Answer(
        200,
        "The events.",
        {
            NDJSON.content_type: lines(SHAPES.of(EventShape)),
            CSV.content_type: {"type": "string", "description": "A line of names, then a line for each event."},
            PARQUET.content_type: {"type": "string", "contentMediaType": "application/octet-stream"},
        },
        ("Content-Disposition", "Server-Timing"),
    )
]
ABOUT: dict[str, Any] = {
    "tag": "Events",
    "parameters": documented.EXPORT,
    "codes": (*problem_answers.READ, Code.QUERY_TOO_WIDE),
}


class ExportResponse(StreamingHttpResponse):
    """An export. It says how long PostgreSQL took, which no other can tell: an export has a connection of its own."""

    database_seconds = 0.0  # until the first piece, for the header Server-Timing


class _AnyFormat(DefaultContentNegotiation):
    """Leaves the format to the view: no renderer makes an export."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, str(first.media_type)


class DataExport(ScopedView):
    """All events that match, as NDJSON, CSV or Parquet, oldest first: one snapshot, in a stream of any length.

    An export that fails is cut off. HTTP clients report that, and a Parquet file that was cut off has no footer.
    """

    name = "Export"
    content_negotiation_class = _AnyFormat

    @describe_file(ANSWERS, About(name="exportEvents", summary="Export events", **ABOUT))
    def get(self, request: Request) -> ExportResponse:
        wanted, given = _query(request)
        now = datetime.now(tz=UTC)
        running = export.of_reader(wanted, scope=self.scope, now=now, given=given)
        answer = _answer(wanted, StreamedAnswer(running, cut=running.cut, close=running.close), now=now)
        answer.database_seconds = running.waited
        return answer

    @extend_schema(exclude=True)
    def head(self, request: Request) -> ExportResponse:
        """Check an export as GET does, and read no event. There is no length: nobody knows it before the end."""
        wanted, _ = _query(request)
        now = datetime.now(tz=UTC)
        export.check(wanted, scope=self.scope, now=now)
        return _answer(wanted, StreamedAnswer(iter(())), now=now)


def _query(request: Request) -> tuple[ExportQuery, object]:
    parameters = Parameters(request.query_params, known=query.PARAMETERS, repeated=query.REPEATED)
    preferred = NDJSON if "format" in parameters.given else _preferred(request._request)  # noqa: SLF001 - Django's
    return ExportQuery.from_parameters(parameters, preferred=preferred), dict(parameters.given)


def _preferred(request: HttpRequest) -> Format:
    accept = request.headers.get("Accept", "")
    if not accept or len(accept) > MAX_ACCEPT:
        return NDJSON
    media = request.get_preferred_type(list(BY_MEDIA_TYPE))
    if media is None:
        names = ", ".join(FORMATS)
        raise RequestRejected(Code.NOT_ACCEPTABLE, f"Accept: expected {', '.join(BY_MEDIA_TYPE)}, or format={names}")
    return BY_MEDIA_TYPE[media]


def _answer(wanted: ExportQuery, content: StreamedAnswer, *, now: datetime) -> ExportResponse:
    headers = {
        "Content-Disposition": f'attachment; filename="events-{now:%Y%m%dT%H%M%SZ}.{wanted.format.name}"',
        "Cache-Control": "no-store",
        # nginx would read as fast as it can, and write to its disk what the client has not taken yet.
        "X-Accel-Buffering": "no",
    }
    return ExportResponse(content, content_type=wanted.format.content_type, headers=headers)
