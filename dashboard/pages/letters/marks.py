"""What was sent as text, with the offending place marked. Pure."""

from __future__ import annotations

from typing import TypedDict

from ingestion.problems import Code
from processing.dead_letters import hexdump, rendering
from processing.dead_letters.mending import pointers
from processing.dead_letters.mending.pointers import Place
from processing.models import DeadLetter

AROUND = 6_000  # characters that are shown before and behind the place
BRIEF = 60  # of a list


class Marked(TypedDict):
    """A text in three parts, the middle one of which is wrong; empty: the place is not known."""

    before: str
    wrong: str
    after: str
    cut: bool  # there is more of it


def marked(letter: DeadLetter, *, around: int = AROUND) -> Marked:
    """Return the event of a letter with the place that its reason is about."""
    text = rendering.to_editable_text(letter)
    place = _place(letter, text)
    if place is None:
        return {"before": text[: 2 * around], "wrong": "", "after": "", "cut": len(text) > 2 * around}
    start, end = max(0, place.start - around), place.end + around
    return {
        "before": ("…" if start else "") + text[start : place.start],
        "wrong": text[place.start : place.end][:around],
        "after": text[place.end : end] + ("…" if end < len(text) else ""),
        "cut": start > 0 or end < len(text),
    }


def brief(raw: bytes) -> str:
    """Return the beginning of what was sent on one line."""
    text = " ".join(hexdump.whole_text(raw).split())
    return text[: 2 * BRIEF] + ("…" if len(text) > 2 * BRIEF else "")


def _place(letter: DeadLetter, text: str) -> Place | None:
    if letter.reason == Code.NOT_JSON:
        at = pointers.syntax_error(text)
        return None if at is None else Place(min(at, max(0, len(text) - 1)), min(at + 1, len(text)))
    if not letter.pointer:
        return None
    return pointers.locate(text, letter.pointer, key=letter.reason in (Code.UNKNOWN_FIELD, Code.DUPLICATE_KEY))
