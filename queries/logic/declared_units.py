"""The units of fields that the current logic declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from django.db import connection
from django.db.models import JSONField
from django.db.models.expressions import RawSQL

from ingestion.auth import source_patterns
from processing.logic.content import UnitContent

_CURRENT = """
SELECT content -> 'units' FROM logic_revision
WHERE number = (SELECT revision FROM logic_activation ORDER BY id DESC LIMIT 1)
"""
# With rows that are read anyway: one of them has it, the others None.
WITH_ROWS = RawSQL(f"CASE WHEN row_number() OVER () = 1 THEN ({_CURRENT}) END", [], JSONField())  # noqa: S611 - constants

_decode = msgspec.json.Decoder(list[UnitContent]).decode


class DeclaredUnits:
    """Units by sources and fields. The first that is for a source and a field counts."""

    def __init__(self, units: Sequence[UnitContent] = ()) -> None:
        self._units = units

    def of(self, source: str) -> Mapping[str, str]:
        """Return the units of a source's fields, by their dotted paths."""
        found: dict[str, str] = {}
        for unit in self._units:
            if source_patterns.matches(unit.sources, source):
                found.setdefault(unit.field, unit.unit)
        return found


def of_rows(found: Iterable[object]) -> DeclaredUnits:
    """Return what rows that were read with WITH_ROWS tell.

    :param found: the values of that column; without any, no source is registered, as each is with its first event
    """
    told = next((value for value in found if value is not None), [])
    return DeclaredUnits(msgspec.convert(told, list[UnitContent]))


def read() -> DeclaredUnits:
    """Return what the current logic declares; call it inside `postgres.bounded`."""
    with connection.cursor() as cursor:
        cursor.execute(_CURRENT)
        row = cursor.fetchone()
    return DeclaredUnits(_decode(row[0]) if row and row[0] else ())
