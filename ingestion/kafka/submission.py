"""The events of one request on their way to Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from ingestion.events.model import Event

if TYPE_CHECKING:
    from ingestion.spans.tracer import OpenSpan


class Submission(msgspec.Struct, kw_only=True, eq=False):
    """The events of one request, until Kafka has acknowledged them."""

    events: Sequence[Event]
    received: int  # microseconds since the epoch
    size: int  # bytes, estimated
    deadline: float  # on the loop's clock
    acknowledged: asyncio.Future[None]
    trace: bytes | None = None  # the W3C trace context of the request
    request_id: bytes | None = None  # as the client chose it
    span: OpenSpan | None = None  # if the request is traced
    partitions: int = 0  # bit mask of the partitions that hold its events
