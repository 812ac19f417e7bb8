"""The trace of an event in words."""

from __future__ import annotations

from typing import TypedDict
from urllib.parse import urlencode

from queries.schemas import Outcome, Stage, Trace, TraceStep

OUTCOMES: dict[Outcome, str] = {
    "stored": "It is stored.",
    "dead_lettered": "It is an open dead letter: mend, redrive or discard it.",
    "dropped": "A rule dropped it: it is counted, and not kept.",
    "closed": "It became a dead letter, which was redriven with success. The dead letter shows the new event.",
    "discarded": "It became a dead letter, which was discarded. The dead letter shows why.",
    "in_flight": "It is waiting in Kafka to be processed.",
    "missing": "Its record was processed, but no store and no dead letter has it. Run manage.py reconcile.",
}
TONES: dict[Outcome, str] = {
    "stored": "good",
    "dead_lettered": "warn",
    "dropped": "plain",
    "closed": "good",
    "discarded": "plain",
    "in_flight": "warn",
    "missing": "bad",
}
TITLES: dict[Stage, str] = {
    "received": "Received",
    "published": "Published to Kafka",
    "processed": "Processed",
    "stored": "Stored",
    "published_again": "Published again",
    "duplicate": "Duplicate",
    "dead_lettered": "Dead-lettered",
    "dropped": "Dropped",
    "redriven": "Redriven",
    "edited": "Edited and redriven",
    "failed": "Failed again",
    "closed": "Closed",
    "parked": "Parked",
    "discarded": "Discarded",
    "reopened": "Reopened",
    "in_flight": "In flight",
}


class More(TypedDict):
    """What the timeline leaves out, in words."""

    text: str
    address: str  # of the dead letters; empty: it is about none


class TitledStep(TraceStep):
    """A step with its title."""

    title: str


def left_out(found: Trace) -> list[More]:
    """Return what is not among the steps."""
    letters, copies = found["leftOut"]["deadLetters"], found["leftOut"]["copies"]
    query = urlencode({"q": found["eventId"], "state": "all"})
    more: list[More] = []
    if letters:
        least = "at least " if found["leftOut"]["atLeast"] else ""
        more.append({"text": f"{least}{letters:,} more {_letters(letters)}", "address": f"/dead-letters/?{query}"})
    if copies:
        more.append({"text": f"{copies:,} more {'copy' if copies == 1 else 'copies'} in Kafka", "address": ""})
    return more


def _letters(count: int) -> str:
    return "dead letter" if count == 1 else "dead letters"


def steps(found: Trace) -> list[TitledStep]:
    """Return the steps with their titles."""
    return [{**step, "title": TITLES[step["stage"]]} for step in found["steps"]]
