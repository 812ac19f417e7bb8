"""One batch on its way: read, checked, handed to Kafka, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message

from ingestion.acceptance import intake
from ingestion.acceptance.intake import Caller
from ingestion.events import timestamps
from ingestion.kafka.group_commit import BrokerUnavailable
from ingestion.problems import Code
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2 as wire
from ingestion.receivers.grpc import parse_events, wire_fields
from ingestion.receivers.grpc.call import Call
from ingestion.receivers.http import endpoints, responses
from ingestion.receivers.http.body_parsers import ParsedBatch
from ingestion.receivers.http.request_head import Options, RequestRejected
from ingestion.receivers.http.responses import Outcome

EVENT = b"\n"  # the tag of `events`: field 1, of bytes

Read = TypeVar("Read", bound=Message)


class AcceptedBatch(NamedTuple):
    """A batch whose good events are on their way to Kafka."""

    parsed: ParsedBatch
    options: Options
    caller: Caller
    received: int  # microseconds since the epoch
    acknowledged: asyncio.Future[None] | None  # None: there is nothing to wait for

    async def outcome(self) -> Outcome:
        """Wait for Kafka, and tell what became of each event.

        :raises Refused: Kafka has not confirmed, and what became of the events is unknown
        """
        if self.acknowledged is not None:
            with suppress(BrokerUnavailable):
                await self.acknowledged
            intake.confirm(self.parsed.events, self.acknowledged)
        judge = responses.outcome_withheld if endpoints.is_withheld(self.parsed, self.options) else responses.outcome
        return judge(self.parsed, self.options)

    def forget(self) -> None:
        """Nobody waits for it any more."""
        if self.acknowledged is not None:
            self.acknowledged.cancel()


async def take(
    sent: Sequence[wire.Event], options: Options, call: Call, caller: Caller, *, single: bool = False
) -> AcceptedBatch:
    """Check events and hand the good ones to Kafka.

    :raises Refused: nothing was taken
    """
    received = timestamps.now()
    deadline = call.deadline()
    parsed = parse_events.batch(sent, now=received, limits=intake.limits(), single=single)
    parsed = await intake.screen(parsed, caller)
    acknowledged = None
    if endpoints.is_to_be_published(parsed, options):
        acknowledged = intake.submit(parsed.events, caller, received=received, deadline=deadline)
    return AcceptedBatch(parsed, options, caller, received, acknowledged)


def decoded(kind: type[Read], message: bytes) -> Read:
    """Decode a message.

    :raises Refused: its bytes are not those of such a message
    """
    try:
        return kind.FromString(message)
    except DecodeError as error:
        detail = f"the message is no {kind.DESCRIPTOR.full_name}, or is nested too deep for Protocol Buffers"
        raise RequestRejected(Code.BAD_REQUEST, detail) from error


def decoded_batch(message: bytes) -> wire.IngestBatchRequest:
    """Decode a batch.

    :raises Refused: its bytes are those of none, or it holds too many events
    """
    most = intake.limits().max_batch_events + len(wire.IngestBatchRequest.DESCRIPTOR.fields)
    # Each event begins with this byte, so a message that has few of them need not be looked at.
    if message.count(EVENT) > most and wire_fields.count(message, most=most) > most:
        raise parse_events.too_many(intake.limits())
    return decoded(wire.IngestBatchRequest, message)


def options_of(request: wire.IngestBatchRequest) -> Options:
    """What a batch asks for."""
    return Options(request.results_all, request.atomic, request.validate_only)
