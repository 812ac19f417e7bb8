"""Dead letters and the jobs on them, as the command line writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from ingestion.problems import MEANINGS, Code
from processing import raw_text
from processing.letters import discard, redrive
from processing.letters import selection as letters
from processing.letters import text as letter_text
from processing.letters.rehearsal import Rehearsal
from processing.models import DeadLetter, Job

_DONE = {redrive.KIND: "sent", discard.KIND: "discarded"}
_COLUMNS = ("number", "state", "reason", "source", "place", "first seen", "detail")


def table(found: Sequence[DeadLetter], *, total: int) -> str:
    """Write a list of letters, of which there are `total`."""
    if not found:
        return "No dead letter matches."
    rows = [_COLUMNS, *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    more = " or more" if total == letters.MOST_COUNTED else ""
    return "\n".join([*lines, "", f"{len(found):,} of {total:,}{more}."])


def page(letter: DeadLetter) -> str:
    """Write all there is to say of one letter."""
    return "\n".join(_page(letter))


def shape(letter: DeadLetter) -> dict[str, object]:
    """Give a letter as JSON, with the members that the API gives too."""
    return {
        "id": letter.pk,
        "state": letter.state,
        "reason": letter.reason,
        "detail": letter.detail,
        "pointer": letter.pointer,
        "stage": letter.stage,
        "sourceId": letter.source_id or None,
        "eventId": None if letter.event_id is None else str(letter.event_id),
        "topic": letter.topic.name,
        "partition": letter.partition,
        "offset": letter.offset,
        "line": letter.line,
        "firstSeen": _time(letter.first_seen),
        "lastSeen": _time(letter.last_seen),
        "attempts": letter.attempts,
        "fingerprint": letter.fingerprint,
        "root": letter.root_id,
        "redrives": letter.redrives,
    }


def detail(letter: DeadLetter) -> dict[str, object]:
    """Give a letter as JSON with what was sent and what was done about it."""
    return {
        **shape(letter),
        "event": letter_text.readable(letter),
        "preview": raw_text.as_text(bytes(letter.raw)),
        "edited": letter_text.difference(letter),
        "history": [
            {"at": _time(action.at), "who": action.who, "kind": action.kind, "note": action.note}
            for action in letter.actions.all()
        ],
    }


def rehearsed(outcome: Rehearsal) -> dict[str, object]:
    """Give a dry run as JSON."""
    return {
        "summary": str(outcome),
        "total": outcome.total,
        "checked": outcome.checked,
        "stored": outcome.stored,
        "duplicate": outcome.duplicate,
        "failing": dict(outcome.failing),
    }


def job_shape(job: Job) -> dict[str, object]:
    """Give a job as JSON."""
    return {
        "id": job.pk,
        "kind": job.kind,
        "state": job.state,
        "total": job.total,
        "done": job.done,
        "failed": job.failed,
        "message": job.message,
    }


def ending(job: Job) -> str:
    """Say how a job came out."""
    of = "" if job.total is None or job.total == job.done else f" of {job.total:,}"
    done = f"{job.done:,}{of} {_DONE[job.kind]}"
    match job.state:
        case Job.State.DONE:
            return f"{done}."
        case Job.State.QUEUED | Job.State.RUNNING:
            return f"{done}; job {job.pk} goes on with the next worker of `manage.py run_jobs`."
    return f"{done}, then {job.state}: {job.message}"


def _row(letter: DeadLetter) -> tuple[str, ...]:
    place = f"{letter.topic.name}/{letter.partition}/{letter.offset}/{letter.line}"
    return (
        str(letter.pk), letter.state, letter.reason, letter.source_id or "-", place, _time(letter.first_seen), letter.detail
    )  # fmt: skip


def _page(letter: DeadLetter) -> Iterator[str]:
    yield f"Dead letter {letter.pk}, {letter.state}: {_in_words(letter.reason)}"
    yield f"  {letter.detail}"
    yield f"  reason {letter.reason}, stage {letter.stage}, fingerprint {letter.fingerprint}"
    yield f"  source {letter.source_id or '-'}, event {letter.event_id or '-'}"
    yield f"  topic {letter.topic.name}, partition {letter.partition}, offset {letter.offset}, line {letter.line}"
    yield f"  received {_time(letter.received)}, first seen {_time(letter.first_seen)}, attempts {letter.attempts}"
    if letter.root_id:
        yield f"  of the chain of letter {letter.root_id}, in which {letter.redrives} redrives have failed"
    for action in letter.actions.all():
        yield f"  {_time(action.at)} {action.kind} by {action.who}{': ' if action.note else ''}{action.note}"
    yield ""
    yield letter_text.editable(letter)
    yield from ("", *changes) if (changes := letter_text.difference(letter)) else ()


def _in_words(reason: str) -> str:
    try:
        return MEANINGS[Code(reason)][1]
    except ValueError:
        # Written by a later version of this product.
        return reason


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
