"""How far someone has come with the first steps, and what receivers refused of it meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypedDict

from ingestion.auth.read_scope import ReadScope
from processing.models import DeadLetter
from queries.events import listing
from queries.reads import postgres
from queries.reads.postgres import ReadUnavailable
from queries.receivers import refused_requests
from queries.receivers.refused_requests import RefusedShape
from queries.schemas import EventShape

REFUSED_WITHIN = timedelta(minutes=10)
REFUSED = 5


class Progress(TypedDict):
    """What of the steps is done, for one source; None: it is not known."""

    sourceId: str
    event: EventShape | None  # the newest one
    eventsKnown: bool
    openLetter: int | None  # number of the newest dead letter that waits to be mended
    mendedLetter: int | None
    refused: list[RefusedShape] | None  # the newest of the last minutes


def read(source_id: str, *, scope: ReadScope, now: datetime) -> Progress:
    """Return how far a source has come. A store that does not answer leaves its part unknown."""
    within = scope.narrowed(source_id)
    progress: Progress = {
        "sourceId": source_id,
        "event": None,
        "eventsKnown": False,
        "openLetter": None,
        "mendedLetter": None,
        "refused": None,
    }
    try:
        since = now - REFUSED_WITHIN
        progress["refused"] = refused_requests.of_first_steps(
            source_id, since=since, scope=scope, now=now, limit=REFUSED
        )
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
