"""Turns lines of line protocol into events: their source, time and id."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple

import msgspec

from ingestion.events import steps, strict_parser, timestamps
from ingestion.events.batch import KEPT_BYTES, KEPT_EVENTS, BatchLimits, ParsedBatch, Rejected, beginning_of
from ingestion.events.identity import event_ids
from ingestion.events.identity.source_ids import slug
from ingestion.events.model import MAX_AHEAD, MAX_KEYS, SOURCE_ID_PATTERN, Event, InvalidEvent
from ingestion.events.source_labels import bounded
from ingestion.events.steps import Steps
from ingestion.problems import Code
from ingestion.receivers.influx import line_protocol

SOURCE_TAGS = ("sourceId", "source_id")
ID_KEYS = ("eventId", "event_id")
_source_tag = re.compile(rb",(?:sourceId|source_id)=([^,= \\]+)")

REMEMBERED = 20_000  # series
MAX_REMEMBERED_LENGTH = 512  # bytes of measurement and tags; with the limit above some 20 MB at the very most

# Fields as most senders write them, which are the same in JSON. Anything else is left to the strict path.
_NUMBER = rb"(?:0|[1-9][0-9]{0,14})u|-?(?:0|[1-9][0-9]{0,14})(?:i|(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?)"
_FIELD = rb'[^\x00-\x20,="\\\x7f]{1,256}+=(?:"[^\x00-\x1f"\\]*+"|true|false|' + _NUMBER + rb")"
_rest = re.compile(rb"(" + _FIELD + rb"(?:," + _FIELD + rb")*+)(?: (-?[0-9]{1,19}))?").fullmatch
_pairs = re.compile(rb'([^,="]{1,256}+)=("[^"]*"|true|false|[-+.0-9eE]+)[iu]?(?:,|\Z)').findall

AUTO = 0  # as a unit: by the magnitude of each timestamp
# Nanoseconds of a unit, and the number below which a timestamp counts it: right for times from 1970 to 2128.
_MAGNITUDES = ((1_000_000_000, 5 * 10**9), (1_000_000, 5 * 10**12), (1_000, 5 * 10**15))

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(str).decode


class Series(msgspec.Struct, frozen=True, gc=False):
    """The meaning of the measurement and tags of a line."""

    source: str
    key: bytes  # the source id's bytes
    labels: dict[str, str]


class LineSettings(NamedTuple):
    """The settings for parsing lines."""

    unit: int  # nanoseconds that a timestamp counts, or AUTO
    now: int  # microseconds since the epoch
    limits: BatchLimits


Text = tuple[int, bytes]  # a line's number, from 0, and the line

_known: dict[bytes, Series] = {}
_lock = Lock()  # a long parse runs in a thread


def read(texts: Iterable[Text], terms: LineSettings) -> ParsedBatch:
    """Parse each line into an event; an invalid line is rejected, the others are kept."""
    return steps.finish(read_steps(texts, terms))


def read_steps(texts: Iterable[Text], terms: LineSettings) -> Steps:
    """Do as read() does, in steps."""
    events: list[Event] = []
    indexes: list[int] = []
    rejected: list[Rejected] = []
    labels: dict[str, dict[str, str]] = {}
    for number, text in texts:
        found = read_fast(text, terms)
        if found is None:
            yield len(text)
            try:
                found = read_strict(text, terms)
            except InvalidEvent as error:
                kept = beginning_of(text, source=source_of(text)) if len(rejected) < KEPT_EVENTS else None
                rejected.append(Rejected(number, error.code, error.pointer, error.detail, kept))
                continue
        event, series = found
        events.append(event)
        indexes.append(number)
        labels[event.source] = series.labels
    return ParsedBatch(events, indexes, rejected, single=False, labels=labels)


def read_fast(text: bytes, terms: LineSettings) -> tuple[Event, Series] | None:
    """Parse a common line of a known series fast; None: use the strict path."""
    head, _, rest = text.partition(b" ")
    series = _known.get(head)
    if series is None or len(text) > terms.limits.max_event_bytes:
        return None
    match = _rest(rest)
    if match is None or not (text.isascii() or _is_utf8(text)):
        return None
    pairs = _pairs(match[1])
    fields = dict(pairs)
    if len(fields) != len(pairs) or len(pairs) > MAX_KEYS or b"eventId" in fields or b"event_id" in fields:
        return None
    payload = b"{" + b",".join([b'"%b":%b' % pair for pair in pairs]) + b"}"
    if match[2] is None:
        return Event(new_id(terms.now), series.source, terms.now, payload, timed=False), series
    stamp = int(match[2])
    nanoseconds = stamp * (terms.unit or guess_unit(stamp))
    ts = nanoseconds // 1000
    if not 0 <= ts <= terms.now + MAX_AHEAD:
        return None
    event_id = event_ids.derived_id(b"%b\n%d\n%b" % (series.key, nanoseconds, payload), ts)
    return Event(event_id, series.source, ts, payload), series


def read_strict(text: bytes, terms: LineSettings) -> tuple[Event, Series]:
    """Parse any line.

    :raises InvalidEvent: the first thing that is wrong
    """
    limit = terms.limits.max_event_bytes
    if len(text) > limit:
        raise InvalidEvent(Code.EVENT_TOO_LARGE, f"expected a line of at most {limit} bytes")
    line = line_protocol.parse(text)
    given = _take_id(line)
    series = _series(line)
    payload = b"{" + b",".join([_encode(key) + b":" + value for key, value in line.fields.items()]) + b"}"
    if line.stamp is None:
        return Event(given or new_id(terms.now), series.source, terms.now, payload, timed=False), series
    nanoseconds = line.stamp * (terms.unit or guess_unit(line.stamp))
    ts = nanoseconds // 1000
    timestamps.check_range(ts, now=terms.now)
    # The instant, not the text: the same point in another precision is the same event.
    content = b"%b\n%d\n%b" % (series.key, nanoseconds, payload)
    return Event(given or event_ids.derived_id(content, ts), series.source, ts, payload), series


def source_of(text: bytes) -> str:
    """Return the source of a line that is not valid, as far as its head tells; empty: it does not."""
    head, _, _ = text[:KEPT_BYTES].partition(b" ")
    known = _known.get(head)
    if known is not None:
        return known.source
    tag = _source_tag.search(head)
    name = tag[1] if tag else b"" if b"," in head else head
    found = name.decode(errors="replace")
    return found if SOURCE_ID_PATTERN.fullmatch(found) else ""


def guess_unit(stamp: int) -> int:
    """Return the nanoseconds that a timestamp counts, by its magnitude, as InfluxDB 3 does."""
    return next((unit for unit, above in _MAGNITUDES if abs(stamp) < above), 1)


def new_id(now: int) -> str:
    """Return a UUIDv7: 48 bits of milliseconds, then 74 random bits.

    :param now: microseconds since the epoch
    """
    milliseconds = (now // 1000).to_bytes(6, "big").hex("-", -4)
    digits = secrets.token_hex(9)
    return f"{milliseconds}-7{digits[:3]}-{secrets.choice('89ab')}{digits[3:6]}-{digits[6:]}"


def _take_id(line: line_protocol.PointLine) -> str | None:
    """Remove the event's id from the line's tags and fields.

    :raises InvalidEvent: it is none, or there are several
    """
    found = [line.tags.pop(key) for key in ID_KEYS if key in line.tags]
    # Another program's number of that name is a value like any other.
    texts = [key for key in ID_KEYS if line.fields.get(key, b"").startswith(b'"')]
    found += [_decode(line.fields.pop(key)) for key in texts]
    if len(found) > 1:
        raise InvalidEvent(Code.DUPLICATE_KEY, "/eventId: the id stands here for the second time", pointer="/eventId")
    return strict_parser.read_id(found[0]) if found else None


def _series(line: line_protocol.PointLine) -> Series:
    head = line.head.encode()
    known = _known.get(head)
    if known is not None:
        return known
    source = _source(line.measurement, line.tags)
    # The measurement first and the tags in order: the same ones are kept, however the line has them.
    labels = {"_measurement" if "measurement" in line.tags else "measurement": line.measurement}
    labels.update(sorted(line.tags.items()))
    series = Series(source, source.encode(), bounded(labels))
    carries_id = any(f",{key}=" in line.head for key in ID_KEYS)
    if len(head) <= MAX_REMEMBERED_LENGTH and not carries_id:
        with _lock:
            while len(_known) >= REMEMBERED:
                del _known[next(iter(_known))]
            _known[head] = series
    return series


def _source(measurement: str, tags: dict[str, str]) -> str:
    """Return the source: the value of the source tag, else one per series, so that no two series mix in a rollup."""
    for key in SOURCE_TAGS:
        if SOURCE_ID_PATTERN.fullmatch(tags.get(key, "")):
            return tags[key]
    if not tags and SOURCE_ID_PATTERN.fullmatch(measurement):
        return measurement
    ordered = sorted(tags.items())
    readable = ":".join([measurement, *(value for _, value in ordered)])
    # No part holds a NUL, so that no two series are written alike.
    return slug(readable, of="\0".join([measurement, *(part for tag in ordered for part in tag)]))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
