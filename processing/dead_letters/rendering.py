"""Render a dead letter as text, in the public event format if its bytes allow that. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import msgspec

from ingestion.events import timestamps
from ingestion.kafka import record_decoder
from ingestion.problems import Code
from processing.dead_letters import hexdump
from processing.models import DeadLetter

_PUBLIC = b'{"sourceId":%b,"timestamp":"%b","payload":%b,"eventId":%b}'
_encode = msgspec.json.encode
_decode_lines = msgspec.json.Decoder(record_decoder.EventLine).decode_lines
_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def canonical_lines(letter: DeadLetter) -> Sequence[record_decoder.EventLine]:
    """Return the canonical lines of a letter's bytes, usually one; none if the bytes are something else."""
    # Only a record of another producer can have an unknown field, and its meaning is unknown too.
    return [] if letter.reason == Code.UNKNOWN_FIELD else parse_lines(bytes(letter.raw))


def parse_lines(raw: bytes) -> Sequence[record_decoder.EventLine]:
    """Parse bytes as canonical lines; return none if any line is something else."""
    try:
        raw.decode()
        return _decode_lines(raw)
    except _NOT_JSON:
        return []


def to_public_format(line: record_decoder.EventLine) -> bytes:
    """Return a canonical line in the public event format, on one line."""
    stamp = timestamps.to_text(timestamps.from_micros(line.ts))
    return _PUBLIC % (_encode(line.source), stamp.encode(), bytes(line.payload), _encode(line.id))


def sent_text(letter: DeadLetter) -> bytes:
    """Return what was sent, in the public event format if it is one canonical line."""
    return _public_or_raw(bytes(letter.raw), canonical_lines(letter))


def to_text(letter: DeadLetter) -> str | None:
    """Return the event of a letter as indented JSON in the public format; None if its bytes are not JSON.

    Numbers and keys are as they were sent, valid or not.
    """
    return _indented(sent_text(letter))


def to_editable_text(letter: DeadLetter) -> str:
    """Return the text to begin an edit with: the event as `to_text`, or else all of the bytes as text."""
    return to_text(letter) or hexdump.whole_text(bytes(letter.raw))


def indented(text: bytes) -> str:
    """Return a text as indented JSON, or as it is."""
    return _indented(text) or hexdump.whole_text(text)


def diff_of_edit(letter: DeadLetter) -> list[str]:
    """Return a unified diff from what was received to what the last redrive sent, as lines; none without an edit."""
    if letter.edited is None:
        return []
    return diff_to(letter, bytes(letter.edited))


def diff_to(letter: DeadLetter, changed: bytes) -> list[str]:
    """Return a unified diff from what was received to another content: a canonical line, or any text."""
    after = _indented(_public_or_raw(changed, parse_lines(changed))) or hexdump.as_text(changed)
    return list(
        difflib.unified_diff(
            to_editable_text(letter).split("\n"), after.split("\n"), "as received", "as sent", lineterm=""
        )
    )


def _public_or_raw(raw: bytes, lines: Sequence[record_decoder.EventLine]) -> bytes:
    return to_public_format(lines[0]) if len(lines) == 1 else raw


def _indented(text: bytes) -> str | None:
    try:
        return msgspec.json.format(text, indent=2).decode()
    except _NOT_JSON:
        return None
