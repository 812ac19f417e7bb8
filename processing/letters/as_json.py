"""Dead letters, and what is done with them, as JSON: the same over the API and on the command line."""

from __future__ import annotations

import base64
from typing import cast

from ingestion.problems import in_words
from ingestion.timestamps import to_text, to_text_if_known
from processing import raw_text
from processing.letters import selection as letters
from processing.letters import text as letter_text
from processing.letters.chain import chain
from processing.letters.rehearsal import Rehearsal
from processing.letters.selection import Selection
from processing.letters.shapes import (
    ActionShape,
    ChainLink,
    Counted,
    DeadLetterDetail,
    DeadLetterShape,
    DiscardRehearsal,
    JobShape,
    RedriveRehearsal,
)
from processing.models import DeadLetter, Job

MAX_PREVIEW = 4_096  # bytes
MAX_TOLD = 100  # letters of a chain, and lines of a history


def letter(row: DeadLetter) -> DeadLetterShape:
    """Give a letter as it stands in a list."""
    return {
        "id": row.pk,
        "reason": row.reason,
        "detail": row.detail,
        "pointer": row.pointer,
        "stage": row.stage,
        "sourceId": row.source_id or None,
        "eventId": None if row.event_id is None else str(row.event_id),
        "topic": row.topic.name,
        "partition": row.partition,
        "offset": row.offset,
        "line": row.line,
        "firstSeen": to_text(row.first_seen),
        "lastSeen": to_text(row.last_seen),
        "attempts": row.attempts,
        "fingerprint": row.fingerprint,
        "root": row.root_id,
        "redrives": row.redrives,
        "state": row.state,
    }


def detail(row: DeadLetter, *, whole: bool) -> DeadLetterDetail:
    """Give a letter with what was sent, what is wrong with it and what was done about it.

    :param whole: every byte, not only the preview
    """
    raw = bytes(row.raw)
    return {
        **letter(row),
        "meaning": in_words(row.reason),
        "receivedAt": to_text(row.received),
        "size": len(raw),
        "preview": raw_text.whole_text(raw[:MAX_PREVIEW]),
        "previewTruncated": len(raw) > MAX_PREVIEW,
        "event": letter_text.readable(row),
        "raw": base64.b64encode(raw).decode() if whole else None,
        "chain": [_link(one) for one in chain(row)[:MAX_TOLD]],
        "history": history(row),
        "edited": letter_text.difference(row),
        "sentAt": to_text_if_known(row.sent_at),
        "closedAt": to_text_if_known(row.closed_at),
    }


def history(row: DeadLetter) -> list[ActionShape]:
    """Give who did what with a letter, and when."""
    # Sliced here, since an export has fetched them beforehand.
    return [
        {"at": to_text(one.at), "who": one.who, "kind": one.kind, "note": one.note}
        for one in list(row.actions.all())[:MAX_TOLD]
    ]


def rehearsed(outcome: Rehearsal) -> RedriveRehearsal:
    """Give the dry run of a redrive."""
    return {
        "summary": str(outcome),
        "upTo": outcome.up_to,
        **counted(outcome.total),
        "checked": outcome.checked,
        "stored": outcome.stored,
        "duplicate": outcome.duplicate,
        "failing": dict(outcome.failing),
    }


def to_discard(selection: Selection, *, up_to: int | None = None) -> DiscardRehearsal:
    """Count for the dry run of a discard.

    :param up_to: the last number that is meant; None: the newest there is
    """
    up_to = letters.newest() if up_to is None else up_to
    return {"upTo": up_to, **counted(letters.count(selection.actionable(up_to=up_to)))}


def counted(total: int) -> Counted:
    """Give a number of letters, which is bounded."""
    return {"total": total, "totalIsLeast": total == letters.MOST_COUNTED}


def job(row: Job) -> JobShape:
    """Give a job and how far it is."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "state": row.state,
        "who": row.who,
        "arguments": cast("dict[str, object]", row.arguments),
        "total": row.total,
        "done": row.done,
        "message": row.message,
        "cancelRequested": row.cancel_requested,
        "createdAt": to_text(row.created_at),
        "startedAt": to_text_if_known(row.started_at),
        "finishedAt": to_text_if_known(row.finished_at),
    }


def _link(row: DeadLetter) -> ChainLink:
    return {"id": row.pk, "state": row.state, "reason": row.reason, "firstSeen": to_text(row.first_seen)}
