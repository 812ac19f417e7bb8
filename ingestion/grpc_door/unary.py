"""Ingest and IngestBatch: one message, one answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status

from ingestion import intake, metrics
from ingestion.grpc_door import batches, outcomes, statuses
from ingestion.grpc_door.calls import Call, Context
from ingestion.grpc_door.statuses import Violation
from ingestion.problems import Code
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2 as wire
from ingestion.requests import Options, Refused

logger = logging.getLogger(__name__)

# Answers a call, or says why not.
Method = Callable[[Call], Awaitable[Message | Status]]
Handler = Callable[[object, Context], Awaitable[bytes]]

UNEXPECTED = "an error on our side; what became of the events is unknown"


async def ingest(call: Call) -> wire.IngestResponse | Status:
    """Take one event."""
    # Before the message is read: a stranger's is not worth its memory.
    caller = await intake.admit(call.head)
    request = batches.decoded(wire.IngestRequest, await call.only_message())
    options = Options(validate=request.validate_only)
    taken = await batches.take([request.event], options, call, caller, single=True)
    await taken.outcome()
    for item in taken.parsed.rejected:
        violation = Violation("/event" + item.pointer, item.code.value, item.detail)
        return statuses.build(item.code, item.detail, violations=[violation])
    call.trail(caller.headers())
    seconds, microseconds = divmod(taken.received, 1_000_000)
    received_at = Timestamp(seconds=seconds, nanos=microseconds * 1_000)
    return wire.IngestResponse(event_id=taken.parsed.events[0].id, received_at=received_at)


async def ingest_batch(call: Call) -> wire.IngestBatchResponse | Status:
    """Take many events."""
    caller = await intake.admit(call.head)
    request = batches.decoded_batch(await call.only_message())
    taken = await batches.take(request.events, batches.options_of(request), call, caller)
    outcome = await taken.outcome()
    call.trail(caller.headers())
    return outcomes.refusal(outcome) or outcomes.message(outcome)


def answering(method: Method) -> Handler:
    """Make a method what the server calls: whatever happens, the call ends with an answer or a status."""

    async def handle(_messages: object, context: Context) -> bytes:
        call = Call(context)
        headers = []
        try:
            reply = await method(call)
        except Refused as refused:
            metrics.refused(refused.code)
            reply, headers = statuses.refusal(refused), list(refused.headers)
        except Exception:
            logger.exception("a call failed")
            reply = unexpected()
        if isinstance(reply, Status):
            await call.end(reply, headers)
        return reply.SerializeToString()

    return handle


def unexpected() -> Status:
    """Answer for an error in our own code."""
    metrics.refused(Code.INTERNAL_ERROR)
    return statuses.build(Code.INTERNAL_ERROR, UNEXPECTED)
