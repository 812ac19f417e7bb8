"""Spans over gRPC reach OpenTelemetry's own service."""

from __future__ import annotations

import pytest

from ingestion.spans import exporting
from ingestion.spans.tracer import Tracer
from ingestion.tests import otlp_receiver
from ingestion.tracing import traceparent


def test_spans_go_over_grpc_with_the_name_and_version_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with otlp_receiver.over_grpc() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.address)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
        outbox = exporting.outbox(process="jobs", version="1.2.3")
        tracer = Tracer(outbox, per_second=0)

        span = tracer.receive(None, received=1_000_000, events=7, request_id=None)
        assert span is not None
        span.end("TimeoutError")
        outbox.close()

    (found,) = receiver.spans
    assert (found.service, found.name, found.attributes["error.type"]) == (
        "dataflow-jobs",
        "receive events",
        "TimeoutError",
    )
    assert span.traceparent.startswith(b"00-%b-%b-0" % tuple(each.hex().encode() for each in found.context))
    assert traceparent.is_sampled(span.traceparent)
