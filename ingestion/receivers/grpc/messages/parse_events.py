"""Parses the events of a message into valid events and the reasons for the rejected ones."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ingestion.events import batch_parser, parser, payload_checks, steps, strict_parser, timestamps
from ingestion.events.batch import (
    KEPT_BYTES,
    KEPT_EVENTS,
    BatchLimits,
    ParsedBatch,
    Rejected,
    Sent,
    event_too_large,
    too_many_events,
)
from ingestion.events.batch_parser import Columns
from ingestion.events.identity import source_ids
from ingestion.events.json_scanner import WHITE_SPACE
from ingestion.events.model import Event, InvalidEvent
from ingestion.events.steps import Steps
from ingestion.problems import Code
from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc.messages import protobuf_json


def batch(sent: Sequence[ingestion_pb2.Event], *, now: int, limits: BatchLimits, single: bool = False) -> ParsedBatch:
    """Check events as the HTTP receiver checks them.

    :param now: microseconds since the epoch
    :raises RequestRejected: too many
    """
    return steps.finish(batch_steps(sent, now=now, limits=limits, single=single))


def batch_steps(
    sent: Sequence[ingestion_pb2.Event], *, now: int, limits: BatchLimits, single: bool = False
) -> ParsedBatch | Steps:
    """Do as batch() does: at once where C code can, else in steps."""
    if len(sent) > limits.max_batch_events:
        raise too_many_events(limits)
    sent = list(sent)  # each access to a message's list builds its items again
    payloads = [event.payload for event in sent]
    if not all(payloads):
        # The text of a Struct is built by Python code.
        in_python = sum([event.payload_struct.ByteSize() for event in sent if event.HasField("payload_struct")])
        if in_python:
            return _with_structs(sent, payloads, in_python, now=now, limits=limits, single=single)
    return _quickly(sent, payloads, now=now, limits=limits, single=single) or _one_by_one(
        sent, now=now, limits=limits, single=single
    )


def _with_structs(
    sent: list[ingestion_pb2.Event],
    payloads: list[bytes],
    in_python: int,
    *,
    now: int,
    limits: BatchLimits,
    single: bool,
) -> Steps:
    yield in_python
    return _quickly(sent, payloads, now=now, limits=limits, single=single) or (
        yield from _one_by_one(sent, now=now, limits=limits, single=single)
    )


def _quickly(
    sent: list[ingestion_pb2.Event], payloads: list[bytes], *, now: int, limits: BatchLimits, single: bool
) -> ParsedBatch | None:
    """Parse a batch at once; None: its events have to be parsed one by one."""
    stamps: list[str | int] = [event.timestamp for event in sent]
    texts = [payload.strip(WHITE_SPACE) for payload in payloads]
    try:
        if not all(stamps):
            stamps = [_stamp(event) for event in sent]
        if not all(texts):
            texts = [_payload(event, limits) for event in sent]
    except InvalidEvent:
        return None
    if max(map(len, texts), default=0) > limits.max_event_bytes:
        return None
    names = [event.source_id for event in sent]
    given = [event.event_id or None for event in sent]
    return batch_parser.parse_columns(Columns(names, stamps, texts, given), now=now, single=single)


def _one_by_one(sent: list[ingestion_pb2.Event], *, now: int, limits: BatchLimits, single: bool) -> Steps:
    good: list[Event] = []
    indexes: list[int] = []
    rejected: list[Rejected] = []
    for index, event in enumerate(sent):
        yield event.ByteSize()
        try:
            good.append(parser.build_event(_read(event, now=now, limits=limits)))
            indexes.append(index)
        except InvalidEvent as error:
            kept = _beginning(event) if len(rejected) < KEPT_EVENTS else None
            rejected.append(Rejected(index, error.code, error.pointer, error.detail, kept))
    return ParsedBatch(good, indexes if rejected else None, rejected, single)


def _read(event: ingestion_pb2.Event, *, now: int, limits: BatchLimits) -> strict_parser.ParsedFields:
    """Validate one event.

    :raises InvalidEvent: the first thing that is wrong
    """
    if not event.source_id:
        raise _missing("sourceId")
    stamp = _stamp(event)
    payload = _payload(event, limits)
    if len(payload) > limits.max_event_bytes:
        raise _too_large(limits)
    source_ids.check(event.source_id)
    ts = timestamps.read(stamp) if isinstance(stamp, int) else timestamps.from_text(stamp)
    timestamps.check_range(ts, now=now)
    event_id = strict_parser.read_id(event.event_id or None)
    if not _is_surely_right(payload):
        _judge(payload)
    return strict_parser.ParsedFields(event.source_id, str(stamp), ts, event_id, payload)


def _beginning(event: ingestion_pb2.Event) -> Sent:
    """Return the beginning of an event as JSON, in the form in which it would be sent over HTTP."""
    members = {"sourceId": event.source_id, "eventId": event.event_id}
    match event.WhichOneof("time"):
        case "timestamp" | "timestamp_epoch" as kind:
            members["timestamp"] = str(getattr(event, kind))
        case "timestamp_instant":
            members["timestamp"] = f"{event.timestamp_instant.seconds}.{event.timestamp_instant.nanos:09}"
    head = msgspec.json.encode({name: value[:KEPT_BYTES] for name, value in members.items() if value})
    payload = event.payload[:KEPT_BYTES] if event.HasField("payload") else b"(a Struct)"
    text = head[:-1] + b"," * (len(head) > 2) + b'"payload":' + payload + b"}"
    return Sent(text[:KEPT_BYTES], max(len(text), event.ByteSize()), event.source_id)


def _stamp(event: ingestion_pb2.Event) -> str | int:
    match event.WhichOneof("time"):
        case "timestamp":
            return event.timestamp
        case "timestamp_epoch":
            return event.timestamp_epoch
        case "timestamp_instant":
            return protobuf_json.timestamp_text(event.timestamp_instant)
    raise _missing("timestamp")


def _payload(event: ingestion_pb2.Event, limits: BatchLimits) -> bytes:
    match event.WhichOneof("content"):
        case "payload":
            return event.payload.strip(WHITE_SPACE)
        case "payload_struct":
            # Before its text is built, since a Struct of many small values takes long.
            if event.payload_struct.ByteSize() > limits.max_event_bytes:
                raise _too_large(limits)
            return protobuf_json.struct_text(event.payload_struct)
    raise _missing("payload")


def _is_surely_right(payload: bytes) -> bool:
    try:
        values = None if parser.has_escaped_nul_or_colon(payload) else payload_checks.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    # As many colons as keys prove that no key stood twice and was lost.
    return values is not None and payload.count(b":") in {len(values), payload_checks.colons(values)}


def _judge(payload: bytes) -> None:
    try:
        strict_parser.check_payload(strict_parser.parse(payload))
    except InvalidEvent as error:
        raise InvalidEvent(error.code, error.detail, pointer=error.pointer or "/payload") from error


def _missing(name: str) -> InvalidEvent:
    return InvalidEvent(Code.MISSING_FIELD, f"{name} is required", pointer=f"/{name}")


def _too_large(limits: BatchLimits) -> InvalidEvent:
    return InvalidEvent(Code.EVENT_TOO_LARGE, event_too_large(limits))
