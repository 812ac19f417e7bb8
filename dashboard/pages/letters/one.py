"""One letter: what was sent, why it failed, where it came from and what became of it."""

from __future__ import annotations

from typing import TypedDict

from dashboard.pages.letters import marks, plans
from dashboard.pages.letters.listing import STAGES
from dashboard.panels.tables import event_link, source_link
from ingestion.auth.read_scope import ReadScope
from ingestion.events import timestamps
from ingestion.events.model import InvalidEvent
from ingestion.problems import in_words
from processing.dead_letters import dry_run, hexdump, rendering, scoped_letters, serializers
from processing.dead_letters.edit import edit_letter
from processing.dead_letters.filters import REDRIVABLE
from processing.dead_letters.mending import pointers
from processing.dead_letters.redrive import NotRedrivable
from processing.errors import NeedsOperator, StoreUnavailable
from processing.models import DeadLetter
from queries.dead_letters import listing
from queries.reads import postgres


class Checked(TypedDict):
    """What would become of an edited event; nothing was sent."""

    works: bool
    text: str  # one sentence
    pointer: str  # where it is wrong; empty: nowhere, or as a whole
    diff: list[str]


def shown(number: int, *, scope: ReadScope) -> tuple[DeadLetter, dict[str, object]]:
    """Return a letter as a row, and as a page shows it.

    :raises DeadLetterNotFound: there is none in the scope
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    row = listing.find(number, scope=scope)
    with postgres.bounded():
        detail = serializers.detail(row, scope=scope, whole=False)
        jobs = {action.at: action.job for action in row.actions.all()[: serializers.MAX_LISTED]}
        history = [{**said, "job": job} for said, job in zip(detail["history"], jobs.values(), strict=False)]
    raw = bytes(row.raw)
    return row, {
        **detail,
        "history": history,
        "marked": marks.marked(row),
        "hex": hexdump.as_hex(raw) if hexdump.needs_hex(raw) else None,
        "where": STAGES.get(row.stage, row.stage),
        "place": pointers.path_of(row.pointer),
        "sourceAddress": source_link(row.source_id) if row.source_id else None,
        "eventAddress": _event(row, scope),
        "alike": plans.alike_count(row, scope=scope),
        "waits": row.state in REDRIVABLE,
    }


def checked(letter: DeadLetter, text: bytes) -> Checked:
    """Check an edited event as a redrive would: by the contract, by rules and by what is stored."""
    try:
        line = edit_letter(letter, text, now=timestamps.now())
        outcome = dry_run.dry_run_edited(letter, line)
    except InvalidEvent as error:
        return {
            "works": False, "text": f"{in_words(error.code)}: {error.detail}.", "pointer": error.pointer, "diff": []
        }  # fmt: skip
    except NotRedrivable:
        return {"works": False, "text": f"The letter is {letter.state} by now.", "pointer": "", "diff": []}
    except (StoreUnavailable, NeedsOperator) as error:
        return {"works": False, "text": f"It can't be tried now: {error}.", "pointer": "", "diff": []}
    if outcome.failing:
        [reason] = outcome.failing
        text_ = f"It would fail again: {in_words(reason)}."
    elif outcome.dropped:
        text_ = "A rule would drop it, and the letter would be closed."
    elif outcome.duplicate:
        text_ = "It is stored already, and the letter would be closed."
    else:
        text_ = "It would be stored now."
    return {
        "works": outcome.works > 0, "text": text_, "pointer": "", "diff": rendering.diff_to(letter, line)
    }  # fmt: skip


def _event(letter: DeadLetter, scope: ReadScope) -> str | None:
    """Return the address of the event: the one that was sent instead, or the letter's own if it can be read."""
    if letter.edited is not None and scoped_letters.edited_of(letter, scope) is not None:
        lines = rendering.parse_lines(bytes(letter.edited))
        if len(lines) == 1:
            return event_link(lines[0].source, lines[0].id)
    if letter.event_id is None or not letter.source_id:
        return None
    return event_link(letter.source_id, str(letter.event_id))
