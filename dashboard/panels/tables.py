"""Tables as data: the same rows for a template and for the JSON of a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict
from urllib.parse import quote, urlencode

UNKNOWN = "–"

Value = int | float | str | None


class Cell(TypedDict):
    """One cell of a table."""

    value: Value  # None: unknown
    text: str  # as people read it
    href: str | None
    number: bool  # its column is of numbers


class Column(TypedDict):
    """A column by its title; one of numbers is aligned to the right."""

    title: str
    number: bool


class Table(TypedDict):
    """A table with its title, and a sentence below it."""

    title: str
    head: list[Column]
    rows: list[list[Cell]]
    note: str


def cell(value: Value, href: str | None = None) -> Cell:
    """Return a cell; a number gets separators, and an unknown value is a dash."""
    if isinstance(value, int | float):
        return {"value": value, "text": f"{value:,}", "href": href if value else None, "number": True}
    return {"value": value, "text": UNKNOWN if value is None else value, "href": href, "number": False}


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[Value | Cell]], *, note: str = "") -> Table:
    """Return a table of values and cells."""
    cells = [[one if isinstance(one, dict) else cell(one) for one in row] for row in rows]
    numbers = [_is_of_numbers([row[place]["value"] for row in cells]) for place in range(len(head))]
    cells = [[{**one, "number": number} for one, number in zip(row, numbers, strict=True)] for row in cells]
    columns: list[Column] = [{"title": name, "number": number} for name, number in zip(head, numbers, strict=True)]
    return {"title": title, "head": columns, "rows": cells, "note": note}


def _is_of_numbers(values: Sequence[Value]) -> bool:
    return any(isinstance(value, int | float) for value in values) and not any(
        isinstance(value, str) for value in values
    )


def source_link(source: str) -> str:
    """Return the address of the page of a source."""
    return f"/sources/{quote(source, safe='')}/"


def event_link(source: str, event: str) -> str:
    """Return the address of the page of an event."""
    return f"/events/{quote(source, safe='')}/{event}/"


def letters_link(**filters: str | None) -> str:
    """Return the address of the dead letters that match; None is no filter."""
    wanted = {name: value for name, value in filters.items() if value is not None}
    return f"/dead-letters/?{urlencode(wanted)}" if wanted else "/dead-letters/"


def received_letters_link(source: str, start: str, end: str) -> str:
    """Return the address of the dead letters of a source, in any state, whose lines were received within a span."""
    return letters_link(state="all", source_id=source, received_start=start, received_end=end, show="letters")


def received_link(source: str | None, start: str, end: str) -> str:
    """Return the address of the events of a source, or of all, that were received within a span, as the ledger counts."""
    query = {"filter": f"source:{source}"} if source is not None else {}
    return f"/events/?{urlencode({**query, 'start': start, 'end': end, 'by': 'received'})}"
