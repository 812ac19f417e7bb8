"""From the text of a CSV file to typed columns, or to a list of what is wrong with it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from processing.logic.faults import Fault, InvalidLogic, nearest
from processing.logic.tables.cells import COLUMN_TYPES, READERS, ColumnType, NotOfType, Value, infer
from processing.logic.tables.csv_text import column_of, decoded

MAX_ROWS = 100_000
MAX_COLUMNS = 100
MAX_NAME = 128  # characters of a column's name
MOST_FAULTS = 20  # that one reading tells of; a file of the wrong kind has one a line


class Row(NamedTuple):
    """One row, and the line that it begins in, from 1."""

    line: int
    cells: list[str]


class Columns(NamedTuple):
    """What a file holds: the types and the cells of each column, None for an empty one."""

    types: dict[str, ColumnType]
    cells: dict[str, list[Value | None]]


class Faults:
    """Collects what is wrong, and stops the reading when it is enough."""

    def __init__(self, pointer: str, text: str) -> None:
        self.found: list[Fault] = []
        self._pointer = pointer
        self._text = text

    @cached_property
    def _lines(self) -> list[str]:
        return io.StringIO(self._text, newline="").readlines()

    def add(self, detail: str, row: Row, cell: int = 0) -> None:
        column = column_of(self._lines[row.line - 1] if row.line <= len(self._lines) else "", cell)
        self.found.append(Fault(self._pointer, detail, row.line, column))
        if len(self.found) == MOST_FAULTS:
            self.check()

    def check(self) -> None:
        if self.found:
            raise InvalidLogic(self.found)


def read(data: bytes | str, *, key: str, types: Mapping[str, str], pointer: str) -> Columns:
    """Read CSV: commas, a header, one row a line, quotes as in RFC 4180.

    `types` names the types of columns; those of the others are inferred from all their cells.

    :raises InvalidLogic: with the lines and columns of up to 20 mistakes; `pointer` is each fault's
    """
    text = decoded(data, pointer)
    faults = Faults(pointer, text)
    rows = _rows(text, faults)
    header = next(rows, Row(1, []))
    _check_header(header, key, types, faults)
    complete = list(_complete(rows, header.cells, faults))
    columns = {name: [row.cells[place] for row in complete] for place, name in enumerate(header.cells)}
    found = {name: _type_of(name, cells, types) for name, cells in columns.items()}
    _check_keys(complete, header.cells.index(key), found, key, faults)
    values = {name: _values(complete, place, name, found[name], faults) for place, name in enumerate(header.cells)}
    _check_doubles(complete, values[key], header.cells.index(key), faults)
    faults.check()
    return Columns(found, values)


def _rows(text: str, faults: Faults) -> Iterator[Row]:
    """Read the rows that have cells; a blank line is none."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for cells in reader:
            if cells:
                yield Row(begins, cells)
            begins = reader.line_num + 1
    except csv.Error as error:
        faults.add(f"the quotes do not match ({error}); the row begins here", Row(begins, []))
        faults.check()


def _check_header(header: Row, key: str, types: Mapping[str, str], faults: Faults) -> None:
    """Stop at a header that is wrong: nothing below it would mean anything."""
    names = header.cells
    if not names:
        faults.add("is empty; expected a header and rows", header)
        faults.check()
    for place, name in enumerate(names):
        if detail := _wrong_name(name, names[:place]):
            faults.add(detail, header, place)
    if len(names) > MAX_COLUMNS:
        faults.add(f"has {len(names)} columns; at most {MAX_COLUMNS} are allowed", header)
    for detail in _wrong_wishes(names, key, types):
        faults.add(detail, header)
    faults.check()


def _wrong_wishes(names: list[str], key: str, types: Mapping[str, str]) -> Iterator[str]:
    """Read what is wrong with what was asked for."""
    for name in dict.fromkeys((key, *types)):
        if name not in names:
            yield f'has no column "{name}"{_hint(name, names)}'
    for name, kind in types.items():
        if kind not in COLUMN_TYPES:
            yield f'column "{name}": "{kind}" is no type; expected {", ".join(COLUMN_TYPES)}'
    if types.get(key) == "boolean":
        yield "the column of keys must be text or number"


def _wrong_name(name: str, before: list[str]) -> str:
    if not name.strip():
        return "a column has no name"
    if len(name) > MAX_NAME:
        return f"the name of a column has {len(name)} characters; at most {MAX_NAME} are allowed"
    return f'column "{name}" is there twice' if name in before else ""


def _hint(name: str, names: list[str]) -> str:
    if len(names) == 1 and any(separator in names[0] for separator in ";\t|"):
        return "; the header has one column, so are the cells separated by something else than commas?"
    return nearest(name, names)


def _complete(rows: Iterator[Row], header: list[str], faults: Faults) -> Iterator[Row]:
    """Pass the rows on that have as many cells as the header, up to the bound."""
    for count, row in enumerate(rows):
        if count == MAX_ROWS:
            faults.add(f"has more than {MAX_ROWS:,} rows", row)
            faults.check()
        if len(row.cells) == len(header):
            yield row
            continue
        faults.add(f"expected {len(header)} cells, as the header has, got {len(row.cells)}", row, len(header))


def _type_of(name: str, cells: list[str], types: Mapping[str, str]) -> ColumnType:
    given = types.get(name)
    return next((kind for kind in COLUMN_TYPES if kind == given), None) or infer(cells)


def _check_keys(rows: list[Row], place: int, types: dict[str, ColumnType], key: str, faults: Faults) -> None:
    if types[key] == "boolean":  # inferred: such keys are texts
        types[key] = "text"
    for row in rows:
        if not row.cells[place]:
            faults.add("the key is empty", row, place)


def _values(rows: list[Row], place: int, name: str, kind: ColumnType, faults: Faults) -> list[Value | None]:
    read_cell = READERS[kind]
    values: list[Value | None] = []
    for row in rows:
        cell = row.cells[place]
        try:
            values.append(read_cell(cell) if cell else None)
        except NotOfType:
            faults.add(f'column "{name}": expected a {kind}', row, place)
            values.append(None)
    return values


def _check_doubles(rows: list[Row], keys: list[Value | None], place: int, faults: Faults) -> None:
    lines: dict[Value, int] = {}
    for row, key in zip(rows, keys, strict=True):
        if key is not None and lines.setdefault(key, row.line) != row.line:
            faults.add(f"the key is there twice, first in line {lines[key]}", row, place)
