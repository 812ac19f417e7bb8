"""What a reader of some sources may see of dead letters: those of the sources, and of each what is theirs.

An operator may move the event of a letter to another source. Then letters of several sources are in one chain.
"""

from __future__ import annotations

from django.db.models import QuerySet

from ingestion.auth.read_scope import ReadScope
from processing.dead_letters import rendering
from processing.models import DeadLetter, DeadLetterAction


def within(letters: QuerySet[DeadLetter], scope: ReadScope) -> QuerySet[DeadLetter]:
    """Return those of the sources in the scope."""
    if scope.whole:
        return letters
    # Their roots, for `root_of`.
    return letters.filter(**scope.lookup()).select_related("root").defer("root__raw", "root__edited")


def root_of(row: DeadLetter, scope: ReadScope) -> int | None:
    """Return the number of the first letter of a letter's chain; None also if the scope does not include that letter."""
    if scope.whole:
        # Without a look at the letter itself, which may not be loaded.
        return row.root_id
    return row.root_id if row.root is not None and scope.includes(row.root.source_id) else None


def edited_of(row: DeadLetter, scope: ReadScope) -> bytes | None:
    """Return what the last redrive sent instead; None also if that belongs to a source outside the scope."""
    if row.edited is None:
        return None
    edited = bytes(row.edited)
    lines = rendering.parse_lines(edited)
    readable = bool(lines) and scope.covers(line.source for line in lines)
    return edited if scope.whole or readable else None


def note_of(action: DeadLetterAction, scope: ReadScope) -> str:
    """Return the note of an action, without that of a failed redrive: it names the new letter, perhaps of another source."""
    return action.note if scope.whole or action.kind != DeadLetterAction.Kind.FAILED else ""
