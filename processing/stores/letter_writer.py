"""Writes dead letters, in the transaction of their batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

import psycopg

from ingestion.events.timestamps import from_micros
from processing.events.batch import Letter
from processing.stores import row_sql


def write_letters(connection: psycopg.Connection, letters: Sequence[Letter], topic: int) -> None:
    """Write dead letters; one that exists is counted as another attempt."""
    if not letters:
        return
    now = datetime.now(tz=UTC)
    with connection.cursor() as cursor:
        cursor.executemany(row_sql.INSERT_LETTER, [_letter_row(letter, topic, now) for letter in letters])


def _letter_row(letter: Letter, topic: int, now: datetime) -> list[object]:
    fingerprint = blake2b(
        f"{letter.reason}\0{letter.pointer}\0{letter.stage}\0{letter.source}".encode(), digest_size=16
    )
    return [
        topic, letter.partition, letter.offset, letter.line, letter.raw, letter.reason, letter.detail, letter.pointer,
        letter.stage, letter.source, UUID(bytes=letter.event_id) if letter.event_id else None,
        from_micros(letter.received), now, now, fingerprint.hexdigest(),
    ]  # fmt: skip
