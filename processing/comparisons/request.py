"""What a comparison is asked to do, and the job that does it."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from ingestion.events.timestamps import to_text_if_known
from processing.commandline import event_range
from processing.commandline.event_range import EventRange
from processing.jobs import queue
from processing.models import Job

KIND = "reconcile"


class Scope(TypedDict):
    """What a comparison covers; None: no bound, or all sources."""

    sourceId: str | None
    receivedFrom: str | None
    receivedTo: str | None


def scope(events: EventRange) -> Scope:
    """Return what a comparison covers, as JSON."""
    return {
        "sourceId": events.source,
        "receivedFrom": to_text_if_known(events.since),
        "receivedTo": to_text_if_known(events.until),
    }


def request(events: EventRange | None = None, *, who: str) -> Job:
    """Return the job that compares these events; create it unless the same one waits or runs.

    :param events: by the time received; None: all
    """
    arguments = dict(scope(events or EventRange()))
    same = queue.unfinished(KIND).filter(arguments=arguments).order_by("id").first()
    return same or queue.enqueue(KIND, arguments, who=who)


def of(job: Job) -> EventRange:
    """Return which events a job compares."""
    given = job.arguments
    return EventRange(_moment(given["receivedFrom"]), _moment(given["receivedTo"]), given["sourceId"])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else event_range.parse(text)
