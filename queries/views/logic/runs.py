"""The API of replays and trials."""

from __future__ import annotations

from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.problems import Code
from processing.dead_letters.schemas import JobShape
from queries import authentication
from queries.logic import runs
from queries.logic.runs import NewReplay, NewTrial
from queries.openapi.describe import About, describe
from queries.openapi.operation import Access
from queries.request import json_body
from queries.request.query_params import Parameters
from queries.scoped_views import ApiView

ABOUT: dict[str, Any] = {"tag": "Logic", "access": Access.KEY, "codes": (Code.SOURCE_NOT_ALLOWED,)}


class Replays(ApiView):
    """A POST takes stored events through a revision of logic again, as a job. `dryRun` counts what would change."""

    name = "Replay events"

    @describe({202: JobShape}, About(name="replayEvents", summary="Replay events", body=NewReplay, **ABOUT))
    def post(self, request: Request) -> Response:
        scope = authentication.operator_scope(request)
        who = authentication.admin_name(request)
        Parameters(request.query_params, known=())
        job = runs.replay(json_body.read(request, NewReplay), scope=scope, who=who)
        return Response(job, status=status.HTTP_202_ACCEPTED)


class Trials(ApiView):
    """A POST tries a revision on stored events and changes nothing, as a job whose report says what was found."""

    name = "Try logic"

    @describe({202: JobShape}, About(name="tryLogic", summary="Try a revision on history", body=NewTrial, **ABOUT))
    def post(self, request: Request) -> Response:
        scope = authentication.operator_scope(request)
        who = authentication.admin_name(request)
        Parameters(request.query_params, known=())
        job = runs.trial(json_body.read(request, NewTrial), scope=scope, who=who)
        return Response(job, status=status.HTTP_202_ACCEPTED)
