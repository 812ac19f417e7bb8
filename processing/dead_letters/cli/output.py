"""Render dead letters and their jobs as text for the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ingestion.events.timestamps import to_whole_seconds
from ingestion.problems import in_words
from processing.dead_letters import filters, redrive, rendering, serializers
from processing.dead_letters.closing import discard, reopen
from processing.dead_letters.filters import related_letters
from processing.models import DeadLetter, Job

_DONE = {redrive.KIND: "sent", discard.KIND: "discarded", reopen.KIND: "reopened"}
_COLUMNS = ("number", "state", "reason", "source", "place", "first seen", "detail")


def letter_table(found: Sequence[DeadLetter], *, total: int) -> str:
    """Return a list of letters, of which there are `total`, as text."""
    if not found:
        return "No dead letter matches."
    rows = [_COLUMNS, *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    more = " or more" if total == filters.MAX_COUNTED else ""
    return "\n".join([*lines, "", f"{len(found):,} of {total:,}{more}."])


def letter_page(letter: DeadLetter) -> str:
    """Return one letter with all its details as text."""
    return "\n".join(_page(letter))


def job_result(job: Job) -> str:
    """Return the result of a job as a sentence."""
    of = "" if job.total is None or job.total == job.done else f" of {job.total:,}"
    done = f"{job.done:,}{of} {_DONE[job.kind]}"
    match job.state:
        case Job.State.DONE:
            return f"{done}."
        case Job.State.QUEUED | Job.State.RUNNING:
            return f"{done}; job {job.pk} continues with the next worker of `manage.py run_jobs`."
    return f"{done}, then {job.state}: {job.message}"


def _row(letter: DeadLetter) -> tuple[str, ...]:
    place = f"{letter.topic.name}/{letter.partition}/{letter.offset}/{letter.line}"
    return (
        str(letter.pk), letter.state, letter.reason, letter.source_id or "-", place, to_whole_seconds(letter.first_seen), letter.detail
    )  # fmt: skip


def _page(letter: DeadLetter) -> Iterator[str]:
    yield f"Dead letter {letter.pk}, {letter.state}: {in_words(letter.reason)}"
    yield f"  {letter.detail}"
    yield f"  reason {letter.reason}, stage {letter.stage}, fingerprint {letter.fingerprint}"
    yield f"  source {letter.source_id or '-'}, event {letter.event_id or '-'}"
    yield f"  topic {letter.topic.name}, partition {letter.partition}, offset {letter.offset}, line {letter.line}"
    yield f"  received {to_whole_seconds(letter.received)}, first seen {to_whole_seconds(letter.first_seen)}, attempts {letter.attempts}"
    for what, moment in (("sent", letter.sent_at), ("closed", letter.closed_at)):
        if moment:
            yield f"  {what} {to_whole_seconds(moment)}"
    if letter.root_id:
        yield f"  first letter of this event: {letter.root_id}; failed redrives: {letter.redrives}"
    for one in _others(letter):
        yield f"  letter {one.pk} of the same event, {one.state}: {in_words(one.reason)}"
    for action in letter.actions.all():
        yield f"  {to_whole_seconds(action.at)} {action.kind} by {action.who}{': ' if action.note else ''}{action.note}"
    yield ""
    yield rendering.to_editable_text(letter)
    yield from ("", *changes) if (changes := rendering.diff_of_edit(letter)) else ()


def _others(letter: DeadLetter) -> list[DeadLetter]:
    return [one for one in related_letters(letter)[: serializers.MAX_LISTED] if one.pk != letter.pk]
