"""From Kafka records to events with their places; what can't be read is set aside. Pure but for its caches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

import msgspec

from ingestion.events.identity.content_hash import content_hashes
from ingestion.events.model import Event
from ingestion.kafka import record_decoder, record_encoder
from ingestion.kafka.record_decoder import EventLine, InvalidLine
from ingestion.problems import Code
from processing.events import skipped_lines
from processing.events.batch import MINUTE, Account, Batch, Letter, Record
from processing.events.document_ids import document_ids
from processing.events.entries import Entries, Entry
from processing.events.judged import Judge, Judged, Rejection

IDENTITY = "identity"  # the stage of a letter whose id has other content already

_decode_object = msgspec.json.Decoder(dict[str, object]).decode
# A line in our format that no receiver of ours wrote.
_NOT_AN_OBJECT = (msgspec.MsgspecError, ValueError, RecursionError)


class _Lines:
    """The lines of a batch that are events, each with its position: three lists beside them."""

    def __init__(self) -> None:
        self.events: list[EventLine] = []
        self.partitions: list[int] = []
        self.offsets: list[int] = []
        self.numbers: list[int] = []

    def add(self, record: Record, events: Sequence[EventLine], numbers: Collection[int]) -> None:
        self.events += events
        self.partitions += [record.partition] * len(events)
        self.offsets += [record.offset] * len(events)
        self.numbers += numbers

    def select(self, indexes: Iterable[int]) -> _Lines:
        some = _Lines()
        for index in indexes:
            some.events.append(self.events[index])
            some.partitions.append(self.partitions[index])
            some.offsets.append(self.offsets[index])
            some.numbers.append(self.numbers[index])
        return some


PROCESS = "process"  # the stage of a letter that logic rejects


def decode(batch: Batch, *, now: int, judge: Judge | None = None) -> None:
    """Fill the batch from its records: first events of their identity, duplicates, letters, and what was read.

    Identity is decided in the order of (partition, offset, line), so that every attempt decides alike.

    :param now: microseconds since the epoch
    :param judge: logic, which judges each line before its identity is decided
    :raises UnknownVersion: a record was written by a newer release
    """
    batch.duplicates, batch.letters, batch.read = [], [], Counter()
    batch.dropped, batch.rule_counts = [], {}
    events = _Lines()
    for record in sorted(batch.records, key=lambda record: record.position):
        _read(batch, record, events, now)
    batch.read.update(_accounts(events))
    found = _columns(batch, events)
    if judge is not None:
        judged = judge(found)
        set_aside(batch, judged)
        found = judged.kept
    _identify(batch, found)


def set_aside(batch: Batch, judged: Judged) -> None:
    """Add what logic rejects to the letters of a batch, and what it drops to those dropped."""
    batch.letters += map(rejected, judged.rejected)
    batch.dropped += judged.dropped
    batch.rule_counts = judged.counts


def rejected(found: Rejection) -> Letter:
    """Turn an event that logic rejects into a letter."""
    one = letter(found.entry, reason=found.code, detail=f"{found.rule}: {found.detail}", stage=PROCESS)
    return one._replace(pointer=found.pointer)


def _read(batch: Batch, record: Record, events: _Lines, now: int) -> None:
    """Decode a record: add its events, and the letters of its other lines."""
    aside = batch.asides.get(record.position)
    if aside is None:
        lines = record_decoder.decode(record.value, record.headers, received=record.time, now=now)
        numbers: Collection[int] = range(len(lines))
    else:
        texts, letters = skipped_lines.split(record, aside)
        numbers = texts.keys()
        lines = [
            record_decoder.decode(text, record.headers, received=record.time, now=now)[0] for text in texts.values()
        ]
        batch.letters += letters
        batch.read.update((one.source, one.received // MINUTE, one.partition) for one in letters)
    if all(line.__class__ is EventLine for line in lines):
        events.add(record, lines, numbers)  # type: ignore[arg-type]
        return
    for number, line in zip(numbers, lines, strict=True):
        if isinstance(line, InvalidLine):
            batch.letters.append(_unreadable(line, record, number))
            batch.read[line.source or "", record.time // MINUTE, record.partition] += 1
        else:
            events.add(record, [line], [number])


def _accounts(lines: _Lines) -> Counter[Account]:
    minutes = [line.received // MINUTE for line in lines.events]
    return Counter(zip([line.source for line in lines.events], minutes, lines.partitions, strict=True))


def _columns(batch: Batch, lines: _Lines) -> Entries:
    """Return the events of lines; those whose payload is no object become letters."""
    events = lines.events
    payloads = [bytes(line.payload) for line in events]
    attributes = [bytes(line.attributes) for line in events]
    times = [line.ts for line in events]
    timed = [line.timed for line in events]
    try:
        values = [_decode_object(payload) for payload in payloads]
        for one in filter(None, attributes):
            _decode_object(one)
        hashes = content_hashes([ts if own else None for ts, own in zip(times, timed, strict=True)], values)
    except _NOT_AN_OBJECT:
        objects = _objects(batch, lines)
        if len(objects.events) == len(events):
            raise
        return _columns(batch, objects)
    texts, sources = [line.id for line in events], [line.source for line in events]
    return Entries(
        keys=document_ids(texts, sources),
        texts=texts,
        sources=sources,
        times=times,
        received=[line.received for line in events],
        payloads=payloads,
        values=values,
        hashes=hashes,
        partitions=lines.partitions,
        offsets=lines.offsets,
        lines=lines.numbers,
        timed=timed,
        attributes=attributes,
        rolled=[True] * len(events),
        made=[None] * len(events),
    )


def _objects(batch: Batch, lines: _Lines) -> _Lines:
    """Leave out the lines whose payload or attributes are no objects; they become letters."""
    good = []
    for index, line in enumerate(lines.events):
        try:
            content_hashes([line.ts], [_decode_object(bytes(line.payload))])
            if line.attributes:
                _decode_object(bytes(line.attributes))
        except _NOT_AN_OBJECT:
            batch.letters.append(
                _not_an_object(line, lines.partitions[index], lines.offsets[index], lines.numbers[index])
            )
        else:
            good.append(index)
    return lines.select(good)


def _identify(batch: Batch, found: Entries) -> None:
    """Keep the first event of each identity; the others are duplicates of it, or conflict with it."""
    if len(set(found.keys)) == len(found):
        batch.entries = found
        return
    first: dict[bytes, int] = {}
    for index, key in enumerate(found.keys):
        earlier = first.setdefault(key, index)
        if earlier == index:
            continue
        if found.hashes[earlier] == found.hashes[index]:
            batch.duplicates.append(found[index])
        else:
            batch.letters.append(conflict(found[index]))
    batch.entries = found.select(list(first.values()))


def letter(entry: Entry, *, reason: Code, detail: str, stage: str) -> Letter:
    """Turn an event that can't be stored into a letter; its bytes are the canonical line."""
    return Letter(
        partition=entry.partition,
        offset=entry.offset,
        line=entry.line,
        raw=_line(entry),
        reason=reason,
        detail=detail,
        pointer="",
        stage=stage,
        source=entry.source,
        event_id=entry.id,
        received=entry.received,
    )


