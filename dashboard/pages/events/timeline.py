"""The trace of an event in words."""

from __future__ import annotations

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


class TitledStep(TraceStep):
    """A step with its title."""

    title: str


def steps(found: Trace) -> list[TitledStep]:
    """Return the steps with their titles."""
    return [{**step, "title": TITLES[step["stage"]]} for step in found["steps"]]
