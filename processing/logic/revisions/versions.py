"""Saves schemas and lookup tables as versions, which revisions then name."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from processing.logic.faults import Fault, InvalidLogic
from processing.logic.revisions import rows
from processing.logic.revisions.checks import form
from processing.logic.schemas.schema import compile_schema
from processing.logic.tables.lookup_table import LookupTable
from processing.models import LookupTableVersion, SchemaVersion


def save_schema(name: str, document: object, *, who: str, pointer: str = "") -> SchemaVersion:
    """Save a JSON Schema as the next version of a name; the version that has this document already, if one has.

    :param pointer: to what has the members `name` and `document`
    :raises InvalidLogic: it is no schema, or the name can't be used
    """
    _check_name(name, f"{pointer}/name")
    compile_schema(document, f"{pointer}/document")
    with transaction.atomic():
        _lock()
        versions = SchemaVersion.objects.filter(name=name)
        same = versions.filter(document=document).order_by("-version").first()
        return same or SchemaVersion.objects.create(
            name=name, version=_next(versions), document=document, created_at=timezone.now(), created_by=who
        )


def save_table(name: str, table: LookupTable, *, who: str, pointer: str = "/name") -> LookupTableVersion:
    """Save a lookup table as the next version of a name; the version that has the same rows already, if one has.

    :param pointer: to the name
    :raises InvalidLogic: the name can't be used
    """
    _check_name(name, pointer)
    columns = [{"name": column, "type": type_name} for column, type_name in table.columns.items()]
    data = table.dump()
    with transaction.atomic():
        _lock()
        versions = LookupTableVersion.objects.filter(name=name)
        same = versions.filter(key=table.key, rows=len(table), data=data).defer("data").order_by("-version").first()
        return same or LookupTableVersion.objects.create(
            name=name, version=_next(versions), key=table.key, columns=columns, rows=len(table), data=data,
            created_at=timezone.now(), created_by=who,
        )  # fmt: skip


def _check_name(name: str, pointer: str) -> None:
    if not form.is_name(name):
        raise InvalidLogic([Fault(pointer, f"expected {form.NAME_FORM}")])


def _lock() -> None:
    with connection.cursor() as cursor:
        rows.lock(cursor)


def _next(versions: QuerySet[SchemaVersion] | QuerySet[LookupTableVersion]) -> int:
    newest: int | None = versions.aggregate(newest=Max("version"))["newest"]
    return (newest or 0) + 1
