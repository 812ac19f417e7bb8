"""The units of fields, as the labels of their sources or the current logic tell them. Pure."""

from __future__ import annotations

from collections.abc import Mapping


def unit_of(field: str, labels: Mapping[str, object], declared: Mapping[str, str]) -> str | None:
    """Return the unit of a numeric field; None: it is not known.

    :param field: its dotted path
    :param labels: of its source
    :param declared: by the current logic for its source, by field (`declared_units`)
    """
    unit = labels.get(f"unit.{field}", declared.get(field, labels.get("unit")))
    return None if unit is None or unit == "" else str(unit)
