"""A table that rules look values up in: one key column, typed columns."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator, Mapping

import msgspec

from processing.logic.faults import Fault, InvalidLogic
from processing.logic.tables import csv_reader
from processing.logic.tables.cells import ColumnType, Value

MAX_MEMORY = 32 * 1024 * 1024  # bytes, of a table in a process

Key = str | int | float


class Kept(msgspec.Struct, array_like=True):
    """A table as it is kept: cells by column, of all rows in their order; None: empty."""

    key: str
    columns: dict[str, ColumnType]
    cells: list[list[Value | None]]


decode = msgspec.msgpack.Decoder(Kept).decode


class LookupTable:
    """Values by key and column. An empty cell is missing, as a key is that no row has."""

    def __init__(self, key: str, columns: Mapping[str, ColumnType], cells: Mapping[str, list[Value | None]]) -> None:
        """Take over columns whose cells are of their types and whose keys are all there, each once."""
        self.key = key
        self.columns = dict(columns)  # the key's is one of them
        # One dict a column, so that generated code reads a cell by one subscript. That of the keys has all rows.
        self._values: dict[str, dict[Key, Value]] = {
            name: {at: cell for at, cell in zip(cells[key], shared(column), strict=True) if cell is not None}  # type: ignore[misc]
            for name, column in cells.items()
        }

    @classmethod
    def from_csv(
        cls, data: bytes | str, key: str, types: Mapping[str, str] | None = None, *, pointer: str = "/csv"
    ) -> LookupTable:
        """Build a table from the text of a CSV file; `csv_reader.read` says how it is read.

        :raises InvalidLogic: with the places of up to 20 mistakes; `pointer` is each fault's
        """
        columns = csv_reader.read(data, key=key, types=types or {}, pointer=pointer)
        table = cls(key, columns.types, columns.cells)
        if (memory := table.memory()) > MAX_MEMORY:
            detail = f"takes {memory / 2**20:.0f} MiB in memory; at most {MAX_MEMORY // 2**20} are allowed"
            raise InvalidLogic([Fault(pointer, detail)])
        return table

    @classmethod
    def load(cls, data: bytes) -> LookupTable:
        """Build the table that `dump` kept."""
        kept = decode(zlib.decompress(data))
        return cls(kept.key, kept.columns, dict(zip(kept.columns, kept.cells, strict=True)))

    def dump(self) -> bytes:
        """Return the table to be kept; the same table gives the same bytes."""
        cells = [list(map(column.get, self._values[self.key])) for column in self._values.values()]
        return zlib.compress(msgspec.msgpack.encode(Kept(self.key, self.columns, cells)))

    def __len__(self) -> int:
        return len(self._values[self.key])

    @property
    def key_type(self) -> ColumnType:
        return self.columns[self.key]

    def column(self, name: str) -> dict[Key, Value]:
        """Return the values of a column by key, to be read alone. Numbers are keys by value: 1 finds 1.0.

        The column of the keys finds a key itself, so it says which are there. True and False find what 1 and 0 find:
        who looks up a boolean must leave it.

        :raises KeyError: no such column
        """
        return self._values[name]

    def get(self, key: object, column: str) -> Value | None:
        """Return a value, or None: no such key, an empty cell, or a key of another type than the column of keys has."""
        if isinstance(key, bool) or not isinstance(key, str | int | float):
            return None
        return self._values[column].get(key)

    def rows(self) -> Iterator[dict[str, Value | None]]:
        """Read the rows in their order, for people to look at."""
        for key in self._values[self.key]:
            yield {name: column.get(key) for name, column in self._values.items()}

    def memory(self) -> int:
        """Return about how many bytes the table takes in a process."""
        objects = {id(cell): sys.getsizeof(cell) for column in self._values.values() for cell in column.values()}
        return sum(map(sys.getsizeof, self._values.values())) + sum(objects.values())


def shared(cells: list[Value | None]) -> list[Value | None]:
    """Return the cells with one object for all that are equal and of one type, as columns repeat their values."""
    objects: dict[tuple[type, Value | None], Value | None] = {}
    return [objects.setdefault((type(cell), cell), cell) for cell in cells]
