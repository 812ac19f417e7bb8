"""Revisions, schemas and lookup tables as JSON, the same in the API and on the command line. Times are RFC 3339 in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict, cast

import msgspec
from django.db import connection

from ingestion.events.timestamps import to_text, to_text_if_known
from processing.logic.content import Content
from processing.logic.faults import Fault
from processing.logic.presentation import table_csv
from processing.logic.revisions import diff, rows
from processing.logic.revisions.diff import Change
from processing.logic.tables.lookup_table import LookupTable
from processing.models import LogicActivation, LogicRevision, LookupTableVersion, SchemaVersion

COUNTED_HOURS = 24

_COUNTS = """
SELECT kind, name, sum(applied)::bigint, sum(rejected)::bigint, sum(dropped)::bigint, sum(unknown)::bigint,
       sum(missed)::bigint, sum(errors)::bigint
FROM rule_count WHERE minute > now() - %s * interval '1 hour' GROUP BY kind, name ORDER BY kind, name
"""


class RuleCounts(TypedDict):
    """What a rule or schema did in the last 24 hours."""

    kind: str  # rule or schema
    name: str
    applied: int  # events: the rule's `when` was true, or they violated the schema
    rejected: int
    dropped: int
    unknown: int  # a `set` had no result
    missed: int  # a lookup did not find its key
    errors: int  # the rule failed; the event went on without it


class RevisionShape(TypedDict):
    """A revision of logic."""

    number: int
    base: int  # the revision that was changed; 0: none
    createdAt: str
    createdBy: str
    reason: str
    current: bool
    rules: int
    schemas: int
    tables: int


class RevisionDetail(RevisionShape):
    """A revision of logic with its content."""

    content: Content


class CurrentLogic(TypedDict):
    """What is done with events now."""

    number: int  # 0: nothing
    newest: int  # the revision that was saved last, which may be a draft
    since: str | None
    who: str | None  # made it current
    reason: str | None
    content: Content
    counts: list[RuleCounts]


class DiffShape(TypedDict):
    """How one revision differs from another."""

    before: int
    after: int
    changes: list[Change]
    text: str


class FaultShape(TypedDict):
    """What is wrong with logic, and where."""

    pointer: str
    detail: str
    line: int  # within the text at `pointer`, from 1; 0: the whole of it
    column: int


class Faults(TypedDict):
    """Everything that is wrong with what was checked; nothing is, if there is none."""

    faults: list[FaultShape]


class SchemaVersionShape(TypedDict):
    """A version of a schema."""

    name: str
    version: int
    createdAt: str
    createdBy: str


class SchemaDocument(SchemaVersionShape):
    """A version of a schema with its document."""

    document: object


class ColumnShape(TypedDict):
    """A column of a lookup table."""

    name: str
    type: str


class TableVersionShape(TypedDict):
    """A version of a lookup table."""

    name: str
    version: int
    key: str  # the column that `lookup` searches
    columns: list[ColumnShape]
    rows: int
    createdAt: str
    createdBy: str


class TableText(TableVersionShape):
    """A version of a lookup table with its rows."""

    csv: str


_COUNTED = list(RuleCounts.__annotations__)


def current() -> CurrentLogic:
    """Return what is done with events now."""
    with connection.cursor() as cursor:
        number, newest = rows.current(cursor).number, rows.newest(cursor).number
        content = rows.content_of(cursor, number)
        cursor.execute(_COUNTS, [COUNTED_HOURS])
        counts = [cast("RuleCounts", dict(zip(_COUNTED, row, strict=True))) for row in cursor.fetchall()]
    last = LogicActivation.objects.first()
    return {
        "number": number,
        "newest": newest,
        "since": to_text_if_known(last.at if last else None),
        "who": last.who if last else None,
        "reason": last.reason if last else None,
        "content": content,
        "counts": counts,
    }


def revision(row: LogicRevision) -> RevisionShape:
    """Return a revision as an item of a list."""
    return _shape(row, msgspec.convert(row.content, Content), current_number())


def detail(row: LogicRevision) -> RevisionDetail:
    """Return a revision with its content."""
    content = msgspec.convert(row.content, Content)
    return {**_shape(row, content, current_number()), "content": content}


def current_number() -> int:
    """Return the number of the current revision."""
    with connection.cursor() as cursor:
        return rows.current(cursor).number


def difference(before: int, after: int) -> DiffShape:
    """Return how one revision differs from another; 0: no logic.

    :raises UnknownRevision: there is none of one of these numbers
    """
    with connection.cursor() as cursor:
        found = diff.changes(rows.content_of(cursor, before), rows.content_of(cursor, after))
    return {"before": before, "after": after, "changes": found, "text": diff.as_text(found)}


def faults(found: Iterable[Fault]) -> Faults:
    """Return faults as JSON."""
    return {"faults": [cast("FaultShape", fault._asdict()) for fault in found]}


def schema(row: SchemaVersion) -> SchemaVersionShape:
    """Return a version of a schema as an item of a list."""
    return {"name": row.name, "version": row.version, "createdAt": to_text(row.created_at), "createdBy": row.created_by}


def table(row: LookupTableVersion) -> TableVersionShape:
    """Return a version of a lookup table as an item of a list."""
    return {
        "name": row.name,
        "version": row.version,
        "key": row.key,
        "columns": row.columns,
        "rows": row.rows,
        "createdAt": to_text(row.created_at),
        "createdBy": row.created_by,
    }


def schema_document(row: SchemaVersion) -> SchemaDocument:
    """Return a version of a schema with its document."""
    return {**schema(row), "document": row.document}


def table_text(row: LookupTableVersion) -> TableText:
    """Return a version of a lookup table with its rows."""
    return {**table(row), "csv": table_csv.write(LookupTable.load(bytes(row.data)))}


def _shape(row: LogicRevision, content: Content, current: int) -> RevisionShape:
    return {
        "number": row.number,
        "base": row.base or 0,
        "createdAt": to_text(row.created_at),
        "createdBy": row.created_by,
        "reason": row.reason,
        "current": row.number == current,
        "rules": len(content.rules),
        "schemas": len(content.schemas),
        "tables": len(content.tables),
    }
