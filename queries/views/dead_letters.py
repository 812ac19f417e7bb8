"""The API of dead letters. Changing one, and reading every byte, needs a key with the scope `admin`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.auth.read_scope import ReadScope
from ingestion.http.streamed_answer import StreamedAnswer
from ingestion.models import Scope
from ingestion.problems import OF_EVENT, Code
from processing.dead_letters import export, serializers
from processing.dead_letters.export import ExportedLetter
from processing.dead_letters.filters import LetterFilter
from processing.dead_letters.schemas import (
    DeadLetterDetail,
    DeadLetterShape,
    DiscardRehearsal,
    JobShape,
    RedriveRehearsal,
)
from processing.models import Job
from queries import authentication
from queries.dead_letters import actions, filters, listing
from queries.dead_letters.actions import Outcome
from queries.dead_letters.bodies import DiscardMany, DiscardOne, RedriveMany, RedriveOne
from queries.dead_letters.listing import DeadLetterQuery
from queries.openapi import parameters as documented
from queries.openapi.describe import About, describe
from queries.openapi.operation import Access
from queries.reads import postgres
from queries.request import json_body, pagination
from queries.request.pagination import Address
from queries.request.query_params import Parameters
from queries.schemas import Page
from queries.scoped_views import ApiView, ScopedView

REDRIVE = {200: RedriveRehearsal, 202: JobShape}
DISCARD = {200: DiscardRehearsal, 202: JobShape}
ABOUT: dict[str, Any] = {"tag": "Dead letters", "access": Access.KEY}
ALL = (Code.SOURCE_NOT_ALLOWED,)
ONE = (Code.NOT_FOUND, Code.NOT_MENDABLE, *ALL)


class DeadLetterList(ScopedView):
    """Lines that could not become events, newest first."""

    name = "Dead letters"

    @describe(
        Page[DeadLetterShape],
        About(
            name="listDeadLetters",
            tag="Dead letters",
            summary="List dead letters",
            parameters=documented.DEAD_LETTERS,
        ),
    )
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=listing.PARAMETERS)
        page = listing.page(DeadLetterQuery.from_parameters(parameters), scope=self.scope)
        return Response(pagination.as_json(page, Address.of(request, parameters)))


class DeadLetterView(ScopedView):
    """One dead letter: what was sent, what is wrong with it, and its history."""

    name = "Dead letter"

    @describe(
        DeadLetterDetail,
        About(name="getDeadLetter", tag="Dead letters", summary="Get one dead letter", codes=(Code.NOT_FOUND,)),
    )
    def get(self, request: Request, number: str) -> Response:
        Parameters(request.query_params, known=())
        whole = authentication.holds(request, Scope.ADMIN)
        return Response(listing.one(int(number), scope=self.scope, whole=whole))


class DeadLetterExport(ScopedView):
    """Whole dead letters, one JSON object on each line, oldest first. Needs the scope `admin`."""

    name = "Export of dead letters"

    @describe(
        ExportedLetter,
        About(
            name="exportDeadLetters",
            tag="Dead letters",
            summary="Export dead letters",
            parameters=documented.LETTER_FILTERS,
            access=Access.KEY,
        ),
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        selection, scope = _exported(request)
        lines = export.lines(selection, scope=scope, reading=postgres.bounded)
        return StreamingHttpResponse(StreamedAnswer(lines), content_type=export.CONTENT_TYPE)

    @extend_schema(exclude=True)
    def head(self, request: Request) -> StreamingHttpResponse:
        """Check the request as GET does, and read no letter."""
        _exported(request)
        return StreamingHttpResponse(StreamedAnswer(iter(())), content_type=export.CONTENT_TYPE)


def _exported(request: Request) -> tuple[LetterFilter, ReadScope]:
    scope = authentication.admin_scope(request)
    selection = filters.from_parameters(Parameters(request.query_params, known=filters.PARAMETERS))
    return selection, scope


class LetterAction(ApiView):
    """A POST whose body is read as `body` and passed to `act`, which makes a job or does a dry run."""

    body: ClassVar[type[msgspec.Struct]]
    act: ClassVar[Callable[..., Outcome]]  # called with the body, `scope`, `who`, and `number` if the address has one

    def post(self, request: Request, **captured: str) -> Response:
        who = authentication.admin_name(request)
        body = json_body.read(request, self.body)
        numbers = {name: int(text) for name, text in captured.items()}
        outcome = type(self).act(body, scope=authentication.admin_scope(request), who=who, **numbers)
        if isinstance(outcome, Job):
            return Response(serializers.job(outcome), status=status.HTTP_202_ACCEPTED)
        return Response(outcome)


@extend_schema_view(
    post=describe(
        REDRIVE,
        About(
            name="redriveDeadLetter",
            summary="Redrive one dead letter",
            body=RedriveOne,
            codes=(*ONE, *OF_EVENT),
            **ABOUT,
        ),
    )
)
class DeadLetterRedrive(LetterAction):
    """Redrive one dead letter, as it came or edited. Needs the scope `admin`."""

    name = "Redrive a dead letter"
    body = RedriveOne
    act = staticmethod(actions.redrive_one)


@extend_schema_view(
    post=describe(
        DISCARD, About(name="discardDeadLetter", summary="Discard one dead letter", body=DiscardOne, codes=ONE, **ABOUT)
    )
)
class DeadLetterDiscard(LetterAction):
    """Discard one dead letter, with a note that says why; `dryRun` only counts it. Needs the scope `admin`."""

    name = "Discard a dead letter"
    body = DiscardOne
    act = staticmethod(actions.discard_one)


@extend_schema_view(
    post=describe(
        REDRIVE, About(name="redriveDeadLetters", summary="Redrive dead letters", body=RedriveMany, codes=ALL, **ABOUT)
    )
)
class DeadLettersRedrive(LetterAction):
    """Redrive dead letters, by number or by filter; `dryRun` reports what the outcomes would be."""

    name = "Redrive dead letters"
    body = RedriveMany
    act = staticmethod(actions.redrive_many)


@extend_schema_view(
    post=describe(
        DISCARD, About(name="discardDeadLetters", summary="Discard dead letters", body=DiscardMany, codes=ALL, **ABOUT)
    )
)
class DeadLettersDiscard(LetterAction):
    """Discard dead letters, by number or by filter; `dryRun` only counts them."""

    name = "Discard dead letters"
    body = DiscardMany
    act = staticmethod(actions.discard_many)
