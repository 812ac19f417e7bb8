"""What would become of dead letters if they were redriven now: a dry run that leaves nothing behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from processing.letters import Selection
from processing.models import DeadLetter

MOST = 2_000  # letters that one dry run looks at


@dataclass(slots=True)
class Rehearsal:
    """The outcome, in letters."""

    total: int  # that were chosen; letters.MOST_COUNTED stands for that or more
    checked: int = 0  # of those, at most MOST
    stored: int = 0
    duplicate: int = 0  # their event is stored already: the letter would be closed
    failing: Counter[str] = field(default_factory=Counter)  # by reason

    def __str__(self) -> str:
        """Say it as a sentence: "41 of 57 would be stored now; 16 fail again: not_json"."""
        raise NotImplementedError


def rehearse(selection: Selection, *, most: int = MOST) -> Rehearsal:
    """Try the letters of a selection, the oldest first.

    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: a store can't be asked
    """
    raise NotImplementedError


def rehearse_edited(letter: DeadLetter, line: bytes) -> Rehearsal:
    """Try one letter with the line that processing.revision made.

    :raises StoreUnavailable: a store does not answer
    :raises NeedsOperator: a store can't be asked
    """
    raise NotImplementedError
