"""Filters of dead letters, as query parameters and as members of a JSON body."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import msgspec

from ingestion.events.model import SOURCE_ID_PATTERN
from ingestion.problems import Code
from processing.dead_letters.filters import LetterFilter
from processing.models import DeadLetter
from queries.request.query_params import MAX_TEXT, InvalidParameter, Parameters

MAX_PARTITION = 2**31 - 1
MAX_JOB = 10**18 - 1

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Number = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Filter(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Filters, all of which must match. Times apply to when a letter was first seen, or its line received; ends are exclusive.

    An empty source id matches letters whose source can't be read, an empty pointer those without a place.
    """

    state: DeadLetter.State | None = None
    reason: Code | None = None
    source_id: Annotated[str, msgspec.Meta(pattern=f"^({SOURCE_ID_PATTERN.pattern})?$")] | None = None
    event_id: UUID | None = None
    fingerprint: Text | None = None
    stage: Text | None = None
    pointer: Annotated[str, msgspec.Meta(max_length=MAX_TEXT)] | None = None
    topic: Text | None = None
    partition: Annotated[int, msgspec.Meta(ge=0, le=MAX_PARTITION)] | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    received_start: Time | None = None
    received_end: Time | None = None
    text: Text | None = None
    job: Number | None = None

    def selection(self) -> LetterFilter:
        """Return the filters as a selection."""
        given = msgspec.structs.asdict(self).items()
        return LetterFilter(
            **{_FIELDS.get(name, name): value.value if isinstance(value, Enum) else value for name, value in given}
        )


PARAMETERS = Filter.__struct_fields__
# Fields of LetterFilter that have another name here.
_FIELDS = {"start_time": "since", "end_time": "until"}


def from_parameters(parameters: Parameters) -> LetterFilter:
    """Parse the filters from query parameters.

    :raises InvalidParameter: a value can't be used
    """
    since, until = parameters.span()
    received_start, received_end = parameters.span("received_start", "received_end")
    partition = parameters.integer("partition", default=-1, least=0, most=MAX_PARTITION)
    return LetterFilter(
        state=parameters.choice("state", DeadLetter.State.values),
        reason=parameters.choice("reason", [code.value for code in Code]),
        source_id=parameters.source_id(blank=True),
        event_id=_event_id(parameters),
        fingerprint=parameters.text("fingerprint"),
        stage=parameters.text("stage"),
        pointer=parameters.text("pointer", blank=True),
        topic=parameters.text("topic"),
        partition=None if partition < 0 else partition,
        since=since,
        until=until,
        received_start=received_start,
        received_end=received_end,
        text=parameters.text("text"),
        job=parameters.integer("job", default=0, least=1, most=MAX_JOB) or None,
    )


def _event_id(parameters: Parameters) -> UUID | None:
    text = parameters.text("event_id")
    try:
        return None if text is None else UUID(text)
    except ValueError as error:
        raise InvalidParameter("event_id", "event_id: expected a UUID") from error
