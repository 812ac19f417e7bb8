"""Ingest and IngestBatch: one message, one answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status

from ingestion.acceptance.options import Options
from ingestion.problems import RequestRejected
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc import accept_batch, statuses
from ingestion.receivers.grpc.call import Call, Context
from ingestion.receivers.grpc.messages import responses
from ingestion.receivers.grpc.statuses import Violation

logger = logging.getLogger(__name__)

# Answers a call, or returns the reason for a rejection.
Method = Callable[[Call], Awaitable[Message | Status]]
Handler = Callable[[object, Context], Awaitable[bytes]]


async def ingest(call: Call) -> ingestion_pb2.IngestResponse | Status:
    """Accept one event."""
    # Before the message is read: one without a valid key would only cost memory.
    caller = await call.admit()
    request = accept_batch.decoded(ingestion_pb2.IngestRequest, await call.only_message(), caller)
    options = Options(validate=request.validate_only)
    submission = await accept_batch.submit([request.event], options, call, caller, single=True)
    await submission.finish()
    for item in submission.parsed.rejected:
        submission.note_rejected(call.attempt(), status=statuses.of(item.code).name)
        violation = Violation("/event" + item.pointer, item.code.value, item.detail)
        return statuses.build(item.code, item.detail, violations=[violation])
    call.trail(caller.headers())
    seconds, microseconds = divmod(submission.received, 1_000_000)
    received_at = Timestamp(seconds=seconds, nanos=microseconds * 1_000)
    return ingestion_pb2.IngestResponse(event_id=submission.parsed.events[0].id, received_at=received_at)


async def ingest_batch(call: Call) -> ingestion_pb2.IngestBatchResponse | Status:
    """Accept many events."""
    caller = await call.admit()
    request = accept_batch.decoded_batch(await call.only_message(), caller)
    submission = await accept_batch.submit(request.events, accept_batch.options_of(request), call, caller)
    outcome = await submission.outcome()
    refusal = responses.refusal(outcome)
    if outcome.rejected:
        submission.note_rejected(call.attempt(), status=statuses.name_of(refusal), name="event")
    call.trail(caller.headers())
    return refusal or responses.message(outcome)


def answering(method: Method, name: str) -> Handler:
    """Wrap a method for the server: every call ends with an answer or a status.

    :param name: of the method, as clients call it
    """

    async def handle(_messages: object, context: Context) -> bytes:
        call = Call(context, name)
        headers = []
        try:
            reply = await method(call)
        except RequestRejected as refused:
            reply, headers = statuses.refusal(refused, call.attempt()), list(refused.headers)
        except Exception:
            logger.exception("a call failed")
            reply = statuses.unexpected(call.attempt())
        finally:
            call.leave()
        if isinstance(reply, Status):
            await call.end(reply, headers)
        return reply.SerializeToString()

    return handle
