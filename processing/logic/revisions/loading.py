"""Loads a revision with the schemas and lookup tables that it names, by plain SQL on the consumer's cursor or on Django's."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from processing.cursors import Cursor
from processing.logic.content import Content
from processing.logic.engine import Logic
from processing.logic.faults import Fault, InvalidLogic, nearest
from processing.logic.revisions import rows
from processing.logic.revisions.pointers import escaped
from processing.logic.schemas.schema import Schema, compile_schema
from processing.logic.tables.lookup_table import LookupTable

_DOCUMENT = "SELECT document::text FROM schema_version WHERE name = %s AND version = %s"
_DATA = "SELECT data FROM lookup_table_version WHERE name = %s AND version = %s"
_NEWEST = {
    "schema": "SELECT name, max(version) FROM schema_version GROUP BY name",
    "lookup table": "SELECT name, max(version) FROM lookup_table_version GROUP BY name",
}


class Named(NamedTuple):
    """What a content names, loaded."""

    schemas: dict[str, Schema]
    tables: dict[str, LookupTable]


def load(cursor: Cursor, number: int) -> Logic:
    """Return the logic of a revision; of 0 one that changes nothing.

    :raises UnknownRevision: there is none of this number
    :raises InvalidLogic: an older release saved what this one can't use
    """
    content = rows.content_of(cursor, number)
    named, missing = find_named(cursor, content)
    if missing:
        raise InvalidLogic(missing)
    return Logic(number, content, named.schemas, named.tables)


def find_named(cursor: Cursor, content: Content) -> tuple[Named, list[Fault]]:
    """Return the schemas and lookup tables that a content names, and what is not there."""
    named, missing = Named({}, {}), []
    for index, schema in enumerate(content.schemas):
        document = _find(cursor, _DOCUMENT, schema.name, schema.version)
        if document is None:
            missing.append(_missing(cursor, "schema", f"/schemas/{index}", (schema.name, schema.version)))
        else:
            named.schemas[schema.name] = compile_schema(msgspec.json.decode(document))
    for name, version in content.tables.items():
        data = _find(cursor, _DATA, name, version)
        if data is None:
            missing.append(_missing(cursor, "lookup table", f"/tables/{escaped(name)}", (name, version)))
        else:
            named.tables[name] = LookupTable.load(bytes(data))
    return named, missing


def _find(cursor: Cursor, sql: str, name: str, version: int) -> Any:
    cursor.execute(sql, [name, version])
    return (cursor.fetchone() or [None])[0]


def _missing(cursor: Cursor, kind: str, pointer: str, wanted: tuple[str, int]) -> Fault:
    name, version = wanted
    cursor.execute(_NEWEST[kind])
    newest = dict(cursor.fetchall())
    if name in newest:
        return Fault(pointer, f"the {kind} {name} has no version {version}; the newest is {newest[name]}")
    return Fault(pointer, f"there is no {kind} {name}{nearest(name, newest)}")
