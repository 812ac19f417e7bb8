"""Export complete dead letters as NDJSON, oldest first, one chunk at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from uuid import UUID

import msgspec

from ingestion.auth.read_scope import ReadScope
from ingestion.runtime import pooled_connection
from processing.dead_letters import scoped_letters, serializers
from processing.dead_letters.filters import LetterFilter
from processing.dead_letters.schemas import ActionShape
from processing.models import DeadLetter

CONTENT_TYPE = "application/x-ndjson"
CHUNK = 50  # letters of up to 256 KiB each


class ExportedLetter(msgspec.Struct, rename="camel", kw_only=True):
    """One line of an export; times are RFC 3339 in UTC."""

    id: int
    reason: str
    detail: str
    pointer: str
    stage: str
    state: str
    source_id: str | None
    event_id: UUID | None
    topic: str
    partition: int
    offset: int
    line: int
    received_at: datetime
    first_seen: datetime
    last_seen: datetime
    attempts: int
    fingerprint: str
    root: int | None
    redrives: int
    raw: bytes  # base64
    edited: bytes | None  # what the last redrive sent instead, base64
    sent_at: datetime | None
    closed_at: datetime | None
    history: list[ActionShape]


def lines(
    selection: LetterFilter,
    *,
    scope: ReadScope,
    reading: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Iterator[bytes]:
    """Yield the letters in the scope as lines, so that an answer need not fit into memory.

    :param reading: the context manager for each read
    """
    last = 0
    while found := _chunk(selection, scope, after=last, reading=reading):
        last = found[-1].id
        yield b"".join(msgspec.json.encode(letter) + b"\n" for letter in found)


def _chunk(
    selection: LetterFilter, scope: ReadScope, *, after: int, reading: Callable[[], AbstractContextManager[None]]
) -> list[ExportedLetter]:
    matching = scoped_letters.within(selection.query().select_related("topic"), scope)
    rows = matching.filter(id__gt=after).prefetch_related("actions").order_by("id")
    with reading():
        found = [_exported(row, scope) for row in rows[:CHUNK]]
    # The client may take long to read them.
    pooled_connection.release()
    return found


def _exported(row: DeadLetter, scope: ReadScope) -> ExportedLetter:
    return ExportedLetter(
        id=row.pk,
        reason=row.reason,
        detail=row.detail,
        pointer=row.pointer,
        stage=row.stage,
        state=row.state,
        source_id=row.source_id or None,
        event_id=row.event_id,
        topic=row.topic.name,
        partition=row.partition,
        offset=row.offset,
        line=row.line,
        received_at=row.received,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        attempts=row.attempts,
        fingerprint=row.fingerprint,
        root=scoped_letters.root_of(row, scope),
        redrives=row.redrives,
        raw=bytes(row.raw),
        edited=scoped_letters.edited_of(row, scope),
        sent_at=row.sent_at,
        closed_at=row.closed_at,
        history=serializers.history(row, scope=scope),
    )
