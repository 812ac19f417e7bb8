"""The API of the configuration: read as YAML, compared, applied."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.problems import Code
from queries import authentication
from queries.logic import configuration
from queries.logic.configuration import AppliedConfiguration
from queries.openapi import parameters as documented
from queries.openapi import problem_answers
from queries.openapi.describe import About, describe, describe_file
from queries.openapi.operation import Access, Answer
from queries.request.query_params import Parameters
from queries.scoped_views import ApiView

YAML = "application/yaml"  # RFC 9512


class ConfigurationView(ApiView):
    """The sources and the logic of the site as YAML, without secrets. A PUT makes the site as a configuration says."""

    name = "Configuration"

    @describe_file(
        [Answer(200, "YAML.", {YAML: {"description": "As `manage.py export_config` writes it."}})],
        About(
            name="getConfiguration", tag="Logic", summary="Get the configuration", access=Access.KEY,
            codes=(*problem_answers.READ, Code.SOURCE_NOT_ALLOWED),
        ),
    )  # fmt: skip
    def get(self, request: Request) -> HttpResponse:
        scope = authentication.operator_scope(request)
        Parameters(request.query_params, known=())
        return HttpResponse(configuration.read(scope=scope), content_type=YAML)

    @extend_schema(exclude=True)
    def head(self, request: Request) -> HttpResponse:
        """Answer as GET does, without the body."""
        return self.get(request)

    @describe(
        AppliedConfiguration,
        About(
            name="applyConfiguration", tag="Logic", summary="Apply a configuration", access=Access.KEY, file=YAML,
            parameters=documented.CONFIGURATION, codes=(Code.INVALID_LOGIC, Code.SOURCE_NOT_ALLOWED),
        ),
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        scope = authentication.operator_scope(request)
        grant = authentication.operator(request)
        parameters = Parameters(request.query_params, known=configuration.PARAMETERS)
        text = request.stream.read() if request.stream else b""
        return Response(configuration.apply(text, parameters, who=f"key {grant.key}", scope=scope))
