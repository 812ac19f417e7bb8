"""Encodes spans as messages of OTLP: each is made as it is sent, since OpenTelemetry's own spans cost five times as much.

https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from random import randbytes
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, SpanFlags, Status

from ingestion.spans.part import Attributes, Part

SCOPE = InstrumentationScope(name="dataflow")

_KINDS = {
    "internal": Span.SPAN_KIND_INTERNAL,
    "server": Span.SPAN_KIND_SERVER,
    "client": Span.SPAN_KIND_CLIENT,
    "producer": Span.SPAN_KIND_PRODUCER,
    "consumer": Span.SPAN_KIND_CONSUMER,
}
# Whether the parent, or what a link leads to, is of another process.
_LOCAL = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
_REMOTE = _LOCAL | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
# https://www.w3.org/TR/trace-context-2/#trace-flags
_SAMPLED, _RANDOM = 1, 2


class Context(NamedTuple):
    """What other spans refer to a span by."""

    trace_id: bytes
    span_id: bytes
    flags: int
    is_remote: bool = False

    @classmethod
    def parse(cls, trace: bytes) -> Context:
        """Return the context that a valid W3C trace context names."""
        _, trace_id, span_id, flags = trace.decode().split("-")
        return cls(bytes.fromhex(trace_id), bytes.fromhex(span_id), int(flags, 16), is_remote=True)

    @classmethod
    def new(cls, parent: Context | None = None) -> Context:
        """Return that of a new span.

        :param parent: None: a new trace begins
        """
        if parent is None:
            return cls(_id(16), _id(8), _SAMPLED | _RANDOM)
        return cls(parent.trace_id, _id(8), _SAMPLED | parent.flags & _RANDOM)

    def header(self) -> bytes:
        """Return it as a W3C trace context."""
        return b"00-%b-%b-%02x" % (self.trace_id.hex().encode(), self.span_id.hex().encode(), self.flags)


def encode(
    part: Part, context: Context, parent: Context | None = None, links: Iterable[Context] = (), error: str = ""
) -> Span:
    """Return the message of a span.

    :param context: its own
    :param error: the name of what went wrong
    """
    span = Span(
        trace_id=context.trace_id,
        span_id=context.span_id,
        parent_span_id=parent.span_id if parent else b"",
        flags=_REMOTE if parent and parent.is_remote else _LOCAL,
        name=part.name,
        kind=_KINDS[part.kind],
        start_time_unix_nano=part.began,
        end_time_unix_nano=part.ended,
        attributes=attributes(part.attributes),
    )
    for link in links:
        span.links.add(trace_id=link.trace_id, span_id=link.span_id, flags=_REMOTE if link.is_remote else _LOCAL)
    if error:
        span.attributes.append(_attribute("error.type", error))
        span.status.code = Status.STATUS_CODE_ERROR
    return span


def request(spans: Sequence[Span], resource: Resource) -> ExportTraceServiceRequest:
    """Return what is sent to a receiver.

    :param resource: the process that made them
    """
    scope = ScopeSpans(scope=SCOPE, spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope])])


def resource(about: Mapping[str, str]) -> Resource:
    """Return the description of a process."""
    return Resource(attributes=attributes(about))


def attributes(of: Attributes) -> list[KeyValue]:
    """Return the messages of attributes."""
    return [_attribute(name, value) for name, value in of.items()]


def _id(size: int) -> bytes:
    return randbytes(size)  # noqa: S311 - no secret


# Most are the same in each span, and copying a message costs a fifth of making it.
@lru_cache(maxsize=1024)
def _attribute(name: str, value: str | int | tuple[int, ...]) -> KeyValue:
    return KeyValue(key=name, value=_value(value))


def _value(value: str | int | tuple[int, ...]) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(array_value=ArrayValue(values=[_value(each) for each in value]))
