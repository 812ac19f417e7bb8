"""Makes the spans of a process. Names and attributes are OpenTelemetry's for messaging and databases.

https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from ingestion.spans.sampling import Sampler
from ingestion.tracing.traceparent import MAX_LINKS

Attributes = Mapping[str, str | int | Sequence[int]]


class Part(NamedTuple):
    """A part of something longer that was done; times in nanoseconds since the epoch."""

    name: str
    kind: SpanKind
    began: int
    ended: int
    attributes: Attributes


class ReceivedSpan:
    """The span of one request whose events go to Kafka, until Kafka has acknowledged them."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: Span) -> None:
        self._span = span
        self.traceparent = _header(span.get_span_context())

    @property
    def context(self) -> SpanContext:
        """Return what other spans refer to it by."""
        return self._span.get_span_context()

    def end(self, error: BaseException | None) -> None:
        """End it now.

        :param error: why Kafka did not acknowledge
        """
        _end(self._span, type(error).__name__ if error else "")


class Tracer:
    """Makes spans, for one process."""

    def __init__(self, provider: TracerProvider, *, per_second: int) -> None:
        self._tracer = provider.get_tracer("dataflow")
        self.sampler = Sampler(os.environ, per_second=per_second)  # noqa: TID251 - OpenTelemetry's own variables

    def receive(
        self, trace: bytes | None, *, received: int, events: int, request_id: bytes | None
    ) -> ReceivedSpan | None:
        """Begin the span of a request with events for Kafka; None: it is not traced.

        :param trace: the W3C trace context that it came with
        :param received: microseconds since the epoch
        """
        if not self.sampler.samples(trace):
            return None
        attributes: dict[str, str | int] = {"messaging.batch.message_count": events}
        if request_id is not None:
            attributes["dataflow.request_id"] = request_id.decode()
        parent = None if trace is None else set_span_in_context(NonRecordingSpan(context_of(trace)))
        span = self._tracer.start_span(
            "receive events", parent, SpanKind.SERVER, attributes, start_time=received * 1_000
        )
        return ReceivedSpan(span)

    def flush(self, spans: Sequence[ReceivedSpan], *, topic: str, events: int) -> Span:
        """Begin the span of a flush: a child of its first request, linked to the others.

        :param spans: of its requests that are traced; at least one
        """
        first, *others = (span.context for span in spans)
        return self._tracer.start_span(
            f"send {topic}",
            set_span_in_context(NonRecordingSpan(first)),
            SpanKind.PRODUCER,
            {**self.kafka("send", topic), "messaging.batch.message_count": events},
            [Link(context) for context in others[:MAX_LINKS]],
        )

    def end(self, span: Span, *, error: str = "") -> None:
        """End a span now.

        :param error: the name of what went wrong
        """
        _end(span, error)

    def kafka(self, operation: str, topic: str) -> dict[str, str]:
        """Return what a span says of an operation on a topic."""
        return {
            "messaging.system": "kafka",
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": topic,
        }

    def part(self, name: str, kind: str, began: int, ended: int, attributes: Attributes) -> Part:
        """Describe something that was done.

        :param kind: of span, as OpenTelemetry names it, in lower case
        :param began: nanoseconds since the epoch, as `ended`
        """
        return Part(name, SpanKind[kind.upper()], began, ended, attributes)

    def past(self, whole: Part, parts: Iterable[Part], *, links: Iterable[bytes] = (), error: str = "") -> None:
        """Make the spans of something that was done: one for the whole, a trace of its own, and one for each part.

        :param links: W3C trace contexts of what led to it
        :param error: the name of what ended it
        """
        span = self._tracer.start_span(
            whole.name, None, whole.kind, dict(whole.attributes), [Link(context_of(each)) for each in links],
            start_time=whole.began,
        )  # fmt: skip
        inside = set_span_in_context(span)
        for part in parts:
            child = self._tracer.start_span(part.name, inside, part.kind, dict(part.attributes), start_time=part.began)
            child.end(part.ended)
        _end(span, error, at=whole.ended)


def context_of(trace: bytes) -> SpanContext:
    """Return the context that a valid W3C trace context names."""
    _, trace_id, span_id, flags = trace.decode().split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _header(context: SpanContext) -> bytes:
    return b"00-%032x-%016x-%02x" % (context.trace_id, context.span_id, context.trace_flags)


def _end(span: Span, error: str, *, at: int | None = None) -> None:
    if error:
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR))
    span.end(time.time_ns() if at is None else at)
