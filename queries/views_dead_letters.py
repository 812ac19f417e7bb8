"""The API of dead letters. Changing one, and reading every byte, needs a key with the scope `admin`."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import msgspec
from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ingestion.models import Scope
from processing.letters import as_json
from processing.letters import export as letter_export
from processing.letters.export import ExportedLetter
from processing.letters.shapes import (
    DeadLetterDetail,
    DeadLetterShape,
    DiscardRehearsal,
    JobShape,
    RedriveRehearsal,
)
from processing.models import Job
from queries import dead_letters, described, gate, json_body, letter_actions, letter_query, paging, postgres
from queries.dead_letters import DeadLetterQuery
from queries.letter_actions import Outcome
from queries.letter_bodies import DiscardMany, DiscardOne, RedriveMany, RedriveOne
from queries.paging import Address
from queries.parameters import Parameters
from queries.shapes import Page


class DeadLetterList(APIView):
    """Lines that could not become events, newest first."""

    name = "Dead letters"

    @described.describe(Page[DeadLetterShape], name="listDeadLetters", parameters=described.DEAD_LETTERS)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=described.DEAD_LETTERS)
        page = dead_letters.page(DeadLetterQuery.from_parameters(parameters))
        return Response(paging.as_json(page, Address.of(request, parameters)))


class DeadLetterView(APIView):
    """One dead letter: what was sent, what is wrong with it, and its history."""

    name = "Dead letter"

    @described.describe(DeadLetterDetail, name="getDeadLetter", errors=(404,))
    def get(self, request: Request, number: str) -> Response:
        Parameters(request.query_params, known=())
        return Response(dead_letters.one(int(number), whole=gate.holds(request, Scope.ADMIN)))


class DeadLetterExport(APIView):
    """Whole dead letters, one JSON object on each line, oldest first. Needs the scope `admin`."""

    name = "Export of dead letters"

    @described.describe(
        ExportedLetter,
        name="exportDeadLetters",
        parameters=letter_query.PARAMETERS,
        errors=(401, 403),
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        gate.admin_name(request, known=letter_query.PARAMETERS)
        selection = letter_query.from_parameters(Parameters(request.query_params, known=letter_query.PARAMETERS))
        lines = letter_export.lines(selection, reading=postgres.bounded)
        return StreamingHttpResponse(lines, content_type=letter_export.CONTENT_TYPE)


class LetterAction(APIView):
    """A POST whose body is read as `body` and passed to `act`, which makes a job or does a dry run."""

    body: ClassVar[type[msgspec.Struct]]
    act: ClassVar[Callable[..., Outcome]]  # called with the body, `who`, and `number` if the address has one

    def post(self, request: Request, **captured: str) -> Response:
        who = gate.admin_name(request)
        body = json_body.read(request, self.body)
        numbers = {name: int(text) for name, text in captured.items()}
        outcome = type(self).act(body, who=who, **numbers)
        if isinstance(outcome, Job):
            return Response(as_json.job(outcome), status=status.HTTP_202_ACCEPTED)
        return Response(outcome)


@extend_schema_view(
    post=described.describe(
        {200: RedriveRehearsal, 202: JobShape},
        name="redriveDeadLetter",
        body=RedriveOne,
        errors=(401, 403, 404, 409, 413, 415, 422),
    )
)
class DeadLetterRedrive(LetterAction):
    """Redrive one dead letter, as it came or edited. Needs the scope `admin`."""

    name = "Redrive a dead letter"
    body = RedriveOne
    act = staticmethod(letter_actions.redrive_one)


@extend_schema_view(
    post=described.describe(
        {200: DiscardRehearsal, 202: JobShape},
        name="discardDeadLetter",
        body=DiscardOne,
        errors=(401, 403, 404, 409, 415),
    )
)
class DeadLetterDiscard(LetterAction):
    """Discard one dead letter, with a note that says why; `dryRun` only counts it. Needs the scope `admin`."""

    name = "Discard a dead letter"
    body = DiscardOne
    act = staticmethod(letter_actions.discard_one)


@extend_schema_view(
    post=described.describe(
        {200: RedriveRehearsal, 202: JobShape}, name="redriveDeadLetters", body=RedriveMany, errors=(401, 403, 415)
    )
)
class DeadLettersRedrive(LetterAction):
    """Redrive dead letters, by number or by filter; `dryRun` reports what the outcomes would be."""

    name = "Redrive dead letters"
    body = RedriveMany
    act = staticmethod(letter_actions.redrive_many)


@extend_schema_view(
    post=described.describe(
        {200: DiscardRehearsal, 202: JobShape}, name="discardDeadLetters", body=DiscardMany, errors=(401, 403, 415)
    )
)
class DeadLettersDiscard(LetterAction):
    """Discard dead letters, by number or by filter; `dryRun` only counts them."""

    name = "Discard dead letters"
    body = DiscardMany
    act = staticmethod(letter_actions.discard_many)
