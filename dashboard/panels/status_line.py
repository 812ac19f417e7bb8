"""The state of the pipeline in one line, which stands on every page."""

from __future__ import annotations

from typing import Literal, TypedDict

from dashboard.panels import notices, verdict
from dashboard.panels.notices import Notice
from ingestion.auth.read_scope import ReadScope
from queries.pipeline import dependencies, status
from queries.reads.postgres import ReadUnavailable
from queries.schemas import Pipeline, Stores

Tone = Literal["good", "warn", "bad", "unknown"]
WORDS: dict[Tone, str] = {"good": "Healthy", "warn": "Degraded", "bad": "Needs attention", "unknown": "Unknown"}
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
    if not found and judged["tone"] != "bad":
        # Events on their way are no problem: the lag says whether they are late.
        return _line("good", judged["text"], waiting)
    if not found:
        return _line("bad", judged["text"], waiting)
    return _of_notices(found, waiting)


def of_stores(states: Stores | None) -> StatusLine:
    """Return the status line while the ledger can't be read; None: nor is known which servers answer."""
    return _of_notices([] if states is None else notices.of_stores(states), "")


def _of_notices(found: list[Notice], letters: str) -> StatusLine:
    if not found:
        return _line("unknown", "The stores do not answer.", letters)
    titles = [each["title"] for each in found[:SHOWN]]
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    tone: Tone = "bad" if any(each["tone"] == "bad" for each in found) else "warn"
    return _line(tone, "; ".join(titles) + more, letters)


def _line(tone: Tone, text: str, letters: str) -> StatusLine:
    return {"tone": tone, "word": WORDS[tone], "text": text, "openDeadLetters": letters}
