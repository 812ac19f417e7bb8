"""Sends spans in the background by OTLP; a receiver that is down or slow costs spans, never events."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import uuid
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as OverGrpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as OverHttp
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from ingestion.metrics import SPANS_DROPPED, SPANS_SENT
from ingestion.spans.sampling import InvalidTracing

logger = logging.getLogger(__name__)

PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
EXPORTER = "OTEL_TRACES_EXPORTER"
QUEUE = "OTEL_BSP_MAX_QUEUE_SIZE"
MAX_QUEUE = 2_048  # spans that wait, OpenTelemetry's default
# Seconds that a process waits at its end for the last spans to be taken. Its supervisor waits for it.
FAREWELL = 2.0


class _Reporting(SpanExporter):
    """Counts what the receiver takes, and logs once when it stops or begins to."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._fails = False
        self.taken = 0  # spans that were handed over, with or without success

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        try:
            result = self._inner.export(spans)
        except Exception:  # noqa: BLE001 - whatever a receiver answers, the process goes on
            result = SpanExportResult.FAILURE
        fails = result is not SpanExportResult.SUCCESS
        (SPANS_DROPPED.labels("receiver") if fails else SPANS_SENT).inc(len(spans))
        if fails and not self._fails:
            logger.warning("spans are not taken; they are dropped until they are")
        elif self._fails and not fails:
            logger.info("spans are taken again")
        self._fails = fails
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


class _Bounded(BatchSpanProcessor):
    """Drops a span if too many wait, and counts it; OpenTelemetry's own logs a line for each."""

    def __init__(self, exporter: _Reporting, limit: int) -> None:
        super().__init__(exporter)
        self._reporting = exporter
        self._limit = limit
        self._ended = 0

    def on_end(self, span: ReadableSpan) -> None:
        if self._ended - self._reporting.taken >= self._limit:
            SPANS_DROPPED.labels("queue").inc()
            return
        self._ended += 1
        super().on_end(span)


def provider(*, process: str, version: str) -> TracerProvider:
    """Return what makes spans of this process and sends them, by the variables of OpenTelemetry.

    :raises InvalidTracing: one is not understood
    """
    # It says the same as `_Reporting`, with each attempt.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter = _Reporting(_exporter())
    about = {"service.version": version, "service.instance.id": str(uuid.uuid4())}
    if not os.environ.get("OTEL_SERVICE_NAME"):  # noqa: TID251 - OpenTelemetry's own variable
        about["service.name"] = f"dataflow-{process}"
    # Whether a request is traced was decided before: see ingestion.spans.sampling.
    made = TracerProvider(resource=Resource.create(about), sampler=ALWAYS_ON, shutdown_on_exit=False)
    try:
        processor = _Bounded(exporter, int(os.environ.get(QUEUE) or MAX_QUEUE))  # noqa: TID251
    except ValueError as error:
        raise InvalidTracing(f"a variable OTEL_BSP_… is not understood: {error}.") from error
    made.add_span_processor(processor)
    _end_with_process(processor)
    return made


def _exporter() -> SpanExporter:
    kind = os.environ.get(EXPORTER) or "otlp"  # noqa: TID251
    if kind != "otlp":
        raise InvalidTracing(f"{EXPORTER} is {kind!r}. Set it to otlp, or DATAFLOW_TRACES to 0.")
    protocol = next(filter(None, map(os.environ.get, PROTOCOLS)), "http/protobuf")  # noqa: TID251
    if protocol not in {"http/protobuf", "grpc"}:
        raise InvalidTracing(f"{PROTOCOLS[1]} is {protocol!r}. Set it to http/protobuf or grpc.")
    return OverGrpc() if protocol == "grpc" else OverHttp()


def _end_with_process(processor: BatchSpanProcessor) -> None:
    """Send the last spans at the end of the process, within FAREWELL."""
    ending, done = threading.Event(), threading.Event()

    def wait() -> None:
        ending.wait()
        processor.shutdown()  # type: ignore[no-untyped-call]
        done.set()

    # No thread can be started at the end of a process, and a daemon does not keep it.
    threading.Thread(target=wait, name="spans", daemon=True).start()

    def end() -> None:
        ending.set()
        done.wait(FAREWELL)

    atexit.register(end)
