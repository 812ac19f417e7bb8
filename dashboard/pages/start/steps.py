"""How far someone has come with the first steps, and what receivers rejected meanwhile."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TypedDict

from ingestion import problems
from ingestion.auth.read_scope import ReadScope
from processing.models import DeadLetter
from queries.events import listing
from queries.pipeline import ingest_processes
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.schemas import EventShape

REJECTED_WITHIN = timedelta(minutes=10)
MINUTES = 60


class Rejection(TypedDict):
    """Requests or events that receivers rejected for one reason, of whichever source."""

    code: str
    meaning: str
    count: int


class Progress(TypedDict):
    """What of the steps is done, for one source; None: it is not known."""

    sourceId: str
    event: EventShape | None  # the newest one
    eventsKnown: bool
    openLetter: int | None  # number of the newest dead letter that waits to be mended
    mendedLetter: int | None
    rejected: list[Rejection] | None  # of the last minutes; None: not known, or not for this reader


def read(source_id: str, *, scope: ReadScope, now: datetime) -> Progress:
    """Return how far a source has come. A store that does not answer leaves its part unknown."""
    within = scope.narrowed(source_id)
    progress: Progress = {
        "sourceId": source_id,
        "event": None,
        "eventsKnown": False,
        "openLetter": None,
        "mendedLetter": None,
        "rejected": _rejected(scope, now) if scope.whole else None,
    }
    try:
        newest = listing.newest(count=1, scope=within)
        progress["event"], progress["eventsKnown"] = (newest[0] if newest else None), True
        progress["openLetter"] = _letter(within, DeadLetter.State.OPEN)
        progress["mendedLetter"] = _letter(within, DeadLetter.State.STORED)
    except ReadUnavailable:
        pass
    return progress


def _letter(within: ReadScope, state: DeadLetter.State) -> int | None:
    with postgres.bounded():
        found = DeadLetter.objects.filter(**within.lookup(), state=state).order_by("-pk").values_list("pk", flat=True)
        return found.first()


def _rejected(scope: ReadScope, now: datetime) -> list[Rejection] | None:
    minutes = ingest_processes.rejections(now - REJECTED_WITHIN, now + timedelta(minutes=1), scope=scope, limit=MINUTES)
    if minutes is None:
        return None
    counted: Counter[str] = Counter()
    for minute in minutes:
        counted.update(minute["reasons"])
    return [{"code": code, "meaning": problems.in_words(code), "count": count} for code, count in counted.most_common()]
