"""What a mend does to the first letters of a selection, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.events.model import InvalidEvent
from ingestion.problems import in_words
from processing.dead_letters import rendering
from processing.dead_letters.edit import edit_letter
from processing.dead_letters.filters import LetterFilter
from processing.dead_letters.mending import mend as mends
from processing.dead_letters.mending.json_members import NotMended
from processing.dead_letters.mending.steps import Mend
from processing.models import DeadLetter

SHOWN = 5  # letters


@dataclass(frozen=True, slots=True)
class Preview:
    """One letter before and after a mend."""

    number: int
    source_id: str
    diff: list[str]  # unified; none: nothing changes, or the mend can't be applied
    problem: str  # why the letter is not fixed; empty: it is


def preview(selection: LetterFilter, mend: Mend, *, up_to: int, now: int) -> list[Preview]:
    """Return the newest letters of a selection, mended.

    :param now: microseconds since the epoch
    """
    return [of_letter(letter, mend, now=now) for letter in selection.actionable(up_to=up_to).order_by("-id")[:SHOWN]]


def of_letter(letter: DeadLetter, mend: Mend, *, now: int) -> Preview:
    """Return one letter, mended.

    :param now: microseconds since the epoch
    """
    try:
        changed = mends.mended_text(letter, mend)
    except NotMended as error:
        return Preview(letter.pk, letter.source_id, [], str(error))
    try:
        changed, problem = edit_letter(letter, changed, now=now), ""
    except InvalidEvent as error:
        problem = f"{in_words(error.code)}: {error.detail}"
    return Preview(letter.pk, letter.source_id, rendering.diff_to(letter, changed), problem)
