"""A sender of events over gRPC, on a real channel."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from ingestion.protos.dataflow.ingest.v1 import ingestion_pb2
from ingestion.receivers.grpc.server import SERVICE

Metadata = Sequence[tuple[str, str]]
Part = TypeVar("Part", bound=Message)

PATIENCE = 20.0  # seconds for a call that has no other limit


class Client:
    """One channel to a receiver."""

    def __init__(self, port: int, *, options: Sequence[tuple[str, int]] = ()) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)

    def ingest(
        self, event: ingestion_pb2.Event, *, validate_only: bool = False, **how: Any
    ) -> ingestion_pb2.IngestResponse:
        request = ingestion_pb2.IngestRequest(event=event, validate_only=validate_only)
        return ingestion_pb2.IngestResponse.FromString(self.raw("Ingest", request.SerializeToString(), **how))

    def batch(
        self, events: Iterable[ingestion_pb2.Event], *, metadata: Metadata = (), **options: Any
    ) -> ingestion_pb2.IngestBatchResponse:
        request = ingestion_pb2.IngestBatchRequest(events=events, **options)
        return ingestion_pb2.IngestBatchResponse.FromString(
            self.raw("IngestBatch", request.SerializeToString(), metadata=metadata)
        )

    def raw(self, method: str, message: bytes, *, metadata: Metadata = (), timeout: float = PATIENCE) -> bytes:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(f"/{SERVICE}/{method}")
        return call(message, metadata=tuple(metadata), timeout=timeout)

    def stream(
        self, batches: Iterator[Sequence[ingestion_pb2.Event]], *, metadata: Metadata = (), timeout: float = PATIENCE
    ) -> Iterator[ingestion_pb2.IngestStreamResponse]:
        call: grpc.StreamStreamMultiCallable[bytes, bytes] = self.channel.stream_stream(f"/{SERVICE}/IngestStream")
        messages = (ingestion_pb2.IngestBatchRequest(events=events).SerializeToString() for events in batches)
        for message in call(messages, metadata=tuple(metadata), timeout=timeout):
            yield ingestion_pb2.IngestStreamResponse.FromString(message)


def event(source: str = "sensor-123", payload: Any = None, **fields: Any) -> ingestion_pb2.Event:
    """A good event; keyword arguments set further fields, or other ones."""
    text = payload if isinstance(payload, bytes) else json.dumps(payload or {"temperature": 23.5}).encode()
    given = {"source_id": source, "timestamp": "2025-04-11T12:00:00Z", "payload": text} | fields
    return ingestion_pb2.Event(**{name: value for name, value in given.items() if value is not None})


def numbered(count: int, source: str) -> list[ingestion_pb2.Event]:
    """Good events that differ in their payload's `n`."""
    return [event(source, {"n": n}) for n in range(count)]


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a call ended, or what stands in place of an answer to a batch of a stream."""

    name: str  # of the gRPC status
    code: str  # ours
    message: str
    places: list[str]  # of what is wrong
    retry: float | None  # seconds
    request_id: str
    trailers: dict[str, str]


def ended(error: grpc.RpcError) -> grpc.Call:
    """The call that ended so: an error of a synchronous call is one too."""
    return cast("grpc.Call", error)


def refusal(error: grpc.RpcError) -> Refusal:
    """Read the status of a call that failed."""
    call = ended(error)
    status = rpc_status.from_call(call)
    assert status is not None, error
    trailers = {name: value for name, value in call.trailing_metadata() or () if isinstance(value, str)}
    return read(status, trailers)


def read(status: Status, trailers: dict[str, str] | None = None) -> Refusal:
    """Read a status and its details."""
    info = _part(status, ErrorInfo)
    assert info is not None
    assert info.domain == "dataflow"
    wrong, again, request = _part(status, BadRequest), _part(status, RetryInfo), _part(status, RequestInfo)
    return Refusal(
        name=next(known.name for known in grpc.StatusCode if known.value[0] == status.code),
        code=info.reason,
        message=status.message,
        places=[violation.field for violation in wrong.field_violations] if wrong else [],
        retry=again.retry_delay.seconds if again else None,
        request_id=request.request_id if request else "",
        trailers=trailers or {},
    )


def _part(status: Status, kind: type[Part]) -> Part | None:
    for detail in status.details:
        part = kind()
        if detail.Unpack(part):
            return part
    return None
