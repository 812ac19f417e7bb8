"""Events as Parquet, one row group after the other. Only this module and its neighbour know the format.

Each row group is written as a whole file, in memory. What is between its head and its footer is passed on, and one footer
for all of them ends the export: so their size has a bound in bytes, and an export that fails has no footer.
"""

from __future__ import annotations

import io
import sys
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import msgspec
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema, list_array
from arro3.io import write_parquet

from queries.export import cells
from queries.export.parquet_footers import JoinedFooter
from queries.export.reading import Block

# A row group is in memory as a whole, as Arrow and as Parquet. Readers like them large; while one is made, PostgreSQL waits.
MAX_BYTES = 2 * 1024 * 1024  # of its rows as text
MAX_ROWS = 100_000

# Behind the name of a field's column: the name of the one for values that are no number.
BESIDE = ":json"

_STRING, _DOUBLE = DataType.string(), DataType.float64()
_TIME = DataType.timestamp("us", tz="UTC")
_TAGS = DataType.list(Field("element", _STRING, nullable=False))
_TYPES = (_STRING, _STRING, _TIME, _TIME, _TIME, _TAGS)


def render(blocks: Iterator[Block], fields: Sequence[Sequence[str]] | None) -> Iterator[bytes]:
    """Yield each row group, then the footer."""
    schema = _schema(fields)
    footer = JoinedFooter()
    for batches in _groups(blocks, schema, whole=fields is None):
        yield footer.add(_file(schema, batches))
    if footer.is_empty:
        yield footer.add(_file(schema, []))
    yield footer.bytes()


def _schema(fields: Sequence[Sequence[str]] | None) -> Schema:
    found = [Field(name, kind, nullable=False) for name, kind in zip(cells.NAMES, _TYPES, strict=True)]
    if fields is None:
        return Schema([*found, Field(cells.PAYLOAD, _STRING, nullable=False)])
    for name in cells.column_names(fields, taken=cells.NAMES):
        found += [Field(name, _DOUBLE), Field(f"{name}{BESIDE}", _STRING)]
    return Schema(found)


def _groups(blocks: Iterator[Block], schema: Schema, *, whole: bool) -> Iterator[list[RecordBatch]]:
    group: list[RecordBatch] = []
    rows = size = 0
    for block in blocks:
        batch = _batch(block, schema, whole=whole)
        group.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if size >= MAX_BYTES or rows >= MAX_ROWS:
            yield group
            group, rows, size = [], 0, 0
    if group:
        yield group


def _batch(block: Block, schema: Schema, *, whole: bool) -> RecordBatch:
    ids, sources, ts, received, stored, tags, *values = block.columns()
    columns = [Array(ids, _STRING), Array(sources, _STRING), *map(_times, (ts, received, stored)), _tags(tags)]
    if whole:
        columns.append(Array(values[0], _STRING))
    else:
        for column in values:
            columns.append(Array([cells.number(cell) for cell in column], _DOUBLE))
            columns.append(Array([cells.beside_number(cell) for cell in column], _STRING))
    return RecordBatch.from_arrays(columns, schema=schema)


def _times(micros: Sequence[str]) -> Array:
    numbers = array("q", bytes.fromhex("".join(micros)))
    if sys.byteorder == "little":
        numbers.byteswap()
    return Array.from_buffer(numbers).cast(_TIME)


def _tags(column: Sequence[str]) -> Array:
    found: list[list[str]] = [msgspec.json.decode(cell, type=list[str]) if cell else [] for cell in column]
    ends = Array([0, *accumulate(map(len, found))], DataType.int32())
    return list_array(ends, Array([tag for tags in found for tag in tags], _STRING), type=_TAGS)


def _file(schema: Schema, batches: Iterable[RecordBatch]) -> bytes:
    """Return a whole file."""
    file = io.BytesIO()
    write_parquet(
        RecordBatchReader.from_batches(schema, _in_turns(batches)),
        file,
        compression="zstd(1)",
        # Ids are never the same, times and payloads seldom.
        dictionary_enabled=False,
        column_dictionary_enabled={"sourceId": True, "tags.list.element": True},
        max_row_group_size=2 * MAX_ROWS,
    )
    return file.getvalue()


def _in_turns(batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
    """Yield the batches. While one is encoded every other thread of the process waits; here they have their turn."""
    for batch in batches:
        time.sleep(0)
        yield batch
