"""Dead letters: the lines that could not become events, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import msgspec

from ingestion.problems import Code
from processing.models import DeadLetter
from queries import cursors, paging, postgres
from queries.parameters import Parameters
from queries.shapes import DeadLetterDetail, DeadLetterShape, Page
from queries.times import format_time

PARAMETERS = ("state", "reason", "source_id", "limit", "offset", "cursor")
MAX_PREVIEW = 4_096  # bytes

_FILTERS = ("state", "reason", "source_id")
_PRINTABLE_SPACE = frozenset("\t\n ")


class DeadLetterNotFound(Exception):
    """There is no dead letter of this number; answer 404."""


class DeadLetterCursor(msgspec.Struct, array_like=True, frozen=True):
    """A place in the list of dead letters."""

    backward: bool
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterQuery:
    """Which dead letters, from where."""

    state: str | None = None
    reason: str | None = None
    source_id: str | None = None
    limit: int = paging.DEFAULT_LIMIT
    offset: int = 0
    cursor: DeadLetterCursor | None = None

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Read the query.

        :raises InvalidParameter: a value can't be used
        """
        text = parameters.text("cursor")
        return cls(
            state=parameters.choice("state", DeadLetter.State.values),
            reason=parameters.choice("reason", [code.value for code in Code]),
            source_id=parameters.source_id(),
            limit=paging.limit(parameters),
            offset=paging.offset(parameters),
            cursor=None if text is None else cursors.read(text, DeadLetterCursor),
        )


def page(query: DeadLetterQuery, *, address: paging.Address) -> Page[DeadLetterShape]:
    """Read one page of dead letters.

    :raises StoreUnavailable: PostgreSQL does not answer
    """
    backward = query.cursor is not None and query.cursor.backward
    rows = DeadLetter.objects.select_related("topic").defer("raw").order_by("id" if backward else "-id")
    wanted = {name: getattr(query, name) for name in _FILTERS}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    if query.cursor is not None:
        rows = rows.filter(**{"id__gt" if backward else "id__lt": query.cursor.id})
    with postgres.bounded():
        found = list(rows[query.offset : query.offset + query.limit + 1])
    continued = query.cursor is not None or query.offset > 0
    return paging.page(
        paging.cut(found, limit=query.limit, backward=backward, continued=continued),
        address=address,
        forward=lambda row: DeadLetterCursor(False, row.id),  # noqa: FBT003 - a msgspec.Struct by place
        backward=lambda row: DeadLetterCursor(True, row.id),  # noqa: FBT003
        shape=_shape,
    )


def one(number: int) -> DeadLetterDetail:
    """Give one dead letter with a preview of what was sent.

    :raises DeadLetterNotFound: there is none
    :raises StoreUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        row = DeadLetter.objects.select_related("topic").filter(id=number).first()
    if row is None:
        raise DeadLetterNotFound
    raw = bytes(row.raw)
    return {
        **_shape(row),
        "eventId": None if row.event_id is None else str(row.event_id),
        "pointer": row.pointer,
        "receivedAt": format_time(row.received),
        "fingerprint": row.fingerprint,
        "size": len(raw),
        "preview": preview(raw[:MAX_PREVIEW]),
        "previewTruncated": len(raw) > MAX_PREVIEW,
    }


def preview(raw: bytes) -> str:
    r"""Give bytes as text that is safe to show: what is no printable text stands as \xNN, \uNNNN or \UNNNNNNNN."""
    text = raw.decode("utf-8", errors="backslashreplace")
    return "".join(_safe(character) for character in text)


def _safe(character: str) -> str:
    if character.isprintable() or character in _PRINTABLE_SPACE:
        return character
    return (
        character.encode("ascii", errors="backslashreplace").decode()
        if ord(character) > 127
        else f"\\x{ord(character):02x}"
    )


def _shape(row: DeadLetter) -> DeadLetterShape:
    return {
        "id": row.id,
        "reason": row.reason,
        "detail": row.detail,
        "stage": row.stage,
        "sourceId": row.source_id or None,
        "topic": row.topic.name,
        "partition": row.partition,
        "offset": row.offset,
        "line": row.line,
        "firstSeen": format_time(row.first_seen),
        "lastSeen": format_time(row.last_seen),
        "attempts": row.attempts,
        "state": row.state,
    }
