"""Render dead letters and their jobs as text for the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ingestion.events.timestamps import to_whole_seconds
from ingestion.management.tables import Cell, Column, Row, table
from ingestion.management.terminal import Terminal, Tone
from ingestion.problems import in_words
from processing.dead_letters import filters, redrive, rendering, serializers
from processing.dead_letters.cli.groups import Group
from processing.dead_letters.closing import discard, reopen
from processing.dead_letters.filters import related_letters
from processing.models import DeadLetter, Job

State = DeadLetter.State
_DONE = {redrive.KIND: "sent", discard.KIND: "discarded", reopen.KIND: "reopened"}
_STATES: dict[str, Tone] = {State.OPEN: "warn", State.PARKED: "bad", State.STORED: "good", State.DISCARDED: "unknown"}
_COLUMNS = (
    Column("number", right=True),
    Column("state"),
    Column("reason", least=12),
    Column("source", least=10),
    Column("detail", least=14),
    Column("first seen", spare=1),
    Column("place", spare=2),
)
_CAUSES = (
    Column("open", right=True),
    Column("all", right=True),
    Column("reason", least=12),
    Column("detail", least=14),
    Column("source", least=10, spare=2),
    Column("last seen", spare=3),
    Column("fingerprint"),
)


def letter_table(found: Sequence[DeadLetter], *, total: int, terminal: Terminal) -> str:
    """Return a list of letters, of which there are `total`, as text."""
    if not found:
        return "No dead letter matches."
    more = " or more" if total == filters.MAX_COUNTED else ""
    rows = [_row(letter) for letter in found]
    return "\n".join([*table(_COLUMNS, rows, terminal), "", f"{len(found):,} of {total:,}{more}."])


def cause_table(found: Sequence[Group], *, limit: int, terminal: Terminal) -> str:
    """Return causes as text."""
    if not found:
        return "No dead letter matches."
    more = " or more" if len(found) == limit else ""
    return "\n".join(
        [
            *table(_CAUSES, [_cause(group) for group in found], terminal),
            "",
            f"{len(found):,}{more} {'cause' if len(found) == 1 else 'causes'}; --fingerprint chooses the letters of one.",
        ]
    )


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


def _row(letter: DeadLetter) -> Row:
    place = f"{letter.topic.name}/{letter.partition}/{letter.offset}/{letter.line}"
    return (
        str(letter.pk),
        Cell(letter.state, _STATES.get(letter.state)),
        letter.reason,
        letter.source_id or "-",
        letter.detail,
        to_whole_seconds(letter.first_seen),
        place,
    )


def _cause(group: Group) -> Row:
    sources = group.source_id or "-" if group.source_ids == 1 else f"{group.source_ids:,} sources"
    return (
        Cell(f"{group.open:,}", "warn" if group.open else None),
        f"{group.letters:,}",
        group.reason,
        group.detail,
        sources,
        to_whole_seconds(group.last_seen),
        group.fingerprint,
    )


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
