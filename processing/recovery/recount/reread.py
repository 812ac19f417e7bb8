"""Decode records again, line by line; whether a line repeats an earlier one is left to the caller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import psycopg

from ingestion.events import timestamps
from ingestion.kafka import record_encoder
from ingestion.kafka.record_decoder import UnknownVersion
from processing.errors import NeedsOperator
from processing.events import decoding, skipped_lines
from processing.events.batch import Batch, Letter, Record, SkippedLines
from processing.events.entries import Entry
from processing.events.judged import Judge
from processing.recovery.recount.past_logic import PastLogic


class DroppedLine(NamedTuple):
    """A line whose event a rule dropped."""

    event: Entry


Line = Entry | Letter | DroppedLine


def lines(connection: psycopg.Connection, found: Sequence[Record], *, topic: int, past: PastLogic) -> Iterator[Line]:
    """Yield the event of each line, or the dead letter of a line that is no event or was rejected.

    :param topic: the row id of the records' topic
    :param past: of this topic: events are judged as they were when their record was processed
    :raises NeedsOperator: a record was written by a newer release
    """
    now = timestamps.now()
    known = skipped_lines.of_letters(connection, found, topic=topic)
    with connection.cursor() as cursor:
        judges = [past.judge(cursor, record) for record in found]
    for record, judge in zip(found, judges, strict=True):
        batch = _decoded(record, now=now, aside=known.get(record.position), judge=judge)
        yield from batch.entries
        yield from batch.duplicates
        yield from map(DroppedLine, batch.dropped)
        for letter in batch.letters:
            yield _event(letter, now=now, judge=judge) if letter.stage == decoding.IDENTITY else letter


def _event(letter: Letter, *, now: int, judge: Judge | None) -> Entry:
    """Decode the event of a line whose identity is repeated in its record."""
    line = Record(letter.partition, letter.offset, 0, letter.raw, record_encoder.headers(count=1))
    [entry] = _decoded(line, now=now, judge=judge).entries
    return msgspec.structs.replace(entry, line=letter.line)


def _decoded(record: Record, *, now: int, judge: Judge | None, aside: SkippedLines | None = None) -> Batch:
    batch = Batch([record], asides={record.position: aside} if aside else {})
    try:
        decoding.decode(batch, now=now, judge=judge)
    except UnknownVersion as error:
        raise NeedsOperator(f"use a newer release: {error}") from error
    return batch
