"""Lines that are not decoded: our own steps fail on them, or a newer release wrote them. Each becomes a letter."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import psycopg

from ingestion.kafka import record_decoder, record_headers
from ingestion.problems import Code
from processing.events.batch import WHOLE, Batch, Left, Letter, Record, SkippedLine, SkippedLines
from processing.events.document_ids import document_id
from processing.events.positions import RecordPosition

_NEWER = "a newer release wrote the record: format "
# A record of several lines whose only letter has another length than its value had just that line set aside.
_FIND = """
SELECT d.partition, d."offset", d.line, octet_length(d.raw)
FROM unnest(%s::int[], %s::bigint[]) AS r (partition, "offset")
JOIN dead_letter d ON d.topic_id = %s AND d.partition = r.partition AND d."offset" = r."offset"
WHERE d.reason = ANY(%s)
"""
_REASONS = (Code.INTERNAL_ERROR, Code.UNSUPPORTED_VERSION)
# The dead letter of alias `w` stands for a record of several lines as one: the text of a single line has no breaks.
_OF_WHOLE = ", ".join(f"'{reason}'" for reason in _REASONS)
WHOLE_LETTER = f"(w.line = 0 AND w.reason IN ({_OF_WHOLE}) AND position('\\x0a'::bytea IN w.raw) > 0)"


def split(record: Record, asides: SkippedLines) -> tuple[dict[int, bytes], list[Letter]]:
    """Return the lines of a record that are to be decoded, by number, and the letters of the others."""
    value = record.value or b""
    whole = asides.get(WHOLE)
    if whole is not None:
        return {}, [_letter(record, 0, value, whole)]
    texts, letters = {}, []
    for number, text in enumerate(record_decoder.split_lines(value)):
        if number not in asides:
            texts[number] = text
            continue
        aside = asides[number]
        if aside is not None:
            letters.append(_letter(record, number, text, aside))
    return texts, letters


def newer(version: int) -> SkippedLine:
    """Set aside a record of a newer release, which an operator does not want to wait for."""
    return SkippedLine("decode", f"{_NEWER}{version}", reason=Code.UNSUPPORTED_VERSION)


def format_of(detail: str) -> int:
    """Return the format of the record that a letter of reason UNSUPPORTED_VERSION is, by its detail."""
    return int(detail.removeprefix(_NEWER))


def numbers(record: Record, known: SkippedLines) -> list[int]:
    """Return the line numbers of a record, except known ones, without decoding it.

    Empty where the record is one: it has one line, or is another producer's, whose event may go over several.
    """
    if record_headers.version(record.headers) is None:
        return []
    count = len(record_decoder.split_lines(record.value or b""))
    return [number for number in range(count) if number not in known] if count > 1 else []


def only(some: Iterable[int], *, of: Iterable[int], known: SkippedLines) -> SkippedLines:
    """Leave out all lines of a record but some, for a trial."""
    kept = set(some)
    return {**known, **{number: None for number in of if number not in kept}}


def left_by(batch: Batch) -> list[Left]:
    """Return the known documents that skipped lines may have left, in trials or with a process that died."""
    places = {record.position for record in batch.records}
    marked = [aside for place in places & batch.asides.keys() for aside in batch.asides[place].values() if aside]
    return [left for aside in marked for left in aside.left] + [
        left_by_letter(letter)
        for letter in batch.letters
        if letter.reason == Code.INTERNAL_ERROR and letter.source and letter.event_id
    ]


def left_by_letter(letter: Letter) -> Left:
    """Return the document that the event of a letter may have left; the letter has a source and an id."""
    assert letter.event_id is not None
    return Left(document_id(letter.event_id, letter.source), letter.partition, letter.offset, letter.line)


def of_letters(
    connection: psycopg.Connection, found: Iterable[Record], *, topic: int
) -> dict[RecordPosition, SkippedLines]:
    """Find which lines of records were set aside when they were processed, so that others need not decode them.

    :param topic: the row id of the records' topic
    """
    sizes: dict[RecordPosition, int] = {record.position: len(record.value or b"") for record in found}
    partitions, offsets = [place[0] for place in sizes], [place[1] for place in sizes]
    asides: dict[RecordPosition, SkippedLines] = {}
    letters = connection.execute(_FIND, [partitions, offsets, topic, list(_REASONS)]).fetchall()
    for partition, offset, line, size in letters:
        position = RecordPosition(partition, offset)
        key = WHOLE if line == 0 and size == sizes[position] else line
        asides.setdefault(position, {})[key] = SkippedLine(stage="", detail="")
    return asides


def _letter(record: Record, line: int, raw: bytes, aside: SkippedLine) -> Letter:
    source, event_id = record_decoder.peek_ids(raw)
    return Letter(
        partition=record.partition,
        offset=record.offset,
        line=line,
        raw=raw,
        reason=aside.reason,
        detail=aside.detail,
        pointer="",
        stage=aside.stage,
        source=source or "",
        event_id=UUID(event_id).bytes if event_id else None,
        received=record.time,
    )
