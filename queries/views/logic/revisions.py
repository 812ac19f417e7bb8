"""The API of revisions of logic: read, save, compare, activate, check."""

from __future__ import annotations

from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.problems import Code
from processing.logic.presentation.shapes import CurrentLogic, DiffShape, Faults, RevisionDetail, RevisionShape
from queries import authentication
from queries.logic import checks, revisions
from queries.logic.bodies import Activation, LogicCheck, NewRevision
from queries.openapi import parameters as documented
from queries.openapi.describe import About, describe
from queries.openapi.operation import Access
from queries.request import json_body, pagination
from queries.request.pagination import Address
from queries.request.query_params import Parameters
from queries.schemas import Page
from queries.scoped_views import ApiView

ABOUT: dict[str, Any] = {"tag": "Logic", "access": Access.KEY}
ALL = (Code.SOURCE_NOT_ALLOWED,)
ONE = (Code.NOT_FOUND, *ALL)
CHANGED = (Code.LOGIC_CHANGED, Code.INVALID_LOGIC, *ONE)


class LogicView(ApiView):
    """The logic that is current, and what its rules did in the last 24 hours."""

    name = "Logic"

    @describe(CurrentLogic, About(name="getLogic", summary="Get the current logic", codes=ALL, **ABOUT))
    def get(self, request: Request) -> Response:
        scope = authentication.operator_scope(request)
        Parameters(request.query_params, known=())
        return Response(revisions.current(scope=scope))


class RevisionList(ApiView):
    """Revisions of logic, newest first. A POST saves one, as a draft unless `activate` makes it current at once."""

    name = "Revisions"

    @describe(
        Page[RevisionShape],
        About(name="listRevisions", summary="List revisions", parameters=documented.REVISIONS, codes=ALL, **ABOUT),
    )
    def get(self, request: Request) -> Response:
        scope = authentication.operator_scope(request)
        parameters = Parameters(request.query_params, known=revisions.PARAMETERS)
        page = revisions.page(parameters, scope=scope)
        return Response(pagination.as_json(page, Address.of(request, parameters)))

    @describe(
        {200: RevisionDetail, 201: RevisionDetail},
        About(name="saveRevision", summary="Save a revision", body=NewRevision, codes=CHANGED, **ABOUT),
    )
    def post(self, request: Request) -> Response:
        scope = authentication.operator_scope(request)
        who = authentication.admin_name(request)
        body = json_body.read(request, NewRevision)
        saved = revisions.save(body, who=who, scope=scope)
        return Response(saved.revision, status=status.HTTP_201_CREATED if saved.new else status.HTTP_200_OK)


class RevisionView(ApiView):
    """One revision of logic with its content."""

    name = "Revision"

    @describe(RevisionDetail, About(name="getRevision", summary="Get one revision", codes=ONE, **ABOUT))
    def get(self, request: Request, number: str) -> Response:
        scope = authentication.operator_scope(request)
        Parameters(request.query_params, known=())
        return Response(revisions.one(int(number), scope=scope))


class RevisionDiff(ApiView):
    """How another revision, the current one by default, differs from this one."""

    name = "Difference of revisions"

    @describe(
        DiffShape,
        About(name="compareRevisions", summary="Compare two revisions", parameters=documented.DIFF, codes=ONE, **ABOUT),
    )
    def get(self, request: Request, number: str) -> Response:
        scope = authentication.operator_scope(request)
        parameters = Parameters(request.query_params, known=revisions.DIFF_PARAMETERS)
        return Response(revisions.difference(int(number), parameters, scope=scope))


class RevisionActivation(ApiView):
    """A POST makes a revision current, an earlier one too. Batches of events that are not stored yet follow it."""

    name = "Make a revision current"

    @describe(
        CurrentLogic,
        About(name="activateRevision", summary="Make a revision current", body=Activation, codes=CHANGED, **ABOUT),
    )
    def post(self, request: Request, number: str) -> Response:
        scope = authentication.operator_scope(request)
        who = authentication.admin_name(request)
        body = json_body.read(request, Activation)
        return Response(revisions.activate(int(number), body, who=who, scope=scope))


class LogicChecks(ApiView):
    """A POST checks a content, a rule or an expression and saves nothing."""

    name = "Check logic"

    @describe(Faults, About(name="checkLogic", summary="Check logic", body=LogicCheck, codes=ALL, **ABOUT))
    def post(self, request: Request) -> Response:
        scope = authentication.operator_scope(request)
        Parameters(request.query_params, known=())
        return Response(checks.check(json_body.read(request, LogicCheck), scope=scope))
