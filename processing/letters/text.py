"""A dead letter as people read and mend it: in the public format of events where that can be. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import msgspec

from ingestion import records, timestamps
from ingestion.problems import Code
from processing import raw_text
from processing.models import DeadLetter

_PUBLIC = b'{"sourceId":%b,"timestamp":"%b","payload":%b,"eventId":%b}'
_encode = msgspec.json.encode
_decode_lines = msgspec.json.Decoder(records.Line).decode_lines
_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def canonical(letter: DeadLetter) -> Sequence[records.Line]:
    """Give the canonical lines that a letter's bytes are, most often one; none where they are something else."""
    # Only a record of another producer can have been refused for a field too many: what it means is not ours to say.
    return [] if letter.reason == Code.UNKNOWN_FIELD else lines_of(bytes(letter.raw))


def lines_of(raw: bytes) -> Sequence[records.Line]:
    """Give the canonical lines in these bytes; none where a line is something else."""
    try:
        raw.decode()
        return _decode_lines(raw)
    except _NOT_JSON:
        return []


def public(line: records.Line) -> bytes:
    """Write a canonical line as a sender would, on one line."""
    stamp = timestamps.to_text(timestamps.from_micros(line.ts))
    return _PUBLIC % (_encode(line.source), stamp.encode(), bytes(line.payload), _encode(line.id))


def readable(letter: DeadLetter) -> str | None:
    """Give the event of a letter as indented JSON in the public format; None if its bytes are no JSON.

    Numbers and keys stand as they were sent, right or wrong.
    """
    return _indented(_as_sent(bytes(letter.raw), canonical(letter)))


def editable(letter: DeadLetter) -> str:
    """Give what one begins an edit with: the readable event, or else all of the bytes as text."""
    return readable(letter) or raw_text.whole_text(bytes(letter.raw))


def difference(letter: DeadLetter) -> list[str]:
    """Give the lines of a unified diff from what came in to what the last redrive sent; none without an edit."""
    if letter.edited is None:
        return []
    edited = bytes(letter.edited)
    after = _indented(_as_sent(edited, lines_of(edited))) or raw_text.as_text(edited)
    return list(
        difflib.unified_diff(
            editable(letter).split("\n"), after.split("\n"), "as it came", "as it was sent", lineterm=""
        )
    )


def _as_sent(raw: bytes, lines: Sequence[records.Line]) -> bytes:
    return public(lines[0]) if len(lines) == 1 else raw


def _indented(text: bytes) -> str | None:
    try:
        return msgspec.json.format(text, indent=2).decode()
    except _NOT_JSON:
        return None
