"""Packed rollups in PostgreSQL's binary COPY format, as packing would write them. Pure.

Packing works on loose rows, of which ten million events have nearly forty million. `processing.stores.packed.rollups`
describes a packed row, and a test packs loose rows and compares.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from struct import Struct, pack
from typing import NamedTuple

from ingestion.events.timestamps import EPOCH
from processing.events.rollups import Span, Spans
from processing.stores.copy_encoder import HEADER, TRAILER
from processing.stores.packed.rollups import SAME_AS, VALUES

COLUMNS = ", ".join(("source_id", "field", "day", "slot", *VALUES))

# PostgreSQL counts days and microseconds from 2000-01-01.
_PG_DAYS = (datetime(2000, 1, 1, tzinfo=UTC) - EPOCH).days
_PG_EPOCH = _PG_DAYS * 86_400_000_000
_NULL = pack(">i", -1)
# Length of all, one dimension, whether it has NULLs, the type of its elements, their number, the first index.
_ARRAY = Struct(">iiiIii")


class _Kind(NamedTuple):
    """How the elements of an array are written."""

    type_id: int  # in PostgreSQL's catalogue
    code: str  # of struct, after the length
    size: int  # bytes


_SMALLINT = _Kind(21, "h", 2)
_BIGINT = _Kind(20, "q", 8)
_FLOAT = _Kind(701, "d", 8)
_TIME = _Kind(1184, "q", 8)
_UUID = _Kind(2950, "16s", 16)
_KINDS = {
    "count": _BIGINT,
    **dict.fromkeys(("sum", "min", "max", "first", "last"), _FLOAT),
    **dict.fromkeys(("first_ts", "last_ts"), _TIME),
    **dict.fromkeys(("first_id", "last_id"), _UUID),
}

_ALL = frozenset(VALUES)
_OWN = _ALL - SAME_AS.keys() - {"count"}

Element = int | float | bytes | None


def packed(spans: Spans, *, per_day: int) -> bytes:
    """Return the packed rows of spans, which are in the order of their times in each source.

    :param per_day: how many spans a day has
    """
    rows: defaultdict[tuple[str, str, int], list[tuple[int, Span]]] = defaultdict(list)
    for (source, start), fields in spans.items():
        day, slot = divmod(start, per_day)
        for field, span in fields.items():
            rows[source, field, day].append((slot, span))
    parts = [HEADER]
    for (source, field, day), members in rows.items():
        parts += [pack(">h", 4 + len(VALUES)), _text(source), _text(field), pack(">ii", 4, day - _PG_DAYS)]
        parts.append(_array(_SMALLINT, [slot for slot, _ in members]))
        of_row = [span for _, span in members]
        # Half of the time is saved where each span has one event, whose value all its values are.
        shown = _OWN if all(span.count == 1 for span in of_row) else _ALL
        parts += [_values(name, of_row) if name in shown else _NULL for name in VALUES]
    return b"".join((*parts, TRAILER))


def _values(name: str, spans: Sequence[Span]) -> bytes:
    found: Sequence[Element] = [getattr(span, name) for span in spans]
    if name == "count":
        found = [None if count == 1 else count for count in found]
    elif name in SAME_AS:
        others = [getattr(span, SAME_AS[name]) for span in spans]
        found = [None if value == other else value for value, other in zip(found, others, strict=True)]
    if not any(value is not None for value in found):
        return _NULL
    if _KINDS[name] is _TIME:
        found = [None if value is None else value - _PG_EPOCH for value in found]  # type: ignore[operator]
    return _array(_KINDS[name], found)


def _array(kind: _Kind, values: Sequence[Element]) -> bytes:
    has_null = None in values
    if has_null:
        one = Struct(f">i{kind.code}")
        body = b"".join(_NULL if value is None else one.pack(kind.size, value) for value in values)
    else:
        body = pack(">" + f"i{kind.code}" * len(values), *chain.from_iterable(zip(repeat(kind.size), values)))
    return _ARRAY.pack(_ARRAY.size - 4 + len(body), 1, has_null, kind.type_id, len(values), 1) + body


def _text(value: str) -> bytes:
    data = value.encode()
    return pack(">i", len(data)) + data
