"""The units of fields, as far as the labels of their sources tell them. Pure."""

from __future__ import annotations

from collections.abc import Mapping


def unit_of(field: str, labels: Mapping[str, object]) -> str | None:
    """Return the unit of a numeric field; None: it is not known.

    :param field: its dotted path
    :param labels: of its source
    """
    unit = labels.get(f"unit.{field}", labels.get("unit"))
    return None if unit is None or unit == "" else str(unit)
