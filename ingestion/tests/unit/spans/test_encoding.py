"""Our own messages of OTLP are those that OpenTelemetry's SDK would send for the same spans."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from ingestion.spans import encoding
from ingestion.spans.encoding import Context
from ingestion.spans.part import Attributes, Part
from ingestion.tracing import traceparent

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03"
OTHER = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ATTRIBUTES: Attributes = {"messaging.system": "kafka", "dataflow.events": 3, "dataflow.partitions": (0, 5), "none": ""}


def theirs(context: Context) -> SpanContext:
    numbers = int.from_bytes(context.trace_id), int.from_bytes(context.span_id)
    return SpanContext(*numbers, is_remote=context.is_remote, trace_flags=TraceFlags(context.flags))


def by_the_sdk(part: Part, parent: Context | None, links: list[Context], error: str) -> ReadableSpan:
    """Return the same span as OpenTelemetry makes it."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "dataflow-test"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    span = provider.get_tracer("dataflow").start_span(
        part.name,
        None if parent is None else set_span_in_context(NonRecordingSpan(theirs(parent))),
        SpanKind[part.kind.upper()],
        part.attributes,
        [Link(theirs(each)) for each in links],
        start_time=part.began,
    )
    if error:
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR))
    span.end(part.ended)
    return exporter.get_finished_spans()[0]


@pytest.mark.parametrize("kind", ["internal", "server", "client", "producer", "consumer"])
@pytest.mark.parametrize("parent", [None, Context.parse(TRACE), Context.new(), Context.new(Context.parse(OTHER))])
@pytest.mark.parametrize("links", [[], [Context.parse(OTHER), Context.new()]])
@pytest.mark.parametrize("error", ["", "TimeoutError"])
def test_a_message_is_the_one_of_the_sdk(kind: Any, parent: Context | None, links: list[Context], error: str) -> None:
    part = Part("process raw-data", kind, 1_700_000_000_000_000_001, 1_700_000_000_000_000_009, ATTRIBUTES)
    span = by_the_sdk(part, parent, links, error)
    assert span.context is not None
    context = Context(span.context.trace_id.to_bytes(16), span.context.span_id.to_bytes(8), span.context.trace_flags)

    found = encoding.request(
        [encoding.encode(part, context, parent, links, error)], encoding.resource({"service.name": "dataflow-test"})
    )

    expected = encode_spans([span])
    # An empty status is the same as none.
    for each in expected.resource_spans[0].scope_spans[0].spans:
        if not error:
            each.ClearField("status")
    assert found == expected


@pytest.mark.parametrize("trace", [TRACE, OTHER])
def test_a_context_is_read_and_written_as_a_header(trace: bytes) -> None:
    read = Context.parse(trace)
    child = Context.new(read)

    assert read.header() == trace
    assert child.header()[:36] == trace[:36]
    assert child.header()[-2:] == trace[-2:]
    assert child.span_id != read.span_id


def test_a_new_trace_is_sampled_and_random() -> None:
    header = Context.new().header()

    assert traceparent.parse(header) == header
    assert header.endswith(b"-03")
