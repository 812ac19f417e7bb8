"""The entry page of the API, its OpenAPI document, and the document as a page."""

from __future__ import annotations

from django.urls import reverse
from drf_spectacular.renderers import OpenApiYamlRenderer
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.problems import Code
from queries import signed_in
from queries.json_renderer import FastJSONRenderer
from queries.openapi import document, pages, parameters, problem_answers
from queries.openapi.describe import About, describe, describe_file
from queries.openapi.operation import Answer
from queries.request.query_params import Parameters
from queries.scoped_views import ScopedView

LISTS = ("data", "aggregate", "export", "series", "source-list", "latest", "dead-letter-list", "job-list")
# They read nothing, and every reader sees the same.
CODES = (*problem_answers.WEB, *problem_answers.KEY, *problem_answers.PARAMETERS, Code.NOT_ACCEPTABLE)


class OpenApiJsonRenderer(FastJSONRenderer):
    """Renders the document without indentation, at a tenth of the time."""

    media_type = "application/vnd.oai.openapi+json"


class Root(ScopedView):
    """The addresses of the API."""

    name = "Read API"

    @describe(dict[str, str], About(name="listAddresses", tag="About", summary="List the addresses of the API"))
    def get(self, request: Request) -> Response:
        Parameters(request.query_params, known=())
        names = (*LISTS, "pipeline", "ledger", "schema", "docs")
        return Response({name: request.build_absolute_uri(reverse(f"queries:{name}")) for name in names})


class Schema(ScopedView):
    """This document. `format=yaml`, or Accept, chooses YAML."""

    name = "Schema"
    renderer_classes = [OpenApiJsonRenderer, OpenApiYamlRenderer]

    @describe_file(
        [Answer(200, "OpenAPI 3.1.", {each.media_type: {"type": "object"} for each in renderer_classes})],
        About(
            name="getSchema",
            tag="About",
            summary="Get the OpenAPI document",
            parameters=(parameters.format_of("json", "yaml"),),
            codes=CODES,
        ),
    )
    def get(self, request: Request) -> Response:
        Parameters(request.query_params, known=())
        return Response(document.whole())


class Docs(ScopedView):
    """The document as a page of plain HTML that loads nothing from other hosts."""

    name = "Documentation"
    renderer_classes = [TemplateHTMLRenderer]
    # What OPTIONS describes has no template.
    http_method_names = ["get", "head"]

    @describe_file(
        [Answer(200, "A page.", {"text/html; charset=utf-8": {"type": "string"}})],
        About(name="getDocs", tag="About", summary="Read the documentation as a page", codes=CODES),
    )
    def get(self, request: Request) -> Response:
        Parameters(request.query_params, known=())
        shown = {**pages.context(), "here": "api", "user": signed_in.person(request)}
        return Response(shown, template_name="queries/docs.html")
