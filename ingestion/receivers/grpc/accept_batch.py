"""Decodes the messages of a call and submits their batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from ingestion import metrics
from ingestion.acceptance.accept import acceptance, limits
from ingestion.acceptance.caller import Caller
from ingestion.acceptance.options import Options
from ingestion.acceptance.submission import Submission
from ingestion.events.batch import too_many_events
from ingestion.problems import Code, RequestRejected
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc.call import Call
from ingestion.receivers.grpc.messages import parse_events, wire_fields
from ingestion.tracing.traceparent import trace_id_of

EVENT = b"\n"  # the tag of `events`: field 1, of bytes

Read = TypeVar("Read", bound=Message)


async def submit(
    sent: Sequence[ingestion_pb2.Event], options: Options, call: Call, caller: Caller, *, single: bool = False
) -> Submission:
    """Check events and submit the valid ones to Kafka.

    :raises RequestRejected: nothing was taken
    """
    parse = partial(parse_events.batch_steps, sent, single=single)
    size = sum([event.ByteSize() for event in sent]) if caller.bucket is not None else 0
    began = time.monotonic()
    with _in_flight() as waiting:
        submission = await acceptance().accept(parse, caller, options, deadline=call.deadline(), size=size)
        if submission.acknowledged is not None:
            submission.acknowledged.add_done_callback(partial(_observe, began, call))
            waiting.append(submission)
    return submission


@contextmanager
def _in_flight() -> Iterator[list[Submission]]:
    """Count a batch as in flight; what is put into the list stays so until Kafka has answered."""
    waiting: list[Submission] = []
    metrics.flights.began += 1
    try:
        yield waiting
    finally:
        metrics.flights.ended += not waiting


def _observe(began: float, call: Call, acknowledged: asyncio.Future[None]) -> None:
    metrics.flights.ended += 1
    if not acknowledged.cancelled() and acknowledged.exception() is None:
        trace_id = trace_id_of(call.head.get(b"traceparent"))
        metrics.REQUEST_SECONDS.observe("grpc", time.monotonic() - began, trace_id)


def decoded(kind: type[Read], message: bytes, caller: Caller) -> Read:
    """Decode a message.

    :raises RequestRejected: the bytes are not such a message
    """
    with caller.charging(len(message)):
        try:
            return kind.FromString(message)
        except DecodeError as error:
            detail = f"the message is no {kind.DESCRIPTOR.full_name}, or is nested too deep for Protocol Buffers"
            raise RequestRejected(Code.BAD_REQUEST, detail) from error


def decoded_batch(message: bytes, caller: Caller) -> ingestion_pb2.IngestBatchRequest:
    """Decode a batch.

    :raises RequestRejected: the bytes are not a batch, or it holds too many events
    """
    most = limits().max_batch_events + len(ingestion_pb2.IngestBatchRequest.DESCRIPTOR.fields)
    # Each event begins with this byte, so a message that has few of them need not be looked at.
    if message.count(EVENT) > most and wire_fields.count(message, most=most) > most:
        with caller.charging(len(message)):
            raise too_many_events(limits())
    return decoded(ingestion_pb2.IngestBatchRequest, message, caller)


def options_of(request: ingestion_pb2.IngestBatchRequest) -> Options:
    """What a batch asks for."""
    return Options(request.results_all, request.atomic, request.validate_only)
