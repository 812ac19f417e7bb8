"""The API of versions of schemas and lookup tables, which revisions name."""

from __future__ import annotations

from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.problems import Code
from processing.logic.presentation.shapes import SchemaDocument, SchemaVersionShape, TableText, TableVersionShape
from queries import authentication
from queries.logic import inference, parts
from queries.logic.bodies import NewSchema, NewTable
from queries.logic.inference import ProposedSchema, SchemaProposal
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
SAVED = (Code.INVALID_LOGIC, *ALL)
CSV = "text/csv"


class SchemaList(ApiView):
    """Versions of schemas, newest first. A POST saves one; a document that a version has already becomes no new one."""

    name = "Schemas"

    @describe(
        Page[SchemaVersionShape],
        About(name="listSchemas", summary="List schemas", parameters=documented.REVISIONS, codes=ALL, **ABOUT),
    )
    def get(self, request: Request) -> Response:
        scope = authentication.operator_scope(request)
        parameters = Parameters(request.query_params, known=parts.LIST_PARAMETERS)
        return Response(pagination.as_json(parts.schemas(parameters, scope=scope), Address.of(request, parameters)))

    @describe(
        {201: SchemaDocument},
        About(name="saveSchema", summary="Save a schema", body=NewSchema, codes=SAVED, **ABOUT),
    )
    def post(self, request: Request) -> Response:
        scope = authentication.operator_scope(request)
        who = authentication.admin_name(request)
        body = json_body.read(request, NewSchema)
        saved = parts.save_schema(body, who=who, scope=scope)
        return Response(saved, status=status.HTTP_201_CREATED)


class SchemaView(ApiView):
    """One version of a schema, the newest unless `version` names another."""

    name = "Schema of payloads"

    @describe(
        SchemaDocument,
        About(name="getPayloadSchema", summary="Get a schema", parameters=documented.VERSION, codes=ONE, **ABOUT),
    )
    def get(self, request: Request, part: str) -> Response:
        scope = authentication.operator_scope(request)
        parameters = Parameters(request.query_params, known=parts.PARAMETERS)
        return Response(parts.schema(part, parameters, scope=scope))


class TableList(ApiView):
    """Versions of lookup tables, newest first. A POST saves one: JSON, or a CSV file, with `name` and `key_column` in the address."""

    name = "Lookup tables"

    @describe(
        Page[TableVersionShape],
        About(name="listTables", summary="List lookup tables", parameters=documented.REVISIONS, codes=ALL, **ABOUT),
    )
    def get(self, request: Request) -> Response:
        scope = authentication.operator_scope(request)
        parameters = Parameters(request.query_params, known=parts.LIST_PARAMETERS)
        return Response(pagination.as_json(parts.tables(parameters, scope=scope), Address.of(request, parameters)))

    @describe(
        {201: TableVersionShape},
        About(
            name="saveTable", summary="Save a lookup table", parameters=documented.UPLOAD, body=NewTable,
            file=CSV, codes=SAVED, **ABOUT,
        ),
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        scope = authentication.operator_scope(request)
        grant = authentication.operator(request)
        who = f"key {grant.key}"
        if request.content_type.partition(";")[0].strip().lower() == CSV:
            parameters = Parameters(request.query_params, known=parts.UPLOAD_PARAMETERS)
            data = request.stream.read() if request.stream else b""
            saved = parts.save_file(data, parameters, who=who, scope=scope)
        else:
            Parameters(request.query_params, known=())
            saved = parts.save_table(json_body.read(request, NewTable), who=who, scope=scope)
        return Response(saved, status=status.HTTP_201_CREATED)


class TableView(ApiView):
    """One version of a lookup table with its rows, the newest unless `version` names another."""

    name = "Lookup table"

    @describe(
        TableText,
        About(name="getTable", summary="Get a lookup table", parameters=documented.VERSION, codes=ONE, **ABOUT),
    )
    def get(self, request: Request, part: str) -> Response:
        scope = authentication.operator_scope(request)
        parameters = Parameters(request.query_params, known=parts.PARAMETERS)
        return Response(parts.table(part, parameters, scope=scope))


class SchemaInference(ApiView):
    """A POST proposes a schema of the source's payloads from its newest events. Nothing is saved."""

    name = "Propose a schema"

    @describe(
        ProposedSchema,
        About(name="inferSchema", summary="Propose a schema", body=SchemaProposal, codes=ONE, **ABOUT),
    )
    def post(self, request: Request, source_id: str) -> Response:
        scope = authentication.operator_scope(request)
        Parameters(request.query_params, known=())
        body = json_body.read(request, SchemaProposal)
        return Response(inference.propose(source_id, body, scope=scope))
