"""Dead letters and jobs over HTTP. Who changes something, or takes every byte, needs a key with the scope `admin`."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import StreamingHttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ingestion import timestamps
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
from queries import bodies, dead_letters, described, gate, job_list, letter_actions, letter_query, postgres
from queries.dead_letters import DeadLetterQuery
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
        query = DeadLetterQuery.from_parameters(parameters)
        address = Address(request.build_absolute_uri(request.path), parameters.given)
        return Response(dead_letters.page(query, address=address))


class DeadLetterView(APIView):
    """One dead letter: what was sent, what is wrong with it, what was done about it."""

    name = "Dead letter"

    @described.describe(DeadLetterDetail, name="getDeadLetter", errors=(404,))
    def get(self, request: Request, number: str) -> Response:
        Parameters(request.query_params, known=())
        return Response(dead_letters.one(int(number), whole=gate.holds(request, Scope.ADMIN)))


class DeadLetterExport(APIView):
    """Dead letters whole, a JSON object on each line, oldest first. Needs the scope `admin`."""

    name = "Export of dead letters"

    @described.describe(
        ExportedLetter,
        name="exportDeadLetters",
        parameters=letter_query.PARAMETERS,
        errors=(401, 403),
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        _operator(request, known=letter_query.PARAMETERS)
        selection = letter_query.from_parameters(Parameters(request.query_params, known=letter_query.PARAMETERS))
        lines = letter_export.lines(selection, reading=postgres.bounded)
        return StreamingHttpResponse(lines, content_type=letter_export.CONTENT_TYPE)


class DeadLetterRedrive(APIView):
    """Send one dead letter once more, as it came or with another event. Needs the scope `admin`."""

    name = "Redrive a dead letter"

    @described.describe(
        RedriveRehearsal,
        name="redriveDeadLetter",
        body=RedriveOne,
        accepted=JobShape,
        errors=(401, 403, 404, 409, 413, 415, 422),
    )
    def post(self, request: Request, number: str) -> Response:
        who, body = _operator(request), bodies.read(request, RedriveOne)
        now = timestamps.now()
        return _answer(letter_actions.redrive_one(int(number), body, who=who, now=now))


class DeadLetterDiscard(APIView):
    """Give one dead letter up, for a reason; `dryRun` only counts it. Needs the scope `admin`."""

    name = "Discard a dead letter"

    @described.describe(
        DiscardRehearsal,
        name="discardDeadLetter",
        body=DiscardOne,
        accepted=JobShape,
        errors=(401, 403, 404, 409, 415),
    )
    def post(self, request: Request, number: str) -> Response:
        who, body = _operator(request), bodies.read(request, DiscardOne)
        return _answer(letter_actions.discard_one(int(number), body, who=who))


class DeadLettersRedrive(APIView):
    """Send dead letters once more, by number or by filter; `dryRun` says what would become of them."""

    name = "Redrive dead letters"

    @described.describe(
        RedriveRehearsal,
        name="redriveDeadLetters",
        body=RedriveMany,
        accepted=JobShape,
        errors=(401, 403, 415),
    )
    def post(self, request: Request) -> Response:
        who, body = _operator(request), bodies.read(request, RedriveMany)
        return _answer(letter_actions.redrive_many(body, who=who))


class DeadLettersDiscard(APIView):
    """Give dead letters up, by number or by filter; `dryRun` counts them."""

    name = "Discard dead letters"

    @described.describe(
        DiscardRehearsal,
        name="discardDeadLetters",
        body=DiscardMany,
        accepted=JobShape,
        errors=(401, 403, 415),
    )
    def post(self, request: Request) -> Response:
        who, body = _operator(request), bodies.read(request, DiscardMany)
        return _answer(letter_actions.discard_many(body, who=who))


class JobList(APIView):
    """Long operations, newest first."""

    name = "Jobs"

    @described.describe(Page[JobShape], name="listJobs", parameters=job_list.PARAMETERS)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=job_list.PARAMETERS)
        address = Address(request.build_absolute_uri(request.path), parameters.given)
        return Response(job_list.page(parameters, address=address))


class JobView(APIView):
    """One long operation and how far it is."""

    name = "Job"

    @described.describe(JobShape, name="getJob", errors=(404,))
    def get(self, request: Request, number: str) -> Response:
        Parameters(request.query_params, known=())
        return Response(job_list.one(int(number)))


class JobCancel(APIView):
    """Ask for the end of a job, after what it has in hand. Needs the scope `admin`."""

    name = "Cancel a job"

    @described.describe(JobShape, name="cancelJob", errors=(401, 403, 404))
    def post(self, request: Request, number: str) -> Response:
        _operator(request)
        return Response(job_list.cancel(int(number)))


def _operator(request: Request, *, known: Sequence[str] = ()) -> str:
    """Let in who may change something; gives the name that stands in the history.

    :param known: the query parameters that there are
    :raises InvalidParameter: there are others
    :raises Refused: no key with the scope `admin`, or one that is for some sources
    """
    grant = gate.grant_of(request, Scope.ADMIN)
    gate.check(request, grant)
    Parameters(request.query_params, known=known)
    return f"key {grant.key}"


def _answer(outcome: Job | RedriveRehearsal | DiscardRehearsal) -> Response:
    if isinstance(outcome, Job):
        return Response(as_json.job(outcome), status=status.HTTP_202_ACCEPTED)
    return Response(outcome)
