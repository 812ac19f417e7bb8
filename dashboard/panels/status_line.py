"""The state of the pipeline in one line, which stands on every page."""

from __future__ import annotations

from typing import Literal, TypedDict

from dashboard.panels import notices, verdict
from dashboard.panels.notices import Notice
from ingestion.auth.read_scope import ReadScope
from queries.pipeline import dependencies, status
from queries.reads.postgres import ReadUnavailable
from queries.schemas import Pipeline, Stores

# noted: nothing but incidents that somebody has acknowledged.
Tone = Literal["good", "noted", "warn", "bad", "unknown"]
WORDS: dict[Tone, str] = {
    "good": "Healthy",
    "noted": "Acknowledged",
    "warn": "Degraded",
    "bad": "Needs attention",
    "unknown": "Unknown",
}
SHOWN = 3  # problems named; of further ones the number


class StatusLine(TypedDict):
    """The state of the pipeline as far as a reader may see it."""

    tone: Tone
    word: str
    text: str
    openDeadLetters: str  # as text, since it may be a range; empty: none, or unknown


def read(*, scope: ReadScope) -> StatusLine:
    """Return the state at this moment. Blocks up to some seconds while a server does not answer."""
    try:
        return of_line(status.read(scope=scope), scope=scope)
    except status.LedgerUnavailable as error:
        return of_stores(error.states)
    except ReadUnavailable:
        return of_stores(dependencies.states())


def of_line(line: Pipeline, *, scope: ReadScope) -> StatusLine:
    """Return the status line of a state of the pipeline."""
    letters = verdict.told(line)["openDeadLetters"]
    waiting = "" if letters == "0" else letters
    found = [*notices.of_scope(scope), *notices.of_line(line)]
    judged = verdict.verdict(line)
    if any(each["acknowledgedBy"] is None for each in found):
        return _of_notices(found, waiting)
    if judged["tone"] == "bad":
        return _line("bad", judged["text"], waiting)
    if found:
        return _line("noted", _noted(found), waiting)
    # Events on their way are no problem: the lag says whether they are late.
    return _line("good", judged["text"], waiting)


def of_stores(states: Stores | None) -> StatusLine:
    """Return the status line while the ledger can't be read; None: nor is known which servers answer."""
    return _of_notices([] if states is None else notices.of_stores(states), "")


def _of_notices(found: list[Notice], letters: str) -> StatusLine:
    if not found:
        return _line("unknown", "The stores do not answer.", letters)
    fresh = [each for each in found if each["acknowledgedBy"] is None]
    noted = len(found) - len(fresh)
    tone: Tone = "bad" if any(each["tone"] == "bad" for each in fresh) else "warn"
    return _line(tone, _titles(fresh) + (f"; {noted:,} acknowledged" if noted else ""), letters)


def _noted(found: list[Notice]) -> str:
    """Return what lasts although somebody has seen it: "1 incident acknowledged by anna: partition 3 is held"."""
    people = sorted({each["acknowledgedBy"] or "somebody" for each in found})
    by = " and ".join(people) if len(people) < SHOWN else f"{len(people)} people"
    return f"{len(found):,} incident{'s' if len(found) > 1 else ''} acknowledged by {by}: {_titles(found)}"


def _titles(found: list[Notice]) -> str:
    more = f", and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return "; ".join(each["title"] for each in found[:SHOWN]) + more


def _line(tone: Tone, text: str, letters: str) -> StatusLine:
    return {"tone": tone, "word": WORDS[tone], "text": text, "openDeadLetters": letters}