def _line(entry: Entry) -> bytes:
    event = Event(entry.text, entry.source, entry.ts, entry.payload, entry.timed, entry.attributes)
    return record_encoder.line(event, received=entry.received)


def conflict(entry: Entry) -> Letter:
    """Set aside an event whose id stands for other content already."""
    return letter(
        entry,
        reason=Code.ID_CONFLICT,
        detail="another event of this source has this id and other content",
        stage=IDENTITY,
    )


def _not_an_object(line: EventLine, partition: int, offset: int, number: int) -> Letter:
    event = Event(line.id, line.source, line.ts, bytes(line.payload), line.timed, bytes(line.attributes))
    return Letter(
        partition=partition,
        offset=offset,
        line=number,
        raw=record_encoder.line(event, received=line.received),
        reason=Code.WRONG_TYPE,
        detail="/payload and /attributes: expected JSON objects in UTF-8",
        pointer="/payload",
        stage="decode",
        source=line.source,
        event_id=bytes.fromhex(line.id.replace("-", "")),
        received=line.received,
    )


def _unreadable(line: InvalidLine, record: Record, number: int) -> Letter:
    return Letter(
        partition=record.partition,
        offset=record.offset,
        line=number,
        raw=line.raw,
        reason=line.code,
        detail=line.detail,
        pointer=line.pointer,
        stage="decode",
        source=line.source or "",
        event_id=UUID(line.event_id).bytes if line.event_id else None,
        received=record.time,
    )
