"""Rows in PostgreSQL's binary COPY format, packed by hand: the hot path of the row store. Pure.

Format: https://www.postgresql.org/docs/18/sql-copy.html#SQL-COPY-FILE-FORMATS
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, repeat
from struct import Struct

from processing.events.batch import MINUTE
from processing.events.entries import Entries, Entry
from processing.events.ledger_deltas import LedgerDeltas
from processing.events.rollups import MINUTES_PER_HOUR, Spans

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"

# PostgreSQL counts microseconds from 2000-01-01.
_PG_EPOCH = 946_684_800_000_000

_FIELD_COUNT = Struct(">h")
_LENGTH = Struct(">i")

# What differs from event to event first: the rest is the same bytes for all lines of a record.
EVENT_COLUMNS = 'source_id, ts, id, received, content_hash, line, payload, "offset", partition, topic_id, stored'
# After the source: ts, id, received, content_hash, line, and payload's length and version.
_EVENT = Struct(">iq i16s iq iq ii iB".replace(" ", ""))
# offset, partition, topic_id, stored
_RECORD = Struct(">iq ii ih iq".replace(" ", ""))

ROLLUP_COLUMNS = "source_id, field, start, count, sum, min, max, first, first_ts, first_id, last, last_ts, last_id"
SPAN_COLUMNS = f"hourly, {ROLLUP_COLUMNS}"
_SPAN_HEAD = Struct(">hi?")
HOUR = MINUTE * MINUTES_PER_HOUR
_SPAN = Struct(">iq iq id id id id iq i16s id iq i16s".replace(" ", ""))

LEDGER_COLUMNS = (
    "source_id, minute, partition, read, stored, duplicate, dead_lettered, dropped, first_seen, last_seen, latest_event"
)
_LEDGER = Struct(">iq ii iq iq iq iq iq iq iq".replace(" ", ""))
_NULL = _LENGTH.pack(-1)
_TIME = Struct(">iq")


# Of events that logic has judged, or that are not rolled up, after the columns of all events; they are null in the others.
ALL_COLUMNS = f"{EVENT_COLUMNS}, revision, rollup_cut, payload_changed, tags"
_REVISION = Struct(">ii")
_TRUE = _LENGTH.pack(1) + b"\x01"
_AS_SENT = _NULL + _NULL
# An array of texts: dimensions, whether there are nulls, type, length, lower bound.
_ARRAY = Struct(">iiiii")
_TEXT_TYPE = 25

_Place = tuple[int, int]  # the partition and offset of a record


@lru_cache(maxsize=100_000)
def _source_prefix(source: str) -> bytes:
    return _FIELD_COUNT.pack(11) + _text(source)


def _judged_prefix(source: str) -> bytes:
    return _FIELD_COUNT.pack(15) + _text(source)


def _tags(tags: tuple[str, ...]) -> bytes:
    """Pack an array of texts; none is null."""
    if not tags:
        return _NULL
    data = _ARRAY.pack(1, 0, _TEXT_TYPE, len(tags), 1) + b"".join(map(_text, tags))
    return _LENGTH.pack(len(data)) + data


def _changes(tags: tuple[str, ...], is_changed: bool) -> bytes:
    return (_TRUE if is_changed else _NULL) + _tags(tags)


def _text(value: str) -> bytes:
    data = value.encode()
    return _LENGTH.pack(len(data)) + data


def events(
    entries: Iterable[Entry], *, stored: int, topic: int, revision: int | None = None, cut: bool = False
) -> bytes:
    """Pack rows of the table `events` (EVENT_COLUMNS).

    A row is four pieces, which only functions in C come by: a loop in Python takes twice the time.

    :param revision: of the logic that judged the events (ALL_COLUMNS, also if `cut`); 0: none did
    :param cut: the events are not rolled up
    """
    each = Entries.of(entries)
    judged = cut or revision is not None
    prefix = _judged_prefix if judged else _source_prefix
    prefixes = {source: prefix(source) for source in each.by_source}
    places = list(zip(each.partitions, each.offsets, strict=True))
    beyond = b""
    if judged:
        beyond = (_REVISION.pack(4, revision) if revision else _NULL) + (_TRUE if cut else _NULL)
    ends = {
        (partition, offset): _RECORD.pack(8, offset, 4, partition, 2, topic, 8, stored - _PG_EPOCH) + beyond
        for partition, offset in set(places)
    }
    if judged:
        tails = _with_changes(each, places, ends)
    else:
        tails = [ends[place] for place in places]
    payloads = each.row_payloads
    packed = map(
        _EVENT.pack,
        repeat(8), [ts - _PG_EPOCH for ts in each.times],
        repeat(16), each.keys,  # which begin with the id
        repeat(8), [received - _PG_EPOCH for received in each.received],
        repeat(8), each.hashes,
        repeat(4), each.lines,
        [len(payload) + 1 for payload in payloads], repeat(1),
    )  # fmt: skip
    pieces = zip(
        [prefixes[source] for source in each.sources],
        packed,
        payloads,
        tails,
        strict=True,
    )
    return b"".join(chain((HEADER,), chain.from_iterable(pieces), (TRAILER,)))


def _with_changes(entries: Entries, places: Sequence[_Place], ends: Mapping[_Place, bytes]) -> list[bytes]:
    """Return the end of each row, with whether logic changed the payload, and the tags."""
    kinds = [made and (made.tags, made.is_changed) for made in entries.made]
    changes = {kind: _changes(*kind) if kind else _AS_SENT for kind in set(kinds)}
    if len(changes) > 1:
        return [ends[place] + changes[kind] for place, kind in zip(places, kinds, strict=True)]
    # Mostly all are alike, and then the events of a record have the same end.
    alike = {place: end + each for each in changes.values() for place, end in ends.items()}
    return [alike[place] for place in places]


def spans(minutes: Spans, hours: Spans) -> bytes:
    """Pack rollups for the staging table (SPAN_COLUMNS)."""
    parts = [HEADER]
    for hourly, rolled, width in ((False, minutes, MINUTE), (True, hours, HOUR)):
        parts += _rolled(rolled, width, _SPAN_HEAD.pack(14, 1, hourly))
    parts.append(TRAILER)
    return b"".join(parts)


def rollups(rolled: Spans, width: int) -> bytes:
    """Pack rollups over spans of one width (ROLLUP_COLUMNS).

    :param width: microseconds
    """
    return b"".join([HEADER, *_rolled(rolled, width, _FIELD_COUNT.pack(13)), TRAILER])


def _rolled(rolled: Spans, width: int, head: bytes) -> list[bytes]:
    parts = []
    for (source, start), fields in rolled.items():
        prefix = head + _text(source)
        start_us = start * width - _PG_EPOCH
        for field, span in fields.items():
            parts.append(prefix)
            parts.append(_text(field))
            parts.append(
                _SPAN.pack(
                    8, start_us, 8, span.count, 8, span.sum, 8, span.min, 8, span.max,
                    8, span.first, 8, span.first_ts - _PG_EPOCH, 16, span.first_id,
                    8, span.last, 8, span.last_ts - _PG_EPOCH, 16, span.last_id,
                )
            )  # fmt: skip
    return parts


def ledger(gains: LedgerDeltas) -> bytes:
    """Pack ledger rows for the staging table (LEDGER_COLUMNS)."""
    parts = [HEADER]
    for (source, minute, partition), gain in gains.items():
        parts.append(_FIELD_COUNT.pack(11))
        parts.append(_text(source))
        parts.append(
            _LEDGER.pack(
                8, minute * MINUTE - _PG_EPOCH, 4, partition, 8, gain.read, 8, gain.stored,
                8, gain.duplicate, 8, gain.dead_lettered, 8, gain.dropped,
                8, gain.first_seen - _PG_EPOCH, 8, gain.last_seen - _PG_EPOCH,
            )
        )  # fmt: skip
        latest = gain.latest_event
        parts.append(_NULL if latest is None else _TIME.pack(8, latest - _PG_EPOCH))
    parts.append(TRAILER)
    return b"".join(parts)
