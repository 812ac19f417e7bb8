"""Versions of schemas and lookup tables: read, and saved. A revision then names them."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import QuerySet

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code, RequestRejected
from processing.logic.presentation import shapes
from processing.logic.presentation.shapes import SchemaDocument, SchemaVersionShape, TableText, TableVersionShape
from processing.logic.revisions import versions
from processing.logic.tables.lookup_table import LookupTable
from processing.models import LookupTableVersion, SchemaVersion
from queries.logic.bodies import MOST, NewSchema, NewTable
from queries.logic.revisions import SAVE_SECONDS
from queries.reads import postgres
from queries.request import id_pagination
from queries.request.id_pagination import IdCursor, IdPage
from queries.request.pagination import CursorPage
from queries.request.query_params import InvalidParameter, Parameters

Version = TypeVar("Version", SchemaVersion, LookupTableVersion)

LIST_PARAMETERS = id_pagination.PARAMETERS
PARAMETERS = ("version",)
# Of a table that comes as a CSV file. A parameter `key` would be taken for a secret.
UPLOAD_PARAMETERS = ("name", "key_column")


class SchemaCursor(IdCursor, frozen=True):
    """A position in the list of versions of schemas."""


class TableCursor(IdCursor, frozen=True):
    """A position in the list of versions of lookup tables."""


def schemas(parameters: Parameters, *, scope: ReadScope) -> CursorPage[SchemaVersionShape]:
    """Read one page of versions of schemas, newest first."""
    scope.require_whole()
    rows = SchemaVersion.objects.defer("document")
    return id_pagination.page(rows, IdPage.from_parameters(parameters, SchemaCursor), shape=shapes.schema)


def tables(parameters: Parameters, *, scope: ReadScope) -> CursorPage[TableVersionShape]:
    """Read one page of versions of lookup tables, newest first."""
    scope.require_whole()
    rows = LookupTableVersion.objects.defer("data")
    return id_pagination.page(rows, IdPage.from_parameters(parameters, TableCursor), shape=shapes.table)


def schema(name: str, parameters: Parameters, *, scope: ReadScope) -> SchemaDocument:
    """Return a version of a schema, the newest unless another is asked for.

    :raises RequestRejected: there is none
    """
    scope.require_whole()
    with postgres.bounded():
        return shapes.schema_document(_find(SchemaVersion.objects.filter(name=name), parameters))


def table(name: str, parameters: Parameters, *, scope: ReadScope) -> TableText:
    """Return a version of a lookup table with its rows, the newest unless another is asked for.

    :raises RequestRejected: there is none
    """
    scope.require_whole()
    with postgres.bounded():
        return shapes.table_text(_find(LookupTableVersion.objects.filter(name=name), parameters))


def save_schema(body: NewSchema, *, who: str, scope: ReadScope) -> SchemaDocument:
    """Save a schema; return the version that has this document already, if one has.

    :raises InvalidLogic: it is no schema
    """
    scope.require_whole()
    with postgres.bounded(SAVE_SECONDS):
        return shapes.schema_document(versions.save_schema(body.name, body.document, who=who))


def save_table(body: NewTable, *, who: str, scope: ReadScope) -> TableVersionShape:
    """Save a lookup table; return the version that has the same rows already, if one has.

    :raises InvalidLogic: the text is no table
    """
    scope.require_whole()
    table = LookupTable.from_csv(body.csv, body.key, body.types, pointer="/csv")
    with postgres.bounded(SAVE_SECONDS):
        return shapes.table(versions.save_table(body.name, table, who=who))


def save_file(data: bytes, parameters: Parameters, *, who: str, scope: ReadScope) -> TableVersionShape:
    """Save a CSV file as a lookup table.

    :raises InvalidParameter: the address lacks its name, or the column of its keys
    :raises InvalidLogic: the file is no table
    """
    scope.require_whole()
    name, key = (_required(parameters, each) for each in UPLOAD_PARAMETERS)
    table = LookupTable.from_csv(data, key, pointer="")
    with postgres.bounded(SAVE_SECONDS):
        return shapes.table(versions.save_table(name, table, who=who))


def _required(parameters: Parameters, name: str) -> str:
    value = parameters.text(name)
    if value is None:
        raise InvalidParameter(name, f"{name}: a CSV file needs it: ?name=stations&key_column=id")
    return value


def _find(versions_of: QuerySet[Version], parameters: Parameters) -> Version:
    wanted = parameters.integer("version", default=0, least=1, most=MOST)
    found = versions_of.filter(version=wanted) if wanted else versions_of.order_by("-version")
    row = found.first()
    if row is None:
        raise RequestRejected(Code.NOT_FOUND, "there is no such version")
    return row
