"""Dead letters, dry runs and jobs as JSON, the same in the API and on the command line."""

from __future__ import annotations

import base64
from typing import cast

from ingestion.auth.read_scope import ReadScope
from ingestion.events.timestamps import to_text, to_text_if_known
from ingestion.problems import in_words
from processing.dead_letters import filters, hexdump, rendering, scoped_letters
from processing.dead_letters.dry_run import DryRun
from processing.dead_letters.filters import LetterFilter, related_letters
from processing.dead_letters.schemas import (
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
MAX_LISTED = 100  # letters of a chain, and actions of a history


def letter(row: DeadLetter, *, scope: ReadScope) -> DeadLetterShape:
    """Return a letter as an item of a list."""
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
        "root": scoped_letters.root_of(row, scope),
        "redrives": row.redrives,
        "state": row.state,
    }


def detail(row: DeadLetter, *, scope: ReadScope, whole: bool) -> DeadLetterDetail:
    """Return a letter with its bytes, its error and its history.

    :param whole: include every byte, not only the preview
    """
    raw = bytes(row.raw)
    return {
        **letter(row, scope=scope),
        "meaning": in_words(row.reason),
        "receivedAt": to_text(row.received),
        "size": len(raw),
        "preview": hexdump.whole_text(raw[:MAX_PREVIEW]),
        "previewTruncated": len(raw) > MAX_PREVIEW,
        "event": rendering.to_text(row),
        "raw": base64.b64encode(raw).decode() if whole else None,
        "chain": [_link(one) for one in scoped_letters.within(related_letters(row), scope)[:MAX_LISTED]],
        "history": history(row, scope=scope),
        "edited": [] if scoped_letters.edited_of(row, scope) is None else rendering.diff_of_edit(row),
        "sentAt": to_text_if_known(row.sent_at),
        "closedAt": to_text_if_known(row.closed_at),
    }


def history(row: DeadLetter, *, scope: ReadScope) -> list[ActionShape]:
    """Return the actions on a letter, oldest first."""
    # Sliced in Python, since an export has prefetched them.
    return [
        {"at": to_text(one.at), "who": one.who, "kind": one.kind, "note": scoped_letters.note_of(one, scope)}
        for one in list(row.actions.all())[:MAX_LISTED]
    ]


def redrive_dry_run(outcome: DryRun) -> RedriveRehearsal:
    """Return the dry run of a redrive."""
    return {
        "summary": str(outcome),
        "upTo": outcome.up_to,
        **counted(outcome.total),
        "checked": outcome.checked,
        "stored": outcome.stored,
        "duplicate": outcome.duplicate,
        "dropped": outcome.dropped,
        "failing": dict(outcome.failing),
        "unfixed": dict(outcome.unfixed),
    }


def discard_dry_run(selection: LetterFilter, *, up_to: int | None = None) -> DiscardRehearsal:
    """Return the dry run of a discard: a count.

    :param up_to: the highest number to include; None: the newest letter
    """
    up_to = filters.newest() if up_to is None else up_to
    return {"upTo": up_to, **counted(filters.count(selection.actionable(up_to=up_to)))}


def counted(total: int) -> Counted:
    """Return a bounded number of letters."""
    return {"total": total, "totalIsLeast": total == filters.MAX_COUNTED}


def job(row: Job) -> JobShape:
    """Return a job with its progress."""
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
