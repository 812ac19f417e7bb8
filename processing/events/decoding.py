"""From Kafka records to events with their places; what can't be read is set aside. Pure but for its caches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from uuid import UUID

import msgspec

from ingestion.events.identity.content_hash import content_hash
from ingestion.events.model import Event
from ingestion.kafka import record_decoder, record_encoder
from ingestion.problems import Code
from processing.events import skipped_lines
from processing.events.batch import MINUTE, Batch, Entry, Letter, Record
from processing.events.document_ids import source_digest

IDENTITY = "identity"  # the stage of a letter whose id has other content already

_decode_payload = msgspec.json.Decoder(dict[str, object]).decode
_bytes_of = bytes.fromhex
# A line in our format that no receiver of ours wrote.
_NOT_AN_OBJECT = (msgspec.MsgspecError, ValueError, RecursionError)


def decode(batch: Batch, *, now: int) -> None:
    """Fill the batch from its records: first events of their identity, duplicates, letters, and what was read.

    Identity is decided in the order of (partition, offset, line), so that every attempt decides alike.

    :param now: microseconds since the epoch
    :raises UnknownVersion: a record was written by a newer release
    """
    first: dict[bytes, Entry] = {}
    read: Counter[tuple[str, int, int]] = Counter()
    batch.duplicates, batch.letters = [], []
    for record in sorted(batch.records, key=lambda record: record.position):
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
            read.update((one.source, one.received // MINUTE, one.partition) for one in letters)
        read.update(_accounts(lines, record))
        for entry in _entries(batch, record, zip(numbers, lines, strict=True)):
            earlier = first.setdefault(entry.key, entry)
            if earlier is not entry:
                _repeated(batch, earlier, entry)
    batch.entries = list(first.values())
    batch.read = read


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
    event = Event(entry.text.decode(), entry.source, entry.ts, entry.payload, entry.timed, entry.attributes)
    return record_encoder.line(event, received=entry.received)


def _accounts(
    lines: Sequence[record_decoder.EventLine | record_decoder.InvalidLine], record: Record
) -> list[tuple[str, int, int]]:
    partition = record.partition
    return [
        (line.source or "", record.time // MINUTE, partition)
        if isinstance(line, record_decoder.InvalidLine)
        else (line.source, line.received // MINUTE, partition)
        for line in lines
    ]


def _entries(
    batch: Batch, record: Record, lines: Iterable[tuple[int, record_decoder.EventLine | record_decoder.InvalidLine]]
) -> Iterator[Entry]:
    """Return a record's events; its other lines become letters. One plain loop, since each call in it would cost."""
    partition, offset = record.partition, record.offset
    for number, line in lines:
        if isinstance(line, record_decoder.InvalidLine):
            batch.letters.append(_unreadable(line, record, number))
            continue
        text, source, ts, payload = line.id, line.source, line.ts, bytes(line.payload)
        try:
            values = _decode_payload(payload)
            content = content_hash(ts if line.timed else None, values)
            attributes = bytes(line.attributes)
            if attributes:
                _decode_payload(attributes)
        except _NOT_AN_OBJECT:
            batch.letters.append(_not_an_object(line, record, number))
            continue
        id_ = _bytes_of(text.replace("-", ""))
        yield Entry(
            id_ + source_digest(source), id_, text.encode(), source, ts, line.received, payload, values, content,
            partition, offset, number, line.timed, attributes,
        )  # fmt: skip


def _repeated(batch: Batch, earlier: Entry, entry: Entry) -> None:
    if earlier.hash == entry.hash:
        batch.duplicates.append(entry)
    else:
        batch.letters.append(conflict(entry))


def conflict(entry: Entry) -> Letter:
    """Set aside an event whose id stands for other content already."""
    return letter(
        entry,
        reason=Code.ID_CONFLICT,
        detail="another event of this source has this id and other content",
        stage=IDENTITY,
    )


def _not_an_object(line: record_decoder.EventLine, record: Record, number: int) -> Letter:
    event = Event(line.id, line.source, line.ts, bytes(line.payload), line.timed, bytes(line.attributes))
    return Letter(
        partition=record.partition,
        offset=record.offset,
        line=number,
        raw=record_encoder.line(event, received=line.received),
        reason=Code.WRONG_TYPE,
        detail="/payload and /attributes: expected JSON objects in UTF-8",
        pointer="/payload",
        stage="decode",
        source=line.source,
        event_id=_bytes_of(line.id.replace("-", "")),
        received=line.received,
    )


def _unreadable(line: record_decoder.InvalidLine, record: Record, number: int) -> Letter:
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
