"""The entry page of the API, its OpenAPI schema, and the schema as a page."""

from __future__ import annotations

from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from queries.request.query_params import Parameters
from queries.scoped_views import ScopedView


class Root(ScopedView):
    """Stored events, and the state of the pipeline."""

    name = "Read API"
    schema = None

    def get(self, request: Request) -> Response:
        Parameters(request.query_params, known=())
        lists = ("data", "aggregate", "export", "source-list", "latest", "dead-letter-list", "job-list")
        names = (*lists, "pipeline", "ledger", "schema", "docs")
        addresses = {name: request.build_absolute_uri(reverse(f"queries:{name}")) for name in names}
        return Response(addresses)


class Schema(ScopedView, SpectacularAPIView):
    """The OpenAPI schema of this API."""

    name = "Schema"
    renderer_classes = [OpenApiJsonRenderer, OpenApiYamlRenderer]
    schema = None


class Docs(ScopedView):
    """The schema as a page of plain HTML that loads nothing from other hosts."""

    name = "Documentation"
    renderer_classes = [TemplateHTMLRenderer]
    schema = None

    def get(self, request: Request) -> Response:
        Parameters(request.query_params, known=())
        document = SchemaGenerator().get_schema(request=request, public=True)  # type: ignore[no-untyped-call]
        return Response({"document": document}, template_name="queries/docs.html")
