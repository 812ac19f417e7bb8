"""Dead letters: the lines that could not become events, newest first."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from ingestion.problems import in_words
from processing.letters import text as letter_text
from processing.letters.chain import chain
from processing.letters.selection import Selection
from processing.models import DeadLetter, DeadLetterAction
from queries import by_number, letter_query, paging, postgres
from queries.by_number import NumberCursor, Place
from queries.letter_shapes import ActionShape, ChainLink, DeadLetterDetail, DeadLetterShape
from queries.parameters import Parameters
from queries.shapes import Page
from queries.times import format_known, format_time

PARAMETERS = (*letter_query.PARAMETERS, *by_number.PARAMETERS)
MAX_PREVIEW = 4_096  # bytes
MAX_TOLD = 100  # letters of a chain, and lines of a history

_PRINTABLE_SPACE = frozenset("\t\n ")


class DeadLetterNotFound(Exception):
    """There is no dead letter of this number; answer 404."""


class DeadLetterCursor(NumberCursor, frozen=True):
    """A place in the list of dead letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterQuery:
    """Which dead letters, from where."""

    selection: Selection = field(default_factory=Selection)
    place: Place = field(default_factory=lambda: Place(kind=DeadLetterCursor))

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Read the query.

        :raises InvalidParameter: a value can't be used
        """
        return cls(
            selection=letter_query.from_parameters(parameters),
            place=Place.from_parameters(parameters, DeadLetterCursor),
        )


def page(query: DeadLetterQuery, *, address: paging.Address) -> Page[DeadLetterShape]:
    """Read one page of dead letters.

    :raises StoreUnavailable: PostgreSQL does not answer
    """
    rows = query.selection.query().select_related("topic").defer("raw", "edited")
    return by_number.page(rows, query.place, address=address, shape=_shape)


def find(number: int) -> DeadLetter:
    """Give one dead letter.

    :raises DeadLetterNotFound: there is none
    :raises StoreUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        row = DeadLetter.objects.select_related("topic").filter(id=number).first()
    if row is None:
        raise DeadLetterNotFound
    return row


def one(number: int, *, whole: bool) -> DeadLetterDetail:
    """Give one dead letter with what was sent, what is wrong with it and what was done about it.

    :param whole: every byte, not only the preview
    :raises DeadLetterNotFound: there is none
    :raises StoreUnavailable: PostgreSQL does not answer
    """
    row = find(number)
    with postgres.bounded():
        letters = list(chain(row)[:MAX_TOLD])
        actions = list(row.actions.all()[:MAX_TOLD])
    raw = bytes(row.raw)
    return {
        **_shape(row),
        "meaning": in_words(row.reason),
        "eventId": None if row.event_id is None else str(row.event_id),
        "pointer": row.pointer,
        "receivedAt": format_time(row.received),
        "fingerprint": row.fingerprint,
        "size": len(raw),
        "preview": preview(raw[:MAX_PREVIEW]),
        "previewTruncated": len(raw) > MAX_PREVIEW,
        "event": letter_text.readable(row),
        "raw": base64.b64encode(raw).decode() if whole else None,
        "root": row.root_id,
        "redrives": row.redrives,
        "chain": _chain(letters),
        "history": _history(actions),
        "edited": letter_text.difference(row),
        "sentAt": format_known(row.sent_at),
        "closedAt": format_known(row.closed_at),
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


def _chain(letters: Sequence[DeadLetter]) -> list[ChainLink]:
    return [
        {"id": row.id, "state": row.state, "reason": row.reason, "firstSeen": format_time(row.first_seen)}
        for row in letters
    ]


def _history(actions: Sequence[DeadLetterAction]) -> list[ActionShape]:
    return [{"at": format_time(row.at), "who": row.who, "kind": row.kind, "note": row.note} for row in actions]
